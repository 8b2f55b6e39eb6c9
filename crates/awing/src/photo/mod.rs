//! Photos: files and bytes decoded within bounds, turned upright.

mod bytes;
mod chunks;
mod decode;
#[cfg(test)]
pub(crate) mod drawn_jpeg;
mod jpeg;
mod jpeg_decoder;
mod orientation;
mod pixels;
mod source;

pub use decode::{MAX_SIDE, decode_image, image_bytes, image_size, lacks_end, load_image, read_image};
pub use source::Photo;
