//! Learning a network from annotated faces.

mod batch;
mod buffers;
mod checkpoint;
mod checkpoint_check;
mod checksums;
mod course;
mod descent;
mod detector;
mod face_training;
mod fingerprint;
mod gradient_norm;
mod loader;
mod metrics;
mod moving_average;
mod observer;
mod optimiser;
mod photo_cache;
mod recipe;
mod run_folder;
mod sample_maker;
mod schedule;
mod settings;
mod step_table;
mod steps;
mod trainer;
mod training_set;

pub use checkpoint::Progress;
pub use detector::{
    DetectorRecipe, DetectorSession, DetectorTraining, DetectorWatcher, Scene, SceneMaker, SceneSources,
    train_detector,
};
pub use metrics::MetricsRow;
pub use observer::{Observer, Quiet};
pub use optimiser::OptimiserConfig;
pub use recipe::{Recipe, TrainingConfig};
pub use sample_maker::{SampleMaker, SampleSlot};
pub use schedule::ScheduleConfig;
pub use trainer::{Outcome, Session, train};
pub use training_set::TrainingSet;

pub(crate) use checkpoint::has_checkpoint;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use metrics::validation_curve;
pub(crate) use steps::{Batches, Steps};
