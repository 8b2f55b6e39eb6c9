//! The skin as a painting: one square texture for face, ears and neck, made anew for each face.

mod atlas;
mod canvas;
mod hairs;
mod look;
mod noise;
mod skin;

pub(super) use atlas::{Atlas, MIDDLE, above_hairline, hairline};
pub(super) use canvas::Canvas;
pub(super) use look::{Beard, Look, skin_tone};
pub(super) use noise::Noise;
pub(super) use skin::paint;
