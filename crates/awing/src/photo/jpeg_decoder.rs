//! The pixels of JPEG files: by a fast decoder, and by a second one for frames that the first gets wrong without a word.

use super::{
    bytes::Bytes,
    jpeg::{Frame, SCAN, frame, has_all_scans, segments, with_ending, without_end},
};
use image::{
    ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult, Limits,
    error::{DecodingError, UnsupportedError, UnsupportedErrorKind},
};
use jpeg_decoder::{ColorTransform, Error as SecondError, PixelFormat};
use zune_jpeg::{
    errors::DecodeErrors as FirstError,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// Bytes that reach over blocks beyond the photo's edge, which nobody sees, to one within: a unit of a scan has at most ten blocks of 64 numbers, of 31
/// bits each.
const AHEAD: usize = 2480;

/// A JPEG whose header was read.
pub(super) struct JpegDecoder<'a> {
    bytes: &'a [u8],
    frame: Frame,
    kind: Kind,
    limits: Limits,
}

/// Which of the two reads it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    First,
    Second,
}

impl<'a> JpegDecoder<'a> {
    /// By the decoder that gets it right.
    pub(super) fn new(bytes: &'a [u8]) -> ImageResult<Self> {
        let decoder = Self::second(bytes)?;
        let kind =
            if decoder.frame.is_usual() && !is_contradictory(bytes) { Kind::First } else { Kind::Second };
        Ok(Self { kind, ..decoder })
    }

    /// By the second one, which tells more of what is missing.
    pub(super) fn second(bytes: &'a [u8]) -> ImageResult<Self> {
        let frame = frame(bytes).ok_or_else(|| damaged("it has no frame and scan"))?;
        Ok(Self { bytes, frame, kind: Kind::Second, limits: Limits::no_limits() })
    }

    fn read_by_first(&self, samples: &mut [u8]) -> ImageResult<()> {
        let color = if self.color_type() == ColorType::L8 { ColorSpace::Luma } else { ColorSpace::RGB };
        let [width, height] = self.frame.size.map(|side| side as usize);
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .jpeg_set_out_colorspace(color)
            .set_max_width(width)
            .set_max_height(height);
        // Before an end marker it would fill with gray what is missing, and where there is none it says so.
        let bytes = if self.frame.is_progressive() { self.bytes } else { without_end(self.bytes) };
        let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(Bytes(bytes)), options);
        decoder.decode_into(samples).map_err(|error| match error {
            FirstError::Unsupported(what) => unsupported(format!("{what:?}")),
            error => damaged(error),
        })
    }

    /// What is missing is gray.
    pub(super) fn read_by_second(&self, samples: &mut [u8]) -> ImageResult<()> {
        let mut decoder = jpeg_decoder::Decoder::new(self.bytes);
        decoder.set_max_decoding_buffer_size(self.limits.max_alloc.map_or(usize::MAX, |most| most as usize));
        if self.frame.factors.len() == 3
            && let Some(transform) = color_transform(self.bytes)
        {
            decoder.set_color_transform(transform);
        }
        let read = decoder.decode().map_err(|error| match error {
            SecondError::Unsupported(what) => unsupported(format!("{what:?}")),
            error => damaged(error),
        })?;
        let light: Vec<u8> = match decoder.info().map(|info| info.pixel_format) {
            // Stored as the light that an ink lets pass; the decoder turns that into ink.
            Some(PixelFormat::CMYK32) => {
                let passed =
                    |ink: u8, black: u8| ((u16::from(255 - ink) * u16::from(255 - black) + 127) / 255) as u8;
                let inks = read.as_chunks::<4>().0;
                inks.iter()
                    .flat_map(|[c, m, y, k]| [passed(*c, *k), passed(*m, *k), passed(*y, *k)])
                    .collect()
            }
            _ => read,
        };
        if light.len() != samples.len() {
            return Err(damaged("it has not the pixels that its head says"));
        }
        samples.copy_from_slice(&light);
        Ok(())
    }
}

