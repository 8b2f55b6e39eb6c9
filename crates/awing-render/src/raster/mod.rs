//! Triangles to samples: a depth buffer that remembers which triangle each sample belongs to, and what is made with it:
//! shadow maps and how open each vertex is to the sky.

mod buffer;
mod openness;
mod shadow;

pub(super) use buffer::{Buffer, NONE};
pub(super) use openness::openness;
pub(super) use shadow::ShadowMap;
