use super::{BenchmarkFiles, Row, Timing, Work, machine::peak_memory};
use crate::{
    augment::PhotoPart,
    dataset::{Dataset, ImageSource, Sample},
    loss::heatmap_loss,
    model::{StackedHourglass, TrainableModel, aligner_on},
    training::{Batches, FaceBatches, Recipe, SampleMaker, SampleSlot, Steps, TrainingSet, ahead},
};
use awing::{
    Error, Result,
    geometry::{Rect, Transform},
    photo::load_image,
    scheme::SharedScheme,
};
use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use rayon::prelude::*;
use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Faces that single photos and samples are measured on.
const FACES: usize = 16;

/// With what to work.
#[derive(Debug)]
pub struct Setting {
    /// Network, batch, loss, optimizer, variation.
    pub recipe: Recipe,
    /// Faces to work on; otherwise drawn ones.
    pub data: Option<Dataset>,
    /// How many photos to train on: those that there are, again and again.
    pub photos: Option<usize>,
    /// How long to repeat the work.
    pub seconds: f64,
    /// Where to compute.
    pub device: Device,
    /// For [`Work::Startup`]: the process that finds the landmarks of a photo with a model's folder, where the face's box is given.
    pub process: fn(photo: &Path, model: &Path, face_box: Rect) -> Command,
}

/// Does one work for a while. It uses the threads of rayon's global pool.
///
/// # Errors
/// [`Error::Invalid`] for a recipe out of range; those of the work itself.
pub fn run(work: Work, mut setting: Setting) -> Result<Row> {
    match work {
        Work::Batch | Work::TrainStep | Work::Train => setting.recipe.validate()?,
        // A batch of one is no training, but fine for everything else.
        _ => setting.recipe.network.validate()?,
    }
    if let Some(data) = &setting.data {
        setting.recipe.network.fit(&data.scheme);
    }
    if !(setting.seconds >= 0.0 && setting.seconds.is_finite()) {
        return Err(Error::invalid("seconds", format!("{} is no time to work", setting.seconds)));
    }
    let scratch =
        tempfile::tempdir().map_err(Error::io(std::env::temp_dir(), "create a folder for drawn photos"))?;
    let (timing, images) = match work {
        Work::Decode => setting.decode(scratch.path()),
        Work::Sample => setting.sample(scratch.path()),
        Work::Batch => setting.batch(scratch.path()),
        Work::Copy => setting.copy(scratch.path()),
        Work::Loss => setting.loss(scratch.path()),
        Work::TrainStep => setting.train_step(scratch.path()),
        Work::Train => setting.train(scratch.path()),
        Work::Predict => setting.predict(scratch.path()),
        Work::Startup => setting.startup(scratch.path()),
    }?;
    Ok(Row {
        work,
        network: setting.recipe.network,
        batch: setting.recipe.training.batch,
        threads: if matches!(work, Work::Decode | Work::Sample) { 1 } else { rayon::current_num_threads() },
        images,
        images_per_second: images as f64 / timing.median_ms * 1e3,
        timing,
        peak_memory_mib: peak_memory().filter(|_| work != Work::Startup),
    })
}

/// The time of a repeat, and how many images it takes.
type Measured = Result<(Timing, usize)>;

impl Setting {
    fn decode(&self, scratch: &Path) -> Measured {
        let data = self.photos(scratch)?;
        let files = data.samples.iter().filter_map(|sample| match &sample.image {
            ImageSource::File(path) => Some(path.as_path()),
            _ => None,
        });
        let files: Vec<&Path> = files.take(FACES).collect();
        if files.is_empty() {
            return Err(Error::invalid("data", "has no image files of its own to decode"));
        }
        let timing = Timing::of(
            self.seconds,
            || Ok(()),
            |()| files.iter().try_for_each(|path| load_image(path).map(drop)),
        );
        Ok((timing?, files.len()))
    }

    fn sample(&self, scratch: &Path) -> Measured {
        let data = self.photos(scratch)?;
        let faces = data.decoded()?;
        let mut maker = SampleMaker::new(&self.recipe, data.scheme.clone())?;
        let mut image = vec![0.0; maker.image_len()];
        let (mut targets, mut weights) = (vec![0.0; maker.maps_len()], vec![0.0; maker.maps_len()]);
        let mut seed = 0;
        let one_pass = |()| {
            for (photo, face_box, sample) in &faces {
                seed += 1;
                let slot = SampleSlot { image: &mut image, targets: &mut targets, weights: &mut weights };
                maker.make(photo, *face_box, &sample.landmarks, seed, slot)?;
                std::hint::black_box((&image, &targets, &weights));
            }
            Ok(())
        };
        Ok((Timing::of(self.seconds, || Ok(()), one_pass)?, faces.len()))
    }