impl ImageDecoder for JpegDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.frame.size.into()
    }

    fn color_type(&self) -> ColorType {
        if self.frame.factors.len() == 1 { ColorType::L8 } else { ColorType::Rgb8 }
    }

    fn set_limits(&mut self, limits: Limits) -> ImageResult<()> {
        self.limits = limits;
        Ok(())
    }

    fn read_image(self, samples: &mut [u8]) -> ImageResult<()> {
        match self.kind {
            Kind::First if !has_all_scans(self.bytes) => Err(damaged("scans are missing")),
            // It refuses too what only breaks a rule.
            Kind::First => match self.read_by_first(samples) {
                Err(_) if is_complete(self.bytes) => self.read_by_second(samples),
                read => read,
            },
            Kind::Second if !is_complete(self.bytes) => Err(damaged("pixels are missing")),
            Kind::Second => self.read_by_second(samples),
        }
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

/// Whether no pixel is missing, be there an end marker or not: all scans have begun, and the file decodes to the same pixels whatever comes next, so the
/// decoder did not need what is not there. Of each decoding only a sum is kept.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let sum = |more: &[u8]| {
        let bytes = with_ending(bytes, more);
        let decoder = JpegDecoder::second(&bytes).ok()?;
        let mut samples = vec![0; usize::try_from(decoder.total_bytes()).ok()?];
        decoder.read_by_second(&mut samples).ok()?;
        Some(crc32fast::hash(&samples))
    };
    has_all_scans(bytes) && sum(&[0x00; AHEAD]).is_some_and(|first| sum(&[0xfe; AHEAD]) == Some(first))
}

/// Whether a JFIF marker says that three components are brightness and two of color, and one of Adobe's that they are red, green and blue. The first
/// decoder follows the latter, other programs the former.
fn is_contradictory(bytes: &[u8]) -> bool {
    markers(bytes).any(is_jfif) && markers(bytes).any(|marker| adobe(marker).is_some())
}

/// What the three components of a file are where a marker says it: a JFIF marker, else one of Adobe's; the order of libjpeg. The decoder goes by the
/// components' names first.
fn color_transform(bytes: &[u8]) -> Option<ColorTransform> {
    if markers(bytes).any(is_jfif) {
        return Some(ColorTransform::YCbCr);
    }
    match markers(bytes).find_map(adobe)? {
        0 => Some(ColorTransform::RGB),
        1 => Some(ColorTransform::YCbCr),
        _ => None,
    }
}

/// What comes before the first scan.
fn markers(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    segments(bytes).take_while(|(code, _)| *code != SCAN)
}

fn is_jfif((code, content): (u8, &[u8])) -> bool {
    code == 0xe0 && content.starts_with(b"JFIF\0")
}

/// How the components of a file with Adobe's marker are to be turned into colors: 0 not, 1 from YCbCr, 2 from YCCK.
fn adobe((code, content): (u8, &[u8])) -> Option<u8> {
    (code == 0xee && content.starts_with(b"Adobe")).then(|| content.get(11).copied())?
}

fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImageError {
    ImageError::Decoding(DecodingError::new(ImageFormat::Jpeg.into(), cause))
}

