use super::{
    PixelKind, PixelShares, RunRecord, Variant,
    peaks::PeakSums,
    record::figures,
    shares::{Pixel, ShareSums},
};
use crate::{
    dataset::{Dataset, Sample},
    evaluation::{BoxSource, Normalizer, test_faces},
    files::{LONGEST_TABLE, lock, write_atomic},
    loss::PixelLoss,
    model::TrainableModel,
    training::{
        Fingerprint, Landmarks, MetricsRow, Observer, Recipe, Session, TrainingSet, has_checkpoint, train,
    },
};
use awing::{
    Error, Result,
    files::{LONGEST_SETTINGS, read_text},
    heatmap::{Codec, WeightMapConfig},
    scheme::{Conversion, Landmark},
};
use burn::tensor::Device;
use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

/// Validation faces on which loss and gradient are shared out.
const SHARE_FACES: usize = 64;

/// The largest [`Study::seeds`].
pub const MAX_SEEDS: u64 = 100;

/// What to compare, on what, where to.
pub struct Study<'a> {
    /// What all rows share; the length, too.
    pub recipe: Recipe,
    /// The rows.
    pub variants: Vec<Variant>,
    /// Each row is trained with the seeds 1 to this, [`MAX_SEEDS`] at the most.
    pub seeds: u64,
    /// Faces to learn from.
    pub train: &'a Dataset,
    /// Faces for the learning curves; nothing is chosen by them.
    pub validation: &'a Dataset,
    /// Faces that the figures are of.
    pub test: &'a Dataset,
    /// A folder with one run a row and seed; runs that are finished there are not done again, and one that was interrupted goes on.
    pub folder: PathBuf,
    /// Where to compute.
    pub device: Device,
    /// Set it from anywhere to end the study cleanly after the step at hand.
    pub stop: &'a AtomicBool,
    /// What the model cards say of the data and the command, in Markdown.
    pub card: String,
}

/// Who is told how a study goes.
pub trait StudyObserver: Observer {
    /// A run begins or goes on: its place among all, from 0, and how many there are.
    fn run(&mut self, _place: usize, _count: usize, _variant: &Variant, _seed: u64) {}
    /// A run is finished, now or before.
    fn finished(&mut self, _record: &RunRecord) {}
}

/// How far a study came.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The finished runs, by seed, then by row.
    pub records: Vec<RunRecord>,
    /// Whether it was stopped before its end; the same call goes on.
    pub interrupted: bool,
}

/// Trains and tests every row with every seed. The last checkpoint is tested, at the end of the schedule: nothing is chosen.
///
/// # Errors
/// [`Error::Model`] when the folder holds a study of another recipe or other data, or a record that cannot be read; those of
/// [`train`] and [`test_faces`].
pub fn study(study: &Study<'_>, observer: &mut dyn StudyObserver) -> Result<Finished> {
    // Two at work in one folder would write into each other's runs.
    let Some(_lock) = lock(&study.folder, "study.lock")? else {
        let problem = "another process is at work on this study; wait for it, or choose another name";
        return Err(Error::model(&study.folder, "study", problem));
    };
    claim(study)?;
    let runs: Vec<(u64, &Variant)> =
        (1..=study.seeds).flat_map(|seed| study.variants.iter().map(move |row| (seed, row))).collect();
    let mut records = Vec::new();
    for (place, (seed, variant)) in runs.iter().enumerate() {
        let folder = run_folder(&study.folder, variant, *seed);
        let path = folder.join("record.json");
        let record = match RunRecord::load(&path)? {
            Some(record) => record,
            None => {
                observer.run(place, runs.len(), variant, *seed);
                match run(study, variant, *seed, &folder, observer)? {
                    Some(record) => {
                        record.save(&path)?;
                        record
                    }
                    None => return Ok(Finished { records, interrupted: true }),
                }
            }
        };
        observer.finished(&record);
        records.push(record);
    }
    Ok(Finished { records, interrupted: false })
}

/// All finished runs in a study's folder, by seed, then by row in the order of `variants`.
///
/// # Errors
/// [`Error::Model`] for a record that cannot be read.
pub fn finished_runs(folder: &Path, variants: &[Variant]) -> Result<Vec<RunRecord>> {
    let mut records = Vec::new();
    for seed in 1..=MAX_SEEDS {
        for variant in variants {
            records.extend(RunRecord::load(&run_folder(folder, variant, seed).join("record.json"))?);
        }
    }
    Ok(records)
}

