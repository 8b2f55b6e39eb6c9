//! `checksums.toml`: what the files of a checkpoint were when they were written.

use crate::files::write_atomic;
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, LONGEST_WEIGHTS, read_bytes},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path},
};

/// The file's own name.
const NAME: &str = "checksums.toml";

/// What stands before the checksum of all lines above it, at the end.
const OWN: &str = "# crc32 of the above: ";

/// A file as it was written.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sum {
    bytes: u64,
    /// CRC-32 as of zlib, in hexadecimal.
    crc32: String,
}

impl Sum {
    fn of(path: &Path) -> Result<Self> {
        let bytes = read_bytes(path, LONGEST_WEIGHTS)?;
        Ok(Self { bytes: bytes.len() as u64, crc32: crc32(&bytes) })
    }
}

fn crc32(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// Writes the checksums of all files in a folder, the last thing that is written there.
pub(crate) fn write_checksums(folder: &Path) -> Result<()> {
    let mut sums = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder, "read"))?.flatten() {
        sums.insert(entry.file_name().to_string_lossy().into_owned(), Sum::of(&entry.path())?);
    }
    let path = folder.join(NAME);
    let text = toml::to_string(&sums).map_err(|e| Error::model(&path, "checksums", e.to_string()))?;
    write_atomic(&path, format!("{text}{OWN}{}\n", crc32(text.as_bytes())).as_bytes())
}

/// Whether the files of a folder are what was written.
///
/// # Errors
/// [`Error::Io`] or [`Error::Model`] naming the file that is missing, cut off or damaged.
pub(crate) fn verify_checksums(folder: &Path) -> Result<()> {
    let path = folder.join(NAME);
    let text = String::from_utf8_lossy(&read_bytes(&path, LONGEST_SETTINGS)?).into_owned();
    let damaged = || Error::model(&path, "checksums", "is not what was written: the file is damaged");
    let (sums, own) = text.rsplit_once(OWN).ok_or_else(damaged)?;
    if own.trim_end() != crc32(sums.as_bytes()) {
        return Err(damaged());
    }
    let sums: BTreeMap<String, Sum> =
        toml::from_str(sums).map_err(|e| Error::model(&path, "checksums", e.message().to_owned()))?;
    for (name, written) in sums {
        if !matches!(Path::new(&name).components().collect::<Vec<_>>()[..], [Component::Normal(_)]) {
            return Err(Error::model(path, "checksums", format!("`{name}` is no file of the checkpoint")));
        }
        let file = folder.join(&name);
        let found = Sum::of(&file)?;
        if found.bytes != written.bytes {
            let problem = format!("has {} bytes, and {} were written", found.bytes, written.bytes);
            return Err(Error::model(file, "size", problem));
        }
        if found != written {
            return Err(Error::model(file, "checksum", "is not what was written: the file is damaged"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_damage_is_named_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = || {
            // The check value of CRC-32: what it makes of these nine digits.
            fs::write(at("a.bin"), b"123456789").unwrap();
            fs::write(at("b.toml"), b"step = 3\n").unwrap();
            let _ = fs::remove_file(at(NAME));
            write_checksums(folder.path()).unwrap();
        };
        write();
        verify_checksums(folder.path()).unwrap();
        let text = fs::read_to_string(at(NAME)).unwrap();
        assert!(text.contains("bytes = 9") && text.contains("crc32 = \"cbf43926\""), "{text}");
        let other = text.replace("cbf43926", "cbf43927");
        let damage: [(&dyn Fn(), &str); 8] = [
            (&|| fs::write(at("a.bin"), b"123456788").unwrap(), "a.bin: checksum: is not what was written"),
            (&|| fs::write(at("b.toml"), b"step").unwrap(), "b.toml: size: has 4 bytes, and 9 were written"),
            (&|| fs::write(at("b.toml"), b"").unwrap(), "b.toml: size: has 0 bytes"),
            (&|| fs::remove_file(at("a.bin")).unwrap(), "a.bin: cannot read"),
            (&|| fs::remove_file(at(NAME)).unwrap(), "checksums.toml: cannot read"),
            (
                &|| fs::write(at(NAME), b"\0\0\0\0").unwrap(),
                "checksums.toml: checksums: is not what was written",
            ),
            (&|| fs::write(at(NAME), b"").unwrap(), "checksums.toml: checksums: is not what was written"),
            (&|| fs::write(at(NAME), &other).unwrap(), "checksums.toml: checksums: is not what was written"),
        ];
        for (spoil, expected) in damage {
            write();
            spoil();
            let problem = verify_checksums(folder.path()).unwrap_err().to_string();
            assert!(problem.contains(expected), "{expected} is not in {problem}");
        }
        for name in ["/dev/zero", "../a.bin", "b/../a.bin", ".", ""] {
            let sums = format!("[\"{name}\"]\nbytes = 9\ncrc32 = \"cbf43926\"\n");
            fs::write(at(NAME), format!("{sums}{OWN}{}\n", crc32(sums.as_bytes()))).unwrap();
            let problem = verify_checksums(folder.path()).unwrap_err().to_string();
            assert!(problem.ends_with(&format!("`{name}` is no file of the checkpoint")), "{problem}");
        }
        write();
        fs::write(at("more.txt"), b"x").unwrap();
        verify_checksums(folder.path()).unwrap();
    }
}
