use super::{gradients::Gradients3, portable};
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

/// A device that normalizes; by the portable definition unless it has a kernel. Statistics are [2, channels]: mean,
/// then variance.
pub(crate) trait NormKernel: Backend {
    fn statistics(input: FloatTensor<Self>) -> FloatTensor<Self> {
        portable::statistics::<Self>(input)
    }

    fn forward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        portable::forward::<Self>(input, gamma, beta, statistics, epsilon)
    }

    /// With `batch`, the statistics are the input's own and depend on it.
    fn backward(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
        above: FloatTensor<Self>,
    ) -> Gradients3<Self> {
        portable::backward::<Self>(input, gamma, beta, statistics, epsilon, batch, above)
    }
}

#[cfg(feature = "wgpu")]
impl NormKernel for burn::backend::Cube {}

#[backend_extension(Flex, Cube: cfg(feature = "wgpu"), Autodiff)]
pub(super) trait NormRelu: Backend {
    fn measure(input: FloatTensor<Self>) -> FloatTensor<Self>;

    fn normalize(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
    ) -> FloatTensor<Self>;
}

macro_rules! without_tape {
    ($backend:ty) => {
        impl NormRelu for $backend {
            fn measure(input: FloatTensor<Self>) -> FloatTensor<Self> {
                Self::statistics(input)
            }

            fn normalize(
                input: FloatTensor<Self>,
                gamma: FloatTensor<Self>,
                beta: FloatTensor<Self>,
                statistics: FloatTensor<Self>,
                epsilon: f64,
                _batch: bool,
            ) -> FloatTensor<Self> {
                Self::forward(input, gamma, beta, statistics, epsilon)
            }
        }
    };
}

without_tape!(Flex);
#[cfg(feature = "wgpu")]
without_tape!(burn::backend::Cube);

#[derive(Debug)]
struct Backwards;

/// Input, gamma, beta, statistics, epsilon, and whether the statistics are the batch's own.
type Kept<B> = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, f64, bool);

impl<B: NormKernel> Backward<B, 3> for Backwards {
    type State = Kept<B>;

    fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (input, gamma, beta, statistics, epsilon, batch) = ops.state;
        let above = gradients.consume::<B>(&ops.node);
        let all = B::backward(input, gamma, beta, statistics, epsilon, batch, above);
        for (parent, gradient) in ops.parents.into_iter().zip(all) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NormKernel, C: CheckpointStrategy> NormRelu for Autodiff<B, C> {
    /// Statistics carry no gradient: what flows through them is part of the normalization's own backward pass.
    fn measure(input: FloatTensor<Self>) -> FloatTensor<Self> {
        FloatTensor::<Self>::new(B::statistics(input.into_primitive()))
    }

    fn normalize(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        epsilon: f64,
        batch: bool,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), gamma.node(), beta.node()];
        let prepared = Backwards.prepare::<C>(nodes).compute_bound().stateful();
        let [input, gamma, beta, statistics] = [input, gamma, beta, statistics].map(|t| t.into_primitive());
        let output = B::forward(input.clone(), gamma.clone(), beta.clone(), statistics.clone(), epsilon);
        match prepared {
            OpsKind::Tracked(p) => p.finish((input, gamma, beta, statistics, epsilon, batch), output),
            OpsKind::UnTracked(p) => p.finish(output),
        }
    }
}

/// Mean and biased variance of each channel of `input`, [batch, height, width, channels], over batch and pixels: shape
/// [2, channels]. No gradient flows through it; [`norm_relu`] takes care of that. f32.
pub fn channel_statistics(input: Tensor<4>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::measure(input.into_dispatch()))
}

