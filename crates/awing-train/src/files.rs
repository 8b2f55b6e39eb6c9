//! Writing files so that a reader never sees half of one, and a power cut leaves the old or the new one.

use awing::{Error, Result, files::neighbour};
use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Write},
    path::Path,
};

/// The longest table that a run writes and reads again, in bytes.
pub(crate) const LONGEST_TABLE: u64 = 64 << 20;

/// Writes `bytes` beside `path` and renames the result over it; creates the parent folder.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be created or the file cannot be written.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = parent(path);
    make_folder(folder)?;
    let write = || -> io::Result<()> {
        let mut file = temporary().tempfile_in(folder)?;
        file.write_all(bytes)?;
        // Before the rename: a name that reaches the disk before its content is an empty file after a power cut.
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_folder(folder)
    };
    write().map_err(plain).map_err(Error::io(path, "write"))
}

/// The system's reason without the name of the temporary file, which nobody has heard of.
fn plain(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((reason, _)) => io::Error::new(error.kind(), reason),
        None => error,
    }
}

/// Makes a folder and those above it, and brings their names to the disk: without its folder's name a file is as good as lost.
fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = parent(folder);
    make_folder(above)?;
    let made = match fs::create_dir(folder) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made.and_then(|()| sync_folder(above)),
    };
    made.map_err(Error::io(folder, "create the folder"))
}

/// Brings the names in a folder to the disk. Content and name go there apart: without this, a power cut soon after a rename can bring
/// the old name back, while what was written later, elsewhere, is there.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows opens no folders, and keeps names in a journal of its own.
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network drives cannot; then the rename is as safe as they make it.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        done => done,
    }
}

/// Writes a whole folder beside `folder`, then puts it in its place and what was there at `aside`, instead of what was there: at every
/// moment one of the two is whole. Where writing fails, both stay as they are.
pub(crate) fn swap_folder(
    folder: &Path,
    aside: &Path,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let new = neighbour(folder, "new");
    remove(&new)?;
    if let Err(problem) = write(&new) {
        // Half a folder is of no use, and the disk may be full.
        let _ = remove(&new);
        return Err(problem);
    }
    if folder.exists() {
        move_folder(folder, aside)?;
    }
    move_folder(&new, folder)
}

/// [`swap_folder`] that keeps nothing of what was there. After a crash [`awing::files::whole_folder`] finds the folder that is whole.
pub(crate) fn replace_folder(folder: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let old = neighbour(folder, "old");
    swap_folder(folder, &old, write)?;
    remove(&old)
}

/// Renames a folder, over one that is there.
pub(crate) fn move_folder(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    fs::rename(from, to).and_then(|()| sync_folder(parent(to))).map_err(Error::io(from, "move"))
}

/// Puts right what a process left that was killed in the middle of writing into `folder`: files under their temporary names, and those of
/// its `folders` that were moved aside. Nobody else may be writing there.
pub(crate) fn tidy(folder: &Path, folders: &[&str]) -> Result<()> {
    for name in folders {
        let (folder, old) = (folder.join(name), neighbour(&folder.join(name), "old"));
        if old.is_dir() && !folder.exists() {
            move_folder(&old, &folder)?;
        }
        remove(&old)?;
        remove(&neighbour(&folder, "new"))?;
    }
    let entries = fs::read_dir(folder).map_err(Error::io(folder, "read"))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            fs::remove_file(entry.path()).map_err(Error::io(entry.path(), "remove"))?;
        }
    }
    Ok(())
}

/// Locks the file `name` in a folder, which is made where it is missing, until what is returned is dropped; `None` when another process
/// has it. The system lets go of it when a process ends, however it ends: what a crash leaves is only a file.
pub(crate) fn lock(folder: &Path, name: &str) -> Result<Option<File>> {
    make_folder(folder)?;
    let path = folder.join(name);
    // A link would have another file made or opened, wherever it points.
    if fs::symlink_metadata(&path).is_ok_and(|meta| !meta.is_file()) {
        return Err(Error::model(path, "lock", "is not a plain file; delete it"));
    }
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(Error::io(&path, "create"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network drives have no locks.
        Err(TryLockError::Error(_)) => Ok(Some(file)),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(Error::io(folder, "remove")) } else { Ok(()) }
}

/// How the names of temporary files begin.
const TEMPORARY: &str = ".tmp";

/// Temporary files are private by default; what a user asked for has the permissions of any other new file.
pub(crate) fn temporary() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
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
    use awing::files::whole_folder;
    use std::path::PathBuf;

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
        // A folder is in the way, and none takes a temporary file.
        for path in [folder.path(), &PathBuf::from("/proc/none.txt")] {
            let message = write_atomic(path, b"").unwrap_err().to_string();
            assert!(!message.contains(" at path "), "{message}");
        }
    }

    #[test]
    fn a_folder_is_swapped_whole_or_not_at_all() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("last");
        let write = |text: &'static str| move |new: &Path| write_atomic(&new.join("a"), text.as_bytes());
        replace_folder(&folder, write("one")).unwrap();
        replace_folder(&folder, write("two")).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        let failed = replace_folder(&folder, |new| {
            write_atomic(&new.join("a"), b"three")?;
            Err(Error::invalid("test", "stops half way"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1, "the half folder is gone");
        // A crash between the two renames.
        fs::rename(&folder, base.path().join("last.old")).unwrap();
        assert_eq!(fs::read(whole_folder(&folder).join("a")).unwrap(), b"two");
        tidy(base.path(), &["last"]).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"two");
        let aside = base.path().join("previous");
        for (text, before) in [("four", "two"), ("five", "four")] {
            swap_folder(&folder, &aside, write(text)).unwrap();
            let read = |folder: &Path| fs::read_to_string(folder.join("a")).unwrap();
            assert_eq!((read(&folder), read(&aside)), (text.to_owned(), before.to_owned()));
        }
    }

    #[test]
    fn what_a_killed_process_leaves_is_put_away() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        for name in [".tmpAbC123", "metrics.csv", "last/a", "last.new/a", "best/a", "best.old/a"] {
            write_atomic(&at(name), b"x").unwrap();
        }
        tidy(base.path(), &["last", "best"]).unwrap();
        let mut names: Vec<_> = fs::read_dir(base.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["best", "last", "metrics.csv"]);
    }

    #[test]
    fn a_lock_is_held_by_one_and_its_file_is_no_obstacle() {
        let base = tempfile::tempdir().unwrap();
        let held = lock(base.path(), "run.lock").unwrap();
        assert!(held.is_some() && lock(base.path(), "run.lock").unwrap().is_none());
        drop(held);
        assert!(base.path().join("run.lock").exists() && lock(base.path(), "run.lock").unwrap().is_some());
    }
}
