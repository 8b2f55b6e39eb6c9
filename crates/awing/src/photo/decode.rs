//! Decoding of image files.

use crate::error::{Error, Result};
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use std::{io::Cursor, path::Path};

/// The longest side of an image that is read, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The most memory an image may take when decoded.
const MAX_BYTES: u64 = 1 << 30;

/// Width and height of an image, upright, from its header; `path` is what errors call it.
pub fn image_size(bytes: &[u8], path: &Path) -> Result<(u32, u32)> {
    let mut decoder = decoder(path, bytes)?;
    let (width, height) = decoder.dimensions();
    let turned = decoder.orientation().is_ok_and(|o| {
        use image::metadata::Orientation::*;
        matches!(o, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
    });
    Ok(if turned { (height, width) } else { (width, height) })
}

/// Reads an image file, told by its content to be JPEG, PNG, WebP or BMP, as 8-bit RGB, turned upright by its EXIF
/// orientation. Transparency is dropped.
///
/// # Errors
/// [`Error::Image`] when the file is missing, cut off, damaged, of another kind, or larger than [`MAX_SIDE`] a
/// side.
pub fn load_image(path: &Path) -> Result<RgbImage> {
    decode_image(&read_image(path)?, path)
}

/// [`load_image`] of bytes that are in memory, such as an upload; `name` is what errors call them.
///
/// # Errors
/// Those of [`load_image`].
pub fn decode_image(bytes: &[u8], name: &Path) -> Result<RgbImage> {
    let path = name;
    let mut decoder = decoder(path, bytes)?;
    if bytes.starts_with(&[0xff, 0xd8]) && !jpeg_is_whole(bytes) {
        // The decoder would fill the rest with gray.
        return Err(Error::image(path, "the JPEG is cut off before its end; copy or download it again"));
    }
    if bytes.starts_with(b"RIFF") && !webp_is_whole(bytes) {
        return Err(Error::image(path, "the WebP is cut off before its end; copy or download it again"));
    }
    let orientation = decoder.orientation().map_err(|e| damaged(path, e))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|e| damaged(path, e))?;
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

/// The bytes of an image file as they are, for a copy. Its head must be an image's: what an annotation names is not copied whatever it is.
pub fn image_bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = read_image(path)?;
    decoder(path, &bytes)?;
    Ok(bytes)
}

/// The bytes of a file that is no longer than an image may be.
pub fn read_image(path: &Path) -> Result<Vec<u8>> {
    let refuse = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => Error::image(path, "there is no such file"),
        _ => Error::image(path, format!("cannot be read: {e}")),
    };
    let meta = std::fs::metadata(path).map_err(refuse)?;
    if !meta.is_file() {
        return Err(Error::image(path, "this is not a file"));
    }
    if meta.len() > MAX_BYTES {
        return Err(Error::image(path, "a file over 1 GiB is not read as an image"));
    }
    std::fs::read(path).map_err(refuse)
}

/// A decoder of the bytes, its size within bounds.
fn decoder<'a>(path: &Path, bytes: &'a [u8]) -> Result<impl ImageDecoder + 'a> {
    let kinds = "give a JPEG, PNG, WebP or BMP file";
    if bytes.is_empty() {
        return Err(Error::image(path, "the file is empty"));
    }
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|e| Error::image(path, format!("cannot be read: {e}")))?;
    let Some(format) = reader.format() else {
        return Err(Error::image(path, format!("not an image; {kinds}")));
    };
    let mut decoder = reader.into_decoder().map_err(|e| match e {
        ImageError::Unsupported(_) => Error::image(
            path,
            format!("{} is not read; {kinds}", format.to_mime_type().trim_start_matches("image/")),
        ),
        e => damaged(path, e),
    })?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || decoder.total_bytes() > MAX_BYTES {
        let problem =
            format!("{width} x {height} pixels are too many; shrink it below {MAX_SIDE} a side and 1 GiB");
        return Err(Error::image(path, problem));
    }
    if width == 0 || height == 0 {
        return Err(Error::image(path, "it has no pixels"));
    }
    let claimed = u64::from(width) * u64::from(height);
    if most_pixels(format, bytes).is_some_and(|most| claimed > most) {
        let problem =
            format!("{} bytes cannot hold the {width} x {height} pixels that it claims", bytes.len());
        return Err(Error::image(path, problem));
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(2 * MAX_BYTES);
    decoder.set_limits(limits).map_err(|e| damaged(path, e))?;
    Ok(decoder)
}

