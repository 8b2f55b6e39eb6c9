//! The paper's claims put to the test: the same network, data, steps and seeds under each loss and with each part of the
//! method, then the table, the plots and the report.
//!
//! [`study`] trains every [`Variant`] once a seed, as ordinary runs in one folder; what is finished there is not done again.
//! Beside the error on the test faces it records what the paper says about why: how high and wide the peaks of the predicted
//! maps are, and on which pixels loss and gradient fall along training ([`PixelShares`]).

mod peaks;
mod record;
mod report;
mod shares;
mod study;
mod variant;
mod welch;

pub use peaks::Peaks;
pub use record::{Figures, RunRecord};
pub use report::{StudyReport, write_report};
pub use shares::{PixelKind, PixelShares};
pub use study::{Finished, MAX_SEEDS, Study, StudyObserver, finished_runs, study};
pub use variant::Variant;
