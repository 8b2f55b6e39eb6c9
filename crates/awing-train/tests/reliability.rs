//! What a run survives: damaged checkpoints, odd faces, numbers that go wrong. Processes that are killed, full disks and signals are the
//! command's tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use awing::{
    Error,
    geometry::{Point, Rect},
    network::NetworkConfig,
    scheme::Scheme,
};
use awing_train::{
    dataset::{DataSource, Dataset, ImageSource, drawn_faces},
    model::{StackedHourglass, TrainableModel},
    training::{
        Landmarks, MetricsRow, Observer, OptimizerConfig, Quiet, Recipe, ScheduleConfig, Session,
        TrainingSet, train,
    },
};
use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor},
};
use image::{Rgb, RgbImage};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

static GO: AtomicBool = AtomicBool::new(false);

fn recipe(epochs: usize) -> Recipe {
    let mut recipe = Recipe::preset("nano").unwrap();
    recipe.network = NetworkConfig { input: 64, stacks: 1, width: 8, boundary: true, coord_conv: true };
    (recipe.training.batch, recipe.training.epochs) = (4, epochs);
    recipe.training.moving_average = 0.5;
    recipe
}

fn faces(count: usize) -> TrainingSet {
    TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), drawn_faces(count, 96, 7)).unwrap()
}

fn drawn_dataset(count: usize) -> Dataset {
    Dataset::new(
        "300w:drawn".parse::<DataSource>().unwrap(),
        Scheme::builtin("300w-68").unwrap(),
        drawn_faces(count, 96, 99),
    )
}

fn session(folder: &Path, recipe: Recipe, faces: TrainingSet) -> Session<'static, Landmarks> {
    validated(folder, recipe, faces, None)
}

fn validated(
    folder: &Path,
    recipe: Recipe,
    faces: TrainingSet,
    validation: Option<Dataset>,
) -> Session<'static, Landmarks> {
    Session {
        task: Landmarks::new(recipe, faces, validation).unwrap(),
        folder: folder.to_path_buf(),
        start: None,
        resume: false,
        device: Device::flex(),
        stop: &GO,
        card: String::new(),
    }
}

fn weights(run: &Path) -> [Vec<u8>; 2] {
    ["best/model.safetensors", "last/model.safetensors"].map(|name| fs::read(run.join(name)).unwrap())
}

/// What a run told.
#[derive(Default)]
struct Told {
    damaged: Vec<String>,
    skipped: Vec<(usize, String)>,
    problems: Vec<String>,
    losses: Vec<f64>,
}

