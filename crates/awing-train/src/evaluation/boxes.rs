use crate::dataset::{BoxChoice, BoxFile, Sample};
use awing::geometry::Rect;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// Where the face boxes of an evaluation come from. Results with different boxes cannot be compared: boxes made from
/// the annotated points know where the face is.
#[derive(Clone, Debug)]
pub enum BoxSource {
    /// "gt": the tight box around the annotated points.
    Landmarks,
    /// "jittered": those around the annotated points, shifted by up to 10 % of their sides and scaled by 0.85 to 1.2 at random, as
    /// a careless detector might; the same for a face in every evaluation.
    Jittered,
    /// "detector": the box that comes with the annotation.
    Detector,
    /// Boxes of a file.
    File {
        /// What the result calls it.
        name: String,
        /// The boxes.
        boxes: BoxFile,
    },
}

impl From<BoxChoice> for BoxSource {
    fn from(choice: BoxChoice) -> Self {
        match choice {
            BoxChoice::Landmarks => Self::Landmarks,
            BoxChoice::Detector => Self::Detector,
        }
    }
}

impl BoxSource {
    /// The box of a face, or why there is none. Where a file has several boxes for an image, the one that overlaps the
    /// annotated face most is taken, as the protocol of face alignment has it.
    pub fn of(&self, sample: &Sample) -> Result<Rect, String> {
        match self {
            Self::Landmarks => sample
                .landmark_box()
                .ok_or_else(|| "there is none: no two different points are annotated".to_owned()),
            Self::Jittered => Self::Landmarks.of(sample).map(|face_box| jittered(face_box, &sample.name)),
            Self::Detector => sample
                .detector_box
                .ok_or_else(|| "there is none of a detector; use --boxes gt or a file".to_owned()),
            Self::File { boxes, .. } => {
                let truth = sample.landmark_box();
                let shared = |r: &Rect| truth.map_or(0.0, |t| r.overlap(t));
                boxes
                    .get(&sample.name)
                    .iter()
                    .copied()
                    .max_by(|a, b| shared(a).total_cmp(&shared(b)))
                    .ok_or_else(|| match boxes.rivals(&sample.name) {
                        Some([a, b]) => {
                            format!("the image may be `{a}` or `{b}` in the file; give its name there fewer folders")
                        }
                        None => "there is none for this image in the file".to_owned(),
                    })
            }
        }
    }
}

/// The name decides, so that nothing depends on which other faces there are.
fn jittered(face_box: Rect, name: &str) -> Rect {
    // FNV-1a, which is the same everywhere and always.
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let scale = random.random_range(0.85..=1.2);
    let [x, y] = [(); 2].map(|()| random.random_range(-0.1..=0.1));
    let (w, h, center) = (face_box.width(), face_box.height(), face_box.center());
    let (x, y) = (center.x + x * w, center.y + y * h);
    Rect::new(x - 0.5 * scale * w, y - 0.5 * scale * h, x + 0.5 * scale * w, y + 0.5 * scale * h)
}

impl fmt::Display for BoxSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Landmarks => f.write_str("gt"),
            Self::Jittered => f.write_str("jittered"),
            Self::Detector => f.write_str("detector"),
            Self::File { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jittered_boxes_stay_within_what_is_promised_and_use_all_of_it() {
        let face_box = Rect::new(10.0, 20.0, 30.0, 60.0);
        let all: Vec<Rect> = (0..2000).map(|i| jittered(face_box, &format!("{i}.jpg"))).collect();
        assert_eq!(jittered(face_box, "7.jpg"), all[7]);
        let range = |value: fn(&Rect) -> f64| {
            all.iter().map(value).fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
        };
        let within = |(low, high): (f64, f64), least: f64, most: f64| {
            let slack = 0.01 * (most - least);
            (least - 1e-9..least + slack).contains(&low) && (most - slack..most + 1e-9).contains(&high)
        };
        assert!(within(range(|r| r.width() / 20.0), 0.85, 1.2));
        assert!(within(range(|r| r.center().x - 20.0), -2.0, 2.0));
        assert!(within(range(|r| r.center().y - 40.0), -4.0, 4.0));
    }
}
