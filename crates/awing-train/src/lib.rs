//! Face alignment by heatmap regression with the Adaptive Wing loss (Wang, Bo, Fuxin, ICCV 2019): everything that learns and measures. The
//! crate [`awing`] finds landmarks with what is learnt here.
//!
//! [`dataset`] reads annotated faces, [`inspection`] looks for mistakes in them, [`augment`] crops and varies them, [`model`] is the stacked
//! hourglass as a Burn module, [`loss`] compares, [`training`] learns, [`evaluation`] measures, [`report`] draws. [`interchange`] brings networks in
//! from PyTorch and out as ONNX, [`video`] reads and writes videos. [`benchmark`] takes their times, [`ablation`] asks what each part of the method
//! brings, [`diagnosis`] whether all of it works on this machine.

/// The page that crates.io shows: what it shows must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod ablation;
pub mod augment;
pub mod benchmark;
pub mod dataset;
pub mod detection;
pub mod diagnosis;
pub mod evaluation;
pub(crate) mod files;
pub mod inspection;
pub mod interchange;
pub mod loss;
pub mod model;
mod picture;
pub mod report;
pub mod training;
pub mod video;

/// Where tensors live and are computed: `Device::flex()` is the CPU.
pub use awing_kernels::threads::start as start_threads;
pub use burn::tensor::Device;
