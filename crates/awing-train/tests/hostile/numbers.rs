//! Numbers that go wrong at prediction and in evaluation: an error for that face, never NaN as a landmark or in JSON.

use crate::samples;
use awing::{
    Error, Result,
    detection::{DetectedFace, DetectorModel, FaceDetector, HeatmapDetector},
    geometry::{CropRule, Rect},
    heatmap::{Center, CodecConfig, Decoder},
    network::{Builtin, Model, WeightType},
    prediction::{Aligner, Face},
    scheme::Landmark,
};
use awing_train::{
    dataset::{Dataset, ImageSource, Sample},
    evaluation::{BoxSource, Normalizer, test_faces},
};
use image::{Rgb, RgbImage};
use std::{fs, path::Path, sync::Arc};

fn aligner() -> Aligner {
    Aligner::new(samples::model(3)).unwrap()
}

/// All numbers of the face are numbers, in JSON too.
#[track_caller]
fn assert_finite(face: &Face) {
    assert!(face.landmarks.iter().all(|p| p.is_finite()), "{face:?}");
    assert!(face.scores.iter().all(|s| (0.0..=1.0).contains(s)) && face.score.is_finite(), "{face:?}");
    assert!(face.expected_errors.iter().all(|e| e.is_finite()), "{face:?}");
    let json = serde_json::to_string(face).unwrap();
    assert!(!json.contains("null") && !json.contains("NaN"), "{json}");
}

#[track_caller]
fn assert_fine(faces: Vec<Result<Face>>) -> usize {
    let mut refused = 0;
    for face in faces {
        match face {
            Ok(face) => assert_finite(&face),
            Err(Error::Invalid { .. } | Error::Format { .. }) => refused += 1,
            Err(other) => panic!("another error: {other}"),
        }
    }
    refused
}

#[test]
fn photos_of_one_color_and_of_a_few_pixels() {
    let face = Rect::new(0.0, 0.0, 60.0, 60.0);
    for color in [[0; 3], [255; 3], [128, 0, 7]] {
        for (width, height) in [(64, 64), (1, 1), (1, 5000), (5000, 1), (2, 3)] {
            let photo = RgbImage::from_pixel(width, height, Rgb(color));
            for aligner in [aligner(), aligner().with_mirror().unwrap(), Aligner::builtin().unwrap()] {
                assert_eq!(assert_fine(aligner.align_in_boxes(&photo, &[face])), 0);
                assert!(aligner.align(&photo).is_ok());
            }
        }
    }
    // Nothing at all.
    let nothing = RgbImage::new(0, 0);
    assert_eq!(assert_fine(aligner().align_in_boxes(&nothing, &[face])), 1);
    assert!(aligner().align(&nothing).is_err());
    assert!(
        HeatmapDetector::new(DetectorModel::builtin(Builtin::Research).unwrap())
            .unwrap()
            .detect(&nothing)
            .is_err()
    );
}

#[test]
fn boxes_of_one_pixel_without_numbers_and_without_end() {
    let photo = RgbImage::from_pixel(64, 48, Rgb([90, 120, 40]));
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let bad = [
        [10.0, 10.0, 11.0, 11.0],
        [10.0, 10.0, 10.0, 10.0],
        [nan, 10.0, 50.0, 50.0],
        [10.0, 10.0, nan, nan],
        [10.0, 10.0, inf, 50.0],
        [-inf, -inf, inf, inf],
        [0.0, 0.0, 1e300, 1e300],
        [-1e300, 0.0, 1e300, 40.0],
        [f64::MIN, f64::MIN, f64::MAX, f64::MAX],
        [50.0, 50.0, 10.0, 10.0],
        [100.0, 100.0, 200.0, 200.0],
        [1e-320, 1e-320, 2e-320, 2e-320],
    ];
    let good = [
        [10.0, 10.0, 40.0, 40.0],
        [-9e6, -9e6, 9e6, 9e6],
        [20.0, 20.0, 22.5, 20.0],
        [-300.0, -300.0, 1.0, 1.0],
    ];
    let boxes: Vec<Rect> = bad.iter().chain(&good).map(|[a, b, c, d]| Rect::new(*a, *b, *c, *d)).collect();
    let faces = aligner().align_in_boxes(&photo, &boxes);
    assert!(faces[..bad.len()].iter().all(Result::is_err), "{faces:?}");
    assert!(faces[bad.len()..].iter().all(Result::is_ok), "{faces:?}");
    assert_eq!(assert_fine(faces), bad.len());
}

