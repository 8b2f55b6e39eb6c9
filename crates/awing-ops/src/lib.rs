//! Differentiable tensor operations for heatmap regression on [Burn](https://burn.dev).
//!
//! [`heatmap_loss`] compares predicted heatmaps with target heatmaps: MSE, L1, smooth L1, Wing, and the Adaptive
//! Wing loss (Wang, Bo, Fuxin, ICCV 2019), each with optional weights per pixel. One operation, its gradient written
//! by hand: no power of zero, no logarithm of zero is ever differentiated.
//!
//! [`conv2d`], [`norm_relu`] (batch normalization with ReLU), [`residual_block`], [`halve`] and [`add_doubled`] are what a
//! stacked hourglass is made of, channels last: [batch, height, width, channels]. On the CPU they are kernels of our own for
//! AVX-512, AVX2, NEON or none, chosen when the program runs; every operation has one definition in tensor operations that
//! runs on any device, and that the kernels are tested against ([`by_definition`]).
//!
//! ```
//! use awing_ops::{AdaptiveWing, PixelLoss, heatmap_loss};
//! use burn::tensor::{Device, Tensor};
//!
//! let device = Device::flex().autodiff();
//! let target = Tensor::<4>::from_data([[[[0.0_f32, 0.5], [0.5, 1.0]]]], &device);
//! let prediction = Tensor::<4>::zeros([1, 1, 2, 2], &device).require_grad();
//! let loss = heatmap_loss(prediction.clone(), target, None, &PixelLoss::from(AdaptiveWing::default()));
//! let gradients = loss.backward();
//! assert_eq!(prediction.grad(&gradients).unwrap().dims(), [1, 1, 2, 2]);
//! ```

/// The page that crates.io shows: what it shows must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod conv2d;
mod definition;
mod dense;
mod heatmap_loss;
mod maybe;
mod memory;
mod norm_relu;
mod packed;
mod resample;
mod residual_block;

pub use awing_kernels::{
    instruction_set,
    loss::{AdaptiveWing, LossError, PixelLoss},
};
pub use conv2d::conv2d;
pub use definition::by_definition;
pub use heatmap_loss::heatmap_loss;
pub use norm_relu::{channel_statistics, norm_relu};
pub use resample::{add_doubled, halve};
pub use residual_block::{BlockLayer, residual_block};
