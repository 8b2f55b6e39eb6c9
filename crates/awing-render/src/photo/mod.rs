//! What comes out: the picture, and where the landmarks are in it.

mod face;
mod points;
mod tone;

pub use face::{RenderedFace, RenderedPoint, Seen};
pub(super) use points::{Visible, contour, outermost};
pub(super) use tone::develop;
