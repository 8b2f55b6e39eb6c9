use super::{
    DetectedFace, FaceDetector,
    scale_space::{LEVELS, decode},
};
use crate::{
    error::{Error, Result},
    files::{LONGEST_SETTINGS, LONGEST_WEIGHTS, read_bytes, read_text, write_atomic},
    geometry::Rect,
    model::{NetworkConfig, StackedHourglass, WeightType, save_weights, weights_from_bytes},
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use image::{
    RgbImage,
    imageops::{FilterType, resize},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, path::Path};

/// The version of the folder's layout that this release writes and reads.
const VERSION: u32 = 1;
/// The longer sides that a photo is looked at in, in pixels: the first for the small faces of large photos, the last for those that fill the photo.
const LONG_SIDES: [u32; 3] = [1280, USUAL_SIDE, 256];
/// Photos that are smaller than this are looked at as they are.
const USUAL_SIDE: u32 = 640;
/// Networks see sides that are multiples of this.
const MULTIPLE: u32 = 64;
/// Two boxes that share this much of the smaller one are one face.
const SAME_FACE: f64 = 0.5;

/// A detector that awing trains itself: a stacked hourglass without coordinates whose maps are a scale space of faces, learnt with the
/// Adaptive Wing loss. See [`crate::training::Boxes`].
#[derive(Clone)]
pub struct HeatmapDetector {
    network: StackedHourglass,
    config: NetworkConfig,
    /// The least peak that counts as a face.
    least_score: f32,
    device: Device,
}

/// `config.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    version: u32,
    detector: String,
    least_score: f32,
    network: NetworkConfig,
}

impl HeatmapDetector {
    /// Maps of the network: one for each size of faces.
    pub const MAPS: usize = LEVELS;

    /// A detector from a network of [`HeatmapDetector::MAPS`] maps in memory; it runs on the network's device. A peak of `least_score` or
    /// more, from 0 to 1, is a face.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the network has coordinates or a boundary map, since faces are anywhere, or the score is out of range.
    pub fn new(config: NetworkConfig, network: &StackedHourglass, least_score: f32) -> Result<Self> {
        check(&config, least_score)?;
        let network = network.valid();
        let device = network.devices().first().cloned().unwrap_or_default().without_autodiff();
        Ok(Self { network, config, least_score, device })
    }

    /// The same with another bar: a peak of `least_score` or more, from 0 to 1, is a face.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the score is out of range.
    pub fn with_least_score(self, least_score: f32) -> Result<Self> {
        check(&self.config, least_score)?;
        Ok(Self { least_score, ..self })
    }

    /// Writes a folder with `config.toml`, `model.safetensors` and the card `README.md`, file by file beside and renamed.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written, [`Error::Model`] when a weight is not finite.
    pub fn save(&self, folder: &Path, card: &str, weights: WeightType) -> Result<()> {
        let file = ConfigFile {
            version: VERSION,
            detector: "scale-space".to_owned(),
            least_score: self.least_score,
            network: self.config.clone(),
        };
        let text = toml::to_string(&file).map_err(|e| Error::model(folder, "config.toml", e.to_string()))?;
        save_weights(&self.network, &folder.join("model.safetensors"), weights)?;
        write_atomic(&folder.join("config.toml"), text.as_bytes())?;
        write_atomic(&folder.join("README.md"), card.as_bytes())
    }

    /// Whether a folder holds a detector rather than a model of landmarks.
    pub fn is_in(folder: &Path) -> bool {
        let text = read_text(&folder.join("config.toml"), LONGEST_SETTINGS).unwrap_or_default();
        toml::from_str::<toml::Table>(&text).is_ok_and(|config| config.contains_key("detector"))
    }

