//! The boxes of a file, asked by photo: for `--boxes FILE.csv`.

use awing::{Error, geometry::Rect, prediction::FaceBoxes};
use awing_train::dataset::BoxFile;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The boxes of a file. A photo that is not in it has no face; one that may be either of two images is an error.
pub(crate) fn face_boxes(path: PathBuf, boxes: BoxFile) -> FaceBoxes {
    FaceBoxes::Known(Arc::new(move |photo: &Path| of_photo(&path, &boxes, photo)))
}

fn of_photo(path: &Path, boxes: &BoxFile, photo: &Path) -> awing::Result<Vec<Rect>> {
    match boxes.rivals(&photo.to_string_lossy()) {
        Some([a, b]) => {
            let path = path.display();
            let problem = format!("may be `{a}` or `{b}` in {path}; name the photo with its folders");
            Err(Error::image(photo, problem))
        }
        None => Ok(boxes.get(&photo.to_string_lossy()).to_vec()),
    }
}

/// Whether the file has boxes and none of them is of one of these photos: its names are others.
pub(crate) fn names_none<'a>(boxes: &BoxFile, mut photos: impl Iterator<Item = &'a Path>) -> bool {
    let known = |photo: &Path| {
        let name = photo.to_string_lossy();
        !boxes.get(&name).is_empty() || boxes.rivals(&name).is_some()
    };
    !boxes.is_empty() && !photos.any(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_without_a_line_in_the_box_file_has_no_face() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes.csv");
        let lines = ["a.jpg", "s/c.jpg", "t/c.jpg"].map(|image| format!("{image},1,2,30,40\n"));
        std::fs::write(&path, format!("image,x0,y0,x1,y1\n{}", lines.concat())).unwrap();
        let boxes = BoxFile::load(&path).unwrap();
        let of = |photo: &str| of_photo(&path, &boxes, Path::new(photo));
        assert_eq!(of("in/a.jpg").unwrap(), [Rect::new(1.0, 2.0, 30.0, 40.0)]);
        assert!(of("b.jpg").unwrap().is_empty());
        let error = of("c.jpg").unwrap_err().to_string();
        assert!(error.starts_with("c.jpg: image: may be `s/c.jpg` or `t/c.jpg` in "), "{error}");
        let none = |photos: [&str; 2]| names_none(&boxes, photos.map(Path::new).into_iter());
        assert!(none(["b.jpg", "d.jpg"]) && !none(["b.jpg", "c.jpg"]) && !none(["b.jpg", "in/a.jpg"]));
    }
}
