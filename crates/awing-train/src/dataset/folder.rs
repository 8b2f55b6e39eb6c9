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

/// Whether a file or folder is what macOS or Windows leave in folders and archives for themselves: the other half of a file on a disc that is
/// not macOS's own ("._" and its name), thumbnails, how a folder is shown.
pub fn is_leaving(name: &str) -> bool {
    name.starts_with("._")
        || ["__macosx", ".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini"]
            .contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a file is an image that is read, by its ending alone.
pub fn has_image_ending(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    ending.is_some_and(|ending| IMAGE_EXTENSIONS.contains(&ending.as_str()))
}

/// All files below a folder with their names relative to it, `/` between the parts; by name within each folder.
///
/// # Errors
/// [`Error::Io`] for a folder that cannot be listed.
pub(super) fn files_below(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    walk(folder, "", 0, &mut BTreeSet::new(), &mut files)?;
    Ok(files)
}

/// Lists the folder `dir`, called `relative`, and those below it.
fn walk(
    dir: &Path,
    relative: &str,
    depth: usize,
    seen: &mut BTreeSet<PathBuf>,
    files: &mut Vec<(String, PathBuf)>,
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
        // A name that is no Unicode can be no part of a sample's name.
        let name = path.file_name().and_then(|n| n.to_str()).filter(|name| !is_leaving(name));
        let Some(name) = name else { continue };
        let full = if relative.is_empty() { name.to_string() } else { format!("{relative}/{name}") };
        if path.is_dir() {
            walk(&path, &full, depth + 1, seen, files)?;
        } else {
            files.push((full, path));
        }
    }
    Ok(())
}
