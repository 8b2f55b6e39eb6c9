//! Face alignment by heatmap regression with the Adaptive Wing loss (Wang, Bo, Fuxin, ICCV 2019).
//!
//! One street, one house per stage: [`dataset`] reads annotated faces, [`inspection`] looks for mistakes in them, [`augment`] crops and varies them,
//! [`heatmap`] turns points into target maps and maps back into points, [`model`] is the stacked hourglass, [`loss`]
//! compares, [`training`] learns, [`evaluation`] measures, [`detection`] finds faces, [`prediction`] their landmarks, [`video`] follows them, [`report`] draws. [`interchange`] brings networks in
//! from PyTorch and out as ONNX. [`benchmark`] takes their times,
//! [`ablation`] asks what each part of the method brings, [`diagnosis`] whether all of it works on this machine.

pub mod ablation;
pub mod augment;
pub mod benchmark;
pub mod dataset;
pub mod detection;
pub mod diagnosis;
pub mod error;
pub mod evaluation;
pub(crate) mod files;
pub mod geometry;
pub mod heatmap;
pub mod inspection;
pub mod interchange;
pub mod loss;
pub mod model;
pub mod prediction;
pub mod report;
pub mod scheme;
pub mod training;
pub mod video;

/// Where tensors live and are computed: `Device::flex()` is the CPU.
pub use burn::tensor::Device;
pub use error::{Error, Result};
