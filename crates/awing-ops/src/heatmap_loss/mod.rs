//! The loss between heatmaps: the formulas once in f64 ([`pixel_loss`]), once as tensor operations that every device
//! runs ([`portable`]), once as a single pass over memory for the CPU ([`flex`]), and the operation that dispatches.

mod adaptive_wing;
mod flex;
mod operation;
mod pixel_loss;
mod portable;

pub use adaptive_wing::AdaptiveWing;
pub use operation::heatmap_loss;
pub use pixel_loss::{LossError, PixelLoss};
