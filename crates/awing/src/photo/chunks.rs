//! The chunks that PNG and WebP files are made of.

/// A named part of a file.
pub(super) struct Chunk<'a> {
    pub(super) name: &'a [u8; 4],
    pub(super) content: &'a [u8],
    /// Where the next one begins in the file.
    pub(super) end: usize,
}

/// The whole chunks of a PNG: four bytes of length, four of name, the content, four of checksum.
pub(super) fn png(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let (length, rest) = bytes.get(at..)?.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (content, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest.first_chunk::<4>()?;
        at += 12 + content.len();
        Some(Chunk { name, content, end: at })
    })
}

/// The whole chunks of a WebP: four bytes of name, four of length, the content, filled up to an even length.
pub(super) fn riff(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut at = 12;
    std::iter::from_fn(move || {
        let (name, rest) = bytes.get(at..)?.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (content, _) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        at += 8 + content.len().next_multiple_of(2);
        Some(Chunk { name, content, end: at })
    })
}

/// The chunk that ends a PNG.
const PNG_END: [u8; 12] = *b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Whether a PNG has the chunk that ends it.
pub(super) fn png_has_end(bytes: &[u8]) -> bool {
    png(bytes).any(|chunk| chunk.name == b"IEND")
}

/// The whole chunks of a PNG that lacks its last one, and that one.
pub(super) fn png_with_end(bytes: &[u8]) -> Vec<u8> {
    let end = png(bytes).last().map_or(bytes.len(), |chunk| chunk.end);
    [&bytes[..end], &PNG_END].concat()
}
