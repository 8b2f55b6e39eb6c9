//! Learning a network: one [`Session`] for every [`Task`], of which there are two, [`Landmarks`] and [`Boxes`].
//!
//! ```text
//! recipe/      everything that decides what is learnt, except the data, in layers
//! samples/     photos and annotations to batches, made ahead of the network by threads of their own
//! descent/     one step: loss, gradients, optimizer, moving average
//! checkpoint/  what a run goes on from, written so that a crash costs a few steps and no more
//! run/         the session: the run's folder, the loop, metrics, and who is told
//! ```
//!
//! A task is one file: which batches, what a validation measures, what is written. The rest is the same for all.

mod boxes;
mod checkpoint;
mod descent;
mod landmarks;
mod measure;
mod recipe;
mod run;
mod samples;
mod task;

pub use boxes::{Boxes, DetectorRecipe, DetectorTraining};
pub use descent::Progress;
pub use landmarks::Landmarks;
pub use measure::{Figure, Goal, Measure, MetricsRow, Table};
pub use recipe::{OptimizerConfig, Plan, Recipe, ScheduleConfig, TrainingConfig};
pub use run::{Observer, Outcome, Quiet, Session, train};
pub use samples::{
    Batch, BatchWorker, Batches, SampleMaker, SampleSlot, Scene, SceneMaker, SceneSources, TrainingSet,
};
pub use task::{Data, Task};

pub(crate) use checkpoint::{Fingerprint, has_checkpoint};
pub(crate) use descent::Steps;
pub(crate) use landmarks::validation_curve;
pub(crate) use samples::{FaceBatches, ahead};
