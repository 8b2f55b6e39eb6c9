//! The task of landmarks: annotated faces to the model that finds their points.

use super::{
    checkpoint::Fingerprint,
    measure::{Goal, Measure, MetricsRow, Table},
    recipe::{Plan, Recipe},
    run::curve,
    samples::{Batches, FaceBatches, TrainingSet},
    task::{Data, Task},
};
use crate::{
    dataset::{BoxChoice, Dataset},
    evaluation::{BoxSource, Normalizer, test_faces},
    model::{StackedHourglass, TrainableModel, save_model},
};
use awing::{
    Error, Result,
    network::WeightType,
    scheme::{Conversion, Scheme},
};
use burn::tensor::Device;
use std::path::Path;

/// What there is to learn of landmarks: faces, the faces to choose the best checkpoint by, and how.
#[derive(Debug)]
pub struct Landmarks {
    recipe: Recipe,
    faces: TrainingSet,
    validation: Option<Dataset>,
}

impl Landmarks {
    /// Learns from `faces` by the recipe. The faces of `validation`, in the scheme of `faces` or one that converts to it, choose the best
    /// checkpoint; without any the last is the best. Without lines in the scheme there is no boundary map.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting out of range, or a validation set that cannot be scored: the run would find out after its first
    /// epoch.
    pub fn new(mut recipe: Recipe, faces: TrainingSet, validation: Option<Dataset>) -> Result<Self> {
        recipe.validate()?;
        recipe.network.fit(&faces.scheme);
        if let Some(dataset) = &validation {
            check_validation(dataset, &faces, recipe.training.boxes)?;
        }
        Ok(Self { recipe, faces, validation })
    }
}

impl Task for Landmarks {
    type Model = TrainableModel;

