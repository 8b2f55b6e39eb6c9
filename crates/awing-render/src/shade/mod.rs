//! From samples to light: what is seen at each pixel, and how bright it is there.

mod background;
mod clutter;
mod eye;
mod fragment;
mod hair;
mod light;
mod pixels;
mod skin;
mod ware;

pub(super) use background::Background;
pub(super) use clutter::lay;
pub(super) use eye::Eye;
pub(super) use light::Lights;
pub(super) use pixels::{Studio, shade};
