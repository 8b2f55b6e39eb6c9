//! From a photo to landmarks: crop, network, maps, points, back to the photo; and from landmarks to the pose of the head.

mod aligner;
#[cfg(test)]
mod any_photo;
mod face;
mod head_pose;
mod mean_head;
mod photo;
mod photos;
mod verified_detector;

pub use aligner::{Aligner, Maps};
pub use face::Face;
pub use head_pose::{HeadPose, HeadShape};
pub use mean_head::learn_mean_head;
pub use photo::Photo;
pub use photos::{FaceBoxes, PhotoFace, PhotoFaces, PhotoList, align_photos, expand_sources};
pub use verified_detector::{VerifiedDetector, builtin_detector};