    const TABLE: &'static Table = &Table {
        columns: &["step", "epoch", "seconds", "learning_rate", "loss", "val_nme", "faces_per_second"],
        measures: &[Measure { name: "NME", column: "val_nme", digits: 4, percent: true }],
        goal: Goal::Zero,
    };

    const MAY_DIFFER: &'static str = "[training]";

    fn plan(&self) -> Plan {
        self.recipe.plan(self.faces.steps_per_epoch(self.recipe.training.batch))
    }

    fn recipe(&self) -> Result<String> {
        self.recipe.to_toml()
    }

    fn continues(&self, recipe: &Path) -> Result<bool> {
        let old = Recipe { training: self.recipe.training.clone(), ..Recipe::load(recipe)? };
        Ok(old == self.recipe)
    }

    fn points(&self) -> usize {
        self.faces.scheme.len()
    }

    fn faces(&self) -> usize {
        self.faces.len()
    }

    fn data(&self) -> Result<Data> {
        let faces = Fingerprint::new().scheme(&self.faces.scheme)?;
        let faces =
            self.faces.faces.iter().fold(faces, |all, (sample, place)| all.face(sample, Some(*place)));
        let validation = self.validation.as_ref().map(|data| {
            let all = Fingerprint::new().scheme(&data.scheme)?;
            Ok(data.samples.iter().fold(all, |all, sample| all.face(sample, sample.detector_box)).finish())
        });
        Ok(Data { training: faces.finish(), validation: validation.transpose()? })
    }

    fn batches(&self) -> Result<Box<dyn Batches + '_>> {
        Ok(Box::new(FaceBatches::new(&self.faces, &self.recipe)?))
    }

    fn validates(&self) -> bool {
        self.validation.is_some()
    }

    fn model(&self, network: StackedHourglass) -> Result<TrainableModel> {
        let config = self.recipe.model_config(&self.faces.scheme);
        Ok(TrainableModel { config, calibration: None, network })
    }

    /// NME in per cent.
    fn validate(&self, model: TrainableModel) -> Result<(TrainableModel, Vec<Option<f64>>)> {
        let Some(dataset) = &self.validation else { return Ok((model, Vec::new())) };
        let aligner = model.aligner()?.with_batch(self.recipe.training.batch);
        let boxes = BoxSource::from(self.recipe.training.boxes);
        let normalizer = Normalizer::usual(&dataset.scheme);
        let tested = test_faces(&aligner, dataset, &boxes, &normalizer, &mut |_| {})?;
        match tested.evaluation.summary().all.nme {
            Some(nme) => Ok((model, vec![Some(nme)])),
            None => Err(Error::invalid("validation", "none of its faces could be measured")),
        }
    }

    fn card(&self, row: &MetricsRow, parameters: usize, note: &str) -> String {
        let nme = row
            .value()
            .map_or_else(|| "not measured".to_owned(), |v| format!("{v:.2} % on the validation set"));
        let c = &self.recipe.network;
        format!(
            "# A landmark model of awing\n\n{} points (scheme {}), found by heatmap regression.\n\n\
             - Network: {} stacks, {} wide, {} px input\n- Loss: {}\n- Steps: {}, {:.0} s of training\n\
             - NME: {nme}\n{note}\n- Parameters: {parameters}\n- Faces: {}, cut by {}\n\n\
             Whoever trained this model knows the terms of the images; weights made from research-only images (300-W, \
             WFLW, COFW, AFLW and others) must not be used in a commercial product.\n",
            self.faces.scheme.len(),
            self.faces.scheme.name,
            c.stacks,
            c.width,
            c.input,
            self.recipe.loss.describe(),
            row.step,
            row.seconds,
            self.faces.len(),
            match self.recipe.training.boxes {
                BoxChoice::Landmarks => "the tight boxes around their points",
                BoxChoice::Detector => "the boxes that came with them",
            }
        )
    }

    fn save(&self, model: &TrainableModel, folder: &Path, card: &str) -> Result<()> {
        save_model(&model.to_model(), folder, card, WeightType::F32)
    }

    fn load(folder: &Path, device: &Device) -> Result<TrainableModel> {
        TrainableModel::load(folder, device)
    }

    fn network(model: &TrainableModel) -> &StackedHourglass {
        &model.network
    }

    fn accepts(&self, old: &TrainableModel, folder: &Path) -> Result<()> {
        let (old, new) = (&old.config.scheme, &self.faces.scheme);
        if old.landmarks_only() == new.landmarks_only() {
            return Ok(());
        }
        let name = |scheme: &Scheme| format!("the scheme {} of {} points", scheme.name, scheme.len());
        let (old, new) = (name(old), name(new));
        let problem =
            format!("the run has {old}, and the data now {new}; resume it with the same data and scheme");
        Err(Error::model(folder, "scheme", problem))
    }
}

/// The validation NME of a run's folder in per cent, by epochs.
pub(crate) fn validation_curve(folder: &Path) -> Result<Vec<(f64, f64)>> {
    curve(folder, Landmarks::TABLE)
}

/// A validation set must give a figure, or the run would find out after its first epoch.
fn check_validation(dataset: &Dataset, faces: &TrainingSet, boxes: BoxChoice) -> Result<()> {
    let normalizer = Normalizer::usual(&dataset.scheme);
    let boxes = BoxSource::from(boxes);
    let mut problem = Error::invalid("validation", format!("{} holds no face", dataset.source));
    for sample in &dataset.samples {
        match (
            boxes.of(sample),
            normalizer.distance(&dataset.scheme, &sample.landmarks, sample.normalizing_box()),
        ) {
            (Ok(_), Ok(_)) if Conversion::between(&dataset.scheme, &faces.scheme).is_some() => return Ok(()),
            (Ok(_), Ok(_)) if Conversion::between(&faces.scheme, &dataset.scheme).is_some() => return Ok(()),
            (Ok(_), Ok(_)) => {
                let (a, b) = (&dataset.scheme.name, &faces.scheme.name);
                let problem = format!("its scheme {a} does not convert to {b} of the training faces");
                return Err(Error::invalid("validation", problem));
            }
            (Err(reason), _) => problem = Error::format(&sample.name, None, "box", reason),
            (_, Err(e)) => problem = e.about(&sample.name),
        }
    }
    Err(problem)
}
