use super::Sample;
use awing::geometry::Rect;
use serde::{Deserialize, Serialize};

/// Which boxes faces are cut by: in training, in the validation of a run, and in an evaluation the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxChoice {
    /// The tight box around the annotated points.
    #[default]
    Landmarks,
    /// The box that comes with the annotation. A face without one was not found: it is not learnt from, and in an evaluation it counts as
    /// failed.
    Detector,
}

impl BoxChoice {
    /// The box of a face.
    ///
    /// # Errors
    /// Why it has none, as the end of a sentence about the face.
    pub fn of(self, sample: &Sample) -> Result<Rect, String> {
        match self {
            Self::Landmarks => sample
                .landmark_box()
                .ok_or_else(|| "there is none: no two different points are annotated".to_owned()),
            Self::Detector => sample.detector_box.ok_or_else(|| {
                "there is none of a detector; use those around the points, or a file".to_owned()
            }),
        }
    }
}
