use super::{decode_image, image_size, load_image, read_image};
use crate::error::Result;
use image::RgbImage;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A photo to look at: a file, or the bytes of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    path: PathBuf,
    bytes: Option<Arc<[u8]>>,
}

impl Photo {
    /// The bytes of an image file that came from elsewhere; `name` stands for it in answers and messages.
    pub fn of_bytes(name: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { path: name.into(), bytes: Some(bytes.into()) }
    }

    /// The file, or the name of what has none.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// [`Photo::load`], but for an image of more than `most` pixels by its header: `None`.
    pub(crate) fn load_small(&self, most: u64) -> Result<Option<RgbImage>> {
        let read = match &self.bytes {
            Some(_) => None,
            None => Some(read_image(&self.path)?),
        };
        let bytes = read.as_deref().or(self.bytes.as_deref()).unwrap_or_default();
        let (width, height) = image_size(bytes, &self.path)?;
        if u64::from(width) * u64::from(height) > most {
            return Ok(None);
        }
        decode_image(bytes, &self.path).map(Some)
    }

    /// Reads and decodes the image, turned upright by its EXIF orientation.
    ///
    /// # Errors
    /// Those of [`load_image`].
    pub fn load(&self) -> Result<RgbImage> {
        match &self.bytes {
            Some(bytes) => decode_image(bytes, &self.path),
            None => load_image(&self.path),
        }
    }
}

impl From<PathBuf> for Photo {
    fn from(path: PathBuf) -> Self {
        Self { path, bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_their_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8, y as u8, 7])).save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (file, memory) = (Photo::from(path), Photo::of_bytes("-", bytes.clone()));
        assert_eq!(file.load().unwrap(), memory.load().unwrap());
        let error = Photo::of_bytes("-", &bytes[..20]).load().unwrap_err().to_string();
        assert!(error.starts_with("-: image: damaged"), "{error}");
    }
}