    /// Reads a folder onto `device`.
    ///
    /// # Errors
    /// [`Error::Io`] when a file is missing; [`Error::Model`] naming the key or the tensor when it is no detector of this version or its
    /// weights do not fit.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let path = folder.join("config.toml");
        let text = read_text(&path, LONGEST_SETTINGS)?;
        let weights = folder.join("model.safetensors");
        let bytes = read_bytes(&weights, LONGEST_WEIGHTS)?;
        Self::from_parts(&text, &path, &bytes, &weights, device)
    }

    /// The card of [`HeatmapDetector::builtin`].
    #[cfg(feature = "builtin-model")]
    pub const BUILTIN_CARD: &str = include_str!("../../builtin/detector/README.md");

    /// The detector that ships inside. It was learnt from images that are for research: it must not be used in a commercial product;
    /// `SeetaFace` may.
    ///
    /// # Errors
    /// [`Error::Model`] when the library was built with damaged files.
    #[cfg(feature = "builtin-model")]
    pub fn builtin(device: &Device) -> Result<Self> {
        let (config, weights) = ("builtin/detector/config.toml", "builtin/detector/model.safetensors");
        Self::from_parts(
            include_str!("../../builtin/detector/config.toml"),
            Path::new(config),
            include_bytes!("../../builtin/detector/model.safetensors"),
            Path::new(weights),
            device,
        )
    }

    fn from_parts(text: &str, path: &Path, bytes: &[u8], weights: &Path, device: &Device) -> Result<Self> {
        let file: ConfigFile =
            toml::from_str(text).map_err(|e| Error::model(path, "detector", e.message().to_owned()))?;
        if file.version != VERSION {
            let problem = format!("{} is not {VERSION}, the one that this release reads", file.version);
            return Err(Error::model(path, "version", problem));
        }
        check(&file.network, file.least_score).map_err(|e| Error::model(path, "detector", e.to_string()))?;
        file.network.check_weights(LEVELS, weights, bytes.len() as u64)?;
        let fresh = StackedHourglass::new(&file.network, LEVELS, 0, device)?;
        let network = weights_from_bytes(fresh, bytes, weights)?;
        Self::new(file.network, &network, file.least_score)
    }

    /// The network.
    pub fn network(&self) -> &StackedHourglass {
        &self.network
    }

    /// The faces of a photo at one size, in its pixels.
    fn look(&self, photo: &RgbImage, long_side: u32) -> Result<Vec<DetectedFace>> {
        let (input, scale) = reduced(photo, long_side);
        let (width, height) =
            (input.width().next_multiple_of(MULTIPLE), input.height().next_multiple_of(MULTIPLE));
        let images = Tensor::<4>::from_data(padded(&input, width, height), &self.device);
        let Some(maps) = rayon::scope(|_| self.network.forward(images).pop()) else { return Ok(Vec::new()) };
        let [_, _, rows, columns] = maps.dims();
        let values: Vec<f32> = maps.into_data().iter().collect();
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
                DetectedFace { face_box: Rect::new(back(x0), back(y0), back(x1), back(y1)), score }
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

fn check(config: &NetworkConfig, least_score: f32) -> Result<()> {
    config.validate()?;
    if !(least_score > 0.0 && least_score <= 1.0) {
        return Err(Error::invalid("least_score", format!("{least_score} is not above 0 and up to 1")));
    }
    if config.boundary || config.coord_conv {
        let problem =
            "must have boundary = false and coord_conv = false in a detector: a face may be anywhere";
        return Err(Error::invalid("network", problem));
    }
    Ok(())
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

/// [1, 3, height, width], in [0, 1], black beside the photo.
fn padded(photo: &RgbImage, width: u32, height: u32) -> TensorData {
    let [width, height] = [width as usize, height as usize];
    let mut values = vec![0.0_f32; 3 * width * height];
    for (x, y, pixel) in photo.enumerate_pixels() {
        for (channel, value) in pixel.0.into_iter().enumerate() {
            values[channel * width * height + y as usize * width + x as usize] = f32::from(value) / 255.0;
        }
    }
    TensorData::new(values, [1, 3, height, width])
}

/// The surest box of each face, the surest face first.
fn distinct(mut faces: Vec<DetectedFace>) -> Vec<DetectedFace> {
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<DetectedFace> = Vec::new();
    for face in faces {
        if kept.iter().all(|other| other.face_box.shared(face.face_box) < SAME_FACE) {
            kept.push(face);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(config: &NetworkConfig) -> StackedHourglass {
        StackedHourglass::new(config, LEVELS, 3, &Device::flex()).unwrap()
    }

    fn config() -> NetworkConfig {
        NetworkConfig { input: 64, stacks: 1, width: 8, boundary: false, coord_conv: false }
    }

    #[test]
    fn a_detector_survives_its_folder_and_a_model_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let detector = HeatmapDetector::new(config(), &network(&config()), 0.5).unwrap();
        detector.save(folder.path(), "a card", WeightType::F32).unwrap();
        assert!(HeatmapDetector::is_in(folder.path()));
        let again = HeatmapDetector::load(folder.path(), &Device::flex()).unwrap();
        let photo = RgbImage::from_fn(70, 50, |x, y| image::Rgb([x as u8, y as u8, 90]));
        let maps = |detector: &HeatmapDetector| {
            let input = Tensor::<4>::from_data(padded(&photo, 128, 64), &Device::flex());
            detector.network.forward(input).remove(0).into_data()
        };
        assert_eq!(maps(&detector), maps(&again));
        let path = folder.path().join("config.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("version = 1", "version = 9")).unwrap();
        let problem = HeatmapDetector::load(folder.path(), &Device::flex()).unwrap_err().to_string();
        assert!(problem.contains("config.toml: version: 9 is not 1"), "{problem}");
        let with_boundary = NetworkConfig { boundary: true, ..config() };
        assert!(HeatmapDetector::new(with_boundary.clone(), &network(&with_boundary), 0.5).is_err());
    }

    #[test]
    fn of_boxes_on_one_face_the_surest_stays() {
        let face = |x: f64, score: f32| DetectedFace { face_box: Rect::new(x, 0.0, x + 10.0, 10.0), score };
        // 0 and 5 share a half, 0 and 6 less.
        assert_eq!(
            distinct(vec![face(5.0, 0.7), face(0.0, 0.9), face(30.0, 0.8)]),
            [face(0.0, 0.9), face(30.0, 0.8)]
        );
        assert_eq!(distinct(vec![face(6.0, 0.7), face(0.0, 0.9)]).len(), 2);
        // A small box within a large one.
        let small = DetectedFace { face_box: Rect::new(6.0, 1.0, 9.0, 4.0), score: 0.6 };
        assert_eq!(distinct(vec![small, face(0.0, 0.9)]), [face(0.0, 0.9)]);
    }

    #[cfg(feature = "builtin-model")]
    mod builtin {
        use super::*;
        use image::imageops::crop_imm;

        /// NASA's portrait of Eileen Collins, and the box around her landmarks.
        fn portrait() -> (RgbImage, Rect) {
            let photo =
                image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/astronaut.jpg")).unwrap();
            (photo.to_rgb8(), Rect::new(179.0, 87.5, 271.0, 178.0))
        }

        #[test]
        fn it_finds_the_face_at_many_sizes() {
            let (photo, truth) = portrait();
            let detector = HeatmapDetector::builtin(&Device::flex()).unwrap();
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
            let detector = HeatmapDetector::builtin(&Device::flex()).unwrap();
            for (width, height) in [(1, 1), (3, 500), (640, 20), (300, 200)] {
                let photo =
                    RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, (x * y) as u8, y as u8]));
                assert!(detector.detect(&photo).unwrap().is_empty(), "{width} x {height}");
            }
            assert!(detector.detect(&RgbImage::new(0, 0)).is_err());
        }
    }
}
