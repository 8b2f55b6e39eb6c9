//! Faces on video: a [`Tracker`] follows them from frame to frame with numbers that stay, and smooths their points; [`VideoReader`] and [`VideoWriter`] read and
//! write files through the program `ffmpeg`; [`test_tracking`] measures how well it goes.

mod clip;
mod cut;
mod face_filter;
mod ffmpeg;
mod info;
mod one_euro;
mod reader;
mod test_tracking;
mod tracker;
mod writer;

pub use clip::Motion;
pub use info::{VideoInfo, is_video};
pub use one_euro::Smoothing;
pub use reader::{VideoFrame, VideoReader};
pub use test_tracking::{TrackingFigures, test_tracking};
pub use tracker::{TrackedFace, Tracker, TrackerConfig};
pub use writer::VideoWriter;
