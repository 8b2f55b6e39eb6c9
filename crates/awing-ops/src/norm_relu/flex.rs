use super::{gradients::Gradients3, operation::NormKernel, portable};
use crate::{
    definition,
    dense::{dense, floats, tensor},
    memory,
};
use awing_kernels::{Norm, channel_statistics, memory::take};
use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};

impl NormKernel for Flex {
    fn statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::statistics::<Self>(input);
        }
        let shape: [usize; 4] = input.shape().dims();
        let input = dense(input);
        tensor(channel_statistics(input.storage::<f32>(), shape), [2, shape[3]])
    }

    fn forward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        if definition::wanted() {
            return portable::forward::<Self>(input, gamma, beta, statistics, epsilon);
        }
        let shape: [usize; 4] = input.shape().dims();
        let input = dense(input);
        let norm = Norm::new(&floats(&gamma), &floats(&beta), &floats(&statistics), epsilon);
        let mut output = take(shape.iter().product());
        norm.relu(input.storage::<f32>(), shape, &mut output);
        memory::tensor(output, shape)
    }

    fn backward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
        above: FloatTensor<Self>,
    ) -> Gradients3<Self> {
        if definition::wanted() {
            return portable::backward::<Self>(input, gamma, beta, statistics, epsilon, batch, above);
        }
        let shape: [usize; 4] = input.shape().dims();
        let (input, above) = (dense(input), dense(above));
        let norm = Norm::new(&floats(&gamma), &floats(&beta), &floats(&statistics), epsilon);
        let mut gradient = take(shape.iter().product());
        let [gamma, beta] =
            norm.relu_backward(input.storage::<f32>(), above.storage::<f32>(), shape, batch, &mut gradient);
        let channels = [shape[3]];
        [memory::tensor(gradient, shape), tensor(gamma, channels), tensor(beta, channels)]
    }
}
