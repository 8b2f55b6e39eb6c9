//! Photos without any face: what a detector must leave alone.

use super::description::{Description, Layout, Read};
use crate::{
    dataset::boxed_photo::BoxedPhoto,
    dataset::folder::{IMAGE_KINDS, files_below, has_image_ending},
};
use awing::{Error, Result};
use std::path::{Path, PathBuf};

/// Photos: an image file, a folder with images in it and below it, or a pattern such as `photos/*.jpg`.
pub(super) static FORMAT: Description =
    Description { name: "none", scheme: None, layout: Layout::Photos, read: Read::Photos(read), write: None };

fn read(path: &Path) -> Result<Vec<BoxedPhoto>> {
    let photos = if path.is_dir() {
        images_below(path)?
    } else if path.exists() {
        vec![path.to_path_buf()]
    } else {
        matches(path)?
    };
    if photos.is_empty() {
        let problem = format!("no image ({IMAGE_KINDS})");
        return Err(Error::format(path, None, "photos", problem));
    }
    Ok(photos.into_iter().map(|path| BoxedPhoto { path, faces: Vec::new(), ignored: Vec::new() }).collect())
}

fn images_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let below = files_below(folder)?;
    let files = below.files.into_iter().map(|(_, path)| path).chain(below.unnamed);
    Ok(files.filter(|path| has_image_ending(path)).collect())
}

/// The images that a pattern means, and those of the folders that it means.
fn matches(pattern: &Path) -> Result<Vec<PathBuf>> {
    let text = pattern.to_string_lossy();
    if !text.contains(['*', '?', '[']) {
        std::fs::metadata(pattern).map_err(Error::io(pattern, "read"))?;
    }
    let entries =
        glob::glob(&text).map_err(|e| Error::format(pattern, None, "pattern", format!("is none: {e}")))?;
    let mut photos = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(e.path().to_path_buf(), "read")(e.into()))?;
        match entry.is_dir() {
            true => photos.extend(images_below(&entry)?),
            false if has_image_ending(&entry) => photos.push(entry),
            false => {}
        }
    }
    Ok(photos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::picture;

    #[test]
    fn a_file_a_folder_and_a_pattern_are_photos_without_a_face() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.png", "a/1.JPG", "a/._1.JPG", "a/notes.txt"] {
            picture(at(name));
        }
        for (path, want) in [
            ("", vec!["a/1.JPG", "b.png"]),
            ("b.png", vec!["b.png"]),
            ("*.png", vec!["b.png"]),
            ("*", vec!["a/1.JPG", "b.png"]),
        ] {
            let photos = read(&at(path)).unwrap();
            let names: Vec<_> = photos.iter().map(|p| p.path.strip_prefix(folder.path()).unwrap()).collect();
            assert_eq!(names, want.iter().map(Path::new).collect::<Vec<_>>(), "{path}");
            assert!(photos.iter().all(|photo| photo.faces.is_empty() && photo.ignored.is_empty()));
        }
        for (path, what) in
            [("gone.png", "gone.png: cannot read"), ("*.gif", "no image (JPEG,"), ("[", "pattern")]
        {
            let error = read(&at(path)).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
