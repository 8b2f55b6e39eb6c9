//! Writing files so that a reader never sees half of one.

use crate::error::{Error, Result};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
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

/// Writes a whole folder beside `folder`, then swaps: at every moment `folder` or its `.old` neighbour is whole, and
/// [`whole_folder`] finds it.
pub(crate) fn swap_folder(folder: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (new, old) = (neighbour(folder, "new"), neighbour(folder, "old"));
    remove(&new)?;
    write(&new)?;
    if folder.exists() {
        remove(&old)?;
        fs::rename(folder, &old).map_err(Error::io(folder, "move aside"))?;
    }
    fs::rename(&new, folder).map_err(Error::io(folder, "move into place"))?;
    remove(&old)
}

/// The folder, or the neighbour that was moved aside where a crash fell between the two renames of [`swap_folder`].
pub(crate) fn whole_folder(folder: &Path) -> PathBuf {
    let old = neighbour(folder, "old");
    if !folder.exists() && old.is_dir() { old } else { folder.to_path_buf() }
}

fn neighbour(folder: &Path, suffix: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!("{name}.{suffix}"))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(Error::io(folder, "remove")) } else { Ok(()) }
}

/// Temporary files are private by default; what a user asked for has the permissions of any other new file.
pub(crate) fn temporary() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut)]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_is_as_readable_as_any_other() {
        use std::os::unix::fs::PermissionsExt;
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

    #[test]
    fn a_folder_is_swapped_whole_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("last");
        let write = |text: &'static str| move |new: &Path| write_atomic(&new.join("a"), text.as_bytes());
        swap_folder(&folder, write("one")).unwrap();
        swap_folder(&folder, write("two")).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        let failed = swap_folder(&folder, |new| {
            write_atomic(&new.join("a"), b"three")?;
            Err(Error::invalid("test", "stops half way"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        // A crash between the two renames.
        fs::rename(&folder, base.path().join("last.old")).unwrap();
        assert_eq!(fs::read(whole_folder(&folder).join("a")).unwrap(), b"two");
        swap_folder(&folder, write("four")).unwrap();
        assert_eq!(fs::read(whole_folder(&folder).join("a")).unwrap(), b"four");
    }
}