fn run_folder(folder: &Path, variant: &Variant, seed: u64) -> PathBuf {
    folder.join(format!("{}-seed{seed}", variant.name))
}

/// A dataset in a line: where it is, how many faces it has, and a number that changes with any name, point or scheme.
fn described(data: &Dataset) -> Result<String> {
    let all = Fingerprint::new().scheme(&data.scheme)?;
    let all = data.samples.iter().fold(all, |all, sample| all.face(sample, None));
    Ok(format!("# {}, {} faces, {}\n", data.source, data.samples.len(), all.finish()))
}

/// Writes what the runs share, or finds it to be the same.
fn claim(study: &Study<'_>) -> Result<()> {
    let path = study.folder.join("study.toml");
    let mut text = String::new();
    for data in [study.train, study.validation, study.test] {
        text += &described(data)?;
    }
    text += &study.recipe.to_toml()?;
    if !path.exists() {
        return write_atomic(&path, text.as_bytes());
    }
    if read_text(&path, LONGEST_SETTINGS)? == text {
        return Ok(());
    }
    let problem =
        "the study there has another recipe, scheme or other data; give it those, or choose another name";
    Err(Error::model(path, "recipe", problem))
}

/// Trains and tests one row; `None` when it was stopped.
fn run(
    study: &Study<'_>,
    variant: &Variant,
    seed: u64,
    folder: &Path,
    observer: &mut dyn StudyObserver,
) -> Result<Option<RunRecord>> {
    let resume = has_checkpoint(folder);
    let recipe = variant.recipe(&study.recipe, seed);
    let data = |data: &Dataset| Dataset::new(data.source.clone(), data.scheme.clone(), data.samples.clone());
    let mut faces = TrainingSet::new(vec![data(study.train)], recipe.training.boxes)?;
    faces.move_points(f64::from(variant.moved_points) / 100.0, seed);
    let boxes = BoxSource::from(recipe.training.boxes);
    let mut watch = Watch {
        observer,
        samples: &study.validation.samples[..study.validation.samples.len().min(SHARE_FACES)],
        dataset: study.validation,
        boxes: &boxes,
        loss: recipe.loss.pixel_loss()?,
        folder,
        shares: read_shares(&folder.join("shares.json")),
        problem: None,
    };
    let session = Session {
        task: Landmarks::new(recipe, faces, Some(data(study.validation)))?,
        folder: folder.to_path_buf(),
        start: None,
        resume,
        device: study.device.clone(),
        stop: study.stop,
        card: study.card.clone(),
    };
    let outcome = train(session, &mut watch).map_err(|problem| match problem {
        Error::Model { path, field, problem, .. } if resume => {
            let problem = format!("{problem}; delete {} to train this row again", folder.display());
            Error::model(path, field, problem)
        }
        other => other,
    })?;
    let Watch { shares, problem, loss, .. } = watch;
    if let Some(problem) = problem {
        return Err(problem);
    }
    if outcome.interrupted {
        return Ok(None);
    }
    let model = TrainableModel::load(&folder.join("last"), &study.device.clone().without_autodiff())?;
    let aligner = model.aligner()?;
    let tested =
        test_faces(&aligner, study.test, &boxes, &Normalizer::usual(&study.test.scheme), &mut |_| {})?;
    let reading = read_maps(&model, &study.test.samples, study.test, &boxes, &loss)?;
    Ok(Some(RunRecord {
        variant: variant.name.clone(),
        seed,
        steps: outcome.progress.step,
        seconds: outcome.progress.seconds,
        validation: crate::training::validation_curve(folder)?,
        test: figures(&tested.evaluation.summary()),
        peaks: reading.predicted.mean(),
        true_peaks: reading.truth.mean(),
        shares,
    }))
}

fn read_shares(path: &Path) -> Vec<PixelShares> {
    // Lost or damaged, they are measured from here on.
    let text = read_text(path, LONGEST_TABLE).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Passes on what training tells, and measures at each evaluation.
struct Watch<'a> {
    observer: &'a mut dyn StudyObserver,
    samples: &'a [Sample],
    dataset: &'a Dataset,
    boxes: &'a BoxSource,
    loss: PixelLoss,
    folder: &'a Path,
    shares: Vec<PixelShares>,
    problem: Option<Error>,
}

