use crate::dataset::{BoxedPhoto, Sample};
use awing::{
    Result,
    geometry::Rect,
    scheme::{Landmark, Scheme},
};

/// A number that changes with whatever it takes: whether a run that goes on still learns from the same faces. FNV-1a, 64 bits.
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// What points mean.
    ///
    /// # Errors
    /// Those of [`Scheme::to_toml`].
    pub(crate) fn scheme(mut self, scheme: &Scheme) -> Result<Self> {
        // With the keys of release 0.1, whose runs go on.
        let text = scheme.landmarks_only().to_toml()?;
        let text = text.replace("[[normalizers]]", "[[normalisers]]").replace("\ncolor = ", "\ncolour = ");
        self.take(text.as_bytes());
        Ok(self)
    }

    /// A face: its name, its points, and the box it is cut by.
    pub(crate) fn face(mut self, sample: &Sample, face_box: Option<Rect>) -> Self {
        self.take(sample.name.as_bytes());
        let points = sample.landmarks.iter().filter_map(Landmark::position).flat_map(|p| [p.x, p.y]);
        points.for_each(|number| self.take(&number.to_le_bytes()));
        face_box.into_iter().fold(self, Self::corners)
    }

    /// A photo: the name of its file, and its boxes.
    pub(crate) fn photo(mut self, photo: &BoxedPhoto) -> Self {
        self.take(photo.path.file_name().unwrap_or_default().as_encoded_bytes());
        photo.faces.iter().chain(&photo.ignored).copied().fold(self, Self::corners)
    }

    fn corners(mut self, face_box: Rect) -> Self {
        let Rect { x0, y0, x1, y1 } = face_box;
        [x0, y0, x1, y1].iter().for_each(|number| self.take(&number.to_le_bytes()));
        self
    }

    /// In hexadecimal.
    pub(crate) fn finish(self) -> String {
        format!("{:016x}", self.0)
    }
}
