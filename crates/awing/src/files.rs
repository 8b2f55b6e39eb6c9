//! Writing files so that a crash never leaves half of one.

use crate::error::{Error, Result};
use std::{io::Write, path::Path};

/// Writes `bytes` beside `path`, then renames: whoever reads `path` sees the old file or the new one, whole.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "create the folder"))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io(path, "write beside"))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(Error::io(path, "write"))?;
    file.persist(path).map_err(|e| Error::io(path, "rename to")(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_its_folder_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
