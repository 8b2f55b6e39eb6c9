use crate::{error::Result, geometry::Rect};
use image::RgbImage;

/// Finds the faces of a photo.
pub trait FaceDetector: std::fmt::Debug + Send + Sync {
    /// The faces of a photo, the surest first. No face is no error.
    ///
    /// The boxes are those that landmark models are trained on: as tight around brows, jaw and chin as the landmarks are. A detector that
    /// means something else by a box must move its own there.
    ///
    /// # Errors
    /// Those of the detector; [`crate::Error::Invalid`] for a photo that it cannot look at.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>>;
}

/// One face of a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectedFace {
    /// Around the landmarks, in pixels of the photo; it may reach beyond it.
    pub face_box: Rect,
    /// How sure the detector is; higher is surer, the scale is the detector's own.
    pub score: f32,
}
