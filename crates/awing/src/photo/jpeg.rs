//! JPEG files: what their frame says, whether they are whole, and the second decoder for frames that the first one gets wrong.

use super::pixels::rgb;
use crate::error::{Error, Result};
use image::{ColorType, RgbImage};
use jpeg_decoder::{ColorTransform, PixelFormat};
use std::path::Path;

/// Begins a scan.
const SCAN: u8 = 0xda;
/// Ends a file.
const END: u8 = 0xd9;

/// What a JPEG says of itself before its pixels.
#[derive(Debug)]
struct Frame {
    /// The code of its marker, 0xc0 to 0xcf: how it is compressed.
    code: u8,
    /// Bits of a sample.
    bits: u8,
    /// Horizontal and vertical sampling factor of each component.
    factors: Vec<[u8; 2]>,
    /// What scans call each component.
    names: Vec<u8>,
    /// How many components the first scan has.
    together: usize,
}

/// What of these bytes no decoder at hand reads, in words for the user.
pub(super) fn unread(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff, 0xf7]) {
        return Some("JPEG-LS");
    }
    let frame = frame(bytes)?;
    match frame.code {
        0xc3 | 0xc7 | 0xcb | 0xcf => Some("lossless JPEG"),
        0xc5 | 0xc6 | 0xcd | 0xce => Some("hierarchical JPEG"),
        0xc9 | 0xca => Some("JPEG with arithmetic coding"),
        _ if frame.bits != 8 => Some("JPEG of more than 8 bits a sample"),
        _ if !matches!(frame.factors.len(), 1 | 3 | 4) => Some("JPEG of two or more than four components"),
        _ => None,
    }
}

/// Whether a frame is of the usual kind: the first component, of brightness, is sampled most, the others once a block, and a file that is not
/// progressive has all in one scan. The decoder of `image` gives wrong colors without a word for others.
pub(super) fn is_usual(bytes: &[u8]) -> bool {
    frame(bytes).is_none_or(|frame| {
        let [first, others @ ..] = &frame.factors[..] else { return true };
        let sampled =
            others.iter().all(|factors| *factors == [1, 1]) && first.iter().all(|f| matches!(f, 1 | 2));
        sampled && (frame.code == 0xc2 || frame.together == frame.factors.len())
    })
}

/// The pixels of a frame that is not usual; `limit` is the most bytes that they may take.
pub(super) fn decode(bytes: &[u8], limit: u64, path: &Path) -> Result<RgbImage> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(usize::try_from(limit).unwrap_or(usize::MAX));
    if let Some(transform) = color_transform(bytes) {
        decoder.set_color_transform(transform);
    }
    let damaged = |e: jpeg_decoder::Error| {
        Error::image(path, format!("damaged or cut off: {}", e.to_string().replace('\n', " "))).because(e)
    };
    let mut pixels = decoder.decode().map_err(damaged)?;
    let Some(info) = decoder.info() else { return Err(Error::image(path, "damaged: it has no frame")) };
    let color = match info.pixel_format {
        PixelFormat::L8 => ColorType::L8,
        PixelFormat::L16 => ColorType::L16,
        PixelFormat::RGB24 => ColorType::Rgb8,
        // Stored as the light that an ink lets pass; the decoder turns that into ink.
        PixelFormat::CMYK32 => {
            let passed =
                |ink: u8, black: u8| ((u16::from(255 - ink) * u16::from(255 - black) + 127) / 255) as u8;
            let inks = pixels.as_chunks::<4>().0;
            pixels = inks
                .iter()
                .flat_map(|[c, m, y, k]| [passed(*c, *k), passed(*m, *k), passed(*y, *k)])
                .collect();
            ColorType::Rgb8
        }
    };
    rgb(pixels, color, [info.width, info.height].map(u32::from), path)
}

/// What the three components of a file are where a marker says it: a JFIF marker, else one of Adobe's; the order of libjpeg. The decoder goes by the
/// components' names first.
fn color_transform(bytes: &[u8]) -> Option<ColorTransform> {
    if frame(bytes)?.factors.len() != 3 {
        return None;
    }
    let markers = || segments(bytes).take_while(|(code, _)| *code != SCAN);
    if markers().any(|(code, content)| code == 0xe0 && content.starts_with(b"JFIF\0")) {
        return Some(ColorTransform::YCbCr);
    }
    let adobe = markers().find(|(code, content)| *code == 0xee && content.starts_with(b"Adobe"))?.1;
    match adobe.get(11)? {
        0 => Some(ColorTransform::RGB),
        1 => Some(ColorTransform::YCbCr),
        _ => None,
    }
}

