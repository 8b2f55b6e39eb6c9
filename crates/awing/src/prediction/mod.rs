//! From a photo to landmarks: crop, network, maps, points, back to the photo.

mod aligner;
mod face;
mod photos;

pub use aligner::{Aligner, Maps};
pub use face::Face;
pub use photos::{FaceBoxes, PhotoFace, PhotoFaces, align_photos, expand_sources};
