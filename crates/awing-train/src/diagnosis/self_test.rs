use super::Finding;
use awing::{
    Error, Result,
    detection::FaceDetector,
    geometry::{Point, Rect},
    network::Builtin,
    prediction::{Aligner, shipped_detector},
};
use image::RgbImage;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The face of Eileen Collins, from NASA's portrait, in the public domain.
const FACE: &[u8] = include_bytes!("face.jpg");
/// Where a face detector's box should be in it, within a quarter of its side.
const FACE_BOX: Rect = Rect { x0: 50.0, y0: 48.0, x1: 140.0, y1: 138.0 };
const REMEDY: &str =
    "build or install awing again; if that does not help, please report it with `awing doctor --json`";

/// The detectors that ship inside, on a face that ships inside.
pub fn check_detectors() -> Vec<Finding> {
    let mut found: Vec<Finding> = Builtin::ALL
        .iter()
        .map(|builtin| check_detector(builtin.name(), shipped_detector(*builtin)))
        .collect();
    #[cfg(feature = "seetaface")]
    found.push(check_detector(
        "seetaface",
        awing::detection::SeetaFace::builtin().map(|detector| Arc::new(detector) as _),
    ));
    if found.is_empty() {
        let remedy = "give boxes with --box or --boxes, or a detector with --detector";
        found.push(Finding::note("detector", "this build has none inside", remedy));
    }
    found
}

fn check_detector(name: &str, detector: Result<Arc<dyn FaceDetector>>) -> Finding {
    let found = photo().and_then(|photo| detector?.detect(&photo));
    match found.as_deref() {
        Ok([face]) if is_near(face.face_box, FACE_BOX) => {
            let found = format!("{name} finds the face of its self-test, score {:.2}", face.score);
            Finding::ok("detector", found)
        }
        Ok(faces) => {
            let found =
                format!("{name} finds {} faces in its self-test, not the one that is there", faces.len());
            Finding::failed("detector", found, REMEDY)
        }
        Err(problem) => Finding::failed("detector", format!("{name}: {problem}"), REMEDY),
    }
}

/// The models that ship inside, on a face that ships inside.
pub fn check_models() -> Vec<Finding> {
    let checked = |builtin: &Builtin| {
        check_model(*builtin).unwrap_or_else(|problem| {
            Finding::failed("model", format!("{}: {problem}", builtin.name()), REMEDY)
        })
    };
    let found: Vec<Finding> = Builtin::ALL.iter().map(checked).collect();
    if found.is_empty() {
        let remedy =
            "build with the feature builtin-open or builtin-model, or give a trained one with --model";
        return vec![Finding::note("model", "this build has none inside", remedy)];
    }
    found
}

fn check_model(builtin: Builtin) -> Result<Finding> {
    /// Read off the portrait by eye: point of the 68, and its place.
    const POINTS: [(usize, f64, f64); 4] =
        [(8, 94.0, 138.0), (30, 97.0, 88.0), (48, 75.0, 100.0), (54, 118.0, 101.0)];
    /// Pixels; the models themselves are about one from what eyes say.
    const NEAR: f64 = 4.0;

    let begun = Instant::now();
    let aligner = Aligner::shipped(builtin)?;
    let loaded = begun.elapsed();
    let photo = photo()?;
    let nothing = || Error::invalid("face", "no answer");
    let face = aligner.align_in_boxes(&photo, &[FACE_BOX]).pop().ok_or_else(nothing)??;
    // The first time is also that of threads that start and memory that is new.
    let begun = Instant::now();
    aligner.align_in_boxes(&photo, &[FACE_BOX]).pop().ok_or_else(nothing)??;
    let took = begun.elapsed();
    // Never so for NaN.
    let is_right = |&(i, x, y): &(usize, f64, f64)| {
        face.landmarks.get(i).is_some_and(|p| p.distance(Point::new(x, y)) <= NEAR)
    };
    let (name, ms) = (builtin.name(), |time: Duration| time.as_secs_f64() * 1e3);
    let wrong = POINTS.iter().filter(|point| !is_right(point)).count();
    if wrong > 0 {
        let count = POINTS.len();
        let found =
            format!("{name}: {wrong} of {count} points of its self-test are not where they should be");
        return Ok(Finding::failed("model", found, REMEDY));
    }
    let text = format!(
        "{name}: {} points, loaded in {:.0} ms, {:.0} ms for the face of its self-test",
        aligner.scheme().len(),
        ms(loaded),
        ms(took)
    );
    Ok(Finding::ok("model", text))
}

fn photo() -> Result<RgbImage> {
    awing::photo::decode_image(FACE, "the face inside".as_ref())
}

fn is_near(found: Rect, expected: Rect) -> bool {
    let most = 0.25 * expected.width().max(expected.height());
    let ends =
        [(found.x0, expected.x0), (found.y0, expected.y0), (found.x1, expected.x1), (found.y1, expected.y1)];
    ends.iter().all(|(a, b)| (a - b).abs() <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_inside_passes_its_test() {
        for finding in check_detectors().into_iter().chain(check_models()) {
            assert_ne!(finding.state, super::super::State::Failed, "{finding:?}");
        }
    }

    #[test]
    fn a_box_elsewhere_is_not_near() {
        assert!(is_near(Rect::new(55.0, 50.0, 145.0, 130.0), FACE_BOX));
        assert!(!is_near(Rect::new(0.0, 48.0, 140.0, 138.0), FACE_BOX));
        assert!(!is_near(Rect::new(f64::NAN, 48.0, 140.0, 138.0), FACE_BOX));
    }
}
