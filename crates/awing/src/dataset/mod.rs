//! Readers and writers of annotated faces.

mod image_file;
mod sample;
pub use sample::{ImageSource, Landmark, Sample, Visibility};
