//! The pixels of JPEG files: by a fast decoder, and by a second one for frames that the first gets wrong without a word.

use super::{
    bytes::Bytes,
    jpeg::{Frame, SCAN, frame, has_all_scans, is_complete, segments, without_end},
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
        super::drawn_jpeg::{Layout, jpeg},
        *,
    };
    use image::{Rgb, RgbImage};

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
}
