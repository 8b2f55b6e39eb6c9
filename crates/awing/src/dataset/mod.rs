//! Readers and writers of annotated faces.

mod drawn;
mod image_file;
mod sample;
pub use drawn::{drawn_faces, write_drawn};
pub use sample::{ImageSource, Landmark, Sample, Visibility};
