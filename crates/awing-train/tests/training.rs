//! Whole training runs on drawn faces, small enough for a test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use awing::{
    network::{NetworkConfig, WeightType},
    prediction::Aligner,
    scheme::Scheme,
};
use awing_train::{
    augment::AugmentConfig,
    dataset::{DataSource, Dataset, drawn_faces},
    evaluation::{BoxSource, Normalizer, test_faces},
    model::{TrainableModel, save_model},
    training::{Landmarks, MetricsRow, Observer, Quiet, Recipe, Session, TrainingSet, train},
};
use burn::tensor::Device;
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

static GO: AtomicBool = AtomicBool::new(false);

fn recipe(epochs: usize) -> Recipe {
    let mut recipe = Recipe::preset("nano").unwrap();
    recipe.network = NetworkConfig { input: 64, stacks: 1, width: 16, boundary: true, coord_conv: true };
    recipe.training.batch = 4;
    recipe.training.epochs = epochs;
    recipe
}

fn faces(count: usize) -> TrainingSet {
    TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), drawn_faces(count, 96, 7)).unwrap()
}

fn session<'a>(
    folder: &Path,
    recipe: Recipe,
    faces: TrainingSet,
    stop: &'a AtomicBool,
) -> Session<'a, Landmarks> {
    session_of(folder, Landmarks::new(recipe, faces, None).unwrap(), stop)
}

fn session_of<'a>(folder: &Path, task: Landmarks, stop: &'a AtomicBool) -> Session<'a, Landmarks> {
    Session {
        task,
        folder: folder.to_path_buf(),
        start: None,
        resume: false,
        device: Device::flex(),
        stop,
        card: String::new(),
    }
}

fn drawn_dataset(count: usize, seed: u64) -> Dataset {
    Dataset::new(
        "300w:drawn".parse::<DataSource>().unwrap(),
        Scheme::builtin("300w-68").unwrap(),
        drawn_faces(count, 96, seed),
    )
}

fn weights(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("last/model.safetensors")).unwrap()
}

#[test]
fn sixteen_faces_are_learnt_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut recipe = recipe(320);
    recipe.network.width = 32;
    recipe.augment = AugmentConfig::none();
    recipe.training.batch = 16;
    recipe.training.moving_average = 0.9;
    recipe.training.evaluate_every = 320.0;
    let outcome = train(session(&run, recipe, faces(16), &GO), &mut Quiet).unwrap();
    assert_eq!((outcome.progress.step, outcome.interrupted), (320, false));
    let aligner = Aligner::load(run.join("best")).unwrap();
    let tested = test_faces(
        &aligner,
        &drawn_dataset(16, 7),
        &BoxSource::Landmarks,
        &Normalizer::InterOcular,
        &mut |_| {},
    )
    .unwrap();
    let nme = tested.evaluation.summary().all.nme.unwrap();
    assert!(nme < 2.0, "NME {nme} %");
}

/// Stops a run after a number of steps, as Ctrl-C does.
struct StopAfter<'a> {
    step: usize,
    stop: &'a AtomicBool,
}

impl Observer for StopAfter<'_> {
    fn step(&mut self, step: usize, _: f64, _: f64, _: f64) {
        if step == self.step {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_stopped_run_goes_on_as_if_it_had_never_stopped() {
    stop_and_resume(recipe(4));
}

#[test]
fn so_does_one_with_the_papers_optimizer_and_two_stacks() {
    let paper = Recipe::preset("paper").unwrap();
    let mut recipe = Recipe { optimizer: paper.optimizer, schedule: paper.schedule, ..recipe(4) };
    recipe.network.stacks = 2;
    recipe.training.moving_average = 0.0;
    stop_and_resume(recipe);
}

fn stop_and_resume(recipe: Recipe) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    train(session(&whole, recipe.clone(), faces(12), &GO), &mut Quiet).unwrap();

    let stop = AtomicBool::new(false);
    let outcome =
        train(session(&parts, recipe.clone(), faces(12), &stop), &mut StopAfter { step: 5, stop: &stop })
            .unwrap();
    assert_eq!((outcome.progress.step, outcome.interrupted), (5, true));
    let resumed = Session { resume: true, ..session(&parts, recipe.clone(), faces(12), &GO) };
    let outcome = train(resumed, &mut Quiet).unwrap();
    assert_eq!((outcome.progress.step, outcome.interrupted), (12, false));
    assert!(weights(&whole) == weights(&parts), "the weights differ");
    let csv = std::fs::read_to_string(parts.join("metrics.csv")).unwrap();
    let steps: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(steps, ["3", "6", "9", "12"], "a stop leaves no line of its own");
}

#[test]
fn a_run_starts_from_the_weights_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    train(session(&first, recipe(3), faces(4), &GO), &mut Quiet).unwrap();
    let start = || Some(TrainableModel::load(&first.join("last"), &Device::flex()).unwrap().network);
    // Steps so small that the weights stay where they are.
    let mut still = recipe(1);
    still.schedule = awing_train::training::ScheduleConfig::Step { at: vec![0.0], factor: 1e-9 };
    train(Session { start: start(), ..session(&second, still, faces(4), &GO) }, &mut Quiet).unwrap();
    let weight = |run: &Path| {
        let bytes = weights(run);
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        file.tensor("block2.conv1.weight").unwrap().data().to_vec()
    };
    let near = |a: &[u8], b: &[u8]| {
        let numbers = |bytes: &[u8]| -> Vec<f32> {
            bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
        };
        // The first run's checkpoint is an average, which the second starts from.
        numbers(a).iter().zip(numbers(b)).all(|(a, b)| (a - b).abs() < 1e-6)
    };
    assert!(near(&weight(&first), &weight(&second)));
    let mut wider = recipe(1);
    wider.network.width = 24;
    let third = folder.path().join("third");
    let wider = Session { start: start(), ..session(&third, wider, faces(4), &GO) };
    let error = train(wider, &mut Quiet).unwrap_err().to_string();
    assert!(error.starts_with("network: ") && error.contains("[network]"), "{error}");
    assert!(!third.exists());
}

