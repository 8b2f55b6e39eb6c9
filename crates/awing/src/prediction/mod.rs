//! From a photo to landmarks: crop, network, maps, points, back to the photo.

mod aligner;
mod face;

pub(crate) use aligner::images_data;
pub use aligner::{Aligner, Maps};
pub use face::Face;
