use super::Sample;
use awing::geometry::Rect;
use serde::{Deserialize, Serialize};

/// Which boxes faces are cut by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxChoice {
    /// The tight box around the annotated points.
    #[default]
    Landmarks,
    /// The box that comes with the annotation, and the tight box where there is none.
    Detector,
}

impl BoxChoice {
    /// The box of a face; `None` when it has neither.
    pub fn of(self, sample: &Sample) -> Option<Rect> {
        let own = match self {
            Self::Landmarks => None,
            Self::Detector => sample.detector_box,
        };
        own.or_else(|| sample.landmark_box())
    }
}
