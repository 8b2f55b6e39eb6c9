//! How a photo was held: the orientation in the EXIF data of JPEG, PNG and WebP files.

use super::{chunks, jpeg};
use image::metadata::Orientation;

/// What begins the EXIF data in a JPEG; some programs write it in a WebP too.
const PREFIX: &[u8] = b"Exif\0\0";

/// The orientation that the file names, or that of a photo which stands upright. A PNG's may follow its pixels, where programs that convert
/// put it.
pub(super) fn orientation(bytes: &[u8]) -> Orientation {
    let found = if bytes.starts_with(&[0xff, 0xd8]) {
        jpeg::segments(bytes)
            .find_map(|(code, content)| (code == 0xe1).then(|| content.strip_prefix(PREFIX)).flatten())
    } else if bytes.starts_with(b"\x89PNG") {
        chunks::png(bytes).find(|chunk| chunk.name == b"eXIf").map(|chunk| chunk.content)
    } else if bytes.starts_with(b"RIFF") {
        chunks::riff(bytes).find(|chunk| chunk.name == b"EXIF").map(|chunk| chunk.content)
    } else {
        None
    };
    let found = found.map(|tiff| tiff.strip_prefix(PREFIX).unwrap_or(tiff));
    found.and_then(of_tiff).and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// The orientation in the first directory of a TIFF structure: a number of two bytes, or of four, which some cameras write.
fn of_tiff(tiff: &[u8]) -> Option<u8> {
    let little = tiff.starts_with(b"II");
    let short = |bytes: &[u8]| {
        let bytes = *bytes.first_chunk()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |bytes: &[u8]| {
        let bytes = *bytes.first_chunk()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    if !little && !tiff.starts_with(b"MM") || short(tiff.get(2..)?)? != 42 {
        return None;
    }
    let directory = tiff.get(long(tiff.get(4..)?)? as usize..)?;
    let mut entries = directory.get(2..)?.as_chunks::<12>().0.iter().take(usize::from(short(directory)?));
    let entry = entries.find(|entry| short(&entry[..]) == Some(0x0112))?;
    let value = match (short(&entry[2..])?, long(&entry[4..])?) {
        (3, 1) => u32::from(short(&entry[8..])?),
        (4, 1) => long(&entry[8..])?,
        _ => return None,
    };
    u8::try_from(value).ok()
}
