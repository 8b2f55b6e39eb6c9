use crate::{
    dataset::{BoxChoice, Dataset, Sample},
    error::{Error, Result},
    geometry::Rect,
    scheme::{Conversion, SharedScheme},
};

/// The faces that a run learns from, all in one scheme.
#[derive(Debug)]
pub struct TrainingSet {
    /// What the points mean.
    pub scheme: SharedScheme,
    /// The faces, each with the box it is cut by.
    pub(super) faces: Vec<(Sample, Rect)>,
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
            .ok_or_else(|| Error::invalid("--data", "give at least one dataset"))?
            .scheme
            .clone();
        let (mut faces, mut problems) = (Vec::new(), Vec::new());
        for dataset in datasets {
            let conversion = Conversion::between(&dataset.scheme, &scheme).ok_or_else(|| {
                Error::invalid(
                    "--data",
                    format!(
                        "{} has the scheme {}, which cannot be converted to {}; train on one scheme at a time",
                        dataset.source, dataset.scheme.name, scheme.name
                    ),
                )
            })?;
            for mut sample in dataset.samples {
                sample.landmarks = conversion.apply(&sample.landmarks)?;
                match boxes.of(&sample) {
                    Some(face_box) => faces.push((sample, face_box)),
                    None => problems.push(Error::format(
                        &sample.name,
                        None,
                        "points",
                        "no two different ones are annotated, so there is no box to cut the face by",
                    )),
                }
            }
        }
        if faces.is_empty() {
            return Err(Error::invalid("--data", "no face has two different points to cut it by"));
        }
        Ok(Self { scheme, faces, problems })
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
}
