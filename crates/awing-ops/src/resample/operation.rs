use super::portable;
use burn::{
    backend::{
        Autodiff, Backend, Dispatch, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::Tensor,
};

/// A device that resamples; by the portable definition unless it has a kernel.
pub(super) trait ResampleKernel: Backend {
    /// `factor` times the sum of each 2 x 2 pixels.
    fn gather(maps: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        portable::gather::<Self>(maps, factor)
    }

    /// `factor` times each pixel, four times, added to `kept`.
    fn spread(kept: Option<FloatTensor<Self>>, maps: FloatTensor<Self>, factor: f64) -> FloatTensor<Self> {
        let spread = portable::spread::<Self>(maps, factor);
        match kept {
            Some(kept) => Self::float_add(kept, spread),
            None => spread,
        }
    }
}

#[cfg(feature = "wgpu")]
impl ResampleKernel for burn::backend::Cube {}

#[backend_extension(Flex, Cube: cfg(feature = "wgpu"), Autodiff)]
pub(super) trait Resample: Backend {
    fn down(maps: FloatTensor<Self>) -> FloatTensor<Self>;

    fn up(kept: FloatTensor<Self>, low: FloatTensor<Self>) -> FloatTensor<Self>;
}

macro_rules! without_tape {
    ($backend:ty) => {
        impl Resample for $backend {
            fn down(maps: FloatTensor<Self>) -> FloatTensor<Self> {
                Self::gather(maps, 0.25)
            }

            fn up(kept: FloatTensor<Self>, low: FloatTensor<Self>) -> FloatTensor<Self> {
                Self::spread(Some(kept), low, 1.0)
            }
        }
    };
}

without_tape!(Flex);
#[cfg(feature = "wgpu")]
without_tape!(burn::backend::Cube);

#[derive(Debug)]
struct Down;

impl<B: ResampleKernel> Backward<B, 1> for Down {
    type State = ();

    fn backward(self, ops: Ops<(), 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let above = gradients.consume::<B>(&ops.node);
        if let [Some(parent)] = ops.parents {
            gradients.register::<B>(parent.id, B::spread(None, above, 0.25));
        }
    }
}

#[derive(Debug)]
struct Up;

impl<B: ResampleKernel> Backward<B, 2> for Up {
    type State = ();

    fn backward(self, ops: Ops<(), 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let above = gradients.consume::<B>(&ops.node);
        let [kept, low] = ops.parents;
        if let Some(low) = low {
            gradients.register::<B>(low.id, B::gather(above.clone(), 1.0));
        }
        if let Some(kept) = kept {
            gradients.register::<B>(kept.id, above);
        }
    }
}

impl<B: ResampleKernel, C: CheckpointStrategy> Resample for Autodiff<B, C> {
    fn down(maps: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Down.prepare::<C>([maps.node()]).compute_bound().stateful();
        let output = B::gather(maps.into_primitive(), 0.25);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn up(kept: FloatTensor<Self>, low: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Up.prepare::<C>([kept.node(), low.node()]).compute_bound().stateful();
        let output = B::spread(Some(kept.into_primitive()), low.into_primitive(), 1.0);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

/// The means of each 2 x 2 pixels of `maps`, [batch, height, width, channels], height and width even: half the size.
/// f32; the gradient flows.
///
/// # Panics
/// If height or width is odd.
pub fn halve(maps: Tensor<4>) -> Tensor<4> {
    let [_, height, width, _] = maps.dims();
    assert!(height % 2 == 0 && width % 2 == 0, "height and width must be even");
    Tensor::from_dispatch(Dispatch::down(maps.into_dispatch()))
}

/// `kept`, [batch, 2 height, 2 width, channels], plus each pixel of `low`, [batch, height, width, channels], four
/// times (nearest neighbour). f32; gradients flow to both.
///
/// # Panics
/// If the shapes do not fit.
pub fn add_doubled(kept: Tensor<4>, low: Tensor<4>) -> Tensor<4> {
    let [batch, height, width, channels] = low.dims();
    assert_eq!(kept.dims(), [batch, 2 * height, 2 * width, channels], "the kept maps must be twice the size");
    Tensor::from_dispatch(Dispatch::up(kept.into_dispatch(), low.into_dispatch()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{
        Device, Distribution,
        module::{avg_pool2d, interpolate},
        ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions},
    };
    use proptest::prelude::*;

    fn devices() -> Vec<Device> {
        vec![
            Device::flex(),
            #[cfg(feature = "wgpu")]
            Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        ]
    }

    fn close(ours: Tensor<4>, theirs: Tensor<4>, what: &str) {
        assert_eq!(ours.dims(), theirs.dims(), "{what}");
        let error = (ours - theirs).abs().max().into_scalar::<f32>();
        assert!(error <= 1e-5, "{what}: {error}");
    }

    #[test]
    fn four_pixels_worked_out_by_hand() {
        for device in devices() {
            let four =
                Tensor::<4>::from_data([[[[1.0_f32, 0.0], [2.0, 0.0]], [[3.0, 0.0], [6.0, 4.0]]]], &device);
            close(halve(four.clone()), Tensor::from_data([[[[3.0_f32, 1.0]]]], &device), "halved");
            let low = Tensor::<4>::from_data([[[[10.0_f32, 20.0]]]], &device);
            let sum = [[[[11.0_f32, 20.0], [12.0, 20.0]], [[13.0, 20.0], [16.0, 24.0]]]];
            close(add_doubled(four, low), Tensor::from_data(sum, &device), "doubled");
        }
    }

    /// Ours beside Burn's own, with gradients; and what other devices run.
    fn compare(batch: usize, height: usize, width: usize, channels: usize, device: &Device) {
        let plain = device.clone();
        let device = plain.clone().autodiff();
        let uniform = Distribution::Uniform(-1.0, 1.0);
        let planar = |t: Tensor<4>| t.permute([0, 3, 1, 2]);
        let last = |t: Tensor<4>| t.permute([0, 2, 3, 1]);
        let high =
            Tensor::<4>::random([batch, 2 * height, 2 * width, channels], uniform, &device).require_grad();
        let low = Tensor::<4>::random([batch, height, width, channels], uniform, &device).require_grad();
        let halved = last(avg_pool2d(planar(high.clone()), AvgPoolOptions::new([2, 2]).with_stride([2, 2])));
        let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
        let doubled = high.clone() + last(interpolate(planar(low.clone()), options));
        for (ours, theirs) in
            [(halve(high.clone()), halved), (add_doubled(high.clone(), low.clone()), doubled)]
        {
            close(ours.clone().inner(), theirs.clone().inner(), "output");
            let above = Tensor::random(ours.dims(), uniform, &device);
            let (a, b) = ((ours * above.clone()).sum().backward(), (theirs * above).sum().backward());
            close(high.grad(&a).unwrap(), high.grad(&b).unwrap(), "gradient");
            if let Some(gradient) = low.grad(&b) {
                close(low.grad(&a).unwrap(), gradient, "gradient of the low maps");
            }
        }
        let numbers = |t: FloatTensor<Flex>| t.into_data().try_to_vec::<f32>().unwrap();
        if let Ok(maps) = high.inner().try_into_primitive::<Flex>() {
            let (a, b) = (Flex::gather(maps.clone(), 0.5), portable::gather::<Flex>(maps.clone(), 0.5));
            assert!(numbers(a).iter().zip(numbers(b)).all(|(a, b)| (a - b).abs() < 1e-5));
            let (a, b) = (Flex::spread(None, maps.clone(), 0.5), portable::spread::<Flex>(maps, 0.5));
            assert_eq!(numbers(a), numbers(b));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_shape_agrees_with_burns(n in 1..4_usize, h in 1..9_usize, w in 1..9_usize, c in 1..40_usize) {
            for device in devices() {
                compare(n, h, w, c, &device);
            }
        }
    }
}