/// The most pixels that these bytes can hold, so that a head alone does not take the memory of an image; `None` where a few bytes can hold any
/// number.
fn most_pixels(format: ImageFormat, bytes: &[u8]) -> Option<u64> {
    let length = bytes.len() as u64;
    let most = match format {
        // A bit at least for each block of 8 x 8.
        ImageFormat::Jpeg => 512 * length,
        // Deflate makes 1032 bytes of one at best.
        ImageFormat::Png => 1032 * 8 * length / png_bits(bytes),
        // Run lengths: 255 pixels in two bytes.
        ImageFormat::Bmp => 128 * length,
        _ => return None,
    };
    Some(most + (1 << 16))
}

/// Bits of a pixel, by the header that a PNG begins with; 1, the least, where there is none.
fn png_bits(bytes: &[u8]) -> u64 {
    let [depth, kind] = [24, 25].map(|place| bytes.get(place).copied().unwrap_or(0));
    let samples = match kind {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    (samples * u64::from(depth)).max(1)
}

fn damaged(path: &Path, error: ImageError) -> Error {
    Error::image(path, format!("damaged or cut off: {}", error.to_string().replace('\n', " "))).because(error)
}

/// Whether the segments and scans of a JPEG are followed to an end marker. What comes after it (thumbnails, video
/// of a phone's "live" photo) does not matter.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // To the next marker: 0xff and a byte that is neither stuffing (0), fill (0xff) nor a restart (0xd0 to 0xd7).
        let Some(&[mark, code]) = bytes.get(at..at + 2) else { return false };
        match (mark, code) {
            (0xff, 0xd9) => return true,
            (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            (0xff, 0xff) => at += 1,
            (0xff, _) => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
            }
            // Inside a scan.
            _ => match bytes[at..].iter().position(|b| *b == 0xff) {
                Some(skip) => at += skip,
                None => return false,
            },
        }
    }
}

