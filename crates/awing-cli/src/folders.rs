//! Folders for what the command writes. A folder is claimed by creating it, so that no run writes into another's.

use crate::failure::Failure;
use std::{
    ffi::OsStr,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// A new folder `parent/name`, or `name-2`, `name-3`, … where that is taken.
pub(crate) fn numbered(parent: &Path, name: &str) -> Result<PathBuf, Failure> {
    create_parent(parent)?;
    let mut number = 1_usize;
    loop {
        let folder = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(e) => return Err(cannot_create(&folder, &e)),
        }
    }
}

/// The folder that the user named: new or empty. `option` is what to change otherwise.
pub(crate) fn named(folder: &Path, option: &str) -> Result<PathBuf, Failure> {
    holding(folder, option, &[])
}

/// As [`named`], for a run: what one leaves that was killed before its first checkpoint is no obstacle.
pub(crate) fn named_run(folder: &Path, option: &str) -> Result<PathBuf, Failure> {
    let killed = folder.join("run.lock").exists();
    holding(folder, option, if killed { &["run.lock", "config.toml", "last.new"] } else { &[] })
}

/// The folder, which holds nothing but files of these names and temporary ones.
fn holding(folder: &Path, option: &str, names: &[&str]) -> Result<PathBuf, Failure> {
    create_parent(folder)?;
    let mut entries = fs::read_dir(folder).map_err(|e| cannot_create(folder, &e))?.flatten();
    let left = |name: &OsStr| names.iter().any(|n| name == *n) || name.to_string_lossy().starts_with(".tmp");
    if entries.any(|entry| !left(&entry.file_name())) {
        let folder = folder.display();
        return Err(Failure::Work(format!("{folder}: is already there and is not changed; {option}")));
    }
    Ok(folder.to_path_buf())
}

/// Removes a claimed folder that nothing was written to.
pub(crate) fn release(folder: &Path) {
    // Fails, as it should, when there is something in it.
    let _ = fs::remove_dir(folder);
}

/// Whether `name` can be the name of a folder: one part, no way up or out.
pub(crate) fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

fn create_parent(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|e| cannot_create(folder, &e))
}

fn cannot_create(folder: &Path, error: &io::Error) -> Failure {
    Failure::Work(format!("{}: cannot create the folder: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_the_next_number() {
        let base = tempfile::tempdir().unwrap();
        let parent = base.path().join("runs/train");
        for name in ["nano", "nano-2", "nano-3"] {
            assert_eq!(numbered(&parent, "nano").unwrap(), parent.join(name));
        }
        release(&parent.join("nano-2"));
        assert_eq!(numbered(&parent, "nano").unwrap(), parent.join("nano-2"));
    }

    #[test]
    fn a_named_folder_must_be_new_or_empty() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a/b");
        named(&folder, "").unwrap();
        // What a run leaves that was killed early.
        fs::write(folder.join("run.lock"), "").unwrap();
        fs::write(folder.join("config.toml"), "").unwrap();
        named_run(&folder, "").unwrap();
        fs::write(folder.join("x"), "").unwrap();
        assert!(named_run(&folder, "").is_err());
        assert!(
            matches!(named(&folder, "choose another --out"), Err(Failure::Work(m)) if m.ends_with("--out"))
        );
        release(&folder);
        assert!(folder.join("x").exists());
    }

    #[test]
    fn names_stay_in_their_folder() {
        for good in ["a", "nano-2", "a b", ".x"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "/a", "a/", "./a"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
