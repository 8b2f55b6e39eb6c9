//! Samples: from photos and annotations to the batches of a run.

mod batch;
mod buffers;
mod face_batches;
mod loader;
mod outline;
mod photo_cache;
mod sample_maker;
mod scene_batches;
mod scenes;
mod training_set;

pub use batch::{Batch, BatchWorker, Batches};
pub(crate) use face_batches::FaceBatches;
pub(crate) use loader::{Loader, ahead};
pub use sample_maker::{SampleMaker, SampleSlot};
pub(crate) use scene_batches::SceneBatches;
pub use scenes::{Scene, SceneMaker, SceneSources};
pub use training_set::TrainingSet;
