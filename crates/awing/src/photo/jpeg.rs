//! JPEG files: what their frame says, and where they end.

/// Begins a scan.
pub(super) const SCAN: u8 = 0xda;
/// Ends a file.
const END: u8 = 0xd9;

/// What a JPEG says of itself before its pixels.
#[derive(Debug)]
pub(super) struct Frame {
    /// The code of its marker, 0xc0 to 0xcf: how it is compressed.
    code: u8,
    /// Bits of a sample.
    bits: u8,
    /// Width and height in pixels.
    pub(super) size: [u32; 2],
    /// Horizontal and vertical sampling factor of each component.
    pub(super) factors: Vec<[u8; 2]>,
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

impl Frame {
    pub(super) fn is_progressive(&self) -> bool {
        self.code == 0xc2
    }

    /// Whether the first component, of brightness, is sampled most, the others once a block, and a file that is not progressive has all in one scan.
    pub(super) fn is_usual(&self) -> bool {
        let [first, others @ ..] = &self.factors[..] else { return true };
        let sampled =
            others.iter().all(|factors| *factors == [1, 1]) && first.iter().all(|f| matches!(f, 1 | 2));
        sampled && (self.is_progressive() || self.together == self.factors.len())
    }
}

/// The frame, and the first scan's head.
pub(super) fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut frame = None;
    for (code, content) in segments(bytes) {
        match code {
            // Codes that are none of a frame: tables of arithmetic coding and of Huffman's, and a reserved code.
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => {
                let count = usize::from(*content.get(5)?);
                let parts = content.get(6..)?.as_chunks::<3>().0.iter().take(count);
                let (names, factors) = parts.map(|[name, f, _]| (*name, [f >> 4, f & 15])).unzip();
                let [height, width] =
                    [1, 3].map(|at| u32::from(u16::from_be_bytes([content[at], content[at + 1]])));
                let bits = *content.first()?;
                frame = Some(Frame { code, bits, size: [width, height], factors, names, together: 0 });
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
    places(bytes).map(|(_, code, content)| (code, content))
}

/// The segments with the places of their markers.
fn places(bytes: &[u8]) -> impl Iterator<Item = (usize, u8, &[u8])> {
    let mut at = 2;
    let mut ended = false;
    std::iter::from_fn(move || {
        while !ended {
            // To the next marker: 0xff and a byte that is neither stuffing (0), fill (0xff) nor a restart (0xd0 to 0xd7).
            let (&[mark, code], rest) = bytes.get(at..)?.split_first_chunk()?;
            match (mark, code) {
                (0xff, END) => {
                    ended = true;
                    return Some((at, END, &[][..]));
                }
                (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
                (0xff, 0xff) => at += 1,
                (0xff, _) => {
                    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?)).max(2);
                    let place = at;
                    at += 2 + length;
                    return Some((place, code, rest.get(2..length)?));
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
pub(super) fn has_all_scans(bytes: &[u8]) -> bool {
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

/// The file up to its end marker.
pub(super) fn without_end(bytes: &[u8]) -> &[u8] {
    let end = places(bytes).find(|(_, code, _)| *code == END).map(|(place, ..)| place);
    end.and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}

/// The file with these bytes in place of what may be missing, and an end marker.
pub(super) fn with_ending(bytes: &[u8], more: &[u8]) -> Vec<u8> {
    let bytes = without_end(bytes);
    // A marker that was cut in two would make another one with what follows.
    let kept = bytes.strip_suffix(&[0xff]).unwrap_or(bytes);
    [kept, more, &[0xff, END]].concat()
}
