//! Where the faces of a photo are: boxes for [`crate::prediction::Aligner`].

mod face_detector;
#[cfg(feature = "face-detection")]
mod seetaface;

pub use face_detector::{DetectedFace, FaceDetector};
#[cfg(feature = "face-detection")]
pub use seetaface::SeetaFace;
