use awing::geometry::Rect;
use image::{RgbImage, imageops::crop_imm};
use std::sync::Arc;

/// The pixels of a photo, or of the part of it that matters for one face.
#[derive(Clone, Debug)]
pub struct PhotoPart {
    /// The pixels of the part.
    pub pixels: Arc<RgbImage>,
    /// The photo's pixel (x, y) that is the top-left one of the part.
    pub corner: [u32; 2],
}

impl From<Arc<RgbImage>> for PhotoPart {
    /// The whole photo.
    fn from(pixels: Arc<RgbImage>) -> Self {
        Self { pixels, corner: [0, 0] }
    }
}

impl PhotoPart {
    /// The part of `photo` that covers `reach` (photo pixels), cut at the photo's border.
    pub fn cut(photo: &Arc<RgbImage>, reach: Rect) -> Self {
        // Casts from f64 saturate: a reach beside the photo gives an empty part.
        let range = |low: f64, high: f64, length: u32| {
            let start = (low.floor() as u32).min(length);
            (start, ((high.ceil() + 1.0) as u32).clamp(start, length))
        };
        let (left, right) = range(reach.x0, reach.x1, photo.width());
        let (top, bottom) = range(reach.y0, reach.y1, photo.height());
        if [left, top, right, bottom] == [0, 0, photo.width(), photo.height()] {
            return photo.clone().into();
        }
        let pixels = crop_imm(&**photo, left, top, right - left, bottom - top).to_image();
        Self { pixels: pixels.into(), corner: [left, top] }
    }

    /// How much memory the pixels take.
    pub fn bytes(&self) -> usize {
        self.pixels.as_raw().capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_part_reaches_as_far_as_asked_and_the_photo_goes() {
        let photo = Arc::new(RgbImage::from_fn(20, 10, |x, y| Rgb([x as u8, y as u8, 7])));
        let part = PhotoPart::cut(&photo, Rect::new(3.2, -5.0, 8.9, 4.0));
        assert_eq!((part.corner, part.pixels.dimensions()), ([3, 0], (7, 5)));
        assert_eq!(part.pixels.get_pixel(6, 4).0, [9, 4, 7]);
        assert_eq!(part.bytes(), 7 * 5 * 3);
        // All of it is the photo itself, and nothing is nothing.
        let whole = PhotoPart::cut(&photo, Rect::new(-1.0, -1.0, 90.0, 90.0));
        assert!(Arc::ptr_eq(&whole.pixels, &photo));
        for far in [Rect::new(500.0, 2.0, 600.0, 5.0), Rect::new(-90.0, -90.0, -50.0, -50.0)] {
            assert!(PhotoPart::cut(&photo, far).pixels.is_empty());
        }
    }
}
