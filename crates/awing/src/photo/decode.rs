//! Decoding of image files.

use super::{
    bytes::Bytes,
    chunks, jpeg,
    jpeg_decoder::{self, JpegDecoder},
    orientation::orientation,
    pixels::{rgb, upright},
};
use crate::error::{Error, Result};
use image::{ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, metadata::Orientation};
use std::{io::Cursor, path::Path};

/// The longest side of an image that is read, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The most memory an image may take when decoded.
const MAX_BYTES: u64 = 1 << 30;
/// What is read.
const KINDS: &str = "JPEG, PNG, WebP and BMP are read";

/// Width and height of an image, upright, from its header; `path` is what errors call it.
pub fn image_size(bytes: &[u8], path: &Path) -> Result<(u32, u32)> {
    let (width, height) = decoder(path, bytes)?.dimensions();
    use Orientation::*;
    let turned = matches!(orientation(bytes), Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH);
    Ok(if turned { (height, width) } else { (width, height) })
}

/// Reads an image file, told by its content to be JPEG, PNG, WebP or BMP, as 8-bit RGB, turned upright by its EXIF
/// orientation. Transparency is dropped. A JPEG or PNG that lacks its end marker alone is read: [`lacks_end`].
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
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") && !webp_is_whole(bytes) {
        return Err(Error::image(name, "the WebP is cut off before its end; copy or download it again"));
    }
    let photo = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) if !jpeg::has_end(bytes) => {
            // Its bounds first. The decoder would fill with gray what is missing.
            check_room(&*decoder(name, bytes)?, bytes, name)?;
            if !jpeg_decoder::is_complete(bytes) {
                return Err(Error::image(
                    name,
                    "the JPEG is cut off before its end; copy or download it again",
                ));
            }
            pixels(&jpeg::with_end(bytes), name)?
        }
        Ok(ImageFormat::Png) if !chunks::png_has_end(bytes) => pixels(&chunks::png_with_end(bytes), name)?,
        _ => pixels(bytes, name)?,
    };
    Ok(upright(photo, orientation(bytes)))
}

