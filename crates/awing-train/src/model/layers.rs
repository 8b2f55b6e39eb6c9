//! The layers that the blocks share: convolutions drawn from a seed, and batch normalization followed by ReLU.

use awing_ops::{channel_statistics, conv2d};
use burn::{
    module::Param,
    nn::{
        BatchNorm, BatchNormConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, TensorData},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the initial weights of layers, one after another: the same seed gives the same network, on every device. Weights and
/// biases of convolutions are uniform in ±1 / sqrt(inputs of an output), PyTorch's default.
#[derive(Debug)]
pub struct Initializer {
    rng: ChaCha8Rng,
    device: Device,
}

impl Initializer {
    /// Weights drawn from `seed`, on `device`; an autodiff device for a network that is to be trained.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), device: device.clone() }
    }

    /// A convolution whose padding keeps the size at stride 1. Weights and bias are uniform in
    /// ±1 / sqrt(inputs of an output), PyTorch's default, with which the paper's network was trained.
    pub(super) fn conv(
        &mut self,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        bias: bool,
    ) -> Conv2d {
        let pad = kernel / 2;
        let mut conv = Conv2dConfig::new([inputs, outputs], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
            .with_bias(bias)
            .init(&self.device);
        let bound = 1.0 / ((inputs * kernel * kernel) as f32).sqrt();
        conv.weight = Param::from_tensor(self.uniform([outputs, inputs, kernel, kernel], bound));
        conv.bias = bias.then(|| Param::from_tensor(self.uniform([outputs], bound)));
        conv
    }

    pub(super) fn norm(&self, channels: usize) -> BatchNorm {
        BatchNormConfig::new(channels).init(&self.device)
    }

    fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Tensor<D> {
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|_| self.rng.random_range(-bound..=bound)).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

/// The convolution of a layer that [`Initializer::conv`] made, channels last; `beside` are constant channels.
pub(super) fn convolve(conv: &Conv2d, x: Tensor<4>, beside: Option<Tensor<4>>) -> Tensor<4> {
    let bias = conv.bias.as_ref().map(Param::val);
    conv2d(x, beside, conv.weight.val(), bias, conv.stride[0], conv.kernel_size[0] / 2)
}

/// Whether the layer normalizes by the batch's own statistics: in training.
pub(super) fn by_batch(norm: &BatchNorm, x: &Tensor<4>) -> bool {
    x.device().is_autodiff() && norm.training.is_enabled()
}

/// [2, channels]: means, then variances.
pub(super) fn running_statistics(norm: &BatchNorm) -> Tensor<2> {
    Tensor::stack(vec![norm.running_mean.value(), norm.running_var.value()], 0)
}

/// Moves the running statistics towards those of a batch of so many `pixels`; the variance unbiased, as PyTorch does.
pub(super) fn follow(norm: &BatchNorm, statistics: Tensor<2>, pixels: usize) {
    let [_, channels] = statistics.dims();
    let row = |i: usize| statistics.clone().inner().slice_dim(0, i..i + 1).reshape([channels]);
    let count = pixels as f64;
    for (running, new) in
        [(&norm.running_mean, row(0)), (&norm.running_var, row(1) * (count / (count - 1.0).max(1.0)))]
    {
        let old = running.value_sync();
        let new = Tensor::from_inner(new);
        running.update((old * (1.0 - norm.momentum) + new * norm.momentum).detach());
    }
}

/// Batch normalization, then ReLU, channels last. In training it normalizes by the batch's own statistics and moves the
/// running ones towards them.
pub(super) fn norm_relu(norm: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
    if !by_batch(norm, &x) {
        return awing_ops::norm_relu(x, gamma, beta, running_statistics(norm), norm.epsilon, false);
    }
    let [batch, height, width, _] = x.dims();
    let statistics = channel_statistics(x.clone());
    follow(norm, statistics.clone(), batch * height * width);
    awing_ops::norm_relu(x, gamma, beta, statistics, norm.epsilon, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Module;

    #[test]
    fn training_moves_the_running_statistics_and_inference_uses_them() {
        let device = Device::flex().autodiff();
        let norm = Initializer::new(0, &device).norm(1);
        // Mean 3, biased variance 3.5, unbiased 14 / 3.
        let x = Tensor::<4>::from_data([[[[1.0_f32], [2.0]], [[3.0], [6.0]]]], &device);
        let y: Vec<f32> = norm_relu(&norm, x.clone()).into_data().try_to_vec().unwrap();
        assert!(y[..3] == [0.0; 3] && (y[3] - 3.0 / 3.5_f32.sqrt()).abs() < 1e-4, "{y:?}");
        let frozen = norm.valid();
        let mean = frozen.running_mean.value().into_scalar::<f32>();
        let variance = frozen.running_var.value().into_scalar::<f32>();
        assert!(
            (mean - 0.3).abs() < 1e-6 && (variance - (0.9 + 1.4 / 3.0)).abs() < 1e-5,
            "{mean} {variance}"
        );
        let y: Vec<f32> = norm_relu(&frozen, x.inner()).into_data().try_to_vec().unwrap();
        let expected = (6.0 - mean) / (variance + 1e-5).sqrt();
        assert!((y[3] - expected).abs() < 1e-4, "{y:?}");
    }
}
