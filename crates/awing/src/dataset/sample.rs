use crate::{
    error::Result,
    geometry::{Point, Rect},
};
use image::RgbImage;
use std::{path::PathBuf, sync::Arc};

/// How far a landmark can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Annotated and seen.
    Visible,
    /// Annotated, but hidden behind something.
    Occluded,
    /// Not annotated: the position means nothing.
    Missing,
}

/// One annotated point of a face, in pixels of its image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Landmark {
    /// Where it is. Labels may lie outside the image.
    pub point: Point,
    /// Whether it is seen, hidden or not annotated.
    pub visibility: Visibility,
}

impl Landmark {
    /// A visible landmark.
    pub const fn visible(x: f64, y: f64) -> Self {
        Self { point: Point::new(x, y), visibility: Visibility::Visible }
    }

    /// A point without annotation.
    pub const fn missing() -> Self {
        Self { point: Point::new(0.0, 0.0), visibility: Visibility::Missing }
    }

    /// The position, unless it is missing.
    pub fn position(&self) -> Option<Point> {
        (self.visibility != Visibility::Missing).then_some(self.point)
    }
}

/// Where the pixels of a sample are.
#[derive(Clone, Debug)]
pub enum ImageSource {
    /// An image file.
    File(PathBuf),
    /// An image inside a COFW .mat file: the cell `index` of the variable `variable`, read when it is needed.
    Mat {
        /// The .mat file.
        file: PathBuf,
        /// "IsTr" or "IsT".
        variable: String,
        /// Which cell, from 0.
        index: usize,
    },
    /// An image in memory.
    Memory(Arc<RgbImage>),
}

/// One annotated face in one image.
#[derive(Clone, Debug)]
pub struct Sample {
    /// A stable name, unique in its dataset: the image's path relative to the dataset's folder, and "#2" for a
    /// second face in it.
    pub name: String,
    /// The image.
    pub image: ImageSource,
    /// One landmark for each point of the scheme.
    pub landmarks: Vec<Landmark>,
    /// The box that comes with the annotation: a detector's, or drawn by the annotator.
    pub detector_box: Option<Rect>,
    /// The subsets it belongs to, besides all: "common", "pose", …
    pub subsets: Vec<String>,
}

impl Sample {
    /// The tight box around the annotated points; `None` when fewer than two are annotated or they coincide.
    pub fn landmark_box(&self) -> Option<Rect> {
        Rect::around(self.landmarks.iter().filter_map(Landmark::position))
            .filter(|r| r.width().max(r.height()) > 0.0)
    }

    /// Reads and decodes the image, turned upright by its EXIF orientation.
    ///
    /// # Errors
    /// [`crate::Error::Image`] when the file is missing, truncated or of an unknown kind.
    pub fn load_image(&self) -> Result<Arc<RgbImage>> {
        super::image_file::load(&self.image)
    }
}