impl Observer for Told {
    fn damaged(&mut self, damage: &Error) {
        self.damaged.push(damage.to_string());
    }
    fn skipped(&mut self, step: usize, problem: &str) {
        self.skipped.push((step, problem.to_owned()));
    }
    fn problem(&mut self, problem: &Error) {
        self.problems.push(problem.to_string());
    }
    fn evaluated(&mut self, row: &MetricsRow, _: bool) {
        self.losses.push(row.loss);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// A finished run of two epochs of three steps each, whose checkpoints are of the steps 6 and 3.
fn finished(folder: &Path) -> PathBuf {
    let run = folder.join("whole");
    train(validated(&run, recipe(2), faces(12), Some(drawn_dataset(3))), &mut Quiet).unwrap();
    run
}

fn go_on(run: &Path, epochs: usize, told: &mut Told) -> awing::Result<usize> {
    let resumed =
        Session { resume: true, ..validated(run, recipe(epochs), faces(12), Some(drawn_dataset(3))) };
    train(resumed, told).map(|outcome| outcome.progress.step)
}

#[test]
fn whatever_is_damaged_in_the_last_checkpoint_the_run_goes_on_from_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let whole = finished(folder.path());
    let names =
        fs::read_dir(whole.join("last")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.collect();
    assert_eq!(names.len(), 8, "{names:?}");
    type Spoil = fn(&Path);
    let flip: Spoil = |file| {
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    let cut: Spoil = |file| {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    };
    let empty: Spoil = |file| fs::write(file, "").unwrap();
    let lose: Spoil = |file| fs::remove_file(file).unwrap();
    for (i, name) in names.iter().enumerate() {
        // Each kind of damage for the largest file, one for each of the others.
        let kinds = [flip, cut, empty, lose];
        for spoil in if name == "network.bpk" { kinds.to_vec() } else { vec![kinds[i % 4]] } {
            let run = folder.path().join("damaged");
            copy(&whole, &run);
            spoil(&run.join("last").join(name));
            let mut told = Told::default();
            assert_eq!(go_on(&run, 2, &mut told).unwrap(), 6);
            let [damage] = &told.damaged[..] else { panic!("{name}: {:?}", told.damaged) };
            assert!(damage.contains(&format!("last/{name}: ")) && damage.contains("step 3"), "{damage}");
            assert!(weights(&run) == weights(&whole), "{name}");
            assert!(run.join("damaged").is_dir());
            fs::remove_dir_all(&run).unwrap();
        }
    }
    // Gone altogether, as after a kill between two names.
    let run = folder.path().join("damaged");
    copy(&whole, &run);
    fs::remove_dir_all(run.join("last")).unwrap();
    let mut told = Told::default();
    go_on(&run, 2, &mut told).unwrap();
    assert!(told.damaged[0].contains("last: folder: is not there; going on from"), "{:?}", told.damaged);
    assert!(weights(&run) == weights(&whole));
}

/// Changes a checkpoint's file together with its checksums, as somebody would who means harm.
fn forge(run: &Path, file: &str, change: impl Fn(&str) -> String) {
    const OWN: &str = "# crc32 of the above: ";
    let crc = |text: &str| format!("{:08x}", crc32fast::hash(text.as_bytes()));
    let (path, sums) = (run.join("last").join(file), run.join("last/checksums.toml"));
    let old = fs::read_to_string(&path).unwrap();
    let new = change(&old);
    let text = fs::read_to_string(&sums).unwrap();
    let (head, _) = text.split_once(OWN).unwrap();
    let size = |text: &str| format!("bytes = {}\n", text.len());
    let head = head.replace(&crc(&old), &crc(&new)).replace(&size(&old), &size(&new));
    fs::write(&path, new).unwrap();
    fs::write(&sums, format!("{head}{OWN}{}\n", crc(&head))).unwrap();
}

#[test]
fn numbers_that_no_run_has_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let whole = finished(folder.path());
    fs::remove_dir_all(whole.join("previous")).unwrap();
    for (field, value) in
        [("step", "4611686018427387904"), ("seconds", "nan"), ("seconds", "-1e300"), ("best_nme", "inf")]
    {
        let run = folder.path().join("forged");
        copy(&whole, &run);
        forge(&run, "progress.toml", |text| {
            let line = |line: &str| match line.split_once(" = ") {
                Some((name, _)) if name == field => format!("{field} = {value}\n"),
                _ => format!("{line}\n"),
            };
            text.lines().map(line).collect()
        });
        let problem = go_on(&run, 3, &mut Told::default()).unwrap_err().to_string();
        assert!(problem.contains(&format!("progress.toml: {field}: is not a number")), "{value}: {problem}");
        fs::remove_dir_all(&run).unwrap();
    }
}

#[test]
fn a_run_goes_on_with_the_recipe_and_the_faces_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path());
    let before = weights(&run);
    let settings = fs::read(run.join("config.toml")).unwrap();
    let other = |set: TrainingSet, validation: Option<Dataset>, recipe: Recipe| {
        let resumed = Session { resume: true, ..validated(&run, recipe, set, validation) };
        train(resumed, &mut Quiet).unwrap_err().to_string()
    };
    let validation = || Some(drawn_dataset(3));
    let strangers =
        TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), drawn_faces(12, 96, 8)).unwrap();
    let problem = other(strangers, validation(), recipe(3));
    assert!(problem.contains("faces: the run has learnt from others"), "{problem}");
    let problem = other(faces(11), validation(), recipe(3));
    assert!(problem.contains("the run has 12 faces, and the data now 11"), "{problem}");
    for wrong in [None, Some(drawn_dataset(4))] {
        let problem = other(faces(12), wrong, recipe(3));
        assert!(
            problem.contains("validation: the run's best was chosen by others; resume it with the same ones"),
            "{problem}"
        );
    }
    assert!(fs::read(run.join("config.toml")).unwrap() == settings, "the recipe was written");
    let mut faster = recipe(3);
    faster.optimizer = OptimizerConfig::Adamw { learning_rate: 0.1, weight_decay: 1e-4 };
    fs::write(run.join("config.toml"), faster.to_toml().unwrap()).unwrap();
    let problem = other(faces(12), validation(), faster);
    assert!(problem.contains("differs from the recipe of the run's checkpoint"), "{problem}");
    assert!(weights(&run) == before, "nothing was written");
}

