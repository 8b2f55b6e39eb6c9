//! The operation that Burn dispatches to the device of its tensors, and its place on the autodiff tape.

use super::{parts::LossParts, portable};
use awing_kernels::loss::PixelLoss;
use burn::{
    backend::{
        Autodiff, Backend, Dispatch, Flex, FloatDType, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind, unary},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::{DType, Shape, Tensor},
};

/// A device that computes value and gradient together; by the portable definition unless it has a kernel.
pub(super) trait LossKernel: Backend {
    fn loss_parts(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: Option<FloatTensor<Self>>,
        loss: &PixelLoss,
    ) -> LossParts<Self> {
        portable::loss_parts::<Self>(prediction, target, weight, loss)
    }

    /// The mean alone.
    fn loss_value(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: Option<FloatTensor<Self>>,
        loss: &PixelLoss,
    ) -> FloatTensor<Self> {
        Self::loss_parts(prediction, target, weight, loss).value
    }

    /// `gradient` times two numbers of shape [1].
    fn scaled(
        gradient: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        above: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let ones = Shape::from(vec![1; gradient.shape().num_dims()]);
        Self::float_mul(gradient, Self::float_reshape(Self::float_mul(scale, above), ones))
    }
}

/// The losses of this crate as operations of a backend; all tensors are f32 and of one shape.
#[backend_extension(Flex, Cube: cfg(feature = "wgpu"), Autodiff)]
pub(super) trait HeatmapLoss: Backend {
    fn plain(prediction: FloatTensor<Self>, target: FloatTensor<Self>, loss: PixelLoss) -> FloatTensor<Self>;

    fn weighted(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        loss: PixelLoss,
    ) -> FloatTensor<Self>;
}

macro_rules! without_tape {
    ($backend:ty) => {
        impl HeatmapLoss for $backend {
            fn plain(
                prediction: FloatTensor<Self>,
                target: FloatTensor<Self>,
                loss: PixelLoss,
            ) -> FloatTensor<Self> {
                Self::loss_value(prediction, target, None, &loss)
            }

            fn weighted(
                prediction: FloatTensor<Self>,
                target: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                loss: PixelLoss,
            ) -> FloatTensor<Self> {
                Self::loss_value(prediction, target, Some(weight), &loss)
            }
        }
    };
}

without_tape!(Flex);
#[cfg(feature = "wgpu")]
without_tape!(burn::backend::Cube);

impl<B: LossKernel, C: CheckpointStrategy> HeatmapLoss for Autodiff<B, C> {
    fn plain(prediction: FloatTensor<Self>, target: FloatTensor<Self>, loss: PixelLoss) -> FloatTensor<Self> {
        on_tape::<B, C>(prediction, target, None, &loss)
    }

    fn weighted(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        loss: PixelLoss,
    ) -> FloatTensor<Self> {
        on_tape::<B, C>(prediction, target, Some(weight), &loss)
    }
}

/// The forward pass already has the gradient; the backward pass scales it by what comes from above.
#[derive(Debug)]
struct ScaleGradient;

impl<B: LossKernel> Backward<B, 1> for ScaleGradient {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (gradient, scale) = ops.state;
        unary::<B, _>(ops.parents, ops.node, gradients, |above| B::scaled(gradient, scale, above));
    }
}

