//! A run: from its session to its last checkpoint.

mod course;
mod keeper;
mod metrics;
mod observer;
mod run_folder;
mod session;
mod step_table;

pub(crate) use metrics::curve;
pub use observer::{Observer, Quiet};
pub use session::{Outcome, Session, train};
