//! What a heatmap network computes on the processor, forward and gradients, on plain slices.
//!
//! [`convolve`] and its gradients, [`Norm`] (batch normalization with ReLU), [`residual_block`], [`resample`], and the losses between
//! heatmaps ([`loss`]), the Adaptive Wing loss among them. Vectors are chosen when the program runs: AVX-512, AVX2, NEON, SIMD128 in a
//! browser, or none. Threads come from rayon and the feature `threads`; results are the same bits for any number of them.
//!
//! Maps lie channels last, [images, height, width, channels], in f32. The functions panic when a slice does not fit its shape, as slices do.
//! All `unsafe` code of awing is here, behind functions that check what they are given.
//!
//! ```
//! use awing_kernels::{Geometry, Maps, Source, Weights, convolve};
//!
//! // An image of 4 x 4 ones, one channel, and a kernel of 3 x 3 ones that keeps the size.
//! let image = [1.0; 16];
//! let geometry = Geometry { images: 1, kernel: 3, stride: 1, padding: 1 };
//! let weights = Weights::forward(&[1.0; 9], [1, 1, 3, 3], geometry.method([4, 4], 1));
//! let mut out = [0.0; 16];
//! convolve(&Source::Plain(Maps::dense(&image, [1, 4, 4, 1])), geometry, &weights, None, &mut out);
//! // Each output counts the pixels of its window: 4 in a corner, 6 at an edge, 9 inside.
//! assert_eq!(out[..8], [4.0, 6.0, 6.0, 4.0, 6.0, 9.0, 9.0, 6.0]);
//! ```

/// The page that crates.io shows: what it shows must compile.
#[cfg(all(doctest, feature = "training"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod convolution;
pub mod half;
#[cfg(feature = "training")]
pub mod loss;
pub mod memory;
mod microkernel;
#[cfg(feature = "training")]
mod moments;
#[cfg(any(test, feature = "narrower"))]
pub mod narrower;
#[cfg(feature = "training")]
mod norm;
pub mod packed;
pub mod resample;
#[cfg(feature = "training")]
mod residual_block;
mod rows;
pub mod threads;
mod tile;
mod transpose;
mod vectors;

#[cfg(feature = "training")]
pub use convolution::convolve_backward;
pub use convolution::{Geometry, Method, Weights, convolve};
#[cfg(feature = "training")]
pub use norm::{Norm, channel_statistics, channel_sums};
#[cfg(feature = "training")]
pub use residual_block::{BlockGradients, BlockLayer, BlockOutputs, residual_block, residual_block_backward};
pub use rows::{Maps, Source};
pub use transpose::transpose;
pub use vectors::{instruction_set, vectorized};
