use crate::{error::Result, geometry::Rect, scheme::Landmark};
use image::RgbImage;
use std::{path::PathBuf, sync::Arc};

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
