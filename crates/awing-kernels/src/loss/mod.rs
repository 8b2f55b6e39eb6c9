//! The loss between heatmaps: the formulas once in f64 (`pixel_loss`) and once as vector curves (`curve`, on the powers and logarithms
//! of `elementary`), with the single pass over memory that applies them (`pass`).

mod adaptive_wing;
mod curve;
mod elementary;
mod error;
mod pass;
mod pixel_loss;

pub use adaptive_wing::AdaptiveWing;
pub use error::LossError;
pub use pass::{MeanLoss, Prediction, mean_loss, scale};
pub use pixel_loss::PixelLoss;
