//! Killed at any moment and started again, as often as it takes, training comes to the same as if nothing had happened.
//!
//! `cargo test -p awing-cli --test command -- --ignored --nocapture sixty_kills`

use crate::shared::*;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A command that is killed and goes on.
struct Victim {
    folder: PathBuf,
    begin: Vec<String>,
    go_on: Vec<String>,
    /// The runs that it writes, in their order.
    runs: Vec<PathBuf>,
}

/// At what it was killed.
#[derive(Debug, Default)]
struct Tally {
    before_its_first_checkpoint: usize,
    /// The new checkpoint was not whole yet.
    writing_a_checkpoint: usize,
    writing_the_best: usize,
    /// The old checkpoint was moved aside, the new one not yet in its place.
    between_two_names: usize,
    training_or_evaluating: usize,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

impl Victim {
    fn begun(&self) -> bool {
        self.runs.iter().any(|run| ["last", "previous"].iter().any(|name| run.join(name).is_dir()))
    }

    fn start(&self, log: &Path) -> Child {
        // What was killed before it had anything to go on from begins anew.
        let words = if self.begun() { &self.go_on } else { &self.begin };
        let err = fs::File::options().create(true).append(true).open(log).unwrap();
        command(&self.folder, words).stdout(Stdio::null()).stderr(err).spawn().unwrap()
    }

    /// Changes with each checkpoint.
    fn checkpoints(&self) -> Vec<Option<u64>> {
        self.runs.iter().map(|run| fs::metadata(run.join("last")).ok().map(|m| m.ino())).collect()
    }

    /// Runs it `kills` times up to a random moment around one of the next checkpoints, which are about `pace` apart, or while one is written, and then to
    /// its end.
    fn kill(&self, kills: usize, pace: Duration, seed: u64) -> Tally {
        let (mut random, mut tally) = (Random(seed), Tally::default());
        let log = self.folder.join("stderr.log");
        for kill in 0..kills {
            let mut child = self.start(&log);
            let mut left = random.below(4);
            let mut before = self.checkpoints();
            let started = Instant::now();
            while left > 0 && child.try_wait().unwrap().is_none() {
                let now = self.checkpoints();
                if now != before {
                    (before, left) = (now, left - 1);
                }
                assert!(started.elapsed() < Duration::from_secs(60), "no checkpoint: {}", read(&log));
                sleep(Duration::from_micros(50));
            }
            // Every other kill falls into the writing of a checkpoint or shortly after it.
            if kill % 2 == 1 {
                while !self.writes() && child.try_wait().unwrap().is_none() {
                    sleep(Duration::from_micros(20));
                }
                sleep(Duration::from_micros(random.below(3000)));
            } else {
                sleep(Duration::from_micros(random.below(1 + pace.as_micros() as u64)));
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "ended before it was killed: {}", read(&log));
            child.kill().unwrap();
            child.wait().unwrap();
            self.count(&mut tally);
        }
        let status = self.start(&log).wait().unwrap();
        assert!(status.success(), "{}", read(&log));
        assert!(!read(&log).contains("panicked"), "{}", read(&log));
        tally
    }

    /// Whether a checkpoint is being written.
    fn writes(&self) -> bool {
        self.runs.iter().any(|run| run.join("last.new").is_dir())
    }