impl Watch<'_> {
    fn measure(&mut self, row: &MetricsRow, model: &TrainableModel) -> Result<()> {
        let reading = read_maps(model, self.samples, self.dataset, self.boxes, &self.loss)?;
        // Those after a checkpoint that was gone back to belong to work that was lost.
        self.shares.retain(|s| s.step < row.step);
        self.shares.push(reading.shares.shares(row.epoch, row.step));
        let path = self.folder.join("shares.json");
        let text =
            serde_json::to_string(&self.shares).map_err(|e| Error::model(&path, "shares", e.to_string()))?;
        write_atomic(&path, text.as_bytes())
    }
}

impl Observer for Watch<'_> {
    fn started(&mut self, folder: &Path, step: usize, steps_per_epoch: Option<usize>) {
        self.observer.started(folder, step, steps_per_epoch);
    }

    fn step(&mut self, step: usize, loss: f64, progress: f64, faces_per_second: f64) {
        self.observer.step(step, loss, progress, faces_per_second);
    }

    fn skipped(&mut self, step: usize, problem: &str) {
        self.observer.skipped(step, problem);
    }

    fn measured(&mut self, row: &MetricsRow, model: &TrainableModel) {
        if let Err(problem) = self.measure(row, model) {
            self.problem.get_or_insert(problem);
        }
    }

    fn evaluated(&mut self, row: &MetricsRow, best: bool) {
        self.observer.evaluated(row, best);
    }

    fn damaged(&mut self, damage: &Error) {
        self.observer.damaged(damage);
    }

    fn problem(&mut self, problem: &Error) {
        self.observer.problem(problem);
    }
}

/// What the maps of some faces are like.
#[derive(Default)]
struct MapReading {
    predicted: PeakSums,
    truth: PeakSums,
    shares: ShareSums,
}

