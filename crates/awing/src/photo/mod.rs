//! Photos: files and bytes decoded within bounds, turned upright.

mod decode;
mod source;

pub use decode::{MAX_SIDE, decode_image, image_bytes, image_size, load_image, read_image};
pub use source::Photo;