    fn count(&self, tally: &mut Tally) {
        let is = |name: &str| self.runs.iter().any(|run| run.join(name).is_dir());
        let moved = |run: &PathBuf| run.join("previous").is_dir() && !run.join("last").is_dir();
        let place = if !self.begun() {
            &mut tally.before_its_first_checkpoint
        } else if self.runs.iter().any(moved) {
            &mut tally.between_two_names
        } else if is("last.new") {
            &mut tally.writing_a_checkpoint
        } else if is("best.new") || is("best.old") {
            &mut tally.writing_the_best
        } else {
            &mut tally.training_or_evaluating
        };
        *place += 1;
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The columns of a table that do not tell the time.
fn columns(path: &Path, timed: &[&str]) -> Vec<String> {
    let text = read(path);
    assert!(text.ends_with('\n'), "{text}");
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields.len(), header.len(), "{line}");
        let kept =
            header.iter().zip(fields).filter(|(name, _)| !timed.contains(name)).map(|(_, field)| field);
        kept.collect::<Vec<_>>().join(",")
    };
    text.lines().map(line).collect()
}

/// Asserts that two runs have come to the same, to the last bit, and that nothing is left of the kills.
fn assert_same(whole: &Path, killed: &Path) {
    let names = |run: &Path| {
        let mut names: Vec<_> = fs::read_dir(run).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(whole), names(killed));
    // The other files of a checkpoint hold numbers by which Burn tells parameters apart, drawn anew by each run.
    for name in ["best/model.safetensors", "last/model.safetensors", "config.toml"] {
        assert!(
            fs::read(whole.join(name)).unwrap() == fs::read(killed.join(name)).unwrap(),
            "{name} differs"
        );
    }
    let [a, b] =
        [whole, killed].map(|run| columns(&run.join("metrics.csv"), &["seconds", "faces_per_second"]));
    assert_eq!(a, b);
}

/// The command's words for a run of the smallest network that saves after each step.
fn train(name: &str, epochs: usize, more: &str) -> Vec<String> {
    let words = format!(
        "train --data {} --val {} --preset nano --quiet --epochs {epochs} --name {name} --set",
        faces("train"),
        faces("val")
    );
    let set: Vec<String> =
        TINY.iter().map(|s| s.to_string()).chain(["training.save_every=0".to_owned()]).collect();
    let mut words = args(&words, &set.iter().map(String::as_str).collect::<Vec<_>>());
    words.extend(more.split_whitespace().map(str::to_owned));
    words
}

fn training_survives(kills: usize, seed: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // Three steps an epoch, and at most four checkpoints between two kills.
    let epochs = 2 + kills * 4 / 3;
    let started = Instant::now();
    awing(folder.path(), &train("whole", epochs, "")).with_code(0);
    let pace = started.elapsed() / (3 * epochs as u32);
    let go_on =
        format!("train --data {} --val {} --quiet --name killed --resume", faces("train"), faces("val"));
    let victim = Victim {
        folder: folder.path().to_path_buf(),
        begin: train("killed", epochs, ""),
        go_on: args(&go_on, &[]),
        runs: vec![folder.path().join("runs/train/killed")],
    };
    let tally = victim.kill(kills, pace, seed);
    println!("{kills} kills, one or two checkpoints of {pace:?} apart: {tally:?}");
    // Of sixty, some fall where it hurts most.
    assert!(kills < 60 || tally.writing_a_checkpoint + tally.between_two_names >= 5, "{tally:?}");
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join("runs/train").join(name));
    assert_same(&whole, &killed);
    assert!(fs::read(whole.join("curve.svg")).unwrap() == fs::read(killed.join("curve.svg")).unwrap());
    assert_eq!(columns(&killed.join("metrics.csv"), &[]).len(), 1 + epochs);
}

#[test]
fn training_survives_being_killed() {
    training_survives(6, 1);
}

#[test]
#[ignore = "takes some minutes; see the top of the file"]
fn sixty_kills() {
    training_survives(60, 2);
}

#[test]
fn a_detectors_training_survives_being_killed() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let wall = image::RgbImage::from_fn(200, 160, |x, y| image::Rgb([x as u8, y as u8, 90]));
    fs::create_dir(folder.path().join("walls")).unwrap();
    wall.save(folder.path().join("walls/a.png")).unwrap();
    let words = |name: &str, more: &[&str]| {
        let words =
            format!("train-detector --data {} --backgrounds walls --quiet --name {name}", faces("train"));
        args(&words, more)
    };
    let set = "--steps 24 --set network.input=64 network.width=8 training.batch=2 training.evaluate_every=4 training.save_every=0";
    let set: Vec<&str> = set.split_whitespace().collect();
    let started = Instant::now();
    awing(folder.path(), &words("whole", &set)).with_code(0);
    let pace = started.elapsed() / 24;
    let victim = Victim {
        folder: folder.path().to_path_buf(),
        begin: words("killed", &set),
        go_on: words("killed", &["--resume"]),
        runs: vec![folder.path().join("runs/detector/killed")],
    };
    let tally = victim.kill(4, pace, 3);
    println!("{tally:?}");
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join("runs/detector").join(name));
    assert_same(&whole, &killed);
}

#[test]
fn a_study_survives_being_killed() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let words = |name: &str| {
        let data = format!("--data {} --val {} --test {}", faces("train"), faces("val"), faces("test"));
        let words = format!("ablate {data} --epochs 4 --seeds 2 --rows aw-map --quiet --name {name} --set");
        args(&words, &[&TINY[..], &["training.save_every=0"]].concat())
    };
    let started = Instant::now();
    awing(folder.path(), &words("whole")).with_code(0);
    let pace = started.elapsed() / 24;
    let at = |name: &str, seed: usize| folder.path().join(format!("runs/ablate/{name}/aw-map-seed{seed}"));
    let victim = Victim {
        folder: folder.path().to_path_buf(),
        begin: words("killed"),
        go_on: words("killed"),
        runs: vec![at("killed", 1), at("killed", 2)],
    };
    let tally = victim.kill(4, pace, 4);
    println!("{tally:?}");
    for seed in [1, 2] {
        let (whole, killed) = (at("whole", seed), at("killed", seed));
        assert_same(&whole, &killed);
        let record = |run: &Path| {
            let mut record: serde_json::Value =
                serde_json::from_str(&read(&run.join("record.json"))).unwrap();
            record.as_object_mut().unwrap().remove("seconds");
            record
        };
        assert_eq!(record(&whole), record(&killed));
    }
}
