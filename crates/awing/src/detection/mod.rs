//! Where the faces of a photo are: a [`FaceDetector`] gives the boxes in which [`Aligner`](crate::prediction::Aligner) looks for landmarks.

mod detector_model;
mod distinct;
mod face_detector;
mod heatmap_detector;
mod scale_space;
#[cfg(feature = "seetaface")]
mod seetaface;
mod verified_detector;

pub use detector_model::DetectorModel;
pub use face_detector::{DetectedFace, FaceDetector};
pub use heatmap_detector::HeatmapDetector;
pub use scale_space::encode_faces;
#[cfg(feature = "seetaface")]
pub use seetaface::SeetaFace;
pub use verified_detector::{FaceVerifier, VerifiedDetector};
