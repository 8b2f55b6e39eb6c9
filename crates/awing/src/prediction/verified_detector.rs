use super::Aligner;
use crate::{
    detection::{DetectedFace, FaceDetector},
    error::Result,
    geometry::Rect,
};
use image::RgbImage;
use std::sync::Arc;

/// Two boxes that share this much of the smaller one are one face.
const SAME_FACE: f64 = 0.5;

/// A detector whose faces are looked at by a landmark model: where the points are unsure there is no face, and where they are sure, the box is the
/// one around them. So the detector may be generous, and its boxes rough.
#[derive(Clone, Debug)]
pub struct VerifiedDetector {
    detector: Arc<dyn FaceDetector>,
    aligner: Arc<Aligner>,
    least_score: f32,
}

impl VerifiedDetector {
    /// Boxes of `detector` on which the mean of the points' scores that `aligner` finds is `least_score` or more.
    pub fn new(detector: Arc<dyn FaceDetector>, aligner: Arc<Aligner>, least_score: f32) -> Self {
        Self { detector, aligner, least_score }
    }
}

impl FaceDetector for VerifiedDetector {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        let boxes: Vec<Rect> = self.detector.detect(photo)?.into_iter().map(|face| face.face_box).collect();
        // A box in which no face can be looked for holds none.
        let mut faces: Vec<DetectedFace> = (self.aligner.align_in_boxes(photo, &boxes).into_iter().flatten())
            .filter(|face| face.score >= self.least_score)
            .filter_map(|face| {
                let face_box = Rect::around(face.landmarks.iter().copied())?;
                face_box.is_usable(2.0).then_some(DetectedFace { face_box, score: face.score })
            })
            .collect();
        faces.sort_by(|a, b| b.score.total_cmp(&a.score));
        // Rough boxes of one face may come to the same.
        let mut distinct: Vec<DetectedFace> = Vec::new();
        for face in faces {
            if distinct.iter().all(|other| other.face_box.shared(face.face_box) < SAME_FACE) {
                distinct.push(face);
            }
        }
        Ok(distinct)
    }
}

/// The detector that ships inside: [`crate::detection::HeatmapDetector`] with a low bar, verified by the 68 points of [`Aligner::builtin`]; or
/// `SeetaFace` in a build that has only that one.
///
/// # Errors
/// [`crate::Error::Invalid`] in a build without the features `builtin-model` and `seetaface`, [`crate::Error::Model`] in one with a damaged
/// file.
pub fn builtin_detector() -> Result<Arc<dyn FaceDetector>> {
    #[cfg(feature = "builtin-model")]
    {
        use crate::detection::HeatmapDetector;
        /// Peaks of the detector that are looked at.
        const CANDIDATE: f32 = 0.4;
        /// The least mean score of a face's points. Of the photos without people to train and choose on none reaches it.
        const FACE: f32 = 0.66;
        let candidates = HeatmapDetector::builtin(&crate::Device::flex())?.with_least_score(CANDIDATE)?;
        let aligner = Arc::new(Aligner::builtin()?);
        Ok(Arc::new(VerifiedDetector::new(Arc::new(candidates), aligner, FACE)))
    }
    #[cfg(all(feature = "seetaface", not(feature = "builtin-model")))]
    {
        Ok(Arc::new(crate::detection::SeetaFace::builtin()?))
    }
    #[cfg(not(any(feature = "builtin-model", feature = "seetaface")))]
    Err(crate::Error::invalid(
        "detector",
        "none is built in; turn on the feature `builtin-model` or `seetaface`, give one, or give boxes",
    ))
}

#[cfg(all(test, feature = "builtin-model"))]
mod tests {
    use super::*;
    use crate::geometry::Rect;

    /// Finds whatever it was told.
    #[derive(Debug)]
    struct Told(Vec<Rect>);

    impl FaceDetector for Told {
        fn detect(&self, _: &RgbImage) -> Result<Vec<DetectedFace>> {
            Ok(self.0.iter().map(|face_box| DetectedFace { face_box: *face_box, score: 1.0 }).collect())
        }
    }

    /// A face of 66 pixels in a photo of 4000, 10 at the usual side of 640.
    #[test]
    fn a_small_face_in_a_large_photo_is_found() {
        let portrait = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/astronaut.jpg")).unwrap();
        let small = portrait.resize(368, 368, image::imageops::FilterType::Triangle).to_rgb8();
        let mut photo = RgbImage::from_pixel(4000, 3000, image::Rgb([90, 120, 160]));
        image::imageops::replace(&mut photo, &small, 2900, 1700);
        let faces = builtin_detector().unwrap().detect(&photo).unwrap();
        let scale = 368.0 / 512.0;
        let truth = Rect::new(179.0, 87.5, 271.0, 178.0);
        let place = |v: f64, from: f64| from + v * scale;
        let truth = Rect::new(
            place(truth.x0, 2900.0),
            place(truth.y0, 1700.0),
            place(truth.x1, 2900.0),
            place(truth.y1, 1700.0),
        );
        assert!(faces.len() == 1 && faces[0].face_box.overlap(truth) > 0.7, "{faces:?}");
    }

    #[test]
    fn rough_boxes_become_tight_and_what_is_no_face_goes() {
        let photo =
            image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/astronaut.jpg")).unwrap().to_rgb8();
        let truth = Rect::new(179.0, 87.5, 271.0, 178.0);
        // Twice the face, a shifted and a large box; the flag, and a box that is none.
        let told = vec![
            Rect::new(190.0, 95.0, 285.0, 190.0),
            Rect::new(165.0, 70.0, 285.0, 190.0),
            Rect::new(10.0, 10.0, 110.0, 110.0),
            Rect::new(5.0, 5.0, 5.0, 5.0),
        ];
        let aligner = Arc::new(Aligner::builtin().unwrap());
        let faces = VerifiedDetector::new(Arc::new(Told(told)), aligner, 0.66).detect(&photo).unwrap();
        assert_eq!(faces.len(), 1, "{faces:?}");
        assert!(faces[0].face_box.overlap(truth) > 0.9, "{faces:?}");
    }
}
