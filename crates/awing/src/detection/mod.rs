//! Where the faces of a photo are: boxes for [`crate::prediction::Aligner`].

mod external_detector;
mod face_detector;
mod heatmap_detector;
mod scale_space;
#[cfg(feature = "seetaface")]
mod seetaface;

pub use external_detector::ExternalDetector;
pub use face_detector::{DetectedFace, FaceDetector};
pub use heatmap_detector::HeatmapDetector;

pub(crate) use scale_space::encode as encode_faces;
#[cfg(feature = "seetaface")]
pub use seetaface::SeetaFace;
