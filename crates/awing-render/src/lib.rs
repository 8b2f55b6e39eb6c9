//! Faces rendered from a morphable head: a photo, where each landmark is in it, and whether it can be seen.
//!
//! head (what all faces share) → shape (one person, one expression, one pose) → scene (hair, clothes, things; the camera) →
//! raster (which triangle each sample sees) → shade (skin, eyes, hair under lamps; `paint` makes the skin) → photo (picture and points).
//!
//! ```no_run
//! use awing_render::{Head, Renderer};
//!
//! let renderer = Renderer::new(Head::open("head".as_ref())?);
//! let face = renderer.face(7, 0, 256);
//! assert_eq!(face.landmarks().len(), 68);
//! # Ok::<(), awing::Error>(())
//! ```

/// The page that crates.io shows: what it shows must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod drawn_head;
mod exposure;
mod fit;
mod head;
mod math;
mod mesh;
mod paint;
mod photo;
mod random;
mod raster;
#[cfg(test)]
mod real_head;
mod renderer;
mod scene;
mod shade;
mod shape;
#[cfg(test)]
mod tests;
mod turn;

#[doc(hidden)]
pub use drawn_head::write_drawn_head;
pub use fit::{FittedHead, HeadFitter};
pub use head::Head;
pub use photo::{RenderedFace, RenderedPoint, Seen};
pub use renderer::Renderer;
pub use shape::HeadTurn;
pub use turn::{TurnablePhoto, Turner};