    fn batch(&self, scratch: &Path) -> Measured {
        let faces = self.faces(scratch)?;
        let batches = FaceBatches::new(&faces, &self.recipe)?;
        let (mut step, mut worker) = (0, batches.worker());
        let next = |()| {
            step += 1;
            worker(step).map(drop)
        };
        Ok((Timing::of(self.seconds, || Ok(()), next)?, self.recipe.training.batch))
    }

    fn copy(&self, scratch: &Path) -> Measured {
        let data = self.photos(scratch)?;
        let side = self.recipe.network.map_size();
        let length =
            self.recipe.training.batch * self.recipe.network.channels(data.scheme.len()) * side * side;
        // The loss reads three tensors and writes one; a copy of two moves as much.
        let from = vec![1.0_f32; 2 * length];
        let mut to = vec![0.0_f32; 2 * length];
        let part = (2 * length).div_ceil(rayon::current_num_threads());
        let copy = |()| {
            to.par_chunks_mut(part)
                .zip(from.par_chunks(part))
                .for_each(|(to, from)| to.copy_from_slice(from));
            std::hint::black_box(&mut to);
            Ok(())
        };
        Ok((Timing::of(self.seconds, || Ok(()), copy)?, self.recipe.training.batch))
    }

    fn loss(&self, scratch: &Path) -> Measured {
        let batch = self.recipe.training.batch;
        let data = self.photos(scratch)?;
        let mut maker = SampleMaker::new(&self.recipe, data.scheme.clone())?;
        let mut image = vec![0.0; maker.image_len()];
        let each = maker.maps_len();
        let (mut targets, mut weights) = (vec![0.0; batch * each], vec![0.0; batch * each]);
        let slots = targets.chunks_mut(each).zip(weights.chunks_mut(each));
        let faces = data.decoded()?;
        for (i, ((targets, weights), (photo, face_box, sample))) in
            slots.zip(faces.iter().cycle()).enumerate()
        {
            let slot = SampleSlot { image: &mut image, targets, weights };
            maker.make(photo, *face_box, &sample.landmarks, i as u64, slot)?;
        }
        // Somewhat like a prediction that is on its way: peaks too low on an uneven ground.
        let output = targets.iter().enumerate().map(|(i, t)| 0.7 * t + 0.1 * ((i % 97) as f32 / 97.0 - 0.5));
        let output: Vec<f32> = output.collect();
        let size = self.recipe.network.map_size();
        let shape = [batch, targets.len() / (batch * size * size), size, size];
        let device = self.device.clone().autodiff();
        let [output, target, weight] = [output, targets, weights]
            .map(|values| Tensor::<4>::from_data(TensorData::new(values, shape), &device));
        let loss = self.recipe.loss.pixel_loss()?;
        let pass = |output: Tensor<4>| {
            let value = heatmap_loss(output.clone(), target.clone(), Some(weight.clone()), &loss);
            let gradients = value.backward();
            std::hint::black_box((output.grad(&gradients), value.into_scalar::<f32>()));
            Ok(())
        };
        let timing = Timing::of(self.seconds, || Ok(output.clone().detach().require_grad()), pass)?;
        Ok((timing, batch))
    }

    fn train_step(&self, scratch: &Path) -> Measured {
        let faces = self.faces(scratch)?;
        let batches = FaceBatches::new(&faces, &self.recipe)?;
        let device = self.device.clone().autodiff();
        let mut steps = Steps::new(&faces, &self.recipe, &device)?;
        let (mut number, mut worker) = (0, batches.worker());
        let next = || {
            number += 1;
            worker(number)
        };
        let timing = Timing::of(self.seconds, next, |batch| steps.step(batch).map(drop))?;
        Ok((timing, self.recipe.training.batch))
    }

    fn train(&self, scratch: &Path) -> Measured {
        let faces = self.faces(scratch)?;
        let batches = FaceBatches::new(&faces, &self.recipe)?;
        let device = self.device.clone().autodiff();
        let mut steps = Steps::new(&faces, &self.recipe, &device)?;
        let timing = std::thread::scope(|scope| {
            let mut made = ahead(scope, &batches, self.recipe.training.workers);
            let next = |()| made.next().transpose()?.map_or(Ok(None), |batch| steps.step(batch)).map(drop);
            Timing::of(self.seconds, || Ok(()), next)
        })?;
        Ok((timing, self.recipe.training.batch))
    }

