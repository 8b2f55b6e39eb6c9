use crate::error::{Error, Result};
use image::{ColorType, RgbImage, imageops, metadata::Orientation};
use std::path::Path;

/// Red, green and blue of eight bits from a decoder's samples; transparency is dropped, and samples of two bytes are in the machine's order.
pub(super) fn rgb(
    samples: Vec<u8>,
    color: ColorType,
    [width, height]: [u32; 2],
    path: &Path,
) -> Result<RgbImage> {
    let narrow = |samples: Vec<u8>| -> Vec<u8> {
        let pairs = samples.as_chunks::<2>().0;
        pairs.iter().map(|pair| ((u32::from(u16::from_ne_bytes(*pair)) + 128) / 257) as u8).collect()
    };
    let pixels = match color {
        ColorType::Rgb8 => samples,
        ColorType::L8 => samples.into_iter().flat_map(|gray| [gray; 3]).collect(),
        ColorType::La8 => samples.as_chunks::<2>().0.iter().flat_map(|[gray, _]| [*gray; 3]).collect(),
        ColorType::Rgba8 => samples.as_chunks::<4>().0.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect(),
        ColorType::L16 => return rgb(narrow(samples), ColorType::L8, [width, height], path),
        ColorType::La16 => return rgb(narrow(samples), ColorType::La8, [width, height], path),
        ColorType::Rgb16 => return rgb(narrow(samples), ColorType::Rgb8, [width, height], path),
        ColorType::Rgba16 => return rgb(narrow(samples), ColorType::Rgba8, [width, height], path),
        other => {
            return Err(Error::image(
                path,
                format!("pixels of kind {other:?} are not read; save it as 8-bit RGB"),
            ));
        }
    };
    let short = || Error::image(path, "damaged: it has fewer pixels than it says");
    RgbImage::from_raw(width, height, pixels).ok_or_else(short)
}

/// The photo as it stands when its EXIF orientation is followed.
pub(super) fn upright(photo: RgbImage, orientation: Orientation) -> RgbImage {
    match orientation {
        Orientation::NoTransforms => photo,
        Orientation::Rotate90 => imageops::rotate90(&photo),
        Orientation::Rotate180 => imageops::rotate180(&photo),
        Orientation::Rotate270 => imageops::rotate270(&photo),
        Orientation::FlipHorizontal => imageops::flip_horizontal(&photo),
        Orientation::FlipVertical => imageops::flip_vertical(&photo),
        Orientation::Rotate90FlipH => imageops::flip_horizontal(&imageops::rotate90(&photo)),
        Orientation::Rotate270FlipH => imageops::flip_horizontal(&imageops::rotate270(&photo)),
    }
}
