//! Damages files: bits, bytes, slices, numbers, tokens and lines, by a seed.

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// Inputs do not grow beyond this by damage.
const LONGEST: usize = 256 << 10;

/// Numbers that break what is not prepared for them.
const NUMBERS: [&str; 24] = [
    "-1",
    "0",
    "-0",
    "1",
    "2",
    "1e308",
    "-1e308",
    "1e999",
    "-1e999",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "18446744073709551616",
    "18446744073709551615",
    "9223372036854775807",
    "-9223372036854775808",
    "2147483648",
    "99999",
    "1e-320",
    "0x10",
    "1_000",
    "٣",
];

/// Pieces that belong into no annotation.
const PIECES: [&str; 30] = [
    "\0",
    "\u{feff}",
    "\r",
    "\r\n",
    "\n\n",
    "\u{2028}",
    "\"",
    "'",
    ",",
    ",,,,",
    "\\",
    "../",
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\a.png",
    "a.png",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "&amp;",
    "&#0;",
    "<!--",
    "<![CDATA[",
    "#",
    "=",
    "\t",
    "\u{1d5d4}\u{301}",
];

/// What nests.
const NESTS: [&str; 7] = ["[", "{\"a\":", "<a>", "a.", "[[", "{a=", "("];

pub(crate) struct Mutator {
    rng: ChaCha8Rng,
}

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// One of the files, damaged in one place or a few.
    pub(crate) fn damaged(&mut self, files: &[Vec<u8>], text: bool) -> Vec<u8> {
        let mut bytes = files.choose(&mut self.rng).unwrap().clone();
        loop {
            if text && self.rng.random_bool(0.75) {
                self.damage_text(&mut bytes);
            } else {
                self.damage_bytes(&mut bytes, files);
            }
            bytes.truncate(LONGEST);
            if self.rng.random_bool(0.5) {
                // Most damage of a PNG would end at a checksum.
                if self.rng.random_bool(0.75) {
                    mend_png(&mut bytes);
                }
                return bytes;
            }
        }
    }

    fn place(&mut self, length: usize) -> usize {
        self.rng.random_range(0..=length)
    }

    /// Where a slice begins and ends; short ones mostly.
    fn slice(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.place(length);
        let most = if self.rng.random_bool(0.8) { 16 } else { length };
        let end = (start + self.place(most)).min(length);
        start..end
    }

    fn damage_bytes(&mut self, bytes: &mut Vec<u8>, files: &[Vec<u8>]) {
        let length = bytes.len();
        if length == 0 {
            bytes.push(self.rng.random());
            return;
        }
        // Heads and directories are at the beginning or the end.
        let near = length.min(2048);
        let at = match self.rng.random_range(0..3) {
            0 => self.rng.random_range(0..near),
            1 => length - 1 - self.rng.random_range(0..near),
            _ => self.rng.random_range(0..length),
        };
        match self.rng.random_range(0..11) {
            0 => bytes[at] ^= 1 << self.rng.random_range(0..8),
            1 => bytes[at] = self.rng.random(),
            2 => bytes[at] = *[0, 1, 0x7f, 0x80, 0xff].choose(&mut self.rng).unwrap(),
            3 | 4 => self.length_field(bytes, at),
            5 => {
                let new: Vec<u8> = (0..self.place(8)).map(|_| self.rng.random()).collect();
                bytes.splice(at..at, new);
            }
            6 => {
                let slice = self.slice(length);
                bytes.drain(slice);
            }
            7 => {
                let slice = self.slice(length);
                let copy = bytes[slice].repeat(*[1, 1, 2, 64].choose(&mut self.rng).unwrap());
                bytes.splice(at..at, copy);
            }
            8 => bytes.truncate(at),
            9 => {
                let slice = self.slice(length);
                let count = slice.len().min(length - at);
                bytes.copy_within(slice.start..slice.start + count, at);
            }
            _ => {
                let other = files.choose(&mut self.rng).unwrap();
                let from = self.place(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }

    /// A number of 2, 4 or 8 bytes, in either order, that is too large, or nearly right.
    fn length_field(&mut self, bytes: &mut [u8], at: usize) {
        let length = bytes.len() as u64;
        let extremes = [
            0,
            1,
            length,
            length + 1,
            length.saturating_sub(1),
            0x7fff,
            0xffff,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            u64::MAX >> 1,
            u64::MAX - 7,
            u64::MAX,
        ];
        let value = *extremes.choose(&mut self.rng).unwrap();
        let width = *[2, 4, 8].choose(&mut self.rng).unwrap();
        let field = if self.rng.random_bool(0.5) {
            value.to_le_bytes()
        } else {
            (value << (64 - 8 * width)).to_be_bytes()
        };
        for (byte, new) in bytes.iter_mut().skip(at).zip(field.into_iter().take(width as usize)) {
            *byte = new;
        }
    }

    fn damage_text(&mut self, bytes: &mut Vec<u8>) {
        let old = String::from_utf8_lossy(bytes).into_owned();
        let at = old.floor_char_boundary(self.place(old.len()));
        let text = match self.rng.random_range(0..9) {
            0..=2 => self.number_replaced(&old),
            3 => format!("{}{}{}", &old[..at], PIECES.choose(&mut self.rng).unwrap(), &old[at..]),
            4 => self.lines_damaged(&old),
            5 => self.tokens_damaged(&old),
            6 => {
                let nest = NESTS.choose(&mut self.rng).unwrap();
                let depth = *[10, 200, 5000].choose(&mut self.rng).unwrap();
                format!("{}{}{}", &old[..at], nest.repeat(depth), &old[at..])
            }
            7 => {
                let long = *[300, 70_000].choose(&mut self.rng).unwrap();
                let what = ["a", "9", " ", ",", "\"", "é"].choose(&mut self.rng).unwrap();
                format!("{}{}{}", &old[..at], what.repeat(long), &old[at..])
            }
            _ => {
                *bytes = old.into_bytes();
                let at = self.place(bytes.len());
                bytes.splice(at..at, [0xff, 0xfe, 0xc3]);
                return;
            }
        };
        *bytes = text.into_bytes();
    }

    fn number_replaced(&mut self, text: &str) -> String {
        let part = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
        let starts: Vec<usize> = text
            .char_indices()
            .filter(|(i, c)| c.is_ascii_digit() && !text[..*i].ends_with(part))
            .map(|(i, _)| i)
            .collect();
        let Some(&start) = starts.choose(&mut self.rng) else { return text.to_owned() };
        let end = text[start..].find(|c| !part(c)).map_or(text.len(), |end| start + end);
        format!("{}{}{}", &text[..start], NUMBERS.choose(&mut self.rng).unwrap(), &text[end..])
    }

    fn lines_damaged(&mut self, text: &str) -> String {
        let mut lines: Vec<&str> = text.split('\n').collect();
        self.shuffled(&mut lines);
        lines.join(["\n", "\n", "\r\n", "\r", ""].choose(&mut self.rng).unwrap())
    }

    fn tokens_damaged(&mut self, text: &str) -> String {
        let mark = *[' ', ',', '\n', '=', '<', '"', ':'].choose(&mut self.rng).unwrap();
        let mut tokens: Vec<&str> = text.split(mark).collect();
        self.shuffled(&mut tokens);
        tokens.join(mark.to_string().as_str())
    }

    /// One is dropped, doubled, repeated, or two change places.
    fn shuffled(&mut self, parts: &mut Vec<&str>) {
        let (a, b) = (self.rng.random_range(0..parts.len()), self.rng.random_range(0..parts.len()));
        match self.rng.random_range(0..4) {
            0 => {
                parts.remove(a);
            }
            1 => parts.insert(b, parts[a]),
            2 => {
                let copies = std::iter::repeat_n(parts[a], 1000).collect::<Vec<_>>();
                parts.splice(b..b, copies);
            }
            _ => parts.swap(a, b),
        }
    }
}

/// Makes the checksums of a PNG's chunks right again; other files stay as they are.
pub(crate) fn mend_png(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return;
    }
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let Some(chunk) = bytes.get(at + 4..at + 8 + length) else { return };
        let checksum = chunk.iter().fold(u32::MAX, |all, byte| {
            (0..8).fold(all ^ u32::from(*byte), |all, _| {
                if all & 1 == 1 { (all >> 1) ^ 0xedb8_8320 } else { all >> 1 }
            })
        });
        let Some(place) = bytes.get_mut(at + 8 + length..at + 12 + length) else { return };
        place.copy_from_slice(&(!checksum).to_be_bytes());
        at += 12 + length;
    }
}

#[test]
fn the_same_seed_does_the_same_damage() {
    let files = [b"version: 1\nn_points: 2\n{\n1 1\n3.5 -2.25\n}\n".to_vec(), b"{}".to_vec()];
    for text in [false, true] {
        let make =
            |seed| (0..50).map(|i: u64| Mutator::new(seed + i).damaged(&files, text)).collect::<Vec<_>>();
        assert_eq!(make(1), make(1));
        let changed = make(1).iter().filter(|bytes| !files.contains(bytes)).count();
        assert!(changed > 40, "{changed} of 50 are damaged");
    }
}
