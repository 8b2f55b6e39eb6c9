use super::{
    operation::BlockKernel,
    parts::{Gradients, Outputs, Parts},
    portable,
};
use crate::{
    definition,
    dense::{dense, floats, tensor},
    memory,
    packed::packed,
};
use awing_kernels::{BlockLayer, Weights, residual_block, residual_block_backward};
use burn::backend::{Flex, TensorMetadata, tensor::FloatTensor};
use std::sync::Arc;

impl BlockKernel for Flex {
    fn forward(
        input: FloatTensor<Self>,
        parts: Parts<Self>,
        running: Vec<FloatTensor<Self>>,
        epsilon: f64,
    ) -> Outputs<Self> {
        if definition::wanted() {
            return portable::forward::<Self>(input, parts, running, epsilon);
        }
        let shape @ [images, height, width, _]: [usize; 4] = input.shape().dims();
        let (input, parts) = (dense(input), Part::all(&parts));
        let layers: Vec<BlockLayer<'_>> = parts.iter().map(Part::layer).collect();
        let weights: Vec<Arc<Weights>> = parts
            .iter()
            .zip(&layers)
            .map(|(part, layer)| packed(&part.weight, layer.method([height, width])))
            .collect();
        let weights: Vec<&Weights> = weights.iter().map(|w| &**w).collect();
        let running: Vec<Vec<f32>> = running.iter().map(floats).collect();
        let running = (!running.is_empty()).then_some(&running[..]);
        let done = residual_block(input.storage::<f32>(), shape, &layers, &weights, running, epsilon);
        let maps = |values, channels| memory::tensor(values, [images, height, width, channels]);
        let [a, b] = done.middle;
        let statistics = done.statistics.concat();
        let len = statistics.len();
        Outputs {
            sum: maps(done.sum, layers[..3].iter().map(|l| l.dims[0]).sum()),
            middle: [maps(a, layers[0].dims[0]), maps(b, layers[1].dims[0])],
            statistics: tensor(statistics, [len]),
        }
    }

    fn backward(
        input: FloatTensor<Self>,
        parts: Parts<Self>,
        middle: [FloatTensor<Self>; 2],
        used: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
        above: FloatTensor<Self>,
    ) -> Gradients<Self> {
        if definition::wanted() {
            return portable::backward::<Self>(input, parts, middle, used, epsilon, batch, above);
        }
        let shape: [usize; 4] = input.shape().dims();
        let (input, above, parts) = (dense(input), dense(above), Part::all(&parts));
        let layers: Vec<BlockLayer<'_>> = parts.iter().map(Part::layer).collect();
        let used = floats(&used);
        let mut rest = &used[..];
        let statistics: Vec<Vec<f32>> = layers
            .iter()
            .map(|layer| {
                let (own, behind) = rest.split_at(2 * layer.dims[1]);
                rest = behind;
                own.to_vec()
            })
            .collect();
        let done = residual_block_backward(
            input.storage::<f32>(),
            shape,
            &layers,
            middle.each_ref().map(|maps| maps.storage::<f32>()),
            &statistics,
            epsilon,
            batch,
            above.storage::<f32>(),
        );
        let parts = done.layers.into_iter().zip(&layers).flat_map(|([gamma, beta, weight], layer)| {
            let channels = [layer.dims[1]];
            [tensor(gamma, channels), tensor(beta, channels), tensor(weight, layer.dims)]
        });
        Gradients { input: memory::tensor(done.input, shape), parts: parts.collect() }
    }
}

/// The numbers of one layer, read from their tensors.
struct Part {
    gamma: Vec<f32>,
    beta: Vec<f32>,
    weight: FloatTensor<Flex>,
    dims: [usize; 4],
}

impl Part {
    fn all(parts: &Parts<Flex>) -> Vec<Self> {
        parts
            .iter()
            .map(|[gamma, beta, weight]| {
                let ([gamma, beta], weight) = ([gamma, beta].map(floats), weight.to_contiguous());
                Self { gamma, beta, dims: weight.shape().dims(), weight }
            })
            .collect()
    }

    fn layer(&self) -> BlockLayer<'_> {
        let (gamma, beta, weight) = (&self.gamma, &self.beta, self.weight.storage::<f32>());
        BlockLayer { gamma, beta, weight, dims: self.dims }
    }
}
