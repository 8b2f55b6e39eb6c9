//! The loss between heatmaps: the formulas once in f64 ([`pixel_loss`]), once as tensor operations that every device
//! runs ([`portable`]), once as vector curves for the CPU ([`curve`], on the powers and logarithms of [`elementary`])
//! with the single pass over memory that applies them ([`flex`]), once as a kernel for GPUs (`cube`), and the operation
//! that dispatches.

mod adaptive_wing;
#[cfg(feature = "wgpu")]
mod cube;
mod curve;
mod elementary;
mod flex;
mod operation;
mod pixel_loss;
mod portable;

pub use adaptive_wing::AdaptiveWing;
pub use operation::heatmap_loss;
pub use pixel_loss::{LossError, PixelLoss};
