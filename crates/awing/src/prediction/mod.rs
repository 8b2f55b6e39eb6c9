//! From a photo to landmarks: crop, network, maps, points, back to the photo; and from landmarks to the pose of the head.

mod aligner;
#[cfg(test)]
mod any_photo;
mod assembly;
#[cfg(test)]
mod brightness;
mod face;
mod head_pose;
mod photos;

pub use aligner::{Aligner, Maps};
pub use assembly::{builtin_detector, shipped_detector};
pub use face::Face;
pub use head_pose::{HeadPose, HeadShape};
pub use photos::{FaceBoxes, KnownBoxes, PhotoFace, PhotoFaces, align_photos};
