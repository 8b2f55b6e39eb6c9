use crate::dataset::{BoxChoice, BoxFile, Sample};
use awing::geometry::Rect;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// A box of a file is a face's when the two share at least this part of the smaller one, which is a third of both together (intersection
/// over union) where they are of one size. The smaller one counts because five points take up a small part of a face.
const LEAST_SHARED: f64 = 0.5;
/// And when their intersection over union is at least this: a face far behind or before another is a bystander too.
const LEAST_OVERLAP: f64 = 0.1;

/// Where the face boxes of an evaluation come from. Results with different boxes cannot be compared: boxes made from
/// the annotated points know where the face is.
#[derive(Clone, Debug)]
pub enum BoxSource {
    /// "gt": the tight box around the annotated points.
    Landmarks,
    /// "jittered": those around the annotated points, shifted by up to 10 % of their sides and scaled by 0.85 to 1.2 at random, as
    /// a careless detector might; the same for a face in every evaluation.
    Jittered,
    /// "detector": the box that comes with the annotation, as [`BoxChoice::Detector`] says.
    Detector,
    /// Boxes of a file. Of those of a photo each face takes the one that overlaps it most, and none where none is its own.
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
    /// annotated face most is taken, as the protocol of face alignment has it; but a box that shares less than half of the smaller one
    /// with the annotated face, or a tenth of both together, is a bystander's, and the face was not found.
    pub fn of(&self, sample: &Sample) -> Result<Rect, String> {
        match self {
            Self::Landmarks => BoxChoice::Landmarks.of(sample),
            Self::Jittered => Self::Landmarks.of(sample).map(|face_box| jittered(face_box, &sample.name)),
            Self::Detector => BoxChoice::Detector.of(sample),
            Self::File { boxes, .. } => {
                let truth = Self::Landmarks.of(sample)?;
                let own = |r: &&Rect| r.shared(truth) >= LEAST_SHARED && r.overlap(truth) >= LEAST_OVERLAP;
                let of_image = boxes.get(&sample.name);
                let best =
                    of_image.iter().filter(own).max_by(|a, b| a.overlap(truth).total_cmp(&b.overlap(truth)));
                best.copied().ok_or_else(|| match (boxes.rivals(&sample.name), of_image.len()) {
                    (Some([a, b]), _) => {
                        format!(
                            "the image may be `{a}` or `{b}` in the file; give its name there fewer folders"
                        )
                    }
                    (None, 0) => "there is none for this image in the file".to_owned(),
                    (None, count) => format!("not found: none of the {count} in the file overlaps the face"),
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
    use crate::dataset::ImageSource;
    use awing::scheme::Landmark;

    fn face(name: &str, corners: [(f64, f64); 2]) -> Sample {
        let landmarks = corners.map(|(x, y)| Landmark::visible(x, y)).to_vec();
        Sample::new(name, ImageSource::File(name.into()), landmarks)
    }

    #[test]
    fn a_bystanders_box_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes.csv");
        let of = |lines: &str, sample: &Sample| {
            std::fs::write(&path, format!("image,x0,y0,x1,y1\n{lines}")).unwrap();
            BoxSource::File { name: "file".into(), boxes: BoxFile::load(&path).unwrap() }.of(sample)
        };
        let sample = face("a.png", [(100.0, 100.0), (200.0, 200.0)]);
        // The neighbour on the right, who shares 40 of 100 columns: the face was not found, whoever else was.
        let error = of("a.png,160,100,260,200", &sample).unwrap_err();
        assert!(error.starts_with("not found: none of the 1 in the file"), "{error}");
        // Half is enough, and of two the better.
        let half = Rect::new(150.0, 100.0, 250.0, 200.0);
        assert_eq!(of("a.png,150,100,250,200", &sample), Ok(half));
        let better = Rect::new(120.0, 90.0, 230.0, 210.0);
        assert_eq!(of("a.png,150,100,250,200\na.png,120,90,230,210", &sample), Ok(better));
        // Around a face far behind: 400 x 400 hold all of its 100 x 100, a sixteenth.
        assert!(of("a.png,0,0,400,400", &sample).is_err());
        // Five points take up a fifth of the box around a face: 100 x 100 of 200 x 250.
        assert!(of("a.png,50,20,250,270", &sample).is_ok());
        let error = of("b.png,100,100,200,200", &sample).unwrap_err();
        assert_eq!(error, "there is none for this image in the file");
    }

    /// What a run learns from, what chooses its best weights and what an evaluation measures.
    #[test]
    fn a_detectors_box_is_the_same_in_training_and_evaluation() {
        let mut sample = face("a.png", [(1.0, 2.0), (30.0, 40.0)]);
        for detector_box in [None, Some(Rect::new(0.0, 0.0, 50.0, 60.0))] {
            sample.detector_box = detector_box;
            for (choice, want) in
                [(BoxChoice::Detector, detector_box), (BoxChoice::Landmarks, sample.landmark_box())]
            {
                assert_eq!(choice.of(&sample).ok(), want);
                assert_eq!(BoxSource::from(choice).of(&sample).ok(), want);
            }
        }
    }

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
