//! How good the landmarks are, by the field's own protocol: NME, failure rate, AUC and CED curve, for each subset.
//!
//! [`Normalizer`] says what one hundred per cent is, [`point_errors`] compares one face, [`Evaluation`] gathers the
//! faces and answers with [`Summary`], a table, a CSV and the curve; [`test_faces`] runs a model over a dataset for it.

mod bootstrap;
mod boxes;
mod curve;
mod detection;
mod faces;
mod nme;
mod normalizer;
mod reliability;
mod summary;
mod table;
mod test_faces;

pub use bootstrap::mean_interval;
pub use boxes::BoxSource;
pub use curve::{auc, ced, failure_rate};
pub use detection::{DetectionFigures, Detections, FACE_OVERLAP};
pub use faces::{Evaluation, FaceResult};
pub use nme::{nme, point_errors};
pub use normalizer::Normalizer;
pub use reliability::Reliability;
pub use summary::{EvaluationSummary, Summary, Threshold};
pub use table::align;
pub use test_faces::{Tested, TestedFace, test_faces};
