use super::{hyper::Hyper, portable};
use crate::maybe::Maybe;
use burn::{
    backend::{
        Autodiff, Backend, Dispatch, Flex, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::{Shape, Tensor},
};

/// A device that convolves and knows the gradients; with Burn's own operations unless it has better.
pub(crate) trait ConvKernel: Backend {
    fn forward(
        input: FloatTensor<Self>,
        beside: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        bias: Option<FloatTensor<Self>>,
        hyper: Hyper,
    ) -> FloatTensor<Self> {
        portable::forward::<Self>(input, beside, weight, bias, hyper)
    }

    /// Of the input, where it is `wanted`, and of the weight.
    fn backward(
        input: FloatTensor<Self>,
        beside: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        above: FloatTensor<Self>,
        hyper: Hyper,
        wanted: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>) {
        let [of_input, of_weight] = portable::backward::<Self>(input, beside, weight, above, hyper);
        (wanted.then_some(of_input), of_weight)
    }

    fn bias_gradient(above: FloatTensor<Self>) -> FloatTensor<Self> {
        let outputs = above.shape()[3];
        Self::float_reshape(Self::float_sum_dims(above, &[0, 1, 2]), Shape::from([outputs]))
    }
}

#[cfg(feature = "wgpu")]
impl ConvKernel for burn::backend::Cube {}

#[backend_extension(Flex, Cube: cfg(feature = "wgpu"), Autodiff)]
pub(super) trait Convolution: Backend {
    fn convolution(
        input: FloatTensor<Self>,
        #[extension_type] beside: Maybe<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] bias: Maybe<Self>,
        hyper: Hyper,
    ) -> FloatTensor<Self>;
}

macro_rules! without_tape {
    ($backend:ty) => {
        impl Convolution for $backend {
            fn convolution(
                input: FloatTensor<Self>,
                beside: Maybe<Self>,
                weight: FloatTensor<Self>,
                bias: Maybe<Self>,
                hyper: Hyper,
            ) -> FloatTensor<Self> {
                Self::forward(input, beside.into_option(), weight, bias.into_option(), hyper)
            }
        }
    };
}

without_tape!(Flex);
#[cfg(feature = "wgpu")]
without_tape!(burn::backend::Cube);

/// Parents: input, weight, and the bias where there is one.
#[derive(Debug)]
struct Backwards;

impl<B: ConvKernel, const N: usize> Backward<B, N> for Backwards {
    type State = (FloatTensor<B>, Option<FloatTensor<B>>, FloatTensor<B>, Hyper);

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (input, beside, weight, hyper) = ops.state;
        let above = gradients.consume::<B>(&ops.node);
        let wanted = ops.parents[0].is_some();
        let of_bias = (N == 3).then(|| B::bias_gradient(above.clone()));
        let (of_input, of_weight) = B::backward(input, beside, weight, above, hyper, wanted);
        let all = [of_input, Some(of_weight), of_bias];
        for (parent, gradient) in ops.parents.into_iter().zip(all) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: ConvKernel, C: CheckpointStrategy> Convolution for Autodiff<B, C> {
    fn convolution(
        input: FloatTensor<Self>,
        beside: Maybe<Self>,
        weight: FloatTensor<Self>,
        bias: Maybe<Self>,
        hyper: Hyper,
    ) -> FloatTensor<Self> {
        let (beside, bias) = (beside.into_option(), bias.into_option());
        macro_rules! taped {
            ($count:literal, $nodes:expr) => {{
                let prepared =
                    Backward::<B, $count>::prepare::<C>(Backwards, $nodes).compute_bound().stateful();
                let (input, weight) = (input.into_primitive(), weight.into_primitive());
                let [beside, bias] = [beside, bias].map(|t| t.map(|t| t.into_primitive()));
                let output = B::forward(input.clone(), beside.clone(), weight.clone(), bias, hyper);
                match prepared {
                    OpsKind::Tracked(prepared) => prepared.finish((input, beside, weight, hyper), output),
                    OpsKind::UnTracked(prepared) => prepared.finish(output),
                }
            }};
        }
        match &bias {
            None => taped!(2, [input.node(), weight.node()]),
            Some(bias) => taped!(3, [input.node(), weight.node(), bias.node()]),
        }
    }
}

/// Convolution of `input`, [batch, height, width, inputs], with square kernels `weight`, [outputs, inputs, k, k], and a
/// `bias`, `[outputs]`; zeros around the input, `padding` on each side. The result is
/// [batch, (height + 2 padding - k) / stride + 1, …, outputs]. Gradients flow to all three. All f32.
///
/// `beside`, [batch or 1, height, width, more], are constants joined as further input channels after the input's own,
/// as a CoordConv's coordinates are: the weight then takes inputs + more channels, and no gradient flows to them.
///
/// # Panics
/// If the shapes do not fit, the kernel is not square, or it is larger than the padded input.
pub fn conv2d(
    input: Tensor<4>,
    beside: Option<Tensor<4>>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    stride: usize,
    padding: usize,
) -> Tensor<4> {
    let ([images, height, width, inputs], [outputs, depth, kernel, other]) = (input.dims(), weight.dims());
    assert_eq!(kernel, other, "the kernel must be square");
    let more = beside.as_ref().map_or(0, |b| b.dims()[3]);
    assert_eq!(inputs + more, depth, "the weight must have one kernel for each input channel");
    assert!(stride > 0 && kernel > 0, "stride and kernel must not be 0");
    assert!(kernel <= height.min(width) + 2 * padding, "the kernel must fit into the padded input");
    if let Some(beside) = &beside {
        let [count, rows, columns, _] = beside.dims();
        assert!([1, images].contains(&count), "the constants must be for one image or for each");
        assert_eq!([rows, columns], [height, width], "the constants must be of the input's size");
    }
    if let Some(bias) = &bias {
        assert_eq!(bias.dims(), [outputs], "the bias must have one value for each output channel");
    }
    let hyper = Hyper { stride, padding };
    let (beside, bias) = (beside.map(Tensor::into_dispatch).into(), bias.map(Tensor::into_dispatch).into());
    Tensor::from_dispatch(Dispatch::convolution(
        input.into_dispatch(),
        beside,
        weight.into_dispatch(),
        bias,
        hyper,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing_kernels::narrower;
    use burn::tensor::{Device, TensorData, ops::ConvOptions};
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn random<const D: usize>(rng: &mut ChaCha8Rng, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn close<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>, what: &str) {
        assert_eq!(ours.dims(), theirs.dims(), "{what}");
        let size = theirs.clone().abs().max().into_scalar::<f32>().max(1e-3);
        let error = (ours - theirs).abs().max().into_scalar::<f32>();
        assert!(error <= 1e-4 * size, "{what}: {error} of {size}");
    }

    struct Sizes {
        batch: usize,
        inputs: usize,
        /// Constants beside the inputs, for one image or for each.
        more: Option<(usize, bool)>,
        outputs: usize,
        height: usize,
        width: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
    }

    fn planar(maps: Tensor<4>) -> Tensor<4> {
        maps.permute([0, 3, 1, 2])
    }

    /// Ours beside Burn's own: the output and all three gradients under a random upstream gradient.
    fn compare(sizes: Sizes, bias: bool, seed: u64) {
        let Sizes { batch, inputs, more, outputs, height, width, kernel, stride, padding } = sizes;
        let device = Device::flex().autodiff();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let input = random(rng, [batch, height, width, inputs], &device).require_grad();
        let beside = more
            .map(|(more, each)| random(rng, [if each { batch } else { 1 }, height, width, more], &device));
        let depth = inputs + more.map_or(0, |m| m.0);
        let weight = random(rng, [outputs, depth, kernel, kernel], &device).require_grad();
        let offset = bias.then(|| random(rng, [outputs], &device).require_grad());
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
        let ours = conv2d(input.clone(), beside.clone(), weight.clone(), offset.clone(), stride, padding);
        let joined = match beside {
            None => input.clone(),
            Some(b) => {
                let more = b.dims()[3];
                Tensor::cat(vec![input.clone(), b.expand([batch, height, width, more])], 3)
            }
        };
        let theirs = burn::tensor::module::conv2d(planar(joined), weight.clone(), offset.clone(), options);
        let theirs = theirs.permute([0, 2, 3, 1]);
        close(ours.clone().inner(), theirs.clone().inner(), "output");
        let above = random(rng, ours.dims(), &device);
        let (a, b) = ((ours * above.clone()).sum().backward(), (theirs * above).sum().backward());
        close(input.grad(&a).unwrap(), input.grad(&b).unwrap(), "input gradient");
        close(weight.grad(&a).unwrap(), weight.grad(&b).unwrap(), "weight gradient");
        if let Some(offset) = offset {
            close(offset.grad(&a).unwrap(), offset.grad(&b).unwrap(), "bias gradient");
        }
    }

    /// What other devices run, against the CPU's kernel.
    fn portable_agrees(sizes: &Sizes, seed: u64) {
        let Sizes { batch, inputs, more, outputs, height, width, kernel, stride, padding } = *sizes;
        let device = Device::flex();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let mut maps = |shape: [usize; 4]| random(rng, shape, &device).try_into_primitive::<Flex>().unwrap();
        let input = maps([batch, height, width, inputs]);
        let beside = more.map(|(more, each)| maps([if each { batch } else { 1 }, height, width, more]));
        let weight = maps([outputs, inputs + more.map_or(0, |m| m.0), kernel, kernel]);
        let hyper = Hyper { stride, padding };
        let near = |a: FloatTensor<Flex>, b: FloatTensor<Flex>, what: &str| {
            assert_eq!(a.shape(), b.shape(), "{what}");
            let [a, b] = [a, b].map(|t| t.into_data().try_to_vec::<f32>().unwrap());
            let size = b.iter().fold(1e-3_f32, |m, v| m.max(v.abs()));
            let error = a.iter().zip(&b).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(error <= 1e-4 * size, "{what}: {error} of {size}");
        };
        let ours = Flex::forward(input.clone(), beside.clone(), weight.clone(), None, hyper);
        let above = maps(ours.shape().dims());
        near(
            ours,
            portable::forward::<Flex>(input.clone(), beside.clone(), weight.clone(), None, hyper),
            "output",
        );
        let (of_input, of_weight) =
            Flex::backward(input.clone(), beside.clone(), weight.clone(), above.clone(), hyper, true);
        let [theirs, their_weight] = portable::backward::<Flex>(input, beside, weight, above, hyper);
        near(of_input.unwrap(), theirs, "input gradient");
        near(of_weight, their_weight, "weight gradient");
    }

    #[test]
    fn the_networks_own_layers_agree_with_burns() {
        for (batch, inputs, outputs, side, kernel, stride, padding) in [
            (2, 6, 16, 64, 7, 2, 3),
            (2, 48, 24, 32, 3, 1, 1),
            (1, 256, 128, 16, 3, 1, 1),
            (3, 24, 12, 8, 3, 1, 1),
            (5, 12, 12, 2, 3, 1, 1),
            (2, 51, 48, 32, 1, 1, 0),
            (9, 48, 69, 4, 1, 1, 0),
        ] {
            let (height, width, more) = (side, side, None);
            compare(
                Sizes { batch, inputs, more, outputs, height, width, kernel, stride, padding },
                kernel != 3,
                1,
            );
        }
    }

    #[test]
    fn views_are_read_in_their_own_order() {
        let device = Device::flex();
        let input = random(&mut ChaCha8Rng::seed_from_u64(1), [2, 4, 5, 8], &device).swap_dims(1, 3);
        let weight = random(&mut ChaCha8Rng::seed_from_u64(2), [4, 3, 3, 3], &device).swap_dims(0, 1);
        let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
        let theirs = burn::tensor::module::conv2d(planar(input.clone()), weight.clone(), None, options);
        close(planar(conv2d(input, None, weight, None, 1, 1)), theirs, "output");
    }

    #[test]
    fn every_instruction_set_agrees_with_burns() {
        for set in narrower::instruction_sets() {
            for (batch, inputs, outputs, side, kernel, stride, padding) in [
                (2, 6, 19, 32, 7, 2, 3),
                (3, 21, 13, 16, 3, 1, 1),
                (2, 7, 40, 9, 3, 1, 1),
                (9, 33, 69, 4, 1, 1, 0),
            ] {
                let (height, width, more) = (side, side, Some((2, false)));
                let sizes = Sizes { batch, inputs, more, outputs, height, width, kernel, stride, padding };
                narrower::with(set, || compare(sizes, true, 3));
            }
        }
    }

    #[test]
    fn no_images_give_no_outputs_and_a_gradient_of_zeros() {
        let device = Device::flex().autodiff();
        let input = Tensor::<4>::zeros([0, 16, 16, 12], &device).require_grad();
        let weight = Tensor::<4>::ones([3, 12, 3, 3], &device).require_grad();
        let output = conv2d(input.clone(), None, weight.clone(), None, 1, 1);
        assert_eq!(output.dims(), [0, 16, 16, 3]);
        let gradients = output.sum().backward();
        assert_eq!(input.grad(&gradients).unwrap().dims(), [0, 16, 16, 12]);
        let of_weight: Vec<f32> = weight.grad(&gradients).unwrap().into_data().try_to_vec().unwrap();
        assert_eq!(of_weight, vec![0.0; 324]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn any_shape_agrees_with_burns(
            batch in 1..6_usize, inputs in 1..20_usize, more in proptest::option::of((1..4_usize, any::<bool>())),
            outputs in 1..40_usize, height in 1..40_usize, width in 1..40_usize, kernel in 1..6_usize,
            stride in 1..4_usize, padding in 0..4_usize, bias: bool, seed: u64,
        ) {
            prop_assume!(kernel <= height.min(width) + 2 * padding && padding < kernel);
            let sizes = Sizes { batch, inputs, more, outputs, height, width, kernel, stride, padding };
            portable_agrees(&sizes, seed);
            compare(sizes, bias, seed);
        }
    }
}
