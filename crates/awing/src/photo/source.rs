use super::{decode_image, image_size, lacks_end, load_image, read_image};
use crate::error::Result;
use image::RgbImage;
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
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

    /// Whether the marker that ends its file is missing ([`lacks_end`]): of an image that could be read no pixel is missing, and yet something cut
    /// it off. The last bytes are looked at first; `false` for what cannot be read.
    pub fn lacks_end(&self) -> bool {
        let Some(bytes) = &self.bytes else {
            return !ends_well(&self.path).unwrap_or(true)
                && read_image(&self.path).is_ok_and(|bytes| lacks_end(&bytes));
        };
        lacks_end(bytes)
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

/// Whether a file ends as a JPEG or a PNG does, or begins as neither.
fn ends_well(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let (mut first, mut last) = ([0; 2], [0; 8]);
    file.read_exact(&mut first)?;
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut last)?;
    Ok(match first {
        [0xff, 0xd8] => last.ends_with(&[0xff, 0xd9]),
        [0x89, b'P'] => last.starts_with(b"IEND"),
        _ => true,
    })
}

impl From<PathBuf> for Photo {
    fn from(path: PathBuf) -> Self {
        Self { path, bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::drawn_jpeg::written, *};

    #[test]
    fn an_end_that_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (name, end) in [("a.png", 12), ("a.jpg", 2), ("a.bmp", 0)] {
            let path = folder.path().join(name);
            let photo = RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8, y as u8, 7]));
            match name {
                "a.jpg" => std::fs::write(&path, written(&photo)).unwrap(),
                _ => photo.save(&path).unwrap(),
            }
            let bytes = std::fs::read(&path).unwrap();
            let told = || {
                [
                    Photo::from(path.clone()).lacks_end(),
                    Photo::of_bytes("-", std::fs::read(&path).unwrap()).lacks_end(),
                ]
            };
            assert_eq!(told(), [false; 2], "{name}");
            // What stands behind the end does not matter.
            std::fs::write(&path, [&bytes[..], b"trailer"].concat()).unwrap();
            assert_eq!(told(), [false; 2], "{name}");
            std::fs::write(&path, &bytes[..bytes.len() - end]).unwrap();
            assert_eq!(told(), [end > 0; 2], "{name}");
        }
        assert!(!Photo::from(folder.path().join("gone.jpg")).lacks_end());
    }

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