/// Whether a WebP is as long as its head says.
fn webp_is_whole(bytes: &[u8]) -> bool {
    match bytes.get(4..8) {
        Some(&[a, b, c, d]) => bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb};
    use proptest::prelude::*;
    use std::path::PathBuf;

    /// 40 x 24 pixels; red left half, blue right half, with a texture.
    fn photo() -> RgbImage {
        RgbImage::from_fn(40, 24, |x, y| {
            let texture = u8::try_from((x * 7 + y * 13) % 32).unwrap();
            if x < 20 { Rgb([220, texture, 10]) } else { Rgb([10, texture, 220]) }
        })
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        photo().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn load_bytes(bytes: &[u8]) -> Result<RgbImage> {
        let folder = tempfile::tempdir().unwrap();
        // The name says nothing.
        let path = folder.path().join("image.txt");
        std::fs::write(&path, bytes).unwrap();
        load_image(&path)
    }

    const FORMATS: [ImageFormat; 4] =
        [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp];

    #[test]
    fn four_kinds_are_told_by_their_content() {
        for format in FORMATS {
            let image = load_bytes(&encoded(format)).unwrap();
            assert_eq!(image.dimensions(), (40, 24));
            assert!(image.get_pixel(3, 3)[0] > 180 && image.get_pixel(36, 3)[2] > 180, "{format:?}");
        }
    }

    #[test]
    fn a_cut_file_is_an_error_wherever_it_is_cut() {
        for format in FORMATS {
            let bytes = encoded(format);
            // Only what closes the file may be missing from a PNG: its last chunk and checksum hold no pixels.
            let last = if format == ImageFormat::Png { bytes.len() - 17 } else { bytes.len() - 1 };
            for cut in (0..last).step_by(7).chain([last]) {
                assert!(load_bytes(&bytes[..cut]).is_err(), "{format:?} cut at {cut} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn bytes_after_a_jpeg_do_not_matter() {
        let mut bytes = encoded(ImageFormat::Jpeg);
        bytes.extend_from_slice(b"phone's trailer \xff\xd8\xff\xe0");
        assert!(load_bytes(&bytes).is_ok());
    }

    /// A JPEG with an EXIF segment that says orientation `o`: TIFF header, one entry, tag 0x0112, type SHORT.
    fn oriented(o: u8) -> Vec<u8> {
        let tiff =
            [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, o, 0, 0, 0, 0, 0, 0];
        let jpeg = encoded(ImageFormat::Jpeg);
        let length = u8::try_from(2 + 6 + tiff.len()).unwrap();
        let mut bytes = jpeg[..2].to_vec();
        bytes.extend([0xff, 0xe1, 0, length]);
        bytes.extend(b"Exif\0\0");
        bytes.extend(tiff);
        bytes.extend(&jpeg[2..]);
        bytes
    }

    #[test]
    fn exif_turns_the_image_upright() {
        // 6: turn clockwise by a quarter, so the left half (red) comes to the top. 3: by a half: red to the right.
        let image = load_bytes(&oriented(6)).unwrap();
        assert_eq!(image.dimensions(), (24, 40));
        assert!(image.get_pixel(12, 3)[0] > 180 && image.get_pixel(12, 36)[2] > 180);
        let image = load_bytes(&oriented(3)).unwrap();
        assert!(image.get_pixel(36, 12)[0] > 180);
        assert_eq!(image_size(&oriented(6), "a.jpg".as_ref()).unwrap(), (24, 40));
    }

    /// 16 x 16 pixels in four inks, written by Pillow: red left half, blue right half.
    const CMYK: &[u8] = include_bytes!("fixtures/cmyk.jpg");

    #[test]
    fn a_jpeg_in_four_inks_becomes_red_green_and_blue() {
        let image = load_bytes(CMYK).unwrap();
        for (x, color) in [(2, [220, 10, 10]), (13, [10, 10, 220])] {
            let found = image.get_pixel(x, 3).0;
            assert!(found.iter().zip(color).all(|(a, b)| a.abs_diff(b) < 25), "{found:?}");
        }
    }

    #[test]
    fn what_is_no_image_is_told_so() {
        for (bytes, what) in [
            (&b""[..], "the file is empty"),
            (b"hello, this is text", "not an image"),
            (b"GIF89a\x01\x00\x01\x00\x00\x00\x00", "gif is not read"),
        ] {
            let error = load_bytes(bytes).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let error = load_image(&PathBuf::from("no/such.jpg")).unwrap_err().to_string();
        assert_eq!(error, "no/such.jpg: image: there is no such file");
    }

    /// One color makes a PNG that is far shorter than a byte a pixel, the more so of one bit a pixel.
    #[test]
    fn a_png_of_one_color_is_not_taken_for_cut_off() {
        use image::codecs::png::{CompressionType, FilterType, PngEncoder};
        let gray = image::GrayImage::new(3000, 3000);
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::NoFilter);
        gray.write_with_encoder(encoder).unwrap();
        assert_eq!(load_bytes(&bytes).unwrap().dimensions(), (3000, 3000), "{} bytes", bytes.len());
        assert_eq!([png_bits(&bytes), png_bits(&[])], [8, 1]);
        // An index into a palette of two colors.
        (bytes[24], bytes[25]) = (1, 3);
        assert_eq!(png_bits(&bytes), 1);
    }

    #[test]
    fn an_absurd_size_is_refused_before_it_is_decoded() {
        // A BMP header of 30 000 x 30 000 pixels and no data; a JPEG frame header of 65 000 a side.
        let mut bmp = encoded(ImageFormat::Bmp);
        bmp[18..22].copy_from_slice(&30_000_u32.to_le_bytes());
        bmp[22..26].copy_from_slice(&30_000_u32.to_le_bytes());
        let mut jpeg = encoded(ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xfd, 0xe8, 0xfd, 0xe8]);
        for bytes in [bmp.clone(), jpeg.clone()] {
            let error = load_bytes(&bytes).unwrap_err().to_string();
            assert!(error.contains("are too many"), "{error}");
        }
        // 16 000 a side may be, but not in so few bytes.
        bmp[18..22].copy_from_slice(&16_000_u32.to_le_bytes());
        bmp[22..26].copy_from_slice(&16_000_u32.to_le_bytes());
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x3e, 0x80, 0x3e, 0x80]);
        for bytes in [bmp, jpeg] {
            let error = load_bytes(&bytes).unwrap_err().to_string();
            assert!(error.contains("bytes cannot hold the 16000 x 16000 pixels"), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn damage_never_panics(
            kind in 0..4_usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), bytes in any::<Vec<u8>>(),
        ) {
            let mut mutated = encoded(FORMATS[kind]);
            let at = at.index(mutated.len());
            mutated[at] = byte;
            let _ = load_bytes(&mutated);
            let _ = load_bytes(&bytes);
        }
    }
}