/// Predicts the maps of faces and holds them against their targets. Faces without a box or a photo are left out; the evaluation
/// counts them.
fn read_maps(
    model: &TrainableModel,
    samples: &[Sample],
    dataset: &Dataset,
    boxes: &BoxSource,
    loss: &PixelLoss,
) -> Result<MapReading> {
    let aligner = model.aligner()?;
    let conversion = Conversion::between(&dataset.scheme, &model.config.scheme).ok_or_else(|| {
        Error::invalid("data", format!("{} does not have the points of the model", dataset.source))
    })?;
    let codec = model.config.codec()?;
    let mut config = codec.config().clone();
    config.weight_map = WeightMapConfig { enabled: true, ..WeightMapConfig::default() };
    let threshold = config.weight_map.threshold;
    let marking = Codec::new(config)?;
    let (size, points) = (codec.size(), model.config.scheme.len());
    let count = codec.channels(&model.config.scheme) * size * size;
    let [mut targets, mut weights, mut marks] = [(); 3].map(|()| vec![0.0_f32; count]);
    let mut reading = MapReading::default();
    for group in samples.chunks(aligner.batch()) {
        let (kept, crops): (Vec<&Sample>, Vec<_>) = group
            .iter()
            .filter_map(|sample| {
                let face_box = boxes.of(sample).ok()?;
                let photo = sample.load_image().ok()?;
                Some((sample, Ok(aligner.crop(&photo, face_box).ok()?)))
            })
            .unzip();
        for (sample, maps) in kept.into_iter().zip(aligner.map_crops(crops)) {
            let maps = maps?;
            let landmarks = conversion.apply(&sample.landmarks)?;
            let landmarks: Vec<Landmark> = landmarks
                .into_iter()
                .map(|l| Landmark { point: maps.transform.apply(l.point), ..l })
                .collect();
            marking.encode(&model.config.scheme, &landmarks, &mut targets, &mut marks)?;
            codec.encode(&model.config.scheme, &landmarks, &mut targets, &mut weights)?;
            let planes = |values: &'_ [f32], map: usize| -> Vec<f32> {
                values[map * size * size..(map + 1) * size * size].to_vec()
            };
            for map in 0..points {
                let (truth, answer) = (planes(&targets, map), planes(&maps.values, map));
                let (weight, mark) = (planes(&weights, map), planes(&marks, map));
                if weight.iter().all(|w| *w == 0.0) {
                    continue;
                }
                reading.truth.add(&truth, size);
                reading.predicted.add(&answer, size);
                for (((&target, &prediction), &weight), &mark) in
                    truth.iter().zip(&answer).zip(&weight).zip(&mark)
                {
                    let kind = match (f64::from(target) >= threshold, mark > 1.0) {
                        (true, _) => PixelKind::Foreground,
                        (false, true) => PixelKind::HardBackground,
                        (false, false) => PixelKind::Background,
                    };
                    let [target, prediction, weight] = [target, prediction, weight].map(f64::from);
                    reading.shares.add(Pixel { target, prediction, weight, kind }, loss);
                }
            }
        }
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DataSource, OpenOptions, write_drawn};
    use std::sync::atomic::Ordering;

    /// Counts runs and stops in the middle of the second one.
    #[derive(Default)]
    struct Count<'a> {
        begun: Vec<String>,
        steps: usize,
        stop_at: usize,
        stop: Option<&'a AtomicBool>,
    }

    impl Observer for Count<'_> {
        fn step(&mut self, _: usize, _: f64, _: f64, _: f64) {
            self.steps += 1;
            if let (true, Some(stop)) = (self.steps == self.stop_at, self.stop) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }

    impl StudyObserver for Count<'_> {
        fn run(&mut self, place: usize, count: usize, variant: &Variant, seed: u64) {
            self.begun.push(format!("{place}/{count} {} {seed}", variant.name));
        }
    }

    #[test]
    fn a_study_that_was_stopped_goes_on_and_comes_to_the_same() {
        let folder = tempfile::tempdir().unwrap();
        write_drawn(folder.path(), 12, 3).unwrap();
        let source = DataSource { format: "300w".parse().unwrap(), path: folder.path().to_path_buf() };
        let data = Dataset::open(&source, &OpenOptions::default()).unwrap();
        let mut recipe = Recipe::preset("nano").unwrap();
        (recipe.network.input, recipe.network.width) = (64, 8);
        (recipe.training.batch, recipe.training.epochs) = (4, 2);
        recipe.training.moving_average = 0.5;
        let stop = AtomicBool::new(false);
        let runs = |name: &str| Study {
            recipe: recipe.clone(),
            variants: vec![Variant::of_the_paper().remove(0), Variant::of_robustness().remove(5)],
            seeds: 2,
            train: &data,
            validation: &data,
            test: &data,
            folder: folder.path().join(name),
            device: Device::flex(),
            stop: &stop,
            card: String::new(),
        };
        let whole = study(&runs("whole"), &mut Count::default()).unwrap();
        assert_eq!((whole.records.len(), whole.interrupted), (4, false));
        // Six steps a run: the eighth is the second one's second.
        let mut count = Count { stop_at: 8, stop: Some(&stop), ..Count::default() };
        let part = study(&runs("parts"), &mut count).unwrap();
        assert_eq!((part.records.len(), part.interrupted), (1, true));
        stop.store(false, Ordering::Relaxed);
        let mut count = Count::default();
        let rest = study(&runs("parts"), &mut count).unwrap();
        assert_eq!(count.begun, ["1/4 aw-moved-20 1", "2/4 mse 2", "3/4 aw-moved-20 2"]);
        assert_eq!(count.steps, 4 + 6 + 6);
        for (a, b) in whole.records.iter().zip(&rest.records) {
            assert_eq!((&a.variant, a.seed, a.steps), (&b.variant, b.seed, 6));
            assert_eq!((&a.test, &a.peaks, &a.true_peaks), (&b.test, &b.peaks, &b.true_peaks));
            assert_eq!(a.shares, b.shares, "a stop leaves no measurement of its own");
            let shares = &a.shares.last().unwrap();
            for shares in [shares.pixels, shares.loss, shares.gradient] {
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && shares[2] > 0.0, "{shares:?}");
            }
            assert!(a.true_peaks.height > 0.9 && a.true_peaks.width > 3.0, "{:?}", a.true_peaks);
        }
        assert_ne!(whole.records[0].test, whole.records[2].test, "seeds differ");
        assert_eq!(
            finished_runs(&folder.path().join("parts"), &runs("parts").variants).unwrap(),
            rest.records
        );
        let held = lock(&folder.path().join("parts"), "study.lock").unwrap();
        let problem = study(&runs("parts"), &mut Count::default()).unwrap_err().to_string();
        assert!(problem.contains("another process is at work"), "{problem}");
        drop(held);
        let other = Study { seeds: 1, recipe: Recipe::preset("nano").unwrap(), ..runs("parts") };
        let problem = study(&other, &mut Count::default()).unwrap_err().to_string();
        assert!(
            problem.contains("study.toml: recipe: the study there has another recipe, scheme"),
            "{problem}"
        );
    }
}