fn unsupported(what: String) -> ImageError {
    let kind = UnsupportedErrorKind::GenericFeature(what);
    ImageError::Unsupported(UnsupportedError::from_format_and_kind(ImageFormat::Jpeg.into(), kind))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            decode_image,
            drawn_jpeg::{Layout, jpeg, smooth, written},
        },
        *,
    };
    use crate::error::Result;
    use image::{Rgb, RgbImage};
    use std::path::Path;

    fn decoded(bytes: &[u8]) -> Result<RgbImage> {
        decode_image(bytes, Path::new("photo"))
    }

    #[test]
    fn usual_files_need_the_first_decoder_alone() {
        let drawn =
            RgbImage::from_fn(61, 47, |x, y| Rgb([3 * x, 5 * y, x + y].map(|v| u8::try_from(v).unwrap())));
        let usual =
            Layout::all().filter(|l| l.interleaved && l.factors[1..] == [[1, 1]; 2]).map(|l| jpeg(&drawn, l));
        let portrait = include_bytes!("../../examples/astronaut.jpg").to_vec();
        for bytes in usual.chain([portrait]) {
            let decoder = JpegDecoder::new(&bytes).unwrap();
            assert!(decoder.kind == Kind::First);
            let mut samples = vec![0; usize::try_from(decoder.total_bytes()).unwrap()];
            decoder.read_by_first(&mut samples).unwrap();
        }
    }

    /// 16 x 16 pixels in four inks, written by Pillow: red left half, blue right half.
    const CMYK: &[u8] = include_bytes!("fixtures/cmyk.jpg");

    /// As after a download that was ended, closed by a program that mends files or begun anew: no viewer of them tells what is missing.
    #[test]
    fn pixels_that_are_missing_before_an_end_marker_are_told() {
        for layout in Layout::all().step_by(7) {
            let whole = jpeg(&smooth(), layout);
            let scan = whole.windows(2).position(|w| w == [0xff, 0xda]).unwrap() + 14;
            let half = &whole[..scan + (whole.len() - scan) / 2];
            for ending in [&[0xff, 0xd9][..], &whole] {
                assert!(decoded(&[half, ending].concat()).is_err(), "{layout:?}, {} bytes", ending.len());
            }
        }
        let whole = written(&smooth());
        let scan = whole.windows(2).position(|w| w == [0xff, 0xda]).unwrap() + 14;
        for kept in [0.3, 0.6, 0.9] {
            let half = &whole[..scan + ((whole.len() - scan) as f64 * kept) as usize];
            assert!(decoded(&[half, &[0xff, 0xd9]].concat()).is_err(), "{kept}");
            assert!(decoded(&[half, &whole].concat()).is_err(), "{kept}, begun anew");
        }
    }

    #[test]
    fn every_jpeg_of_sampling_factors_one_and_two_shows_what_was_drawn() {
        let smooth = smooth();
        for layout in Layout::all() {
            let bytes = jpeg(&smooth, layout);
            let found = decoded(&bytes).unwrap_or_else(|e| panic!("{layout:?}: {e}"));
            assert_eq!(found.dimensions(), smooth.dimensions());
            let errors = found.iter().zip(smooth.iter()).map(|(a, b)| u64::from(a.abs_diff(*b)));
            let mean = errors.sum::<u64>() as f64 / smooth.len() as f64;
            assert!(mean <= 2.0, "{layout:?}: {mean} of 255");
        }
    }

    #[test]
    fn components_are_what_a_marker_says_in_every_layout() {
        let one = RgbImage::from_pixel(32, 32, Rgb([150, 90, 180]));
        // Y, Cb and Cr of this color, which the marker calls red, green and blue.
        let stored = [118, 163, 151];
        for layout in Layout::all().filter(|l| !l.interleaved || l.factors == [[1, 1]; 3]) {
            let bytes = jpeg(&one, layout);
            let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
            let found = decoded(&[&bytes[..2], adobe, &bytes[2..]].concat()).unwrap();
            let found = found.get_pixel(9, 9).0;
            assert!(found.iter().zip(stored).all(|(a, b)| a.abs_diff(b) <= 2), "{layout:?}: {found:?}");
        }
    }

    #[test]
    fn a_jpeg_in_four_inks_becomes_red_green_and_blue() {
        let image = decoded(CMYK).unwrap();
        for (x, color) in [(2, [220, 10, 10]), (13, [10, 10, 220])] {
            let found = image.get_pixel(x, 3).0;
            assert!(found.iter().zip(color).all(|(a, b)| a.abs_diff(b) < 25), "{found:?}");
        }
    }

    #[test]
    fn both_decoders_give_the_same_light_for_four_inks() {
        let mut light = vec![0; 16 * 16 * 3];
        JpegDecoder::second(CMYK).unwrap().read_image(&mut light).unwrap();
        let first = decoded(CMYK).unwrap();
        assert!(light.iter().zip(first.iter()).all(|(a, b)| a.abs_diff(*b) <= 3), "{light:?}");
    }

    /// JFIF says that it is brightness and color, Adobe's marker that it is red, green and blue: libjpeg believes the former.
    #[test]
    fn of_two_markers_that_contradict_each_other_the_first_of_the_two_counts() {
        let jpeg = written(&smooth());
        assert_eq!(&jpeg[6..11], b"JFIF\0");
        let behind = 4 + usize::from(u16::from_be_bytes([jpeg[4], jpeg[5]]));
        let adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";
        let both = decoded(&[&jpeg[..behind], adobe, &jpeg[behind..]].concat()).unwrap();
        let plain = decoded(&jpeg).unwrap();
        assert!(both.iter().zip(plain.iter()).all(|(a, b)| a.abs_diff(*b) <= 3));
    }
}
