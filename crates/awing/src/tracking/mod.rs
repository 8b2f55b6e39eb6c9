//! Faces followed from frame to frame of a video or a camera: a [`Tracker`] gives them numbers that stay, and smooths their points.

mod cut;
mod face_filter;
mod one_euro;
mod tracker;

pub use one_euro::Smoothing;
pub use tracker::{TrackedFace, Tracker, TrackerConfig};
