use super::{
    DetectedFace, DetectorModel, FaceDetector,
    detector_model::check,
    distinct::distinct,
    scale_space::{LEVELS, decode},
};
use crate::{
    error::{Error, Result},
    geometry::Rect,
    network::{HeatmapNetwork, Network, NetworkConfig},
};
use image::{
    RgbImage,
    imageops::{FilterType, replace, resize},
};
use std::{borrow::Cow, fmt, sync::Arc};

/// The longer sides that a photo is looked at in, in pixels: the first for the small faces of large photos, the last for those that fill the photo.
const LONG_SIDES: [u32; 3] = [1280, USUAL_SIDE, 256];
/// Photos that are smaller than this are looked at as they are.
const USUAL_SIDE: u32 = 640;
/// Networks see sides that are multiples of this.
const MULTIPLE: u32 = 64;

/// Finds faces as the peaks of a [`DetectorModel`]'s maps.
#[derive(Clone)]
pub struct HeatmapDetector {
    network: Arc<dyn HeatmapNetwork>,
    config: NetworkConfig,
    /// The least peak that counts as a face.
    least_score: f32,
}

impl HeatmapDetector {
    /// A detector that computes on the processor.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the network has coordinates or a boundary map, since faces are anywhere, or the score is out of range;
    /// [`Error::Model`] when the weights are not the network's own.
    pub fn new(model: DetectorModel) -> Result<Self> {
        let network = Arc::new(Network::new(&model.network, LEVELS, model.weights)?);
        Self::with_network(model.network, model.least_score, network)
    }

    /// A detector whose network computes elsewhere. A peak of `least_score` or more, above 0 and up to 1, is a face.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the network has coordinates or a boundary map, or the score is out of range.
    pub fn with_network(
        config: NetworkConfig,
        least_score: f32,
        network: Arc<dyn HeatmapNetwork>,
    ) -> Result<Self> {
        check(&config, least_score)?;
        Ok(Self { network, config, least_score })
    }

    /// The same with another bar: a peak of `least_score` or more, above 0 and up to 1, is a face.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the score is out of range.
    pub fn with_least_score(self, least_score: f32) -> Result<Self> {
        check(&self.config, least_score)?;
        Ok(Self { least_score, ..self })
    }

    /// The faces of a photo at one size, in its pixels.
    fn look(&self, photo: &RgbImage, long_side: u32) -> Result<Vec<DetectedFace>> {
        let (input, scale) = reduced(photo, long_side);
        let (width, height) =
            (input.width().next_multiple_of(MULTIPLE), input.height().next_multiple_of(MULTIPLE));
        let mut seen = RgbImage::new(width, height);
        replace(&mut seen, &*input, 0, 0);
        let values = self.network.forward(&[&seen]).pop().unwrap_or_default();
        let [rows, columns] = [height, width].map(|side| side as usize / NetworkConfig::STRIDE);
        if values.iter().any(|v| !v.is_finite()) {
            let problem = "hold a number that is not finite: the detector's weights are damaged";
            return Err(Error::invalid("heatmaps", problem));
        }
        let whole = Rect::of_image(input.width(), input.height());
        let faces = decode(&values, [rows, columns], self.least_score).into_iter();
        Ok(faces
            .filter(|face| face.face_box.overlaps(whole))
            .map(|DetectedFace { face_box, score }| {
                // Pixel centres: p' = (p + 0.5) s - 0.5.
                let back = |v: f64| (v + 0.5) / scale - 0.5;
                let Rect { x0, y0, x1, y1 } = face_box;
                let face_box = Rect::new(back(x0), back(y0), back(x1), back(y1)).to_sixteenths();
                DetectedFace { face_box, score }
            })
            .collect())
    }
}

impl fmt::Debug for HeatmapDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeatmapDetector").field("config", &self.config).finish_non_exhaustive()
    }
}

impl FaceDetector for HeatmapDetector {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        let (width, height) = photo.dimensions();
        if width == 0 || height == 0 {
            return Err(Error::invalid("photo", "has no pixels"));
        }
        let mut faces = Vec::new();
        for side in LONG_SIDES {
            if side == USUAL_SIDE || side < width.max(height) {
                faces.extend(self.look(photo, side)?);
            }
        }
        Ok(distinct(faces))
    }
}

