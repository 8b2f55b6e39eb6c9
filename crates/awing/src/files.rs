//! Writing files so that a reader never sees half of one.

use crate::error::{Error, Result};
use std::{
    io::{self, Write},
    path::Path,
};

/// Writes `bytes` beside `path` and renames the result over it; creates the parent folder.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be created or the file cannot be written.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder, "create the folder"))?;
    let write = || -> io::Result<()> {
        let mut file = temporary().tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(Error::io(path, "write"))
}

/// Temporary files are private by default; what a user asked for has the permissions of any other new file.
fn temporary() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut)]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_as_readable_as_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("a/ours"), folder.path().join("plain"));
        write_atomic(&ours, b"first").unwrap();
        write_atomic(&ours, b"second").unwrap();
        std::fs::write(&plain, b"x").unwrap();
        assert_eq!(std::fs::read(&ours).unwrap(), b"second");
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
        assert!(write_atomic(&plain.join("below a file"), b"").is_err());
    }
}