/// A detector that says what it is told to.
#[derive(Debug)]
struct Says(Vec<Rect>);

impl FaceDetector for Says {
    fn detect(&self, _: &RgbImage) -> Result<Vec<DetectedFace>> {
        Ok(self.0.iter().map(|face_box| DetectedFace { face_box: *face_box, score: f32::NAN }).collect())
    }
}

#[test]
fn a_detector_gone_wrong_costs_its_photo_alone() {
    let photo = RgbImage::from_pixel(64, 48, Rgb([90, 120, 40]));
    let face = Rect::new(10.0, 10.0, 40.0, 40.0);
    for boxes in [
        vec![Rect::new(f64::NAN, 0.0, 1.0, 1.0)],
        vec![face, Rect::new(0.0, 0.0, 1e300, 1e300)],
        vec![face; 1_000_000],
    ] {
        let aligner = aligner().with_detector(Arc::new(Says(boxes)));
        assert!(aligner.align(&photo).is_err());
        assert!(aligner.align_batch(std::slice::from_ref(&photo)).remove(0).is_err());
    }
}

/// A file of weights whose checksum nobody knows by name, so that its numbers can be changed.
fn without_checksum(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(5).position(|w| w == b"crc32").unwrap();
    bytes[at..at + 5].copy_from_slice(b"other");
    bytes
}

/// The model with one of its weights, the bias of the maps, set to `value`; `None` where it cannot be loaded.
fn with_bias(folder: &Path, value: f32) -> Option<Model> {
    samples::save_model(folder, WeightType::F32);
    let path = folder.join("model.safetensors");
    let mut bytes = without_checksum(&path);
    let header = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let table: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
    let (_, place) = table.as_object().unwrap().iter().find(|(name, _)| name.ends_with("maps.bias")).unwrap();
    let start = header + usize::try_from(place["data_offsets"][0].as_u64().unwrap()).unwrap();
    bytes[start..start + 4].copy_from_slice(&value.to_le_bytes());
    fs::write(path, bytes).unwrap();
    Model::load(folder).ok()
}

#[test]
fn weights_that_are_no_numbers_or_huge() {
    let photo = RgbImage::from_fn(64, 64, |x, y| Rgb([x as u8, y as u8, 7]));
    let face = [Rect::new(4.0, 4.0, 60.0, 60.0)];
    let folder = tempfile::tempdir().unwrap();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(with_bias(folder.path(), value).is_none(), "{value}");
    }
    for value in [f32::MAX, f32::MIN, 1e30, -1e30, 1e20, 1e-45] {
        let model = with_bias(folder.path(), value).unwrap();
        for decoder in [Decoder::Dark, Decoder::QuarterShift, Decoder::Argmax] {
            let heatmap = CodecConfig { decoder, center: Center::Floor, ..CodecConfig::default() };
            let mut model = model.clone();
            model.config.heatmap = heatmap;
            assert_fine(Aligner::new(model).unwrap().align_in_boxes(&photo, &face));
        }
    }
}

#[test]
fn detectors_of_huge_weights_find_finite_boxes_or_say_why_not() {
    let photo = RgbImage::from_fn(300, 200, |x, y| Rgb([x as u8, y as u8, 7]));
    for scale in [1e3_f32, 1e10, 1e30, f32::MAX] {
        let folder = tempfile::tempdir().unwrap();
        samples::save_detector(folder.path());
        let path = folder.path().join("model.safetensors");
        let mut bytes = without_checksum(&path);
        let header = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        for weight in bytes[header..].as_chunks_mut::<4>().0 {
            *weight = (f32::from_le_bytes(*weight) * scale).clamp(f32::MIN, f32::MAX).to_le_bytes();
        }
        fs::write(path, bytes).unwrap();
        let detector = HeatmapDetector::new(DetectorModel::load(folder.path()).unwrap()).unwrap();
        if let Ok(faces) = detector.detect(&photo) {
            assert!(
                faces.iter().all(|face| face.face_box.is_usable(0.0) && face.score.is_finite()),
                "{scale}"
            );
        }
    }
}

