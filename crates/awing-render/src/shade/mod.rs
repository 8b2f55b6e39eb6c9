//! From samples to light: what is seen at each pixel, and how bright it is there.

mod background;
mod eye;
mod fragment;
mod hair;
mod light;
mod pixels;
mod skin;
mod ware;

pub(super) use background::Background;
pub(super) use eye::Eye;
pub(super) use hair::Strands;
pub(super) use light::Lights;
pub(super) use pixels::{Lens, SAMPLES, Studio, shade};
pub(super) use ware::Ware;
