//! Learning a face detector: scenes made of annotated faces, photos with boxes and photos without any face.

mod recipe;
mod run;
mod scenes;

pub use recipe::{DetectorRecipe, DetectorTraining};
pub use run::{DetectorSession, DetectorWatcher, train_detector};
pub use scenes::{Scene, SceneMaker, SceneSources};