#[test]
fn a_run_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(session(&run, recipe(1), faces(4), &GO), &mut Quiet).unwrap();
    let before = weights(&run);
    let error = train(session(&run, recipe(1), faces(4), &GO), &mut Quiet).unwrap_err().to_string();
    assert!(error.contains("already there"), "{error}");
    let mut other = recipe(1);
    other.network.width = 24;
    let resumed = Session { resume: true, ..session(&run, other, faces(4), &GO) };
    assert!(train(resumed, &mut Quiet).unwrap_err().to_string().contains("differs"));
    let more = Session { resume: true, ..session(&run, recipe(1), faces(5), &GO) };
    assert!(train(more, &mut Quiet).unwrap_err().to_string().contains("4 faces"));
    let mut renamed = faces(4);
    renamed.scheme = Scheme { name: "mine".to_owned(), ..renamed.scheme.as_ref().clone() }.into();
    let other = Session { resume: true, ..session(&run, recipe(1), renamed, &GO) };
    assert!(train(other, &mut Quiet).unwrap_err().to_string().contains("scheme mine"));
    assert!(before == weights(&run));
}

#[test]
fn the_validation_set_chooses_the_best_checkpoint() {
    struct Rows(Vec<(MetricsRow, bool)>);
    impl Observer for Rows {
        fn evaluated(&mut self, row: &MetricsRow, best: bool) {
            self.0.push((row.clone(), best));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut rows = Rows(Vec::new());
    let task = Landmarks::new(recipe(3), faces(8), Some(drawn_dataset(6, 99))).unwrap();
    let outcome = train(session_of(&run, task, &GO), &mut rows).unwrap();
    let nmes: Vec<f64> = rows.0.iter().map(|(row, _)| row.value().unwrap()).collect();
    let lowest = nmes.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(outcome.progress.best, Some(lowest));
    let aligner = Aligner::load(run.join("best")).unwrap();
    let tested = test_faces(
        &aligner,
        &drawn_dataset(6, 99),
        &BoxSource::Landmarks,
        &Normalizer::InterOcular,
        &mut |_| {},
    )
    .unwrap();
    assert!((tested.evaluation.summary().all.nme.unwrap() - lowest).abs() < 1e-6);
    for file in
        ["config.toml", "metrics.csv", "curve.png", "curve.svg", "best/README.md", "last/progress.toml"]
    {
        assert!(run.join(file).is_file(), "{file}");
    }
}

#[test]
fn a_run_that_fails_at_once_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut unseen = drawn_faces(3, 96, 1);
    unseen.iter_mut().for_each(|s| s.image = awing_train::dataset::ImageSource::File("missing.jpg".into()));
    let set = TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), unseen).unwrap();
    let error = train(session(&run, recipe(1), set, &GO), &mut Quiet).unwrap_err().to_string();
    assert!(error.starts_with("missing.jpg: "), "{error}");
    assert!(!run.exists());
    train(session(&run, recipe(1), faces(4), &GO), &mut Quiet).unwrap();
}

#[test]
fn a_validation_set_that_cannot_be_scored_is_refused_before_the_first_step() {
    let mut blind = drawn_dataset(2, 5);
    blind.samples.iter_mut().for_each(|s| s.landmarks[36] = awing::scheme::Landmark::missing());
    let error = Landmarks::new(recipe(1), faces(4), Some(blind)).unwrap_err().to_string();
    assert!(error.contains("drawn/00001") && error.contains("inter-ocular"), "{error}");
}

#[test]
fn a_model_that_an_observer_keeps_does_not_change_any_more() {
    /// Each measured model, with its weights at that time.
    #[derive(Default)]
    struct Kept(Vec<(TrainableModel, Vec<u8>)>);
    fn bytes(model: &TrainableModel) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        save_model(&model.to_model(), folder.path(), "", WeightType::F32).unwrap();
        std::fs::read(folder.path().join("model.safetensors")).unwrap()
    }
    impl Observer for Kept {
        fn measured(&mut self, _: &MetricsRow, model: &TrainableModel) {
            self.0.push((model.clone(), bytes(model)));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let task = Landmarks::new(recipe(3), faces(8), Some(drawn_dataset(3, 99))).unwrap();
    let mut kept = Kept::default();
    train(session_of(&folder.path().join("run"), task, &GO), &mut kept).unwrap();
    assert_eq!(kept.0.len(), 3);
    for (i, (model, then)) in kept.0.iter().enumerate() {
        assert!(bytes(model) == *then, "the model of evaluation {i} has changed since");
    }
}
