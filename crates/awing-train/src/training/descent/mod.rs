//! One step of a training, and what it changes.

mod gradient_norm;
mod moving_average;
mod single_steps;
mod state;
mod step;

pub(crate) use moving_average::MovingAverage;
pub(crate) use single_steps::Steps;
pub use state::Progress;
pub(crate) use state::{Since, State};
pub(crate) use step::{MOST_SKIPPED, descend};
