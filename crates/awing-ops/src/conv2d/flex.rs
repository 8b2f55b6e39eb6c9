use super::{
    operation::{ConvKernel, Hyper},
    portable,
};
use crate::{
    cpu::{
        Weights, dense,
        layer::{self, weight_order},
        norm::channel_sums,
        rows::{Joined, Maps, Plain, Rows},
    },
    definition, memory,
};
use burn::backend::{Flex, TensorData, TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use pulp::Simd;

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
        let source = input.rows(beside.as_ref());
        let size = [geometry.output(source.height()), geometry.output(source.width())];
        let weights = Weights::of(&weight, geometry.method(size, dims[1]));
        let bias = bias.map(|b| floats(&b));
        let shape = [images, size[0], size[1], dims[0]];
        let len = shape.iter().product();
        let mut output = memory::take(len);
        let kept = Some(&mut output[..len]);
        layer::forward(&source, geometry, &weights, bias.as_deref(), kept, None, |_, _, _| ());
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
        let dims @ [outputs, inputs, kernel, _]: [usize; 4] = weight.shape().dims();
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
            (wanted && ours).then(|| (Weights::backward(&weight, dims, shape[3], method), memory::take(len)));
        let to = gradient.as_mut().map(|(turned, values)| (&*turned, &mut values[..len]));
        let source = input.rows(beside.as_ref());
        let (sums, _) = layer::backward(&source, &above.rows(None), geometry, to, |_, _, _| ());
        let of_weight = TensorData::new(weight_order(&sums, kernel, inputs, outputs), dims);
        let of_input = gradient.map(|(_, values)| memory::tensor(values, shape)).or(theirs);
        (of_input, Self::float_from_data(of_weight, &Default::default()))
    }

    fn bias_gradient(above: FloatTensor<Self>) -> FloatTensor<Self> {
        let above = Dense::new(above);
        let channels = above.shape[3];
        let sums = channel_sums(above.maps().values, above.shape);
        Self::float_from_data(TensorData::new(sums, [channels]), &Default::default())
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

    /// Its rows, joined by those of `beside`.
    fn rows<'a>(&'a self, beside: Option<&'a Self>) -> Source<'a> {
        match beside {
            None => Source::Alone(Plain(self.maps())),
            Some(beside) => Source::Joined(Joined {
                first: self.maps(),
                second: beside.maps(),
                one_for_all: beside.shape[0] == 1,
            }),
        }
    }
}

enum Source<'a> {
    Alone(Plain<'a>),
    Joined(Joined<'a>),
}

impl Rows for Source<'_> {
    fn height(&self) -> usize {
        match self {
            Self::Alone(rows) => rows.height(),
            Self::Joined(rows) => rows.height(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Alone(rows) => rows.width(),
            Self::Joined(rows) => rows.width(),
        }
    }

    fn channels(&self) -> usize {
        match self {
            Self::Alone(rows) => rows.channels(),
            Self::Joined(rows) => rows.channels(),
        }
    }

    #[inline(always)]
    fn fill<S: Simd>(&self, simd: S, image: usize, y: usize, out: &mut [f32]) {
        match self {
            Self::Alone(rows) => rows.fill(simd, image, y, out),
            Self::Joined(rows) => rows.fill(simd, image, y, out),
        }
    }
}

/// The values in order, without what a view leaves out.
fn floats(tensor: &FloatTensor<Flex>) -> Vec<f32> {
    tensor.to_contiguous().storage::<f32>()[..tensor.shape().num_elements()].to_vec()
}
