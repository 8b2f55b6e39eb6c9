use super::{hyper::Hyper, operation::ConvKernel, portable};
use crate::{
    definition,
    dense::{dense, floats, tensor},
    memory,
    packed::packed,
};
use awing_kernels::{Maps, Source, Weights, channel_sums, convolve, convolve_backward, memory::take};
use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};

impl ConvKernel for Flex {
    fn forward(
        input: FloatTensor<Self>,
        beside: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        hyper: Hyper,
    ) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::forward::<Self>(input, beside, weight, bias, hyper);
        }
        let images = input.shape()[0];
        let dims: [usize; 4] = weight.shape().dims();
        let geometry = hyper.geometry(images, dims[2]);
        let (input, beside) = (Dense::new(input), beside.map(Dense::new));
        let size = [geometry.output(input.shape[1]), geometry.output(input.shape[2])];
        let weights = packed(&weight, geometry.method(size, dims[1]));
        let bias = bias.map(|b| floats(&b));
        let shape = [images, size[0], size[1], dims[0]];
        let len = shape.iter().product();
        let mut output = take(len);
        let source = input.source(beside.as_ref());
        convolve(&source, geometry, &weights, bias.as_deref(), &mut output[..len]);
        memory::tensor(output, shape)
    }

    fn backward(
        input: FloatTensor<Self>,
        beside: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        above: FloatTensor<Self>,
        hyper: Hyper,
        wanted: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>) {
        if definition::wanted() {
            let [of_input, of_weight] = portable::backward::<Self>(input, beside, weight, above, hyper);
            return (wanted.then_some(of_input), of_weight);
        }
        let shape: [usize; 4] = input.shape().dims();
        let dims @ [outputs, _, kernel, _]: [usize; 4] = weight.shape().dims();
        // At stride 1 the input's gradient is a convolution with the kernel turned around.
        let ours = hyper.stride == 1 && hyper.padding < kernel;
        let theirs = (wanted && !ours)
            .then(|| portable::input_gradient::<Self>(input.clone(), weight.clone(), above.clone(), hyper));
        let (input, beside, above) = (Dense::new(input), beside.map(Dense::new), Dense::new(above));
        let geometry = hyper.geometry(shape[0], kernel);
        let weight = floats(&weight);
        let len = shape.iter().product();
        let method = geometry.method([shape[1], shape[2]], outputs);
        let mut gradient =
            (wanted && ours).then(|| (Weights::backward(&weight, dims, shape[3], method), take(len)));
        let to = gradient.as_mut().map(|(turned, values)| (&*turned, &mut values[..len]));
        let of_weight = convolve_backward(&input.source(beside.as_ref()), above.maps(), geometry, to);
        let of_input = gradient.map(|(_, values)| memory::tensor(values, shape)).or(theirs);
        (of_input, tensor(of_weight, dims))
    }

    fn bias_gradient(above: FloatTensor<Self>) -> FloatTensor<Self> {
        let above = Dense::new(above);
        let channels = above.shape[3];
        tensor(channel_sums(above.maps().values, above.shape), [channels])
    }
}

/// Channels-last maps, dense in memory.
struct Dense {
    tensor: FloatTensor<Flex>,
    shape: [usize; 4],
}

impl Dense {
    fn new(tensor: FloatTensor<Flex>) -> Self {
        Self { shape: tensor.shape().dims(), tensor: dense(tensor) }
    }

    fn maps(&self) -> Maps<'_> {
        Maps::dense(&self.tensor.storage::<f32>()[..self.shape.iter().product()], self.shape)
    }

    /// Its maps, joined by those of `beside`.
    fn source<'a>(&'a self, beside: Option<&'a Self>) -> Source<'a> {
        match beside {
            None => Source::Plain(self.maps()),
            Some(beside) => Source::Joined {
                first: self.maps(),
                second: beside.maps(),
                one_for_all: beside.shape[0] == 1,
            },
        }
    }
}
