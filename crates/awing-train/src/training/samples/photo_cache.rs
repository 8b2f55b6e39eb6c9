use crate::augment::PhotoPart;
use awing::Result;
use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

/// Decoded photos, up to a limit of memory. What is in it stays: an epoch shows each face once, so throwing out one face for
/// another would gain nothing.
pub(crate) struct PhotoCache {
    /// Bytes of pixels that may still be kept.
    free: AtomicUsize,
    /// One for each face; none without a cache.
    parts: Vec<OnceLock<PhotoPart>>,
}

impl PhotoCache {
    /// For `faces` faces, at most `limit` bytes of pixels; 0 keeps nothing.
    pub(crate) fn new(faces: usize, limit: usize) -> Self {
        let faces = if limit > 0 { faces } else { 0 };
        Self { free: limit.into(), parts: (0..faces).map(|_| OnceLock::new()).collect() }
    }

    /// The photo of a face: kept, or else loaded as a whole, of which `cut` is kept if there is room.
    pub(crate) fn get(
        &self,
        face: usize,
        load: impl FnOnce() -> Result<PhotoPart>,
        cut: impl FnOnce(&PhotoPart) -> Result<PhotoPart>,
    ) -> Result<PhotoPart> {
        let place = self.parts.get(face);
        if let Some(part) = place.and_then(OnceLock::get) {
            return Ok(part.clone());
        }
        let whole = load()?;
        if let Some(place) = place
            && self.free.load(Ordering::Relaxed) > 0
        {
            self.keep(place, cut(&whole)?);
        }
        Ok(whole)
    }

    fn keep(&self, place: &OnceLock<PhotoPart>, part: PhotoPart) {
        let bytes = part.bytes();
        let room = self.free.try_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes));
        match room {
            // Another thread may have been faster with the same face.
            Ok(_) if place.set(part).is_err() => drop(self.free.fetch_add(bytes, Ordering::Relaxed)),
            Ok(_) => {}
            // Full: no more is tried.
            Err(_) => self.free.store(0, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;
    use std::sync::Arc;

    #[test]
    fn it_keeps_what_fits_and_loads_the_rest_again() {
        // A photo of 10 x 10 takes 300 bytes: two fit into 700, the third does not, and nothing more is kept.
        let cache = PhotoCache::new(4, 700);
        let loads = |face: usize, side: u32| {
            let mut loaded = false;
            let load = || {
                loaded = true;
                Ok(Arc::new(RgbImage::new(side, side)).into())
            };
            let photo = cache.get(face, load, |whole| Ok(whole.clone())).unwrap();
            assert_eq!(photo.pixels.width(), side);
            loaded
        };
        assert_eq!([0, 1, 2].map(|face| loads(face, 10)), [true; 3]);
        assert!(loads(3, 5));
        assert_eq!([0, 1, 2].map(|face| loads(face, 10)), [false, false, true]);
        assert!(loads(3, 5));
    }
}
