//! The files of a folder and of all folders below it.

use awing::{Error, Result};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Deeper than any dataset's folders; what is deeper is a loop of links.
const MAX_DEPTH: usize = 16;
/// The kinds of images that are read, for messages.
pub const IMAGE_KINDS: &str = "JPEG, PNG, WebP and BMP";
/// The endings of the image files that are read.
pub const IMAGE_EXTENSIONS: [&str; 13] =
    ["jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjp", "png", "apng", "webp", "bmp", "dib"];

/// What systems and network drives leave in folders and archives for themselves: how a folder is shown, thumbnails, what was deleted.
const LEAVINGS: [&str; 14] = [
    "__macosx",
    ".ds_store",
    ".appledouble",
    ".trashes",
    ".spotlight-v100",
    ".fseventsd",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    ".thumbnails",
    "@eadir",
    "#recycle",
];

/// Whether a file or folder is what a system leaves there for itself, the other half of a file on a disc that is not macOS's own ("._" and its
/// name) and a desktop's trash (".Trash-1000") among them.
pub fn is_leaving(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("._") || name.starts_with(".trash-") || LEAVINGS.contains(&name.as_str())
}

/// Whether a file is an image that is read, by its ending alone.
pub fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| IMAGE_EXTENSIONS.contains(&ending.as_str()))
}

/// What lies below a folder; by name within each folder.
#[derive(Default)]
pub(super) struct Below {
    /// The files with their names relative to the folder, `/` between the parts.
    pub(super) files: Vec<(String, PathBuf)>,
    /// Files and folders whose names are no Unicode, which can be no part of a sample's name.
    pub(super) unnamed: Vec<PathBuf>,
}

/// All files below a folder.
///
/// # Errors
/// [`Error::Io`] for a folder that cannot be listed.
pub(super) fn files_below(folder: &Path) -> Result<Below> {
    let mut below = Below::default();
    walk(folder, "", 0, &mut BTreeSet::new(), &mut below)?;
    Ok(below)
}

/// Lists the folder `dir`, called `relative`, and those below it.
fn walk(
    dir: &Path,
    relative: &str,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    below: &mut Below,
) -> Result<()> {
    let real = dir.canonicalize().map_err(Error::io(dir, "list the folder"))?;
    if depth > MAX_DEPTH || !seen.insert(real) {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>())
        .map_err(Error::io(dir, "list the folder"))?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        if is_leaving(&name.to_string_lossy()) {
            continue;
        }
        let Some(name) = name.to_str() else {
            below.unnamed.push(path);
            continue;
        };
        let full = if relative.is_empty() { name.to_string() } else { format!("{relative}/{name}") };
        if path.is_dir() {
            walk(&path, &full, depth + 1, seen, below)?;
        } else {
            below.files.push((full, path));
        }
    }
    Ok(())
}
