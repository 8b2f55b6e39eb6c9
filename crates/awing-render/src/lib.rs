//! Faces rendered from a morphable head: a photo, where each landmark is in it, and whether it can be seen.
//!
//! head (what all faces share) → shape (one person, one expression, one pose) → scene (hair, clothes, things; the camera) →
//! raster (which triangle each sample sees) → shade (skin, eyes, hair under lamps; `paint` makes the skin) → photo (picture and points).
//!
//! ```no_run
//! # fn main() -> Result<(), awing_render::RenderError> {
//! use awing_render::{Head, Renderer};
//!
//! let renderer = Renderer::new(Head::open("data/ict".as_ref())?);
//! let face = renderer.face(7, 0, 256);
//! assert_eq!(face.points.len(), 68);
//! # Ok(()) }
//! ```

mod error;
mod head;
mod math;
mod paint;
mod photo;
mod random;
mod raster;
mod renderer;
mod scene;
mod shade;
mod shape;
#[cfg(test)]
mod tests;

pub use error::RenderError;
pub use head::Head;
pub use math::Vec3;
pub use photo::{RenderedFace, RenderedPoint, Seen};
pub use renderer::Renderer;
pub use shape::HeadPose;