#[test]
fn a_run_without_validation_may_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(session(&run, recipe(1), faces(12)), &mut Quiet).unwrap();
    assert_eq!(go_on(&run, 2, &mut Told::default()).unwrap(), 6);
    let best = fs::read_to_string(run.join("best/progress.toml")).unwrap();
    assert!(best.contains("best_nme"), "{best}");
}

#[test]
fn a_new_run_takes_the_place_of_one_that_never_had_a_checkpoint_and_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    fs::create_dir(&run).unwrap();
    let begin = || train(session(&run, recipe(1), faces(4)), &mut Quiet).map_err(|e| e.to_string());
    // Somebody's own settings.
    fs::write(run.join("config.toml"), "# mine\n").unwrap();
    assert!(begin().unwrap_err().contains("is already there"));
    // What a kill leaves before the first checkpoint.
    fs::write(run.join("run.lock"), "").unwrap();
    assert_eq!(begin().unwrap().progress.step, 1);
    // A run that has lost its settings.
    fs::remove_file(run.join("config.toml")).unwrap();
    let before = weights(&run);
    assert!(begin().unwrap_err().contains("is already there"));
    assert!(weights(&run) == before);
}

#[cfg(unix)]
#[test]
fn a_lock_that_is_a_link_is_refused_and_its_target_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (run, precious) = (finished(folder.path()), folder.path().join("precious"));
    fs::write(&precious, "kept").unwrap();
    fs::remove_file(run.join("run.lock")).unwrap();
    std::os::unix::fs::symlink(&precious, run.join("run.lock")).unwrap();
    let problem = go_on(&run, 3, &mut Told::default()).unwrap_err().to_string();
    assert!(problem.contains("run.lock: lock: is not a plain file"), "{problem}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
}

#[test]
fn a_damaged_best_model_is_told_and_the_next_evaluation_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path());
    let best = run.join("best/model.safetensors");
    let mut bytes = fs::read(&best).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&best, bytes).unwrap();
    let mut told = Told::default();
    assert_eq!(go_on(&run, 3, &mut told).unwrap(), 9);
    assert!(told.damaged[0].contains("best/model.safetensors: checksum: "), "{:?}", told.damaged);
    assert!(told.damaged[0].contains("the next evaluation counts as the best"), "{:?}", told.damaged);
    assert!(TrainableModel::load(&run.join("best"), &Device::flex()).is_ok());
}

#[test]
fn without_a_whole_checkpoint_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let run = finished(folder.path());
    for name in ["last", "previous"] {
        fs::write(run.join(name).join("network.bpk"), "x").unwrap();
    }
    let problem = go_on(&run, 3, &mut Told::default()).unwrap_err().to_string();
    assert!(problem.contains("last/network.bpk: size: has 1 bytes"), "{problem}");
    assert!(problem.contains("no whole checkpoint before it; start a new run"), "{problem}");
    assert!(run.join("last").is_dir() && run.join("previous").is_dir());
}

