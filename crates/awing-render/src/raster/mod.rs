//! Triangles to samples: a depth buffer that remembers which triangle each sample belongs to, and shadow maps made with it.

mod buffer;
mod shadow;

pub(super) use buffer::{Buffer, NONE};
pub(super) use shadow::ShadowMap;

/// Samples a side of a pixel.
pub(super) const SAMPLES: usize = 2;