/// max(0, gamma (x - mean) / sqrt(variance + epsilon) + beta) for each channel of `input`,
/// [batch, height, width, channels]; `gamma` and `beta` are `[channels]`, `statistics` is [2, channels] as
/// [`channel_statistics`] gives it. Say with `batch` whether the statistics are those of this very input: then the
/// gradient accounts for their dependence on it, as in training. All f32. Gradients flow to input, gamma and beta.
///
/// # Panics
/// If the shapes do not fit.
pub fn norm_relu(
    input: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    statistics: Tensor<2>,
    epsilon: f64,
    batch: bool,
) -> Tensor<4> {
    let channels = input.dims()[3];
    assert_eq!(
        (gamma.dims(), beta.dims()),
        ([channels], [channels]),
        "one gamma and one beta for each channel"
    );
    assert_eq!(statistics.dims(), [2, channels], "a mean and a variance for each channel");
    Tensor::from_dispatch(Dispatch::normalize(
        input.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        statistics.into_dispatch(),
        epsilon,
        batch,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Distribution, TensorData, activation::relu};
    use proptest::prelude::*;

    fn devices() -> Vec<Device> {
        vec![
            Device::flex(),
            #[cfg(feature = "wgpu")]
            Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        ]
    }

    fn close<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>, what: &str) {
        let size = theirs.clone().abs().max().into_scalar::<f32>().max(1e-2);
        let error = (ours - theirs).abs().max().into_scalar::<f32>();
        assert!(error <= 2e-4 * size, "{what}: {error} of {size}");
    }

    #[test]
    fn statistics_worked_out_by_hand() {
        for device in devices() {
            // Channel 0: 1 2 3 6, mean 3, variance (4 + 1 + 0 + 9) / 4; channel 1 constant.
            let data = TensorData::new(vec![1.0_f32, 5.0, 2.0, 5.0, 3.0, 5.0, 6.0, 5.0], [2, 1, 2, 2]);
            let statistics = channel_statistics(Tensor::from_data(data, &device));
            close(statistics, Tensor::from_data([[3.0_f32, 5.0], [3.5, 0.0]], &device), "statistics");
        }
    }

    #[test]
    fn a_large_mean_does_not_drown_the_variance() {
        for device in devices() {
            let x = Tensor::<4>::random([4, 32, 32, 2], Distribution::Uniform(-1.0, 1.0), &device) + 1000.0;
            let variance: f32 = channel_statistics(x).slice([1..2, 0..1]).into_scalar();
            assert!((variance - 1.0 / 3.0).abs() < 0.02, "{variance}");
        }
    }

    /// Batch normalization composed of Burn's own differentiable operations.
    fn composed(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, statistics: Option<Tensor<2>>) -> Tensor<4> {
        let channels = x.dims()[3];
        let wide = |t: Tensor<1>| t.reshape([1, 1, 1, channels]);
        let (mean, variance) = match statistics {
            Some(s) => {
                let row = |i: usize| s.clone().slice_dim(0, i..i + 1).reshape([1, 1, 1, channels]);
                (row(0), row(1))
            }
            None => {
                let mean = |t: Tensor<4>| t.mean_dim(0).mean_dim(1).mean_dim(2);
                let m = mean(x.clone());
                let d = x.clone() - m.clone();
                (m, mean(d.clone() * d))
            }
        };
        relu((x - mean) / (variance + 1e-5).sqrt() * wide(gamma) + wide(beta))
    }

    fn compare(shape: [usize; 4], batch: bool, device: &Device) {
        let device = device.clone().autodiff();
        let uniform = Distribution::Uniform(-1.0, 2.0);
        let x = Tensor::<4>::random(shape, uniform, &device).require_grad();
        let gamma = Tensor::<1>::random([shape[3]], uniform, &device).require_grad();
        let beta = Tensor::<1>::random([shape[3]], uniform, &device).require_grad();
        let above = Tensor::<4>::random(shape, uniform, &device);
        let statistics = if batch {
            channel_statistics(x.clone())
        } else {
            Tensor::random([2, shape[3]], Distribution::Uniform(0.5, 1.5), &device)
        };
        let ours = norm_relu(x.clone(), gamma.clone(), beta.clone(), statistics.clone(), 1e-5, batch);
        let theirs = composed(x.clone(), gamma.clone(), beta.clone(), (!batch).then_some(statistics));
        close(ours.clone().inner(), theirs.clone().inner(), "output");
        let (a, b) = ((ours * above.clone()).sum().backward(), (theirs * above).sum().backward());
        close(x.grad(&a).unwrap(), x.grad(&b).unwrap(), "input gradient");
        close(gamma.grad(&a).unwrap(), gamma.grad(&b).unwrap(), "gamma gradient");
        close(beta.grad(&a).unwrap(), beta.grad(&b).unwrap(), "beta gradient");
    }

    /// What other devices run, against the CPU's kernel.
    fn portable_agrees(shape: [usize; 4], batch: bool) {
        let device = Device::flex();
        let uniform = Distribution::Uniform(-1.0, 2.0);
        let primitive = |t: Tensor<4>| t.try_into_primitive::<Flex>().unwrap();
        let flat = |t: Tensor<1>| t.try_into_primitive::<Flex>().unwrap();
        let x = primitive(Tensor::random(shape, uniform, &device));
        // As a convolution of another layout leaves it.
        let [n, h, w, c] = shape;
        let above = primitive(Tensor::random([n, c, h, w], uniform, &device).permute([0, 2, 3, 1]));
        let gamma = flat(Tensor::random([shape[3]], uniform, &device));
        let beta = flat(Tensor::random([shape[3]], uniform, &device));
        let numbers = |t: FloatTensor<Flex>| t.into_data().try_to_vec::<f32>().unwrap();
        let near = |a: FloatTensor<Flex>, b: FloatTensor<Flex>| {
            let (a, b) = (numbers(a), numbers(b));
            let size = b.iter().fold(1e-2_f32, |m, v| m.max(v.abs()));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-4 * size), "{shape:?}");
        };
        let statistics = Flex::statistics(x.clone());
        near(statistics.clone(), portable::statistics::<Flex>(x.clone()));
        let arguments = || (x.clone(), gamma.clone(), beta.clone(), statistics.clone());
        let (x1, g1, b1, s1) = arguments();
        let (x2, g2, b2, s2) = arguments();
        near(Flex::forward(x1, g1, b1, s1, 1e-5), portable::forward::<Flex>(x2, g2, b2, s2, 1e-5));
        let (x1, g1, b1, s1) = arguments();
        let (x2, g2, b2, s2) = arguments();
        let ours = Flex::backward(x1, g1, b1, s1, 1e-5, batch, above.clone());
        let theirs = portable::backward::<Flex>(x2, g2, b2, s2, 1e-5, batch, above.clone());
        ours.into_iter().zip(theirs).for_each(|(a, b)| near(a, b));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn every_device_agrees_with_composed_operations(
            n in 1..5_usize, c in 1..70_usize, h in 2..20_usize, w in 2..20_usize, batch: bool,
        ) {
            for device in devices() {
                compare([n, h, w, c], batch, &device);
            }
            portable_agrees([n, h, w, c], batch);
        }
    }
}
