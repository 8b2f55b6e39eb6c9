use super::{DetectedFace, FaceDetector, distinct::distinct};
use crate::{error::Result, geometry::Rect};
use image::RgbImage;
use std::{fmt, sync::Arc};

/// Looks at a box again: what it finds there, if it is a face.
pub trait FaceVerifier: Send + Sync {
    /// For each box the tight one around the face in it and how sure that is, from 0 to 1; `None` where nothing can be looked for.
    fn verify(&self, photo: &RgbImage, boxes: &[Rect]) -> Vec<Option<DetectedFace>>;
}

/// A detector whose faces are looked at by a landmark model: where the points are unsure there is no face, and where they are sure, the box is the
/// one around them. So the detector may be generous, and its boxes rough.
#[derive(Clone)]
pub struct VerifiedDetector {
    detector: Arc<dyn FaceDetector>,
    verifier: Arc<dyn FaceVerifier>,
    least_score: f32,
}

impl VerifiedDetector {
    /// Boxes of `detector` of which `verifier` is sure by `least_score` or more.
    pub fn new(detector: Arc<dyn FaceDetector>, verifier: Arc<dyn FaceVerifier>, least_score: f32) -> Self {
        Self { detector, verifier, least_score }
    }
}

impl fmt::Debug for VerifiedDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedDetector").field("detector", &self.detector).finish_non_exhaustive()
    }
}

impl FaceDetector for VerifiedDetector {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        let boxes: Vec<Rect> = self.detector.detect(photo)?.into_iter().map(|face| face.face_box).collect();
        let found = self.verifier.verify(photo, &boxes).into_iter().flatten();
        // Rough boxes of one face may come to the same.
        Ok(distinct(found.filter(|face| face.score >= self.least_score).collect()))
    }
}