#[test]
fn a_run_can_go_on_from_its_very_start() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    train(session(&whole, recipe(2), faces(8)), &mut Quiet).unwrap();
    static STOP: AtomicBool = AtomicBool::new(true);
    let stopped = Session { stop: &STOP, ..session(&parts, recipe(2), faces(8)) };
    let outcome = train(stopped, &mut Quiet).unwrap();
    assert_eq!((outcome.progress.step, outcome.interrupted), (0, true));
    let resumed = Session { resume: true, ..session(&parts, recipe(2), faces(8)) };
    train(resumed, &mut Quiet).unwrap();
    assert!(weights(&whole) == weights(&parts));
}

/// A rate at which every step throws the weights far away.
#[test]
fn a_learning_rate_of_a_thousand_saves_no_weight_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let optimizers = [
        OptimizerConfig::Adamw { learning_rate: 1e3, weight_decay: 1e-4 },
        OptimizerConfig::Rmsprop { learning_rate: 1e3, weight_decay: 0.0 },
    ];
    for (i, optimizer) in optimizers.into_iter().enumerate() {
        let run = folder.path().join(format!("run{i}"));
        let mut wild = Recipe { optimizer, ..recipe(8) };
        wild.schedule = ScheduleConfig::Step { at: vec![], factor: 0.1 };
        (wild.training.clip_norm, wild.training.save_every) = (0.0, 0.0);
        let mut told = Told::default();
        match train(session(&run, wild, faces(8)), &mut told) {
            Ok(_) => assert!(told.losses.iter().all(|loss| loss.is_finite()), "{:?}", told.losses),
            Err(problem) => {
                let problem = problem.to_string();
                assert!(problem.starts_with("training stopped at step "), "{problem}");
                assert!(problem.contains("optimizer.learning_rate=1e2"), "{problem}");
            }
        }
        println!("{optimizer:?}: losses {:?}, skipped {:?}", told.losses, told.skipped);
        for name in ["last", "best"] {
            // Loading refuses weights that are not finite.
            assert!(
                !run.join(name).exists() || TrainableModel::load(&run.join(name), &Device::flex()).is_ok(),
                "{name}"
            );
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut wild = recipe(1000);
    wild.optimizer = OptimizerConfig::Rmsprop { learning_rate: 1e30, weight_decay: 0.0 };
    wild.schedule = ScheduleConfig::Step { at: vec![], factor: 0.1 };
    wild.training.moving_average = 0.999;
    wild.training.evaluate_every = 1e6;
    // A good checkpoint of one step, before the rate goes wild.
    let mut tame = wild.clone();
    tame.training.epochs = 1;
    tame.schedule = ScheduleConfig::Step { at: vec![0.0], factor: 1e-9 };
    tame.optimizer = OptimizerConfig::Rmsprop { learning_rate: 1e-3, weight_decay: 0.0 };
    train(session(&run, tame, faces(4)), &mut Quiet).unwrap();
    let before = weights(&run);
    forge(&run, "recipe.toml", |_| wild.to_toml().unwrap());
    let resumed = Session { resume: true, ..session(&run, wild, faces(4)) };
    let error = train(resumed, &mut Quiet).unwrap_err().to_string();
    assert!(
        error.starts_with("training stopped at step") && error.contains("lower learning rate"),
        "{error}"
    );
    assert!(before == weights(&run), "the checkpoint changed");
}

#[test]
fn faces_without_any_content_are_learnt_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut samples = drawn_faces(8, 96, 7);
    for (i, sample) in samples.iter_mut().enumerate() {
        let gray = [0, 128, 255][i % 3];
        sample.image = ImageSource::Memory(Arc::new(RgbImage::from_pixel(96, 96, Rgb([gray; 3]))));
    }
    let set = TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), samples).unwrap();
    let mut told = Told::default();
    train(session(&folder.path().join("run"), recipe(3), set), &mut told).unwrap();
    assert!(told.losses.iter().all(|loss| loss.is_finite()) && told.skipped.is_empty(), "{:?}", told.losses);
}

