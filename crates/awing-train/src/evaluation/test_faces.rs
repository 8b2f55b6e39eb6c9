use super::{BoxSource, Evaluation, FaceResult, Normalizer};
use crate::dataset::{Dataset, Sample};
use awing::{
    Error, Result,
    geometry::{Rect, Transform},
    prediction::{Aligner, Face},
    scheme::{Conversion, Landmark, SharedScheme},
};
use rayon::prelude::*;

/// A model's answers on a dataset.
#[derive(Debug)]
pub struct Tested {
    /// The figures.
    pub evaluation: Evaluation,
    /// The faces that were measured, in the order of the dataset, for pictures.
    pub faces: Vec<TestedFace>,
    /// Faces that cannot be scored because their normalizer is not annotated: name and reason. They are in no figure.
    pub unscorable: Vec<(String, String)>,
    /// The scheme in which points were compared.
    pub scheme: SharedScheme,
}

/// One answer beside its truth, in pixels of the photo and in the scheme of [`Tested::scheme`].
#[derive(Clone, Debug)]
pub struct TestedFace {
    /// Index of the sample in the dataset.
    pub sample: usize,
    /// The answer.
    pub face: Face,
    /// The annotation.
    pub truth: Vec<Landmark>,
}

/// Finds the landmarks of every face of a dataset and measures them. Photos are read a batch at a time. A face that
/// cannot be read or has no box counts as failed, with the reason. Where model and data have different schemes, the
/// one with more points is converted to the other. `progress` is told how many faces are done.
///
/// # Errors
/// [`Error::Invalid`] when the schemes have no conversion, the scheme no such normalizer, or no face can be scored.
pub fn test_faces(
    aligner: &Aligner,
    dataset: &Dataset,
    boxes: &BoxSource,
    normalizer: &Normalizer,
    progress: &mut dyn FnMut(usize),
) -> Result<Tested> {
    let schemes = Schemes::between(&dataset.scheme, aligner.scheme())?;
    let mut results = Vec::with_capacity(dataset.samples.len());
    let (mut faces, mut unscorable) = (Vec::new(), Vec::new());
    let mut first_problem = None;
    for (start, chunk) in (0..).step_by(aligner.batch()).zip(dataset.samples.chunks(aligner.batch())) {
        let chunk = chunk.iter().map(|s| schemes.convert(s)).collect::<Result<Vec<Sample>>>()?;
        let prepared: Vec<_> = chunk.par_iter().map(|sample| prepare(aligner, sample, boxes)).collect();
        let (rects, crops): (Vec<Rect>, Vec<_>) = prepared.into_iter().unzip();
        let answers = aligner.align_crops(crops, &rects);
        for (i, (sample, answer)) in chunk.into_iter().zip(answers).enumerate() {
            let distance =
                match normalizer.distance(&schemes.common, &sample.landmarks, sample.normalizing_box()) {
                    Ok(distance) => distance,
                    Err(problem) => {
                        unscorable.push((sample.name.clone(), problem.to_string()));
                        first_problem.get_or_insert(problem.about(&sample.name));
                        continue;
                    }
                };
            let mut face = match answer {
                Ok(face) => face,
                Err(problem) => {
                    let reason = problem.about(&sample.name).to_string();
                    results.push(FaceResult::failed(&sample.name, &sample.subsets, reason));
                    continue;
                }
            };
            face.landmarks = schemes.prediction.apply(&face.landmarks)?;
            face.scores = schemes.prediction.apply(&face.scores)?;
            if !face.expected_errors.is_empty() {
                face.expected_errors = schemes.prediction.apply(&face.expected_errors)?;
            }
            let (name, truth) = (&sample.name, sample.landmarks);
            match FaceResult::measured(name, &sample.subsets, &face.landmarks, &truth, distance) {
                Ok(result) => {
                    results.push(result);
                    faces.push(TestedFace { sample: start + i, face, truth });
                }
                Err(problem) => {
                    unscorable.push((name.clone(), problem.to_string()));
                    first_problem.get_or_insert(problem.about(name));
                }
            }
        }
        progress((start + aligner.batch()).min(dataset.samples.len()));
    }
    if let (true, Some(problem)) = (results.is_empty(), first_problem) {
        return Err(problem);
    }
    let evaluation = Evaluation::new(results, boxes.to_string(), normalizer.clone())?;
    Ok(Tested { evaluation, faces, unscorable, scheme: schemes.common })
}

type Crop = (image::RgbImage, Transform);

/// The box of a face and what it cuts out; a face without a box has no crop, and its box is not looked at.
fn prepare(aligner: &Aligner, sample: &Sample, boxes: &BoxSource) -> (Rect, Result<Crop>) {
    match boxes.of(sample) {
        Err(reason) => (Rect::new(0.0, 0.0, 0.0, 0.0), Err(Error::invalid("box", reason))),
        Ok(rect) => (rect, sample.load_image().and_then(|photo| aligner.crop(&photo, rect))),
    }
}

/// How annotation and prediction come into one scheme.
struct Schemes {
    truth: Conversion,
    prediction: Conversion,
    common: SharedScheme,
}

impl Schemes {
    /// The sample with its annotation in the common scheme, by which its box is made too.
    fn convert(&self, sample: &Sample) -> Result<Sample> {
        Ok(Sample { landmarks: self.truth.apply(&sample.landmarks)?, ..sample.clone() })
    }

    fn between(data: &SharedScheme, model: &SharedScheme) -> Result<Self> {
        let conversion = |from: &SharedScheme, to: &SharedScheme| Conversion::between(from, to);
        if let (Some(truth), Some(prediction)) = (conversion(data, model), conversion(model, model)) {
            return Ok(Self { truth, prediction, common: model.clone() });
        }
        if let (Some(truth), Some(prediction)) = (conversion(data, data), conversion(model, data)) {
            return Ok(Self { truth, prediction, common: data.clone() });
        }
        Err(Error::invalid(
            "scheme",
            format!(
                "the model finds {} points ({}), the data has {} ({}), and neither converts to the other",
                model.len(),
                model.name,
                data.len(),
                data.name
            ),
        ))
    }
}