/// The frame, and the first scan's head.
fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut frame = None;
    for (code, content) in segments(bytes) {
        match code {
            // Codes that are none of a frame: tables of arithmetic coding and of Huffman's, and a reserved code.
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => {
                let count = usize::from(*content.get(5)?);
                let parts = content.get(6..)?.as_chunks::<3>().0.iter().take(count);
                let (names, factors) = parts.map(|[name, f, _]| (*name, [f >> 4, f & 15])).unzip();
                frame = Some(Frame { code, bits: *content.first()?, factors, names, together: 0 });
            }
            SCAN => {
                let together = usize::from(*content.first()?);
                return frame.map(|frame| Frame { together, ..frame });
            }
            _ => {}
        }
    }
    None
}

/// Code and content of each segment, the heads of scans and the end marker among them. What comes after the end (thumbnails, video of a phone's
/// "live" photo) does not matter.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    let mut ended = false;
    std::iter::from_fn(move || {
        while !ended {
            // To the next marker: 0xff and a byte that is neither stuffing (0), fill (0xff) nor a restart (0xd0 to 0xd7).
            let (&[mark, code], rest) = bytes.get(at..)?.split_first_chunk()?;
            match (mark, code) {
                (0xff, END) => {
                    ended = true;
                    return Some((END, &[][..]));
                }
                (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
                (0xff, 0xff) => at += 1,
                (0xff, _) => {
                    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?)).max(2);
                    at += 2 + length;
                    return Some((code, rest.get(2..length)?));
                }
                // Inside a scan.
                _ => at += bytes[at..].iter().position(|b| *b == 0xff)?,
            }
        }
        None
    })
}

/// Whether there is an end marker.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    segments(bytes).any(|(code, _)| code == END)
}

/// Whether scans begin for all bits of all coefficients of all components.
fn has_all_scans(bytes: &[u8]) -> bool {
    let Some(frame) = frame(bytes) else { return false };
    // Of each component, by its number in the frame, the bits of each coefficient that are still missing.
    let mut missing = vec![[u8::MAX; 64]; frame.factors.len()];
    for (code, content) in segments(bytes) {
        let Some((count, content)) = content.split_first().filter(|_| code == SCAN) else { continue };
        let Some((parts, &[first, last, bits])) = content
            .split_at_checked(2 * usize::from(*count))
            .and_then(|(parts, rest)| Some((parts, rest.first_chunk::<3>()?)))
        else {
            return false;
        };
        for part in parts.chunks_exact(2) {
            let number = frame.names.iter().position(|name| *name == part[0]);
            if let Some(component) = number.and_then(|number| missing.get_mut(number)) {
                component
                    .iter_mut()
                    .take(usize::from(last) + 1)
                    .skip(usize::from(first))
                    .for_each(|m| *m = bits & 15);
            }
        }
    }
    missing.iter().flatten().all(|missing| *missing == 0)
}

/// The file with an end marker.
pub(super) fn with_end(bytes: &[u8]) -> Vec<u8> {
    with_ending(bytes, &[])
}

/// Whether no pixel of a file that lacks its end marker is missing: all scans have begun, and it decodes to the same pixels whatever comes next, so the
/// decoder did not need what is not there. `limit` is the most bytes that the pixels may take. Of each decoding only a sum is kept.
pub(super) fn is_complete(bytes: &[u8], limit: u64) -> bool {
    let sum = |more: &[u8]| {
        decode(&with_ending(bytes, more), limit, Path::new("")).map(|photo| crc32fast::hash(photo.as_raw()))
    };
    has_all_scans(bytes)
        && sum(&[0x00; 8]).is_ok_and(|first| sum(&[0xfe; 8]).is_ok_and(|second| first == second))
}

fn with_ending(bytes: &[u8], more: &[u8]) -> Vec<u8> {
    // A marker that was cut in two would make another one with what follows.
    let kept = bytes.strip_suffix(&[0xff]).unwrap_or(bytes);
    [kept, more, &[0xff, END]].concat()
}
