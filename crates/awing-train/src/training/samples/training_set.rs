use crate::dataset::{BoxChoice, Dataset, Sample};
use awing::{
    Error, Result,
    geometry::{Point, Rect},
    scheme::{Conversion, SharedScheme},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The faces that a run learns from, all in one scheme.
#[derive(Debug)]
pub struct TrainingSet {
    /// What the points mean.
    pub scheme: SharedScheme,
    /// The faces, each with the box it is cut by.
    pub(crate) faces: Vec<(Sample, Rect)>,
    problems: Vec<Error>,
}

impl TrainingSet {
    /// Joins datasets; the first one's scheme is the model's, and the points of the others are converted to it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no dataset, no face with a box, or a scheme that has no conversion.
    pub fn new(datasets: Vec<Dataset>, boxes: BoxChoice) -> Result<Self> {
        let scheme = datasets
            .first()
            .ok_or_else(|| Error::invalid("data", "give at least one dataset"))?
            .scheme
            .clone();
        let (mut faces, mut problems) = (Vec::new(), Vec::new());
        for dataset in datasets {
            let conversion = Conversion::between(&dataset.scheme, &scheme).ok_or_else(|| {
                Error::invalid(
                    "data",
                    format!(
                        "{} has the scheme {}, which cannot be converted to {}; train on one scheme at a time",
                        dataset.source, dataset.scheme.name, scheme.name
                    ),
                )
            })?;
            for mut sample in dataset.samples {
                sample.landmarks = conversion.apply(&sample.landmarks)?;
                match boxes.of(&sample) {
                    Ok(face_box) => faces.push((sample, face_box)),
                    Err(reason) => problems.push(Error::format(&sample.name, None, "box", reason)),
                }
            }
        }
        if faces.is_empty() {
            let why = problems.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
            let or = match boxes {
                BoxChoice::Landmarks => {
                    "; choose the boxes that come with the faces, training.boxes = \"detector\""
                }
                BoxChoice::Detector => "; choose the boxes around the points, training.boxes = \"landmarks\"",
            };
            return Err(Error::invalid("data", format!("no face has a box to cut it by: {why}{or}")));
        }
        Ok(Self { scheme, faces, problems })
    }

    /// Moves each annotated point with the probability `share` to a random place in its face's box, to measure what wrong annotations
    /// do. The boxes stay as they were. The same `seed` moves the same points to the same places.
    pub fn move_points(&mut self, share: f64, seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for (sample, face_box) in &mut self.faces {
            for landmark in &mut sample.landmarks {
                let [chance, x, y] = [(); 3].map(|()| random.random::<f64>());
                if chance < share {
                    let at = |low: f64, high: f64, part: f64| low + part * (high - low);
                    landmark.point =
                        Point::new(at(face_box.x0, face_box.x1, x), at(face_box.y0, face_box.y1, y));
                }
            }
        }
    }

    /// Faces that cannot be learnt from because they have no box; they are left out.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Faces in memory, such as drawn ones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no face has a box.
    pub fn from_samples(scheme: SharedScheme, samples: Vec<Sample>) -> Result<Self> {
        let faces: Vec<_> = samples.into_iter().filter_map(|s| s.landmark_box().map(|b| (s, b))).collect();
        if faces.is_empty() {
            return Err(Error::invalid("faces", "no face has two different points to cut it by"));
        }
        Ok(Self { scheme, faces, problems: Vec::new() })
    }

    /// The number of faces; never 0.
    #[expect(clippy::len_without_is_empty, reason = "an empty set cannot be made")]
    pub fn len(&self) -> usize {
        self.faces.len()
    }

    /// Steps in a pass over the set. What does not fill a batch is left for another pass, in another order.
    pub(crate) fn steps_per_epoch(&self, batch: usize) -> usize {
        (self.len() / batch).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::geometry::Rect;

    #[test]
    fn where_no_face_has_such_a_box_the_other_kind_is_named() {
        let mut samples = drawn_faces(2, 96, 1);
        samples.iter_mut().for_each(|face| {
            face.landmarks.iter_mut().skip(1).for_each(|l| *l = awing::scheme::Landmark::missing())
        });
        let data = Dataset::new("300w:drawn".parse().unwrap(), Scheme::builtin("300w-68").unwrap(), samples);
        let problem = TrainingSet::new(vec![data], BoxChoice::Landmarks).unwrap_err().to_string();
        assert!(problem.contains("training.boxes = \"detector\""), "{problem}");
    }

    /// As an evaluation with these boxes would count it as failed: it must not be learnt from by the box around its points.
    #[test]
    fn a_face_that_no_detector_found_is_left_out_and_named() {
        let dataset = || {
            let mut samples = drawn_faces(3, 96, 1);
            samples[1].detector_box = Some(Rect::new(1.0, 2.0, 90.0, 80.0));
            let (scheme, source) = (Scheme::builtin("300w-68").unwrap(), "300w:drawn".parse().unwrap());
            Dataset::new(source, scheme, samples)
        };
        let set = TrainingSet::new(vec![dataset()], BoxChoice::Detector).unwrap();
        assert_eq!((set.len(), set.faces[0].1), (1, Rect::new(1.0, 2.0, 90.0, 80.0)));
        let problems: Vec<String> = set.problems().iter().map(ToString::to_string).collect();
        assert!(problems[0].starts_with("drawn/00000: box: there is none of a detector"), "{problems:?}");
        assert_eq!(
            (problems.len(), TrainingSet::new(vec![dataset()], BoxChoice::Landmarks).unwrap().len()),
            (2, 3)
        );
    }

    use crate::dataset::drawn_faces;
    use awing::scheme::Scheme;

    #[test]
    fn the_share_of_points_is_moved_within_the_box_and_as_the_seed_says() {
        let set = || {
            TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), drawn_faces(40, 96, 1)).unwrap()
        };
        let (old, mut new) = (set(), set());
        let moved = |new: &TrainingSet| -> usize {
            let pairs = old.faces.iter().zip(&new.faces);
            pairs.map(|(a, b)| a.0.landmarks.iter().zip(&b.0.landmarks).filter(|(p, q)| p != q).count()).sum()
        };
        new.move_points(0.0, 5);
        assert_eq!(moved(&new), 0);
        new.move_points(0.1, 5);
        let count = moved(&new);
        // 2720 points: 272 are expected, with a standard deviation of 16.
        assert!((200..350).contains(&count), "{count}");
        for (sample, face_box) in &new.faces {
            assert!(sample.landmarks.iter().all(|l| {
                let Point { x, y } = l.point;
                (face_box.x0..=face_box.x1).contains(&x) && (face_box.y0..=face_box.y1).contains(&y)
            }));
        }
        let mut again = set();
        again.move_points(0.1, 5);
        assert_eq!(moved(&again), count);
        assert!(again.faces.iter().zip(&new.faces).all(|(a, b)| a.0.landmarks == b.0.landmarks));
    }
}