#[test]
fn points_in_one_place_and_boxes_of_a_pixel_are_reported_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    // A face that no detector found, and all points of a face in one place: there is no box, and the face is left out and named.
    let mut dataset = drawn_dataset(9);
    dataset.samples.iter_mut().for_each(|sample| sample.detector_box = sample.landmark_box());
    dataset.samples[4].landmarks.iter_mut().for_each(|landmark| landmark.point = Point::new(20.0, 20.0));
    // Boxes of a pixel, of nothing, of no number and upside down.
    let boxes = [(40.0, 41.0), (40.0, 40.0), (f64::NAN, 50.0), (60.0, 40.0)];
    for (sample, (from, to)) in dataset.samples.iter_mut().zip(boxes) {
        sample.detector_box = Some(Rect::new(from, from, to, to));
    }
    let samples = dataset.samples.clone();
    let tight = Dataset::new(dataset.source.clone(), dataset.scheme.clone(), samples);
    let tight = TrainingSet::new(vec![tight], awing_train::dataset::BoxChoice::Landmarks).unwrap();
    assert_eq!(tight.len(), 8);
    assert!(tight.problems()[0].to_string().contains("no two different points are annotated"));
    let mut recipe = recipe(3);
    recipe.training.boxes = awing_train::dataset::BoxChoice::Detector;
    dataset.samples[4].detector_box = None;
    let set = TrainingSet::new(vec![dataset], recipe.training.boxes).unwrap();
    assert_eq!(set.len(), 8);
    assert!(set.problems()[0].to_string().contains("there is none of a detector"), "{:?}", set.problems());
    let mut told = Told::default();
    train(session(&folder.path().join("run"), recipe, set), &mut told).unwrap();
    assert!(told.losses.iter().all(|loss| loss.is_finite()) && told.skipped.is_empty(), "{:?}", told.losses);
    // None of these is a box of two pixels: each is named once.
    let mut named: Vec<&str> = told.problems.iter().filter_map(|p| p.split(": face box: ").next()).collect();
    named.sort_unstable();
    assert_eq!(named, ["drawn/00000", "drawn/00001", "drawn/00002", "drawn/00003"], "{:?}", told.problems);
}

/// Makes one number of a network NaN.
struct Spoil(bool);

impl ModuleMapper for Spoil {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if std::mem::replace(&mut self.0, true) { param } else { param.map(|tensor| tensor * f32::NAN) }
    }
}

#[test]
fn weights_to_start_from_that_are_not_finite_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let network = StackedHourglass::new(&recipe(1).network, 68, 1, &Device::flex()).unwrap();
    let start = Some(network.map(&mut Spoil(false)));
    let problem =
        train(Session { start, ..session(&run, recipe(1), faces(4)) }, &mut Quiet).unwrap_err().to_string();
    assert!(problem.starts_with("start: the weights to start from are not all finite"), "{problem}");
    assert!(!run.exists());
}

#[test]
fn a_validation_set_without_a_face_is_refused_before_anything_is_written() {
    let problem = Landmarks::new(recipe(1), faces(4), Some(drawn_dataset(0))).unwrap_err().to_string();
    assert!(problem.contains("validation: 300w:drawn holds no face"), "{problem}");
}

#[test]
fn weights_do_not_depend_on_workers_or_memory() {
    let folder = tempfile::tempdir().unwrap();
    // Faces in files, since those in memory are not kept a second time.
    let mut samples = drawn_faces(12, 96, 7);
    for (i, sample) in samples.iter_mut().enumerate() {
        let path = folder.path().join(format!("{i}.png"));
        sample.load_image().unwrap().save(&path).unwrap();
        sample.image = ImageSource::File(path);
    }
    let run = |name: &str, workers: usize, cache_mb: usize| {
        let mut recipe = recipe(2);
        (recipe.training.workers, recipe.training.cache_mb) = (workers, cache_mb);
        let run = folder.path().join(name);
        let faces = TrainingSet::from_samples(Scheme::builtin("300w-68").unwrap(), samples.clone()).unwrap();
        train(session(&run, recipe, faces), &mut Quiet).unwrap();
        weights(&run)
    };
    let first = run("one", 1, 256);
    for (workers, cache_mb) in [(2, 256), (4, 0), (3, 1)] {
        assert!(run(&format!("{workers}"), workers, cache_mb) == first, "{workers} workers, {cache_mb} MiB");
    }
}
