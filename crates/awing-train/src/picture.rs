//! Pictures as files.

use crate::{dataset::has_image_ending, files::write_atomic};
use awing::{Error, Result};
use image::{ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder};
use std::{io::Cursor, path::Path};

/// Quality of JPEG files; overlays keep their thin lines at 92.
const JPEG_QUALITY: u8 = 92;

/// Whether a picture can be written under this name, before the work for it is done.
///
/// # Errors
/// [`Error::Image`] for an ending other than png, jpg, jpeg, webp or bmp.
pub fn check_picture_name(path: &Path) -> Result<()> {
    if has_image_ending(path) {
        return Ok(());
    }
    Err(Error::image(path, "no such pictures are written; name it .png, .jpg, .webp or .bmp"))
}

/// Writes a picture; the ending of the name says how: png, jpg, webp or bmp.
///
/// # Errors
/// [`Error::Image`] for another ending, [`Error::Io`] when the file cannot be written.
pub fn save_picture(path: &Path, picture: &RgbImage) -> Result<()> {
    check_picture_name(path)?;
    let format = ImageFormat::from_path(path).map_err(|e| Error::image(path, e.to_string()).because(e))?;
    write_picture(path, picture, format)
}

/// Writes a picture in this format, one that is read, whatever it is called.
pub(crate) fn write_picture(path: &Path, picture: &RgbImage, format: ImageFormat) -> Result<()> {
    let bytes = match format {
        ImageFormat::Jpeg => jpeg(picture, path)?,
        other => {
            let mut bytes = Cursor::new(vec![]);
            picture
                .write_to(&mut bytes, other)
                .map_err(|e| Error::image(path, format!("cannot be encoded: {e}")).because(e))?;
            bytes.into_inner()
        }
    };
    write_atomic(path, &bytes)
}

fn jpeg(picture: &RgbImage, path: &Path) -> Result<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let (Ok(w), Ok(h)) = (u16::try_from(width), u16::try_from(height)) else {
        let problem = format!("a JPEG holds no {width} x {height} pixels; name it .png");
        return Err(Error::image(path, problem));
    };
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, JPEG_QUALITY)
        .encode(picture, w, h, ColorType::Rgb)
        .map_err(|e| Error::image(path, format!("cannot be encoded: {e}")).because(e))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbImage::from_pixel(5, 3, image::Rgb([10, 200, 30]));
        for name in ["a/b.png", "c.jpg", "d.webp", "e.bmp"] {
            let path = folder.path().join(name);
            save_picture(&path, &picture).unwrap();
            assert_eq!(awing::photo::load_image(&path).unwrap().dimensions(), (5, 3));
        }
        for name in ["f.txt", "f.gif", "f"] {
            let error = save_picture(&folder.path().join(name), &picture).unwrap_err();
            assert!(error.to_string().contains("name it .png"), "{error}");
        }
    }
}