#[test]
fn calibrations_of_odd_numbers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    samples::save_model(folder.path(), WeightType::F32);
    let load = |scores: &str, errors: &str, factors: &str| {
        let text = format!(
            "normalizer = 'inter-ocular'\nscores = [{scores}]\nerrors = [{errors}]\nfactors = [{factors}]\n"
        );
        fs::write(folder.path().join("calibration.toml"), text).unwrap();
        Model::load(folder.path())
    };
    assert!(load("0.1, 0.5", "9, 2", "1, 1, 1").is_ok());
    assert!(load("0.5, 0.5", "9, 2", "0, 1e6, 1").is_ok());
    for (scores, errors, factors) in [
        ("0.1, nan", "9, 2", "1, 1, 1"),
        ("nan, 0.5", "9, 2", "1, 1, 1"),
        ("0.5, 0.1", "9, 2", "1, 1, 1"),
        ("-1e300, 1e300", "9, 2", "1, 1, 1"),
        ("0.1, inf", "9, 2", "1, 1, 1"),
        ("0.1, 0.5", "9, -2", "1, 1, 1"),
        ("0.1, 0.5", "1e300, 2", "1e300, 1, 1"),
        ("0.1, 0.5", "9, 2", "1, 1"),
        ("", "", "1, 1, 1"),
    ] {
        let message = load(scores, errors, factors).unwrap_err().to_string();
        assert!(message.contains("calibration.toml: calibration: "), "{message}");
    }
}

#[test]
fn annotations_that_cannot_be_scored_cost_themselves_alone() {
    let photo = Arc::new(RgbImage::from_pixel(64, 48, Rgb([90, 120, 40])));
    let face = |name: &str, points: [(f64, f64); 3]| {
        let landmarks = points.map(|(x, y)| Landmark::visible(x, y)).to_vec();
        Sample::new(name, ImageSource::Memory(photo.clone()), landmarks)
    };
    let good = [(10.0, 10.0), (40.0, 12.0), (25.0, 30.0)];
    let dataset = Dataset::new(
        "csv:x".parse().unwrap(),
        samples::scheme(),
        vec![
            face("good", good),
            face("all in one place", [(20.0, 20.0); 3]),
            face("eyes in one place", [(20.0, 20.0), (20.0, 20.0), (30.0, 40.0)]),
            face("eyes next to nothing apart", [(0.0, 20.0), (1e-310, 20.0), (30.0, 40.0)]),
            face("far away", [(99_999.0, 99_999.0), (99_990.0, 99_999.0), (99_995.0, 99_990.0)]),
        ],
    );
    let tested =
        test_faces(&aligner(), &dataset, &BoxSource::Landmarks, &Normalizer::InterOcular, &mut |_| {})
            .unwrap();
    assert_eq!(tested.unscorable.len(), 3, "{:?}", tested.unscorable);
    let summary = tested.evaluation.summary();
    assert_eq!((summary.all.images, summary.all.failed), (2, 1));
    let json = serde_json::to_string(&summary).unwrap();
    assert!(summary.all.nme.unwrap().is_finite() && !json.contains("NaN"), "{json}");
}

#[test]
fn a_crop_rule_of_odd_numbers_is_refused() {
    for (margin, shift_y) in [(f64::NAN, 0.0), (0.0, 0.0), (1e300, 0.0), (1.3, f64::INFINITY), (-1.0, 0.0)] {
        let mut model = samples::model(3);
        model.config.crop = CropRule { margin, shift_y };
        let photo = RgbImage::new(64, 64);
        let faces = Aligner::new(model).unwrap().align_in_boxes(&photo, &[Rect::new(4.0, 4.0, 60.0, 60.0)]);
        assert_eq!(assert_fine(faces), 1);
    }
}
