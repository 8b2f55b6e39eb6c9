use crate::{
    dataset::{BoxChoice, BoxFile, Sample},
    geometry::Rect,
};
use std::fmt;

/// Where the face boxes of an evaluation come from. Results with different boxes cannot be compared: boxes made from
/// the annotated points know where the face is.
#[derive(Clone, Debug)]
pub enum BoxSource {
    /// "gt": the tight box around the annotated points.
    Landmarks,
    /// "detector": the box that comes with the annotation.
    Detector,
    /// Boxes of a file.
    File {
        /// What the result calls it.
        name: String,
        /// The boxes.
        boxes: BoxFile,
    },
}

impl From<BoxChoice> for BoxSource {
    fn from(choice: BoxChoice) -> Self {
        match choice {
            BoxChoice::Landmarks => Self::Landmarks,
            BoxChoice::Detector => Self::Detector,
        }
    }
}

impl BoxSource {
    /// The box of a face, or why there is none. Where a file has several boxes for an image, the one that overlaps the
    /// annotated face most is taken, as the protocol of face alignment has it.
    pub fn of(&self, sample: &Sample) -> Result<Rect, String> {
        match self {
            Self::Landmarks => sample
                .landmark_box()
                .ok_or_else(|| "there is none: no two different points are annotated".to_owned()),
            Self::Detector => sample
                .detector_box
                .ok_or_else(|| "there is none of a detector; use --boxes gt or a file".to_owned()),
            Self::File { boxes, .. } => {
                let truth = sample.landmark_box();
                let shared = |r: &Rect| truth.map_or(0.0, |t| r.overlap(t));
                boxes
                    .get(&sample.name)
                    .iter()
                    .copied()
                    .max_by(|a, b| shared(a).total_cmp(&shared(b)))
                    .ok_or_else(|| "there is none for this image in the file".to_owned())
            }
        }
    }
}

impl fmt::Display for BoxSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landmarks => f.write_str("gt"),
            Self::Detector => f.write_str("detector"),
            Self::File { name, .. } => f.write_str(name),
        }
    }
}
