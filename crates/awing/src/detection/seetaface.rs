use super::{DetectedFace, FaceDetector};
use crate::{
    error::{Error, Result},
    geometry::Rect,
};
use image::{
    DynamicImage, GrayImage, RgbImage,
    imageops::{FilterType, resize},
};
use std::fmt;

/// The longer side of what the cascade looks at, in pixels. It finds no face below 40 pixels of that.
const LONG_SIDE: u32 = 640;
/// The shorter side at least; the cascade's window is 40 pixels.
const SHORT_SIDE: u32 = 80;
/// Photos longer than this many times their other side show no face that could be found.
const LONGEST_STRIP: u32 = 100;
/// The least score of a face, on the scale of the cascade's last stage.
const LEAST_SCORE: f64 = 1.5;

/// From the cascade's square to the box around the landmarks, in sides of the square: its left, top, right and bottom from the square's
/// upper left corner. The medians over the 1,729 of 1,767 faces of 300-W's training part that it finds, as `awing detect --data` measures them.
const LANDMARKS_IN_SQUARE: [f64; 4] = [0.046, 0.206, 0.952, 1.090];

/// SeetaFace's frontal detector, a cascade of small networks (Wu et al., Funnel-structured cascade for multi-view face detection, 2016),
/// by the crate `rustface`. Its weights are under the BSD licence of two clauses, and may be used in products.
pub struct SeetaFace {
    model: rustface::Model,
}

impl SeetaFace {
    /// The detector that ships inside.
    ///
    /// # Errors
    /// [`Error::Model`] when the library was built with a damaged file.
    pub fn builtin() -> Result<Self> {
        let model = rustface::read_model(awing_models_seetaface::CASCADE)
            .map_err(|e| Error::model("seetaface/model.bin", "cascade", e.to_string()))?;
        Ok(Self { model })
    }

    /// The cascade's own squares and scores, the surest first.
    fn squares(&self, photo: &RgbImage) -> Result<Vec<(Rect, f32)>> {
        let (width, height) = photo.dimensions();
        if width == 0 || height == 0 {
            return Err(Error::invalid("photo", "has no pixels"));
        }
        if width.max(height) / width.min(height) >= LONGEST_STRIP {
            return Ok(Vec::new());
        }
        let (gray, scale) = reduced(photo);
        // Its buffers are its own for each photo, so that several threads may look at once.
        let mut cascade = rustface::create_detector_with_model(self.model.clone());
        cascade.set_min_face_size(40);
        cascade.set_score_thresh(LEAST_SCORE);
        cascade.set_pyramid_scale_factor(0.8);
        cascade.set_slide_window_step(4, 4);
        let image = rustface::ImageData::new(gray.as_raw(), gray.width(), gray.height());
        let mut found: Vec<(Rect, f32)> = (cascade.detect(&image).into_iter())
            .map(|face| {
                let square = face.bbox();
                // Pixel centres: the square's left edge is that of its first pixel.
                let [x, y] = [square.x(), square.y()].map(|v| f64::from(v) / scale - 0.5);
                let [w, h] = [square.width(), square.height()].map(|v| f64::from(v) / scale);
                (Rect::new(x, y, x + w, y + h), face.score() as f32)
            })
            .filter(|(square, score)| square.is_usable(1.0) && score.is_finite())
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(found)
    }
}

impl fmt::Debug for SeetaFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeetaFace").finish_non_exhaustive()
    }
}

impl FaceDetector for SeetaFace {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        let faces = self.squares(photo)?.into_iter();
        Ok(faces.map(|(square, score)| DetectedFace { face_box: around_landmarks(square), score }).collect())
    }
}

/// The gray photo at the size that the cascade looks at, and how many of its pixels one of the photo is.
fn reduced(photo: &RgbImage) -> (GrayImage, f64) {
    let gray = DynamicImage::ImageRgb8(photo.clone()).into_luma8();
    let (width, height) = photo.dimensions();
    let down = f64::from(LONG_SIDE) / f64::from(width.max(height));
    let up = f64::from(SHORT_SIDE) / f64::from(width.min(height));
    let scale = down.max(up);
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (resize(&gray, side(width), side(height), FilterType::Triangle), scale)
}

fn around_landmarks(square: Rect) -> Rect {
    let [left, top, right, bottom] = LANDMARKS_IN_SQUARE;
    let (w, h) = (square.width(), square.height());
    Rect::new(square.x0 + left * w, square.y0 + top * h, square.x0 + right * w, square.y0 + bottom * h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::imageops::{crop_imm, rotate180};

    /// NASA's portrait of Eileen Collins, and the box around her landmarks.
    fn portrait() -> (RgbImage, Rect) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/astronaut.jpg");
        (crate::photo::load_image(path.as_ref()).unwrap(), Rect::new(179.0, 87.5, 271.0, 178.0))
    }

    #[test]
    fn it_finds_the_face_and_boxes_its_landmarks() {
        let (photo, truth) = portrait();
        let faces = SeetaFace::builtin().unwrap().detect(&photo).unwrap();
        assert!(faces[0].face_box.overlap(truth) > 0.7, "{faces:?}");
        assert!(faces.windows(2).all(|pair| pair[0].score >= pair[1].score));
        // A part of the photo: the same place.
        let part = crop_imm(&photo, 100, 30, 250, 200).to_image();
        let found = SeetaFace::builtin().unwrap().detect(&part).unwrap()[0].face_box;
        let moved = Rect::new(found.x0 + 100.0, found.y0 + 30.0, found.x1 + 100.0, found.y1 + 30.0);
        assert!(moved.overlap(truth) > 0.7, "{moved:?}");
    }

    #[test]
    fn no_face_is_no_error_and_no_photo_is_too_odd() {
        let detector = SeetaFace::builtin().unwrap();
        let (photo, _) = portrait();
        assert!(detector.detect(&rotate180(&photo)).unwrap().is_empty());
        for (width, height) in [(1, 1), (2, 3000), (3000, 40), (39, 41), (700, 7)] {
            assert_eq!(
                detector.detect(&RgbImage::from_pixel(width, height, image::Rgb([90; 3]))).unwrap(),
                []
            );
        }
        assert_eq!(detector.detect(&RgbImage::new(0, 5)).unwrap_err().to_string(), "photo: has no pixels");
    }

    #[test]
    fn threads_do_not_disturb_each_other() {
        let detector = SeetaFace::builtin().unwrap();
        let (photo, _) = portrait();
        let alone = detector.detect(&photo).unwrap();
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..3).map(|_| scope.spawn(|| detector.detect(&photo).unwrap())).collect();
            others.into_iter().for_each(|other| assert_eq!(other.join().unwrap(), alone));
        });
    }
}
