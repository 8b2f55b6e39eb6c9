//! What a PyTorch file may ask of its reader, looked at before it is read: a few bytes must not take gigabytes.
//!
//! The reader executes nothing: of a pickle it knows the plain values, and the calls that make a tensor of a storage; any other call makes
//! an object that nothing can be done with. But each opcode of one byte makes a value of a hundred, and a compressed archive can hold
//! a thousand times its length.

use awing::{Error, Result};
use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};
use zip::{CompressionMethod, ZipArchive};

/// The longest description of tensors, in bytes; a tensor takes some 200 of them.
const LONGEST_PICKLE: u64 = 4 << 20;
/// The number that begins the format before 1.6.
const LEGACY: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Pickles before the storages in that format.
const LEGACY_PICKLES: usize = 5;

/// Checks that an archive holds no more than its length and that no pickle is too long.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Model`] for what is refused.
pub(super) fn check(path: &Path) -> Result<()> {
    let refuse = |problem: &str| Err(Error::model(path, "state dict", problem));
    let meta = std::fs::metadata(path).map_err(Error::io(path, "open"))?;
    if !meta.is_file() {
        return refuse("this is not a file: name the file itself");
    }
    let mut file = File::open(path).map_err(Error::io(path, "open"))?;
    let mut head = Vec::new();
    file.by_ref().take(LONGEST_PICKLE).read_to_end(&mut head).map_err(Error::io(path, "read"))?;
    if head.starts_with(b"PK") {
        return check_archive(file, meta.len()).or_else(|problem| refuse(&problem));
    }
    if head.get(257..262) == Some(b"ustar") {
        return refuse("the TAR format before PyTorch 0.1.10 is not read; save it again with torch.save");
    }
    let start = head.get(..64).unwrap_or(&head);
    let count = if start.windows(LEGACY.len()).any(|w| w == LEGACY) { LEGACY_PICKLES } else { 1 };
    let mut rest = head.as_slice();
    for _ in 0..count {
        match after_pickle(rest) {
            Some(after) => rest = after,
            None if meta.len() > LONGEST_PICKLE => {
                return refuse("its description of tensors is damaged or longer than 4 MiB");
            }
            None => return refuse("it is no pickle of torch.save, or is cut off"),
        }
    }
    Ok(())
}

fn check_archive(file: File, length: u64) -> Result<(), String> {
    let damaged = |e: zip::result::ZipError| format!("the archive is damaged: {e}");
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut held = 0_u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        if entry.compression() != CompressionMethod::Stored {
            return Err("the archive is compressed, which torch.save never does; save it again".to_owned());
        }
        let is_pickle = entry.name().is_ok_and(|name| name.ends_with("data.pkl"));
        if is_pickle && entry.size() > LONGEST_PICKLE {
            return Err("its description of tensors is longer than 4 MiB".to_owned());
        }
        held = held.saturating_add(entry.size());
    }
    if held > length { Err(format!("the archive claims {held} bytes and has {length}")) } else { Ok(()) }
}

/// What comes after the first pickle; `None` where it does not end.
fn after_pickle(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (&opcode, rest) = bytes.split_first()?;
        bytes = match opcode {
            b'.' => return Some(rest),
            b'I' | b'L' | b'F' | b'V' | b'S' | b'g' | b'p' | b'P' => after_line(rest)?,
            b'c' | b'i' => after_line(after_line(rest)?)?,
            b'K' | b'h' | b'q' | 0x80 | 0x82 => rest.get(1..)?,
            b'M' | 0x83 => rest.get(2..)?,
            b'J' | b'j' | b'r' | 0x84 => rest.get(4..)?,
            b'G' | 0x95 => rest.get(8..)?,
            b'U' | b'C' | 0x8a | 0x8c => after_counted::<1>(rest)?,
            b'T' | b'X' | b'B' | 0x8b => after_counted::<4>(rest)?,
            0x8d | 0x8e | 0x96 => after_counted::<8>(rest)?,
            _ => rest,
        };
    }
}

fn after_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(bytes.iter().position(|b| *b == b'\n')? + 1..)
}

/// After as many bytes as a number of `N` bytes, the lowest first, says.
fn after_counted<const N: usize>(bytes: &[u8]) -> Option<&[u8]> {
    let (count, rest) = bytes.split_first_chunk::<N>()?;
    let count =
        count.iter().rev().try_fold(0_usize, |all, b| Some(all.checked_mul(256)? + usize::from(*b)))?;
    rest.get(count..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(bytes: &[u8]) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pth");
        std::fs::write(&path, bytes).unwrap();
        check(&path).err().map(|e| e.to_string())
    }

    #[test]
    fn a_pickle_ends_where_its_opcodes_say() {
        // A string that holds the opcode of the end, a number of two bytes, a name on two lines.
        let pickle = b"\x80\x02X\x03\0\0\0a.bM\x2e\x2ecos\nsystem\n\x8a\x02\x2e\x2e.rest";
        assert_eq!(after_pickle(pickle), Some(&b"rest"[..]));
        for cut in 0..pickle.len() - 5 {
            assert_eq!(after_pickle(&pickle[..cut]), None, "{cut}");
        }
        assert_eq!(after_pickle(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa."), None);
    }

    #[test]
    fn what_would_take_too_much_is_refused_by_name() {
        assert_eq!(problem(b"\x80\x02}."), None);
        for (bytes, expected) in [
            (b"hello".to_vec(), "is cut off"),
            (vec![b'N'; 5 << 20], "longer than 4 MiB"),
            ([vec![0; 257], b"ustar".to_vec()].concat(), "TAR format"),
            (b"PK\x03\x04".to_vec(), "the archive is damaged"),
        ] {
            let problem = problem(&bytes).unwrap();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
