use super::{ImageSource, text::folder_of};
use crate::{files::write_atomic, picture::write_picture};
use awing::{Error, Result};
use std::path::Path;

/// What becomes of the images when annotations are written in another place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// They are copied, byte for byte; images from elsewhere than a file (COFW, memory) are encoded as their ending says.
    #[default]
    Copy,
    /// Links to them stand beside the annotations: symbolic ones, hard ones on Windows. Images from elsewhere than a file are copied.
    Link,
    /// They are moved, from files that nobody else needs; images from elsewhere than a file are encoded.
    Move,
    /// They stay where they are: for annotations that are written beside them, or moved there.
    Leave,
}

impl Images {
    /// Puts an image at `path`. Answers whether it is there now.
    pub(super) fn put(self, image: &ImageSource, path: &Path) -> Result<bool> {
        match (self, image) {
            (Self::Leave, _) => return Ok(path.is_file()),
            (Self::Link, ImageSource::File(source)) => link(source, path)?,
            (Self::Move, ImageSource::File(source)) => {
                let folder = folder_of(path);
                std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "create the folder"))?;
                std::fs::rename(source, path).map_err(Error::io(path, "move the image here"))?;
            }
            (Self::Copy, ImageSource::File(source)) => {
                write_atomic(path, &awing::photo::image_bytes(source)?)?
            }
            _ => {
                let format = image::ImageFormat::from_path(path).unwrap_or(image::ImageFormat::Png);
                write_picture(path, &*image.load()?, format)?;
            }
        }
        Ok(true)
    }
}

/// A link to an image file.
fn link(source: &Path, path: &Path) -> Result<()> {
    let source = source.canonicalize().map_err(Error::io(source, "read"))?;
    let folder = folder_of(path);
    std::fs::create_dir_all(&folder).map_err(Error::io(&folder, "create the folder"))?;
    #[cfg(unix)]
    let linked = std::os::unix::fs::symlink(source, path);
    #[cfg(not(unix))]
    let linked = std::fs::hard_link(source, path);
    linked.map_err(Error::io(path, "link"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::picture;
    use awing::photo::load_image;

    #[test]
    fn an_image_of_a_file_is_copied_and_moved_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        picture(at("in/a.png"));
        let image = ImageSource::File(at("in/a.png"));
        assert!(!Images::Leave.put(&image, &at("out/a.png")).unwrap());
        assert!(Images::Copy.put(&image, &at("out/a.png")).unwrap());
        assert_eq!(std::fs::read(at("in/a.png")).unwrap(), std::fs::read(at("out/a.png")).unwrap());
        assert!(load_image(&at("out/a.png")).is_ok());
        let bytes = std::fs::read(at("in/a.png")).unwrap();
        assert!(Images::Move.put(&image, &at("new/b.png")).unwrap());
        assert_eq!((std::fs::read(at("new/b.png")).unwrap(), at("in/a.png").exists()), (bytes, false));
    }
}
