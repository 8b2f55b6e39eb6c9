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

use crate::error::Result;
use std::sync::Arc;

/// The detector that ships inside: [`HeatmapDetector::builtin`], or [`SeetaFace`] in a build that has only that one.
///
/// # Errors
/// [`crate::Error::Invalid`] in a build without the features `builtin-model` and `seetaface`, [`crate::Error::Model`] in one with a damaged
/// file.
pub fn builtin_detector() -> Result<Arc<dyn FaceDetector>> {
    #[cfg(feature = "builtin-model")]
    return Ok(Arc::new(HeatmapDetector::builtin(&crate::Device::flex())?));
    #[cfg(all(feature = "seetaface", not(feature = "builtin-model")))]
    return Ok(Arc::new(SeetaFace::builtin()?));
    #[cfg(not(any(feature = "builtin-model", feature = "seetaface")))]
    Err(crate::Error::invalid(
        "detector",
        "none is built in; turn on the feature `builtin-model` or `seetaface`, give one, or give boxes",
    ))
}