/// The pixels as they are stored.
fn pixels(bytes: &[u8], path: &Path) -> Result<RgbImage> {
    let decoder = decoder(path, bytes)?;
    check_room(&*decoder, bytes, path)?;
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    let mut samples = vec![0; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    decoder.read_image_boxed(&mut samples).map_err(|e| damaged(path, e))?;
    rgb(samples, color, [width, height], path)
}

/// Refuses a photo for which there is no memory, as it is stored, with a JPEG's coefficients of two bytes, as red, green and blue, and turned: a program
/// that does not get what it asks for is ended.
fn check_room(decoder: &dyn ImageDecoder, bytes: &[u8], path: &Path) -> Result<()> {
    let (width, height) = decoder.dimensions();
    let stored = if bytes.starts_with(&[0xff, 0xd8]) { 3 } else { 1 } * decoder.total_bytes();
    let needed = stored + 6 * u64::from(width) * u64::from(height);
    if usize::try_from(needed).is_ok_and(|needed| Vec::<u8>::new().try_reserve_exact(needed).is_ok()) {
        return Ok(());
    }
    let problem = format!("needs {} MiB of memory, which are not there; shrink it", needed >> 20);
    Err(Error::image(path, problem))
}

/// Whether the marker that ends a JPEG or PNG is missing. All its pixels may be there all the same, and then [`decode_image`] reads it; the
/// file was cut off by a little when it was copied or sent, or its program was stopped.
pub fn lacks_end(bytes: &[u8]) -> bool {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => !jpeg::has_end(bytes),
        Ok(ImageFormat::Png) => !chunks::png_has_end(bytes),
        _ => false,
    }
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
fn decoder<'a>(path: &Path, bytes: &'a [u8]) -> Result<Box<dyn ImageDecoder + 'a>> {
    if bytes.is_empty() {
        return Err(Error::image(path, "the file is empty"));
    }
    let not_read =
        |kind: &str| Error::image(path, format!("{kind} is not read; convert it to JPEG ({KINDS})"));
    match foreign(bytes) {
        Some("a video") => {
            let problem =
                "this is a video and not an image; its file must have a video's ending, such as .mp4";
            return Err(Error::image(path, problem));
        }
        Some(kind) => return Err(not_read(kind)),
        None => {}
    }
    let reader = ImageReader::new(Cursor::new(Bytes(bytes)))
        .with_guessed_format()
        .map_err(|e| Error::image(path, format!("cannot be read: {e}")))?;
    let Some(format) = reader.format() else {
        return Err(Error::image(path, format!("not an image; {KINDS}")));
    };
    if format == ImageFormat::Jpeg
        && let Some(kind) = jpeg::unread(bytes)
    {
        return Err(not_read(kind));
    }
    let decoder: Result<Box<dyn ImageDecoder>, ImageError> = match format {
        ImageFormat::Jpeg => JpegDecoder::new(bytes).map(|decoder| Box::new(decoder) as _),
        _ => reader.into_decoder().map(|decoder| Box::new(decoder) as _),
    };
    let mut decoder = decoder.map_err(|e| match e {
        ImageError::Unsupported(_) => {
            not_read(&format.extensions_str().first().unwrap_or(&"this kind").to_ascii_uppercase())
        }
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

/// What a file is that other programs show and this one does not read.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    // The kind of a container that phones and cameras write.
    if let Some((b"ftyp", brand)) = bytes.get(4..12).and_then(|head| head.split_first_chunk()) {
        return match brand {
            b"avif" | b"avis" => Some("AVIF"),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some("HEIC"),
            b"mif1" | b"msf1" => Some("HEIF"),
            b"crx " => Some("a camera's raw photo (CR3)"),
            _ => Some("a video"),
        };
    }
    const HEADS: [(&[u8], &str); 16] = [
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"II*\0\x10\0\0\0CR", "a camera's raw photo (CR2)"),
        (b"IIRO", "a camera's raw photo (ORF)"),
        (b"IIRS", "a camera's raw photo (ORF)"),
        (b"IIU\0", "a camera's raw photo (RW2)"),
        (b"FUJIFILMCCD-RAW", "a camera's raw photo (RAF)"),
        (b"FOVb", "a camera's raw photo (X3F)"),
        (b"II*\0", "TIFF or a camera's raw photo"),
        (b"MM\0*", "TIFF or a camera's raw photo"),
        (b"8BPS", "PSD"),
        (b"%PDF", "PDF"),
        (b"<svg", "SVG"),
        (b"<?xml", "SVG or another XML file"),
    ];
    HEADS.iter().find(|(head, _)| bytes.starts_with(head)).map(|(_, kind)| *kind)
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
    use super::{
        super::drawn_jpeg::{Layout, jpeg, smooth, written},
        *,
    };
    use image::{DynamicImage, ImageFormat, Rgb};
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
        if format == ImageFormat::Jpeg {
            return written(&photo());
        }
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
            // Only what closes the file may be missing: a PNG's last chunk and checksum and a JPEG's end marker hold no pixels.
            let close = match format {
                ImageFormat::Png => 17,
                ImageFormat::Jpeg => 3,
                _ => 1,
            };
            let last = bytes.len() - close;
            // Every byte of a JPEG: inside its blocks that lie beyond the photo's edge too.
            for cut in (0..last).step_by(if format == ImageFormat::Jpeg { 1 } else { 7 }).chain([last]) {
                assert!(load_bytes(&bytes[..cut]).is_err(), "{format:?} cut at {cut} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn a_missing_end_marker_costs_no_pixel_and_is_told() {
        for (format, end) in [(ImageFormat::Jpeg, 2), (ImageFormat::Png, 12)] {
            let bytes = encoded(format);
            let cut = &bytes[..bytes.len() - end];
            assert_eq!(load_bytes(cut).unwrap(), load_bytes(&bytes).unwrap(), "{format:?}");
            assert!(lacks_end(cut) && !lacks_end(&bytes), "{format:?}");
        }
        for layout in Layout::all().step_by(5) {
            let bytes = jpeg(&smooth(), layout);
            let whole = load_bytes(&bytes).unwrap();
            for end in [1, 2] {
                assert_eq!(load_bytes(&bytes[..bytes.len() - end]).unwrap(), whole, "{layout:?}");
            }
            for cut in [3, 4, 5, 7, 20, 100] {
                assert!(load_bytes(&bytes[..bytes.len() - cut]).is_err(), "{layout:?} without {cut} bytes");
            }
        }
    }

    #[test]
    fn what_a_jpeg_may_be_and_is_not_read_is_not_called_damaged() {
        let bytes = jpeg(&smooth(), Layout { factors: [[1, 1]; 3], interleaved: true, progressive: false });
        let frame = bytes.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
        let with = |place: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[frame + place] = value;
            load_bytes(&bytes).unwrap_err().to_string()
        };
        for (code, kind) in [
            (0xc3, "lossless JPEG"),
            (0xc5, "hierarchical JPEG"),
            (0xc9, "JPEG with arithmetic coding"),
            (0xca, "JPEG with arithmetic coding"),
        ] {
            assert!(
                with(1, code).contains(&format!("{kind} is not read; convert it to JPEG")),
                "{}",
                with(1, code)
            );
        }
        assert!(with(4, 12).contains("JPEG of more than 8 bits a sample is not read"));
    }

    #[test]
    fn bytes_after_a_jpeg_do_not_matter() {
        let mut bytes = encoded(ImageFormat::Jpeg);
        bytes.extend_from_slice(b"phone's trailer \xff\xd8\xff\xe0");
        assert!(load_bytes(&bytes).is_ok());
    }

    /// EXIF data that says orientation `o`: TIFF header, one entry, tag 0x0112, type SHORT.
    fn exif(o: u8) -> [u8; 26] {
        [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, o, 0, 0, 0, 0, 0, 0]
    }

    /// A JPEG with an EXIF segment.
    fn oriented(o: u8) -> Vec<u8> {
        with_exif(&exif(o))
    }

    fn with_exif(tiff: &[u8]) -> Vec<u8> {
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
        // A number of four bytes, as some cameras write it; then the other order of bytes.
        let long =
            [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0];
        assert_eq!(load_bytes(&with_exif(&long)).unwrap().dimensions(), (24, 40));
        let little =
            [b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(load_bytes(&with_exif(&little)).unwrap().dimensions(), (24, 40));
    }

    /// As programs that convert photos write it: nothing says that it must come before the pixels.
    #[test]
    fn a_png_is_turned_by_exif_data_behind_its_pixels_too() {
        let png = encoded(ImageFormat::Png);
        let mut chunk = 26_u32.to_be_bytes().to_vec();
        chunk.extend(b"eXIf");
        chunk.extend(exif(6));
        chunk.extend(crc32fast::hash(&chunk[4..]).to_be_bytes());
        // Behind the head, and before the end.
        for at in [33, png.len() - 12] {
            let bytes = [&png[..at], &chunk, &png[at..]].concat();
            assert_eq!(load_bytes(&bytes).unwrap().dimensions(), (24, 40));
            assert_eq!(image_size(&bytes, "a.png".as_ref()).unwrap(), (24, 40));
        }
    }

    #[test]
    fn a_webp_is_turned_whether_or_not_its_exif_data_begin_as_a_jpegs_do() {
        let webp = encoded(ImageFormat::WebP);
        for prefix in [&b""[..], b"Exif\0\0"] {
            let content = [prefix, &exif(6)].concat();
            // The extended form: a head that says that there is EXIF data, width and height less one, the pixels, the data.
            let mut extended = b"WEBPVP8X\x0a\0\0\0\x08\0\0\0".to_vec();
            extended.extend([39, 0, 0, 23, 0, 0]);
            extended.extend(&webp[12..]);
            extended.extend(b"EXIF");
            extended.extend((content.len() as u32).to_le_bytes());
            extended.extend(content);
            let bytes = [b"RIFF", &(extended.len() as u32).to_le_bytes()[..], &extended].concat();
            assert_eq!(load_bytes(&bytes).unwrap().dimensions(), (24, 40));
        }
    }

    #[test]
    fn every_kind_of_pixel_becomes_red_green_and_blue() {
        let plain = DynamicImage::from(photo());
        for image in [
            plain.to_rgba8().into(),
            plain.to_rgb16().into(),
            plain.to_rgba16().into(),
            plain.to_luma8().into(),
            plain.to_luma_alpha8().into(),
            plain.to_luma16().into(),
            DynamicImage::from(plain.to_luma_alpha16()),
        ] {
            let mut bytes = Cursor::new(Vec::new());
            image.write_to(&mut bytes, ImageFormat::Png).unwrap();
            assert_eq!(load_bytes(bytes.get_ref()).unwrap(), image.to_rgb8(), "{:?}", image.color());
        }
    }

    #[test]
    fn what_other_programs_show_is_called_by_its_name() {
        for (bytes, kind) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0", "HEIF"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
            (b"\xff\x0a\xfa\x1f\x41", "JPEG XL"),
            (b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a", "JPEG XL"),
            (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw photo (CR2)"),
            (b"FUJIFILMCCD-RAW 0201", "a camera's raw photo (RAF)"),
            (b"II*\0\x08\0\0\0", "TIFF or a camera's raw photo"),
        ] {
            let error = load_bytes(bytes).unwrap_err().to_string();
            let text =
                format!("image: {kind} is not read; convert it to JPEG (JPEG, PNG, WebP and BMP are read)");
            assert!(error.ends_with(&text), "{error}");
        }
    }

    #[test]
    fn what_is_no_image_is_told_so() {
        for (bytes, what) in [
            (&b""[..], "the file is empty"),
            (b"hello, this is text", "not an image"),
            (b"GIF89a\x01\x00\x01\x00\x00\x00\x00", "GIF is not read; convert it to JPEG"),
            (b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0", "ICO is not read; convert it to JPEG"),
            (b"\0\0\0\x20ftypisom\0\0\x02\0", "this is a video and not an image"),
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
