//! How fast this machine is at each stage: decoding, making training samples, the loss, a training step, prediction.
//! Weights are random and faces are drawn, so no data is needed; what is measured does not depend on either.
//!
//! The peak of memory is that of the process, so a process must do one [`Work`] alone for the figure to be its own.

mod files;
mod machine;
mod row;
mod run;
mod scale;
mod timing;
mod work;

pub use files::BenchmarkFiles;
pub use machine::Machine;
pub use row::Row;
pub use run::{Setting, run};
pub use scale::{ScaleRow, Variation, variations};
pub use timing::Timing;
pub use work::Work;
