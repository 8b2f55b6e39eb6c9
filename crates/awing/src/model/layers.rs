//! The layers that the blocks share: convolutions drawn from a seed, and batch normalisation followed by ReLU.

use awing_ops::conv2d;
use burn::{
    module::Param,
    nn::{
        BatchNorm, BatchNormConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{
        Device, Tensor, TensorData,
        activation::relu,
        module::{avg_pool2d, interpolate},
        ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions},
    },
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws the initial weights: the same seed gives the same network, on every device.
pub(super) struct Initialiser {
    rng: ChaCha8Rng,
    device: Device,
}

impl Initialiser {
    pub(super) fn new(seed: u64, device: &Device) -> Self {
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

/// The convolution of a layer that [`Initialiser::conv`] made.
pub(super) fn convolve(conv: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let bias = conv.bias.as_ref().map(Param::val);
    conv2d(x, conv.weight.val(), bias, conv.stride[0], conv.kernel_size[0] / 2)
}

/// Batch normalisation, then ReLU.
pub(super) fn norm_relu(norm: &BatchNorm, x: Tensor<4>) -> Tensor<4> {
    relu(norm.forward(x))
}

/// Means of 2 x 2 pixels: half the size.
pub(super) fn halve(x: Tensor<4>) -> Tensor<4> {
    avg_pool2d(x, AvgPoolOptions::new([2, 2]).with_stride([2, 2]))
}

/// Each pixel four times: twice the size.
pub(super) fn double(x: Tensor<4>) -> Tensor<4> {
    interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]))
}
