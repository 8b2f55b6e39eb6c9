//! Videos: [`VideoReader`] and [`VideoWriter`] read and write files through the program `ffmpeg`; [`test_tracking`] measures how well
//! [`awing::tracking`] follows the faces in them.

mod clip;
mod ffmpeg;
mod info;
mod reader;
mod test_tracking;
mod writer;

pub use clip::Motion;
pub use info::{VideoInfo, is_video};
pub use reader::{VideoFrame, VideoReader};
pub use test_tracking::{TrackingFigures, test_tracking};
pub use writer::VideoWriter;
