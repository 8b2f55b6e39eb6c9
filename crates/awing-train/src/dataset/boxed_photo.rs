use awing::geometry::Rect;
use std::path::PathBuf;

/// A photo and all its faces.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxedPhoto {
    /// The image file.
    pub path: PathBuf,
    /// The faces that a detector should find.
    pub faces: Vec<Rect>,
    /// Faces that it may find or not: marked as invalid.
    pub ignored: Vec<Rect>,
}