fn on_tape<B: LossKernel, C: CheckpointStrategy>(
    prediction: FloatTensor<Autodiff<B, C>>,
    target: FloatTensor<Autodiff<B, C>>,
    weight: Option<FloatTensor<Autodiff<B, C>>>,
    loss: &PixelLoss,
) -> FloatTensor<Autodiff<B, C>> {
    let prepared = ScaleGradient.prepare::<C>([prediction.node()]).compute_bound().stateful();
    let prediction = prediction.into_primitive();
    let target = target.into_primitive();
    let weight = weight.map(|w| w.into_primitive());
    match prepared {
        OpsKind::Tracked(prepared) => {
            let parts = B::loss_parts(prediction, target, weight, loss);
            prepared.finish((parts.gradient, parts.scale), parts.value)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(B::loss_value(prediction, target, weight, loss)),
    }
}

/// The mean loss between predicted and target heatmaps of any shape, usually [batch, channels, height, width]; the
/// result has shape `[1]`.
///
/// `weight`, of the same shape, multiplies the loss of each pixel: the weighted loss map holds W + 1 on foreground and
/// hard background and 1 elsewhere (Wang et al. 2019, equation 8). A pixel of weight 0 or less takes no part: the sum is
/// divided by the number of pixels with a weight above 0, or is 0 when there is none. Weights must be finite.
///
/// Value and gradient are computed in f32, whatever float type comes in. Targets are clamped to [0, 1], infinite ones too. A NaN in
/// a pixel that takes part, in its weight too, makes the loss NaN. The gradient flows to the prediction alone. `loss` is used as it is; see [`PixelLoss::validate`].
///
/// # Panics
/// If the shapes differ.
pub fn heatmap_loss<const D: usize>(
    prediction: Tensor<D>,
    target: Tensor<D>,
    weight: Option<Tensor<D>>,
    loss: &PixelLoss,
) -> Tensor<1> {
    assert_eq!(prediction.dims(), target.dims(), "prediction and target must have the same shape");
    if let Some(weight) = &weight {
        assert_eq!(prediction.dims(), weight.dims(), "prediction and weight must have the same shape");
    }
    let [prediction, target] = [prediction, target].map(|t| in_f32(t).into_dispatch());
    Tensor::from_dispatch(match weight {
        None => Dispatch::plain(prediction, target, *loss),
        Some(weight) => Dispatch::weighted(prediction, target, in_f32(weight).into_dispatch(), *loss),
    })
}

fn in_f32<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.dtype() == DType::F32 { tensor } else { tensor.cast(FloatDType::F32) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdaptiveWing;
    use burn::{
        backend::ops::FloatTensorOps,
        tensor::{Device, TensorData},
    };
    use proptest::prelude::*;

    const LOSSES: [PixelLoss; 5] = [
        PixelLoss::Mse,
        PixelLoss::L1,
        PixelLoss::SmoothL1 { beta: 0.3 },
        PixelLoss::Wing { omega: 10.0, epsilon: 2.0 },
        PixelLoss::AdaptiveWing(AdaptiveWing { alpha: 2.1, omega: 14.0, epsilon: 1.0, theta: 0.5 }),
    ];

    fn devices() -> Vec<Device> {
        vec![
            Device::flex(),
            #[cfg(feature = "wgpu")]
            Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        ]
    }

    fn tensor(values: &[f32], device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len()]), device)
    }

    /// Loss and gradient through the tape.
    fn run(
        prediction: &[f32],
        target: &[f32],
        weight: Option<&[f32]>,
        loss: &PixelLoss,
        device: &Device,
    ) -> (f32, Vec<f32>) {
        let device = device.clone().autodiff();
        let prediction = tensor(prediction, &device).require_grad();
        let weight = weight.map(|w| tensor(w, &device));
        let value = heatmap_loss(prediction.clone(), tensor(target, &device), weight, loss);
        let gradient = prediction.grad(&value.backward()).unwrap();
        (value.into_scalar(), gradient.into_data().try_to_vec().unwrap())
    }

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * b.abs().max(1e-6)
    }

    /// Published values for the default constants: y, prediction, loss, derivative.
    const GOLDEN: [[f64; 4]; 16] = [
        [0.0, 0.01, 0.000883312, 0.185489756],
        [0.0, 0.1, 0.110766608, 2.316921052],
        [0.0, 0.3, 1.074746786, 7.241707072],
        [0.0, 0.5, 2.935235086, 11.121421648],
        [0.0, 1.0, 8.495945910, 11.121421648],
        [0.0, -0.2, 0.468812530, -4.841024449],
        [0.5, 0.51, 0.008830617, 1.412453254],
        [0.5, 0.1, 2.907664917, -10.502319825],
        [0.5, 1.2, 6.213744853, 11.112673464],
        [1.0, 0.999, 0.007014864, -7.714417031],
        [1.0, 0.99, 0.088056520, -9.655819006],
        [1.0, 0.9, 1.070100356, -11.332483642],
        [1.0, 0.7, 3.301745698, -10.784730063],
        [1.0, 0.5, 5.360458009, -9.797849606],
        [1.0, 0.0, 10.259382812, -9.797849606],
        [1.0, 1.4, 4.355930354, 10.294405103],
    ];

    #[test]
    fn the_golden_values_hold_in_f64_and_on_every_device() {
        let loss = PixelLoss::from(AdaptiveWing::default());
        for [y, prediction, value, gradient] in GOLDEN {
            let (v, g) = loss.value_and_gradient(y, prediction);
            assert!(
                (v - value).abs() < 1e-6 && (g - gradient).abs() < 1e-6,
                "f64 at {y}, {prediction}: {v} {g}"
            );
            for device in devices() {
                let (v, g) = run(&[prediction as f32], &[y as f32], None, &loss, &device);
                assert!(close(v.into(), value, 2e-5), "{device:?} at {y}, {prediction}: {v}");
                assert!(close(g[0].into(), gradient, 2e-5), "{device:?} at {y}, {prediction}: {g:?}");
            }
        }
    }

    #[test]
    fn the_mean_is_over_the_pixels_that_take_part() {
        // L1 errors 1, 2, 3, 4; the third takes no part: (1 * 1 + 11 * 2 + 2 * 4) / 3.
        for device in devices() {
            let weight = [1.0, 11.0, 0.0, 2.0];
            let (value, gradient) =
                run(&[1.0, -2.0, 3.0, 4.0], &[0.0; 4], Some(&weight), &PixelLoss::L1, &device);
            assert!(close(value.into(), 31.0 / 3.0, 1e-6), "{value}");
            let expected = [1.0 / 3.0, -11.0 / 3.0, 0.0, 2.0 / 3.0];
            assert!(gradient.iter().zip(expected).all(|(g, e)| close((*g).into(), e, 1e-6)), "{gradient:?}");
            let (value, gradient) = run(&[1.0], &[0.0], Some(&[0.0]), &PixelLoss::L1, &device);
            assert_eq!((value, gradient), (0.0, vec![0.0]), "no pixel takes part");
        }
    }

    #[test]
    fn a_pixel_that_takes_no_part_may_hold_anything() {
        for device in devices() {
            let prediction = [f32::NAN, 0.5];
            let (value, gradient) = run(&prediction, &[0.0; 2], Some(&[0.0, 1.0]), &PixelLoss::Mse, &device);
            assert_eq!((value, gradient[1]), (0.25, 1.0), "{device:?}");
        }
    }

    #[test]
    fn a_weight_that_is_nan_shows() {
        let parts =
            |device: &Device| run(&[0.5, 0.5], &[0.0; 2], Some(&[f32::NAN, 1.0]), &PixelLoss::Mse, device);
        for device in devices() {
            let (value, gradient) = parts(&device);
            assert!(value.is_nan() && gradient[0].is_nan(), "{device:?}: {value} {gradient:?}");
        }
        let [p, t, w] = [[0.5_f32], [0.0], [f32::NAN]]
            .map(|x| Flex::float_from_data(TensorData::from(x), &Default::default()));
        let portable = portable::loss_parts::<Flex>(p, t, Some(w), &PixelLoss::Mse);
        assert!(portable.value.into_data().try_to_vec::<f32>().unwrap()[0].is_nan());
    }

    #[test]
    fn what_comes_from_above_scales_the_gradient() {
        let device = Device::flex().autodiff();
        let prediction = tensor(&[0.5, 0.0], &device).require_grad();
        let target = tensor(&[0.0, 0.0], &device);
        let loss = heatmap_loss(prediction.clone(), target, None, &PixelLoss::Mse).mul_scalar(3.0);
        let gradient = prediction.grad(&loss.backward()).unwrap();
        gradient.into_data().assert_eq(&TensorData::from([[1.5_f32, 0.0]]), true);
    }

    #[test]
    fn other_float_types_are_computed_in_f32() {
        // In f16 the square of 1e-3 would lose three digits and 1e-5 would vanish.
        let device = Device::flex();
        let prediction = tensor(&[1e-3, 1e-5], &device).cast(FloatDType::F64);
        let target = Tensor::<2>::zeros([1, 2], &device).cast(FloatDType::F16);
        let loss = heatmap_loss(prediction, target, None, &PixelLoss::Mse);
        assert_eq!(loss.dtype(), DType::F32);
        let value: f32 = loss.into_scalar();
        assert!(close(value.into(), 0.5 * (1e-6 + 1e-10), 1e-5), "{value}");
    }

    #[test]
    fn shapes_that_need_a_copy_are_read_in_their_own_order() {
        let device = Device::flex();
        let prediction = tensor(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &device).reshape([2, 3]).transpose();
        let target = tensor(&[0.0, 0.0, 0.0, 0.0, 0.0, 1.0], &device).reshape([3, 2]);
        let value: f32 =
            heatmap_loss(prediction.slice_dim(0, 1..3), target.slice_dim(0, 1..3), None, &PixelLoss::L1)
                .into_scalar();
        // Rows 1 and 2 of the transpose are 1 4, 2 5: (1 + 4 + 2 + 4) / 4.
        assert_eq!(value, 11.0 / 4.0);
    }

    #[test]
    fn a_nan_prediction_gives_a_nan_loss() {
        for device in devices() {
            for loss in LOSSES {
                assert!(
                    run(&[f32::NAN, 0.0], &[0.5, 0.5], None, &loss, &device).0.is_nan(),
                    "{loss:?} {device:?}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Every device against the f64 definition: random pixels and the delicate ones (no error at all, y = 1,
        /// errors of 1e4, targets out of range).
        #[test]
        fn every_device_follows_the_definition(
            which in 0..LOSSES.len(),
            random in prop::collection::vec((-0.2..1.2_f32, -2.0..3.0_f32, 0.0..12.0_f32), 1..200),
        ) {
            let mut pixels = random;
            for y in [0.0, 0.5, 1.0] {
                pixels.extend([(y, y, 1.0), (y, y + 1e4, 11.0), (y, y - 1e4, 1.0), (y, y + 1e-3, 1.0), (y, y + 0.5, 1.0)]);
            }
            let target: Vec<f32> = pixels.iter().map(|p| p.0).collect();
            let prediction: Vec<f32> = pixels.iter().map(|p| p.1).collect();
            let weight: Vec<f32> = pixels.iter().map(|p| p.2.floor()).collect();
            let count = weight.iter().filter(|w| **w > 0.0).count().max(1) as f64;
            let exact: Vec<(f64, f64)> = pixels.iter().zip(&weight).map(|((t, p, _), w)| {
                let (v, g) = LOSSES[which].value_and_gradient(f64::from(*t), f64::from(*p));
                (f64::from(*w) * v / count, f64::from(*w) * g / count)
            }).collect();
            let sum: f64 = exact.iter().map(|e| e.0).sum();
            for device in devices() {
                let (value, gradient) = run(&prediction, &target, Some(&weight), &LOSSES[which], &device);
                prop_assert!(close(value.into(), sum, 2e-5), "{value} {sum}");
                for (i, (g, e)) in gradient.iter().zip(&exact).enumerate() {
                    prop_assert!((f64::from(*g) - e.1).abs() <= 5e-5 * (e.1.abs() + 1.0 / count), "{:?}: {g} {}", pixels[i], e.1);
                }
            }
        }

        /// The definition in tensor operations, which other devices run, against the CPU's kernel.
        #[test]
        fn the_portable_definition_and_the_kernel_agree(
            which in 0..LOSSES.len(),
            pixels in prop::collection::vec((0.0..=1.0_f32, -1.0..2.0_f32, 0..3_u8), 1..300),
        ) {
            let device = &Device::flex();
            let column = |f: fn(&(f32, f32, u8)) -> f32| {
                let values: Vec<f32> = pixels.iter().map(f).collect();
                move || tensor(&values, device).try_into_primitive::<Flex>().unwrap()
            };
            let (p, t, w) = (column(|x| x.1), column(|x| x.0), column(|x| f32::from(x.2)));
            let kernel = Flex::loss_parts(p(), t(), Some(w()), &LOSSES[which]);
            let portable = portable::loss_parts::<Flex>(p(), t(), Some(w()), &LOSSES[which]);
            prop_assert_eq!(kernel.gradient.shape(), portable.gradient.shape());
            let numbers = |x: burn::backend::tensor::FloatTensor<Flex>| x.into_data().try_to_vec::<f32>().unwrap();
            for (a, b) in numbers(kernel.value.clone()).into_iter().zip(numbers(portable.value.clone())) {
                prop_assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} {b}");
            }
            let one = || Flex::float_from_data(TensorData::from([1.0_f32]), &Default::default());
            let gradient = |x: LossParts<Flex>| numbers(Flex::scaled(x.gradient, x.scale, one()));
            for (a, b) in gradient(kernel).into_iter().zip(gradient(portable)) {
                prop_assert!((a - b).abs() <= 1e-4 * (1e-3 + b.abs()), "{a} {b}");
            }
        }
    }
}
