//! Reading files of strangers: never more than a file of its kind can hold, and a folder that is whole.

use crate::error::{Error, Result};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// The longest file of settings that is read, in bytes: a scheme of 10,000 points is shorter.
pub const LONGEST_SETTINGS: u64 = 1 << 20;
/// The longest file of weights that is read, in bytes.
pub const LONGEST_WEIGHTS: u64 = 16 << 30;

/// The whole file, which must be a regular one of at most `most` bytes: a device or a pipe has no end.
///
/// # Errors
/// [`Error::Io`] when it cannot be read, [`Error::Format`] when it is none or longer.
pub fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let meta = fs::metadata(path).map_err(Error::io(path, "read"))?;
    if !meta.is_file() {
        return Err(Error::format(path, None, "file", "this is not a file: name the file itself"));
    }
    let mut bytes = Vec::new();
    if meta.len() <= most {
        // Room for one byte more, which shows the end without another allocation.
        bytes.reserve_exact(usize::try_from(meta.len() + 1).unwrap_or(0));
        let file = fs::File::open(path).map_err(Error::io(path, "read"))?;
        // It may grow while it is read.
        file.take(most + 1).read_to_end(&mut bytes).map_err(Error::io(path, "read"))?;
    }
    if meta.len() > most || bytes.len() as u64 > most {
        let problem = format!("over {} MiB is too long for a file of this kind", most >> 20);
        return Err(Error::format(path, None, "file", problem));
    }
    Ok(bytes)
}

/// [`read_bytes`] as UTF-8 text.
///
/// # Errors
/// Those of [`read_bytes`], and [`Error::Format`] naming the line that is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read_bytes(path, most)?).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Error::format(path, line, "text", "not UTF-8; save the file as UTF-8")
    })
}

/// The folder, or the neighbour that was moved aside where a crash fell between the two renames of a replacement.
pub fn whole_folder(folder: &Path) -> PathBuf {
    let old = neighbour(folder, "old");
    if !folder.exists() && old.is_dir() { old } else { folder.to_path_buf() }
}

/// The folder's name with `.suffix`, beside it.
pub fn neighbour(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!("{name}.{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_a_file_of_its_kind_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "a = 1\n\u{e9}").unwrap();
        assert_eq!(read_text(&path, 8).unwrap(), "a = 1\n\u{e9}");
        let message = |most| read_text(&path, most).unwrap_err().to_string();
        assert!(message(7).contains("a.toml: file: over 0 MiB is too long"), "{}", message(7));
        fs::write(&path, b"a = 1\n\xff").unwrap();
        assert!(message(8).contains("a.toml:2: text: not UTF-8"), "{}", message(8));
        assert!(read_bytes(folder.path(), 8).unwrap_err().to_string().contains("this is not a file"));
        #[cfg(unix)]
        assert!(
            read_bytes(Path::new("/dev/zero"), 8).unwrap_err().to_string().contains("this is not a file")
        );
    }
}