    fn predict(&self, scratch: &Path) -> Measured {
        let batch = self.recipe.training.batch;
        let data = self.photos(scratch)?;
        let network = StackedHourglass::new(&self.recipe.network, data.scheme.len(), 1, &self.device)?;
        let config = self.recipe.model_config(&data.scheme);
        // The module is dropped here: its memory is none of prediction's.
        let model = TrainableModel { config, calibration: None, network }.to_model();
        let aligner = aligner_on(model, &self.device)?.with_batch(batch);
        let faces = data.decoded()?;
        let faces: Vec<_> = faces.iter().cycle().take(batch).collect();
        let crops: Vec<(RgbImage, Transform)> = faces
            .iter()
            .map(|(photo, face_box, _)| aligner.crop(&photo.pixels, *face_box))
            .collect::<Result<_>>()?;
        let boxes: Vec<Rect> = faces.iter().map(|(_, face_box, _)| *face_box).collect();
        let find = |crops| aligner.align_crops(crops, &boxes).into_iter().try_for_each(|face| face.map(drop));
        let again = || Ok(crops.iter().cloned().map(Ok).collect());
        Ok((Timing::of(self.seconds, again, find)?, batch))
    }

    fn startup(&self, scratch: &Path) -> Measured {
        let files = BenchmarkFiles::write(scratch, &self.recipe)?;
        let (photo, face_box) = files.one()?;
        let start = |()| {
            let mut process = (self.process)(&photo, &files.model, face_box);
            process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let program = Path::new(process.get_program()).to_path_buf();
            match process.status().map_err(Error::io(&program, "start"))? {
                status if status.success() => Ok(()),
                status => {
                    let problem = format!("{} ended with {status}", program.display());
                    Err(Error::invalid("startup", problem))
                }
            }
        };
        Ok((Timing::of(self.seconds, || Ok(()), start)?, 1))
    }

    /// The faces to work on.
    fn photos(&self, scratch: &Path) -> Result<Photos> {
        Ok(match &self.data {
            Some(Dataset { scheme, samples, .. }) => {
                Photos { scheme: scheme.clone(), samples: samples.clone() }
            }
            None => {
                let BenchmarkFiles { scheme, samples, .. } = BenchmarkFiles::write(scratch, &self.recipe)?;
                Photos { scheme, samples }
            }
        })
    }

    /// The faces to train on, as many as are asked for, and a batch at least.
    fn faces(&self, scratch: &Path) -> Result<TrainingSet> {
        let Photos { scheme, samples } = self.photos(scratch)?;
        let count = self.photos.unwrap_or(samples.len()).max(self.recipe.training.batch);
        TrainingSet::from_samples(scheme, samples.into_iter().cycle().take(count).collect())
    }
}

/// Annotated photos.
struct Photos {
    scheme: SharedScheme,
    samples: Vec<Sample>,
}

impl Photos {
    /// The first faces, their photos decoded, with the boxes to cut them by.
    fn decoded(&self) -> Result<Vec<(PhotoPart, Rect, &Sample)>> {
        let faces = self.samples.iter().filter_map(|sample| Some((sample, sample.landmark_box()?)));
        let faces: Vec<_> = faces
            .take(FACES)
            .map(|(sample, face_box)| Ok((sample.load_image()?.into(), face_box, sample)))
            .collect::<Result<_>>()?;
        if faces.is_empty() { Err(Error::invalid("data", "has no face with two points")) } else { Ok(faces) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::network::NetworkConfig;

    #[test]
    fn every_work_but_the_start_of_a_process_can_be_done_here() {
        let mut recipe = Recipe::preset("nano").unwrap();
        recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, ..recipe.network };
        recipe.training.batch = 2;
        let setting = |seconds| Setting {
            recipe: recipe.clone(),
            data: None,
            photos: None,
            seconds,
            device: Device::flex(),
            process: |_, _, _| std::process::Command::new("no-such-program"),
        };
        for work in Work::ALL.into_iter().filter(|work| *work != Work::Startup) {
            let row = run(work, setting(0.0)).unwrap();
            let images = if matches!(work, Work::Decode | Work::Sample) { FACES } else { 2 };
            assert_eq!((row.work, row.images), (work, images));
            assert!(row.timing.median_ms > 0.0 && row.images_per_second > 0.0, "{row:?}");
            let json = serde_json::to_value(&row).unwrap();
            assert!(json["median_ms"].is_f64() && json["network"]["input"] == 64, "{json}");
            assert_eq!(serde_json::from_value::<Row>(json).unwrap(), row);
        }
        assert!(run(Work::Copy, setting(f64::NAN)).unwrap_err().to_string().starts_with("seconds: NaN"));
    }
}
