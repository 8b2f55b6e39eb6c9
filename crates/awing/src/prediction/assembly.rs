//! An aligner and its detector put together: from a model, from a folder, from what ships inside.

use super::Aligner;
use crate::{
    detection::{DetectedFace, DetectorModel, FaceDetector, HeatmapDetector, VerifiedDetector},
    error::Result,
    network::{Builtin, Calibration, HeatmapNetwork, Model, ModelConfig, Network},
};
use image::RgbImage;
use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

impl Aligner {
    /// An aligner from a model in memory, on the processor. Its faces are found by [`builtin_detector`], which in a build with `builtin-model` is for
    /// research only; [`Aligner::with_detector`] chooses another.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when a setting of the model is out of range, [`crate::Error::Model`] when the weights are not the network's own.
    pub fn new(model: Model) -> Result<Self> {
        let network = Network::new(&model.config.network, model.config.maps(), model.weights)?;
        Self::with_network(model.config, model.calibration, Arc::new(network))
    }

    /// An aligner whose network computes elsewhere; its detector as of [`Aligner::new`].
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when a setting of the model is out of range.
    pub fn with_network(
        config: ModelConfig,
        calibration: Option<Calibration>,
        network: Arc<dyn HeatmapNetwork>,
    ) -> Result<Self> {
        Self::of_parts(config, calibration, network, Arc::new(ShippedDetector::default()))
    }

    /// Reads a model's folder; its detector as of [`Aligner::new`].
    ///
    /// # Errors
    /// Those of [`Model::load`] and [`Aligner::new`].
    pub fn load(folder: impl AsRef<Path>) -> Result<Self> {
        Self::new(Model::load(folder)?)
    }

    /// The model that ships inside: the 68 points of 300-W. It was learnt from images that are for research, so it must not be used in
    /// a commercial product.
    ///
    /// ```
    /// use awing::{geometry::Rect, prediction::Aligner};
    ///
    /// let aligner = Aligner::builtin()?;
    /// let photo = image::RgbImage::new(320, 240); // awing::photo::load_image("photo.jpg".as_ref())?
    /// assert!(aligner.align(&photo)?.is_empty(), "nobody is there");
    /// let faces = aligner.align_in_boxes(&photo, &[Rect::new(80.0, 60.0, 210.0, 200.0)]);
    /// assert_eq!(faces[0].as_ref().unwrap().landmarks.len(), 68);
    /// # Ok::<(), awing::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Model::builtin`].
    #[cfg(feature = "builtin-model")]
    pub fn builtin() -> Result<Self> {
        Self::shipped(Builtin::Research)
    }

    /// The model that ships inside and may be used for anything: the 68 points of 300-W, learnt from rendered faces alone, as its detector was.
    ///
    /// # Errors
    /// Those of [`Model::builtin`].
    #[cfg(feature = "builtin-open")]
    pub fn builtin_open() -> Result<Self> {
        Self::shipped(Builtin::Open)
    }

    /// A model that ships inside, with its own detector.
    ///
    /// # Errors
    /// Those of [`Model::builtin`].
    pub fn shipped(which: Builtin) -> Result<Self> {
        // Each is unpacked once: its detector looks at its faces with it too.
        match which {
            #[cfg(feature = "builtin-model")]
            Builtin::Research => {
                static RESEARCH: OnceLock<Aligner> = OnceLock::new();
                unpacked(which, &RESEARCH)
            }
            #[cfg(feature = "builtin-open")]
            Builtin::Open => {
                static OPEN: OnceLock<Aligner> = OnceLock::new();
                unpacked(which, &OPEN)
            }
        }
    }
}

#[cfg(any(feature = "builtin-model", feature = "builtin-open"))]
fn unpacked(which: Builtin, place: &'static OnceLock<Aligner>) -> Result<Aligner> {
    if let Some(aligner) = place.get() {
        return Ok(aligner.clone());
    }
    let detector = ShippedDetector { of: Some(which), ..ShippedDetector::default() };
    let aligner = Aligner::new(Model::builtin(which)?)?.with_detector(Arc::new(detector));
    Ok(place.get_or_init(|| aligner).clone())
}

/// A detector that ships inside, read when a photo is first looked at.
#[derive(Debug, Default)]
struct ShippedDetector {
    /// The model that it goes with; the default of this build for all others.
    of: Option<Builtin>,
    read: OnceLock<Arc<dyn FaceDetector>>,
}

impl FaceDetector for ShippedDetector {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        match self.read.get() {
            Some(detector) => detector.detect(photo),
            None => {
                let detector = self.of.map_or_else(builtin_detector, shipped_detector)?;
                self.read.get_or_init(|| detector).detect(photo)
            }
        }
    }
}

/// The detector that a build uses where none is named: that of the first of [`Builtin::ALL`], or `SeetaFace` in a build that has only that one.
///
/// # Errors
/// [`crate::Error::Invalid`] in a build without the features `builtin-model`, `builtin-open` and `seetaface`, [`crate::Error::Model`] in one with
/// a damaged file.
pub fn builtin_detector() -> Result<Arc<dyn FaceDetector>> {
    if let Some(first) = Builtin::ALL.first() {
        return shipped_detector(*first);
    }
    #[cfg(feature = "seetaface")]
    return Ok(Arc::new(crate::detection::SeetaFace::builtin()?));
    #[cfg(not(feature = "seetaface"))]
    Err(crate::Error::invalid(
        "detector",
        "none is built in; turn on the feature `builtin-model`, `builtin-open` or `seetaface`, give one, or give boxes",
    ))
}

/// The detector of a model that ships inside: a [`HeatmapDetector`] with a low bar, verified by that model's 68 points.
///
/// # Errors
/// [`crate::Error::Model`] in a build with a damaged file.
pub fn shipped_detector(which: Builtin) -> Result<Arc<dyn FaceDetector>> {
    let [candidate, face] = which.bars();
    let candidates = HeatmapDetector::new(DetectorModel::builtin(which)?)?.with_least_score(candidate)?;
    let verifier = Arc::new(Aligner::shipped(which)?);
    Ok(Arc::new(VerifiedDetector::new(Arc::new(candidates), verifier, face)))
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

    /// NASA's portrait of Eileen Collins.
    fn portrait() -> Result<RgbImage> {
        crate::photo::load_image(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/astronaut.jpg").as_ref())
    }

    /// A face of 66 pixels in a photo of 4000, 10 at the usual side of 640.
    #[test]
    fn a_small_face_in_a_large_photo_is_found() {
        let portrait = image::DynamicImage::from(portrait().unwrap());
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
        let photo = portrait().unwrap();
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
