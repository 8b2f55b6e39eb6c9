use super::{
    parts::{Gradients, Outputs, Parts},
    portable,
};
use crate::{conv2d::ConvKernel, maybe::Maybe, norm_relu::NormKernel};
use burn::{
    backend::{
        Autodiff, Backend, Dispatch, ExtensionType, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients as Tape,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::Tensor,
};

/// A device that runs the block; by the portable definition unless it has a kernel.
pub(super) trait BlockKernel: ConvKernel + NormKernel {
    /// With `running` statistics, [2, channels] for each layer, or by those of the batch where there are none.
    fn forward(
        input: FloatTensor<Self>,
        parts: Parts<Self>,
        running: Vec<FloatTensor<Self>>,
        epsilon: f64,
    ) -> Outputs<Self> {
        portable::forward::<Self>(input, parts, running, epsilon)
    }

    /// `used` are the statistics of the forward pass; with `batch`, they are the input's own and depend on it.
    fn backward(
        input: FloatTensor<Self>,
        parts: Parts<Self>,
        middle: [FloatTensor<Self>; 2],
        used: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
        above: FloatTensor<Self>,
    ) -> Gradients<Self> {
        portable::backward::<Self>(input, parts, middle, used, epsilon, batch, above)
    }
}

#[cfg(feature = "wgpu")]
impl BlockKernel for burn::backend::Cube {}

/// What a block is made of, as it crosses from tensors to devices.
#[derive(Clone, Debug, ExtensionType)]
pub(super) struct Layers<B: Backend> {
    #[extension_type]
    first: Layer<B>,
    #[extension_type]
    second: Layer<B>,
    #[extension_type]
    third: Layer<B>,
    #[extension_type]
    projection: Projection<B>,
}

#[derive(Clone, Debug, ExtensionType)]
pub(super) struct Layer<B: Backend> {
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    weight: FloatTensor<B>,
    #[extension_type]
    running: Maybe<B>,
}

#[derive(Clone, Debug, ExtensionType)]
pub(super) enum Projection<B: Backend> {
    Layer(#[extension_type] Layer<B>),
    Missing,
}

impl<B: Backend> Layers<B> {
    /// The parts of each layer, and the running statistics: of all, or none.
    fn split(self) -> (Parts<B>, Vec<FloatTensor<B>>) {
        let projection = match self.projection {
            Projection::Layer(layer) => Some(layer),
            Projection::Missing => None,
        };
        let layers = [self.first, self.second, self.third].into_iter().chain(projection);
        let (parts, running): (Vec<_>, Vec<_>) =
            layers.map(|l| ([l.gamma, l.beta, l.weight], l.running.into_option())).unzip();
        (parts, running.into_iter().flatten().collect())
    }
}

#[backend_extension(Flex, Cube: cfg(feature = "wgpu"), Autodiff)]
pub(super) trait Block: Backend {
    /// Gives the block's output and the statistics.
    fn block(
        input: FloatTensor<Self>,
        #[extension_type] layers: Layers<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

macro_rules! without_tape {
    ($backend:ty) => {
        impl Block for $backend {
            fn block(
                input: FloatTensor<Self>,
                layers: Layers<Self>,
                epsilon: f64,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                let (parts, running) = layers.split();
                let done = <Self as BlockKernel>::forward(input, parts, running, epsilon);
                (done.sum, done.statistics)
            }
        }
    };
}

without_tape!(Flex);
#[cfg(feature = "wgpu")]
without_tape!(burn::backend::Cube);

/// Parents: input, then gamma, beta, weight of each layer.
#[derive(Debug)]
struct Backwards;

#[derive(Clone, Debug)]
struct Kept<B: Backend> {
    input: FloatTensor<B>,
    parts: Parts<B>,
    middle: [FloatTensor<B>; 2],
    used: FloatTensor<B>,
    epsilon: f64,
    batch: bool,
}

impl<B: BlockKernel, const N: usize> Backward<B, N> for Backwards {
    type State = Kept<B>;

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Tape, _: &mut Checkpointer) {
        let Kept { input, parts, middle, used, epsilon, batch } = ops.state;
        let above = gradients.consume::<B>(&ops.node);
        let all = <B as BlockKernel>::backward(input, parts, middle, used, epsilon, batch, above);
        let all = std::iter::once(all.input).chain(all.parts);
        for (parent, gradient) in ops.parents.into_iter().zip(all) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: BlockKernel, C: CheckpointStrategy> Block for Autodiff<B, C> {
    fn block(
        input: FloatTensor<Self>,
        layers: Layers<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        // The number of parents is part of the type: without and with a projection.
        let (parts, running) = layers.split();
        if parts.len() == 3 {
            taped::<B, C, 10>(input, parts, running, epsilon)
        } else {
            taped::<B, C, 13>(input, parts, running, epsilon)
        }
    }
}

#[expect(clippy::type_complexity, reason = "an output and its statistics, both on the tape's backend")]
fn taped<B: BlockKernel, C: CheckpointStrategy, const N: usize>(
    input: FloatTensor<Autodiff<B, C>>,
    parts: Parts<Autodiff<B, C>>,
    running: Vec<FloatTensor<Autodiff<B, C>>>,
    epsilon: f64,
) -> (FloatTensor<Autodiff<B, C>>, FloatTensor<Autodiff<B, C>>) {
    let flat = parts.as_flattened();
    let nodes = std::array::from_fn(|i| if i == 0 { input.node() } else { flat[i - 1].node() });
    let prepared = Backward::<B, N>::prepare::<C>(Backwards, nodes).compute_bound().stateful();
    let input = input.into_primitive();
    let parts: Parts<B> = parts.into_iter().map(|part| part.map(|t| t.into_primitive())).collect();
    let running: Vec<_> = running.into_iter().map(|t| t.into_primitive()).collect();
    let batch = running.is_empty();
    let done = <B as BlockKernel>::forward(input.clone(), parts.clone(), running, epsilon);
    let used = done.statistics.clone();
    let sum = match prepared {
        OpsKind::Tracked(prepared) => {
            prepared.finish(Kept { input, parts, middle: done.middle, used, epsilon, batch }, done.sum)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(done.sum),
    };
    // Statistics carry no gradient of their own: it is part of the block's.
    (sum, FloatTensor::<Autodiff<B, C>>::new(done.statistics))
}

/// One layer of a block: batch normalization, ReLU, convolution at stride 1 that keeps the size.
#[derive(Clone, Debug)]
pub struct BlockLayer {
    /// `[inputs]`: the factor after the normalization.
    pub gamma: Tensor<1>,
    /// `[inputs]`: the offset after the normalization.
    pub beta: Tensor<1>,
    /// [outputs, inputs, k, k], k odd.
    pub weight: Tensor<4>,
    /// [2, inputs]: the running means, then the running variances. `None` in every layer for those of the batch.
    pub running: Option<Tensor<2>>,
}

/// The hierarchical block (Bulat and Tzimiropoulos 2017): three convolutions, each of what the one before gave, the
/// first of `input`, [batch, height, width, inputs]; their outputs side by side, plus the input or its `projection`:
/// [batch, height, width, outputs]. Beside it, for each layer (the projection last), the statistics that it was
/// normalized by, [2, inputs]: mean, then biased variance; without gradient. All f32. Gradients flow to the input and to
/// gamma, beta and weight of every layer.
///
/// # Panics
/// If the shapes do not fit, a kernel is not odd and square, or some layers have running statistics and others not.
pub fn residual_block(
    input: Tensor<4>,
    layers: [BlockLayer; 3],
    projection: Option<BlockLayer>,
    epsilon: f64,
) -> (Tensor<4>, Vec<Tensor<2>>) {
    let inputs = input.dims()[3];
    let mut depth = inputs;
    let layers: Vec<BlockLayer> = layers.into_iter().chain(projection).collect();
    let outputs: usize = layers[..3].iter().map(|l| l.weight.dims()[0]).sum();
    for (i, layer) in layers.iter().enumerate() {
        let expected = if i == 3 { inputs } else { depth };
        let [made, taken, kernel, other] = layer.weight.dims();
        assert!(kernel == other && kernel % 2 == 1, "kernels must be odd and square");
        assert_eq!(taken, expected, "each layer must take what the one before gives");
        assert_eq!(
            (layer.gamma.dims(), layer.beta.dims()),
            ([taken], [taken]),
            "one gamma and beta a channel"
        );
        assert_eq!(
            layer.running.is_some(),
            layers[0].running.is_some(),
            "running statistics in all layers or none"
        );
        if let Some(running) = &layer.running {
            assert_eq!(running.dims(), [2, taken], "a mean and a variance for each channel");
        }
        depth = made;
        assert!(i != 3 || made == outputs, "the projection must give as many channels as the block");
    }
    assert!(
        layers.len() == 4 || inputs == outputs,
        "without a projection the block keeps the number of channels"
    );
    let channels: Vec<usize> = layers.iter().map(|l| l.gamma.dims()[0]).collect();
    let mut layers = layers.into_iter().map(|l| Layer::<Dispatch> {
        gamma: l.gamma.into_dispatch(),
        beta: l.beta.into_dispatch(),
        weight: l.weight.into_dispatch(),
        running: l.running.map(Tensor::into_dispatch).into(),
    });
    let (Some(first), Some(second), Some(third)) = (layers.next(), layers.next(), layers.next()) else {
        unreachable!("three layers and perhaps a projection")
    };
    let projection = layers.next().map_or(Projection::Missing, Projection::Layer);
    let layers = Layers { first, second, third, projection };
    let (sum, statistics) = Dispatch::block(input.into_dispatch(), layers, epsilon);
    let statistics = Tensor::<1>::from_dispatch(statistics);
    let mut start = 0;
    let each = channels
        .into_iter()
        .map(|c| {
            let own = statistics.clone().slice_dim(0, start..start + 2 * c).reshape([2, c]);
            start += 2 * c;
            own
        })
        .collect();
    (Tensor::from_dispatch(sum), each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{channel_statistics, conv2d, norm_relu};
    use awing_kernels::narrower;
    use burn::{
        backend::TensorMetadata,
        tensor::{Device, TensorData},
    };
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random<const D: usize>(rng: &mut ChaCha8Rng, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.5)).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn close<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>, what: &str) {
        assert_eq!(ours.dims(), theirs.dims(), "{what}");
        let size = theirs.clone().abs().max().into_scalar::<f32>().max(1e-2);
        let error = (ours - theirs).abs().max().into_scalar::<f32>();
        assert!(error <= 1e-4 * size, "{what}: {error} of {size}");
    }

    fn layer(
        rng: &mut ChaCha8Rng,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        batch: bool,
        device: &Device,
    ) -> BlockLayer {
        let scale = 1.0 / ((inputs * kernel * kernel) as f32).sqrt();
        BlockLayer {
            gamma: random(rng, [inputs], device),
            beta: random(rng, [inputs], device),
            weight: random(rng, [outputs, inputs, kernel, kernel], device) * scale,
            running: (!batch).then(|| random(rng, [2, inputs], device) * 0.3 + 1.0),
        }
    }

    /// The block composed of the smaller operations, which have tests of their own.
    fn composed(x: &Tensor<4>, layers: &[BlockLayer]) -> (Tensor<4>, Vec<Tensor<2>>) {
        let mut statistics = Vec::new();
        let mut run = |x: Tensor<4>, l: &BlockLayer| {
            let own = l.running.clone().unwrap_or_else(|| channel_statistics(x.clone()));
            statistics.push(own.clone());
            let x = norm_relu(x, l.gamma.clone(), l.beta.clone(), own, 1e-5, l.running.is_none());
            conv2d(x, None, l.weight.clone(), None, 1, l.weight.dims()[2] / 2)
        };
        let a = run(x.clone(), &layers[0]);
        let b = run(a.clone(), &layers[1]);
        let c = run(b.clone(), &layers[2]);
        let past = layers.get(3).map_or(x.clone(), |l| run(x.clone(), l));
        (Tensor::cat(vec![a, b, c], 3) + past, statistics)
    }

    fn layers(
        rng: &mut ChaCha8Rng,
        inputs: usize,
        outputs: [usize; 3],
        batch: bool,
        device: &Device,
    ) -> Vec<BlockLayer> {
        let total = outputs.iter().sum();
        let [a, b, c] = outputs;
        let mut layers: Vec<BlockLayer> =
            [(inputs, a), (a, b), (b, c)].map(|(i, o)| layer(rng, i, o, 3, batch, device)).into();
        layers.extend((inputs != total).then(|| layer(rng, inputs, total, 1, batch, device)));
        layers
    }

    fn run(x: &Tensor<4>, layers: &[BlockLayer]) -> (Tensor<4>, Vec<Tensor<2>>) {
        let three = [0, 1, 2].map(|i| layers[i].clone());
        residual_block(x.clone(), three, layers.get(3).cloned(), 1e-5)
    }

    fn compare(
        [images, height, width]: [usize; 3],
        inputs: usize,
        outputs: [usize; 3],
        batch: bool,
        seed: u64,
    ) {
        let device = Device::flex().autodiff();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let x = random(rng, [images, height, width, inputs], &device).require_grad();
        let layers = layers(rng, inputs, outputs, batch, &device);
        let layers: Vec<BlockLayer> = layers
            .into_iter()
            .map(|l| BlockLayer {
                gamma: l.gamma.require_grad(),
                beta: l.beta.require_grad(),
                weight: l.weight.detach().require_grad(),
                ..l
            })
            .collect();
        let (ours, our_statistics) = run(&x, &layers);
        let (theirs, their_statistics) = composed(&x, &layers);
        close(ours.clone().inner(), theirs.clone().inner(), "output");
        for (a, b) in our_statistics.into_iter().zip(their_statistics) {
            close(a.inner(), b.inner(), "statistics");
        }
        let above = random(rng, ours.dims(), &device);
        let (a, b) = ((ours * above.clone()).sum().backward(), (theirs * above).sum().backward());
        close(x.grad(&a).unwrap(), x.grad(&b).unwrap(), "input gradient");
        for l in &layers {
            close(l.gamma.grad(&a).unwrap(), l.gamma.grad(&b).unwrap(), "gamma gradient");
            close(l.beta.grad(&a).unwrap(), l.beta.grad(&b).unwrap(), "beta gradient");
            close(l.weight.grad(&a).unwrap(), l.weight.grad(&b).unwrap(), "weight gradient");
        }
    }

    #[test]
    fn the_networks_own_blocks_agree_with_the_composition() {
        for batch in [true, false] {
            compare([2, 16, 16], 64, [32, 16, 16], batch, 1);
            compare([2, 32, 32], 16, [16, 8, 8], batch, 2);
            compare([9, 4, 4], 48, [24, 12, 12], batch, 3);
        }
    }

    #[test]
    fn every_instruction_set_agrees_with_the_composition() {
        for set in narrower::instruction_sets() {
            for batch in [true, false] {
                narrower::with(set, || compare([2, 12, 16], 20, [11, 6, 5], batch, 4));
                narrower::with(set, || compare([2, 16, 12], 22, [11, 6, 5], batch, 5));
            }
        }
    }

    #[test]
    fn the_same_bits_whatever_the_number_of_threads() {
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let device = Device::flex().autodiff();
                let rng = &mut ChaCha8Rng::seed_from_u64(6);
                let x = random(rng, [5, 32, 32, 20], &device).require_grad();
                let mut layers = layers(rng, 20, [16, 9, 8], true, &device);
                layers.iter_mut().for_each(|l| l.weight = l.weight.clone().require_grad());
                let (sum, _) = run(&x, &layers);
                let above = random(rng, sum.dims(), &device);
                let gradients = (sum.clone() * above).sum().backward();
                let mut all = vec![sum.into_data(), x.grad(&gradients).unwrap().into_data()];
                all.extend(layers.iter().map(|l| l.weight.grad(&gradients).unwrap().into_data()));
                all
            })
        };
        assert_eq!(bits(1), bits(2));
        assert_eq!(bits(1), bits(3));
    }

    /// What other devices run, against the CPU's kernel.
    fn portable_agrees(shape: [usize; 3], inputs: usize, outputs: [usize; 3], batch: bool, seed: u64) {
        let device = Device::flex();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let primitive = |t: Tensor<4>| t.try_into_primitive::<Flex>().unwrap();
        let [images, height, width] = shape;
        let x = primitive(random(rng, [images, height, width, inputs], &device));
        let above = primitive(random(rng, [images, height, width, outputs.iter().sum()], &device));
        let layers = layers(rng, inputs, outputs, batch, &device);
        let flat = |t: &Tensor<1>| t.clone().try_into_primitive::<Flex>().unwrap();
        let parts: Parts<Flex> =
            layers.iter().map(|l| [flat(&l.gamma), flat(&l.beta), primitive(l.weight.clone())]).collect();
        let running: Vec<_> = layers
            .iter()
            .filter_map(|l| l.running.clone().map(|t| t.try_into_primitive::<Flex>().unwrap()))
            .collect();
        let near = |a: &FloatTensor<Flex>, b: &FloatTensor<Flex>, what: &str| {
            assert_eq!(a.shape(), b.shape());
            let numbers = |t: &FloatTensor<Flex>| t.clone().into_data().try_to_vec::<f32>().unwrap();
            let (a, b) = (numbers(a), numbers(b));
            let size = b.iter().fold(1e-2_f32, |m, v| m.max(v.abs()));
            let error = a.iter().zip(&b).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(error <= 1e-4 * size, "{what}: {error} of {size}");
        };
        let ours = <Flex as BlockKernel>::forward(x.clone(), parts.clone(), running.clone(), 1e-5);
        let theirs = portable::forward::<Flex>(x.clone(), parts.clone(), running, 1e-5);
        near(&ours.sum, &theirs.sum, "output");
        near(&ours.statistics, &theirs.statistics, "statistics");
        let (middle, used) = (ours.middle, ours.statistics);
        let backward = <Flex as BlockKernel>::backward;
        let ours =
            backward(x.clone(), parts.clone(), middle.clone(), used.clone(), 1e-5, batch, above.clone());
        let theirs = portable::backward::<Flex>(x, parts, middle, used, 1e-5, batch, above);
        near(&ours.input, &theirs.input, "input gradient");
        ours.parts.iter().zip(&theirs.parts).for_each(|(a, b)| near(a, b, "a parameter's gradient"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_shape_agrees_with_the_composition_and_the_portable_definition(
            shape in [1..5_usize, 1..14_usize, 2..14_usize], inputs in 1..40_usize,
            outputs in [1..24_usize, 1..20_usize, 1..20_usize], batch: bool, same: bool, seed: u64,
        ) {
            // Of very few pixels, the gradient through the batch's own statistics is a difference of equals.
            prop_assume!(shape.iter().product::<usize>() >= 8);
            let inputs = if same { outputs.iter().sum() } else { inputs };
            compare(shape, inputs, outputs, batch, seed);
            portable_agrees(shape, inputs, outputs, batch, seed);
        }
    }
}
