//! Files of other people's: read whole, up to a bound.

use std::{fs::File, io::Read, path::Path};

/// The longest text that is read, in bytes: 100,000 images of a COCO file, a million lines of a list.
const LONGEST: u64 = 256 << 20;

/// A file's text, or what a pipe brings; why it cannot be read otherwise.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes(path)?).map_err(|_| "is no text in UTF-8".to_owned())
}

/// [`text`], whatever its bytes are.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|e| format!("cannot read: {e}"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("is longer than {} MiB", LONGEST >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(text(&path), Ok("one\n".to_owned()));
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(text(&path), Err("is no text in UTF-8".to_owned()));
        if cfg!(unix) {
            assert_eq!(text(Path::new("/dev/zero")), Err("is longer than 256 MiB".to_owned()));
        }
        assert!(text(&folder.path().join("gone")).unwrap_err().starts_with("cannot read"));
    }
}
