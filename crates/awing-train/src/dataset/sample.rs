use super::{image_table::without_number, mat};
use awing::{
    Result,
    geometry::Rect,
    photo::{image_size, load_image, read_image},
    scheme::Landmark,
};
use image::RgbImage;
use std::{fmt, path::PathBuf, sync::Arc};

/// Where an annotation stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The annotation file.
    pub file: PathBuf,
    /// The line, counted from 1, where the format has a line a face.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
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

impl ImageSource {
    /// Reads and decodes the image, turned upright by its EXIF orientation.
    ///
    /// # Errors
    /// [`awing::Error::Image`] when the file is missing, truncated or of an unknown kind.
    pub fn load(&self) -> Result<Arc<RgbImage>> {
        match self {
            Self::Memory(image) => Ok(image.clone()),
            Self::File(path) => load_image(path).map(Arc::new),
            Self::Mat { file, variable, index } => mat::read_image(file, variable, *index).map(Arc::new),
        }
    }

    /// Width and height of the image in pixels, upright, from its header alone where it has one.
    ///
    /// # Errors
    /// [`awing::Error::Image`] when the file is missing, of an unknown kind, or its header is damaged.
    pub fn size(&self) -> Result<(u32, u32)> {
        match self {
            Self::File(path) => image_size(&read_image(path)?, path),
            source => source.load().map(|image| image.dimensions()),
        }
    }
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
    /// The box that the data set's own protocol divides errors by, as AFLW's; `None` where it has none, and the box around the points counts.
    pub own_box: Option<Rect>,
    /// The subsets it belongs to, besides all: "common", "pose", …
    pub subsets: Vec<String>,
    /// Width and height in pixels that the annotation says its image has, where it says so. Where the image has another size, the points were
    /// made on a copy.
    pub stated_size: Option<[f64; 2]>,
    /// Where the annotation was read; `None` for a face that comes from no file.
    pub place: Option<Place>,
}

impl Sample {
    /// A face that comes from no file: without boxes and subsets.
    pub fn new(name: impl Into<String>, image: ImageSource, landmarks: Vec<Landmark>) -> Self {
        Self {
            name: name.into(),
            image,
            landmarks,
            detector_box: None,
            own_box: None,
            subsets: Vec::new(),
            stated_size: None,
            place: None,
        }
    }

    /// The tight box around the annotated points; `None` when fewer than two are annotated or they coincide.
    pub fn landmark_box(&self) -> Option<Rect> {
        Rect::around(self.landmarks.iter().filter_map(Landmark::position))
            .filter(|r| r.width().max(r.height()) > 0.0)
    }

    /// The box whose size errors are divided by where they are divided by that of a box: the data set's own; of a face with a single point,
    /// around which there is no box, the one that comes with it. `None` where it is the box around the points.
    pub fn normalizing_box(&self) -> Option<Rect> {
        let given = if self.landmarks.len() == 1 { self.detector_box } else { None };
        self.own_box.or(given)
    }

    /// The image's path relative to the dataset's folder: the name without the number of a further face.
    pub fn image_name(&self) -> &str {
        match &self.image {
            // An image file that is itself called "a.jpg#2".
            ImageSource::File(path) if path.ends_with(&self.name) => &self.name,
            _ => without_number(&self.name),
        }
    }

    /// Width and height of the image in pixels, upright, from its header alone where it has one.
    ///
    /// # Errors
    /// [`awing::Error::Image`] when the file is missing, of an unknown kind, or its header is damaged.
    pub fn image_size(&self) -> Result<(u32, u32)> {
        self.image.size()
    }

    /// Reads and decodes the image, turned upright by its EXIF orientation.
    ///
    /// # Errors
    /// [`awing::Error::Image`] when the file is missing, truncated or of an unknown kind.
    pub fn load_image(&self) -> Result<Arc<RgbImage>> {
        self.image.load()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_of_one_point_is_measured_by_the_box_that_comes_with_it() {
        let image = ImageSource::Memory(Arc::new(RgbImage::new(4, 4)));
        let given = Some(Rect::new(0.0, 0.0, 3.0, 2.0));
        let face = |points: usize| Sample {
            detector_box: given,
            ..Sample::new("a", image.clone(), vec![Landmark::visible(1.0, 2.0); points])
        };
        assert_eq!((face(1).normalizing_box(), face(2).normalizing_box()), (given, None));
        let own_box = Some(Rect::new(0.0, 0.0, 1.0, 1.0));
        assert_eq!(Sample { own_box, ..face(1) }.normalizing_box(), own_box);
    }
}