/// The photo with its longer side at most this long, and how many of its pixels one of the photo is.
fn reduced(photo: &RgbImage, long_side: u32) -> (Cow<'_, RgbImage>, f64) {
    let (width, height) = photo.dimensions();
    let scale = f64::from(long_side) / f64::from(width.max(height));
    if scale >= 1.0 {
        return (Cow::Borrowed(photo), 1.0);
    }
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (Cow::Owned(resize(photo, side(width), side(height), FilterType::Triangle)), scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_coordinates_is_no_detector() {
        /// Sees nothing.
        struct Nothing;
        impl HeatmapNetwork for Nothing {
            fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
                images.iter().map(|i| vec![0.0; LEVELS * i.as_raw().len() / 48]).collect()
            }
        }
        let config = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false };
        let detector = HeatmapDetector::with_network(config.clone(), 0.5, Arc::new(Nothing)).unwrap();
        assert!(detector.detect(&RgbImage::new(90, 70)).unwrap().is_empty());
        assert!(detector.with_least_score(0.0).is_err());
        let with_boundary = NetworkConfig { boundary: true, ..config };
        assert!(HeatmapDetector::with_network(with_boundary, 0.5, Arc::new(Nothing)).is_err());
    }

    /// A photo of 1280 x 640 pixels is looked at half as large: the face that is drawn into those maps comes back in the photo's pixels, where
    /// p is (p + 0.5) / 2 - 0.5 of the smaller one.
    #[test]
    fn boxes_come_back_in_the_photos_pixels() {
        /// One face, around pixel 201.5, 101.5 of an image 640 pixels wide; 80 pixels a side.
        struct OneFace;
        impl HeatmapNetwork for OneFace {
            fn forward(&self, images: &[&RgbImage]) -> Vec<Vec<f32>> {
                let of = |image: &&RgbImage| {
                    let [width, height] = [image.width(), image.height()].map(|side| side as usize / 4);
                    let mut maps = vec![0.0; LEVELS * width * height];
                    if image.width() == 640 {
                        // The map of 80 pixels, cell (50, 25).
                        maps[(4 * height + 25) * width + 50] = 0.9;
                    }
                    maps
                };
                images.iter().map(of).collect()
            }
        }
        let config = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false };
        let detector = HeatmapDetector::with_network(config, 0.5, Arc::new(OneFace)).unwrap();
        let faces = detector.detect(&RgbImage::new(1280, 640)).unwrap();
        assert_eq!(faces.len(), 1);
        // From 161.5 to 241.5 and from 61.5 to 141.5: twice that and half a pixel.
        let Rect { x0, y0, x1, y1 } = faces[0].face_box;
        for (found, expected) in [(x0, 323.5), (y0, 123.5), (x1, 483.5), (y1, 283.5)] {
            assert!((found - expected).abs() < 1e-9, "{:?}", faces[0].face_box);
        }
    }

    #[cfg(feature = "builtin-model")]
    mod builtin {
        use super::*;
        use crate::network::Builtin;
        use image::imageops::crop_imm;

        /// NASA's portrait of Eileen Collins, and the box around her landmarks.
        fn portrait() -> (RgbImage, Rect) {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/astronaut.jpg");
            (crate::photo::load_image(path.as_ref()).unwrap(), Rect::new(179.0, 87.5, 271.0, 178.0))
        }

        #[test]
        fn it_finds_the_face_at_many_sizes() {
            let (photo, truth) = portrait();
            let detector = HeatmapDetector::new(DetectorModel::builtin(Builtin::Research).unwrap()).unwrap();
            // As it is, half as large, and cut so that the face fills it, at the width of a phone's photo.
            let close = crop_imm(&photo, 155, 60, 140, 140).to_image();
            let shifted = Rect::new(truth.x0 - 155.0, truth.y0 - 60.0, truth.x1 - 155.0, truth.y1 - 60.0);
            for (photo, truth, factor) in
                [(&photo, truth, 1.0), (&photo, truth, 0.5), (&close, shifted, 12.0)]
            {
                let side = |length: u32| (f64::from(length) * factor) as u32;
                let seen = resize(photo, side(photo.width()), side(photo.height()), FilterType::Triangle);
                let faces = detector.detect(&seen).unwrap();
                let Rect { x0, y0, x1, y1 } = truth;
                let truth = Rect::new(x0 * factor, y0 * factor, x1 * factor, y1 * factor);
                assert_eq!(faces.len(), 1, "{factor}: {faces:?}");
                assert!(faces[0].face_box.overlap(truth) > 0.65, "{factor}: {faces:?}, not {truth:?}");
            }
        }

        #[test]
        fn where_nobody_is_it_finds_nobody() {
            let detector = HeatmapDetector::new(DetectorModel::builtin(Builtin::Research).unwrap()).unwrap();
            for (width, height) in [(1, 1), (3, 500), (640, 20), (300, 200)] {
                let photo =
                    RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, (x * y) as u8, y as u8]));
                assert!(detector.detect(&photo).unwrap().is_empty(), "{width} x {height}");
            }
            assert!(detector.detect(&RgbImage::new(0, 0)).is_err());
        }
    }
}
