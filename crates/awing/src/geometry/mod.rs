//! Points, boxes and the similarity transforms between a photo and a face crop.
//!
//! One convention everywhere: the centre of the top-left pixel is (0, 0), x runs right, y runs down, and an image
//! of `w` pixels spans [-0.5, w - 0.5]. Pixel p of an image and cell q of a map at stride s meet at
//! q = (p + 0.5) / s - 0.5. A mirror image has x' = w - 1 - x.

mod crop_rule;
pub mod linear;
mod planes;
mod point;
mod rect;
mod transform;
mod warp;

pub use crop_rule::CropRule;
pub use planes::Planes;
pub use point::Point;
pub use rect::Rect;
pub use transform::{Transform, mirror_x, to_cell, to_pixel};
pub use warp::{margin, warp, warp_into};
