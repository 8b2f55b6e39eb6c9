//! Disks, folders, locks and signals: the run says what is wrong, what was saved stays, and it goes on when it can.

use crate::shared::*;
use std::{
    fs,
    io::{BufRead, BufReader, Lines, Read},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

const RUN: &str = "runs/train/tiny";

/// The words that go on with the run `tiny`, or another, on the faces of the fixture.
fn resume(epochs: &str) -> Vec<String> {
    let words =
        format!("train --data {} --val {} --resume --name tiny --quiet", faces("train"), faces("val"));
    args(&format!("{words} --epochs {epochs}"), &[])
}

/// A folder with a copy of the fixture's run of six steps.
fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy(&fixture().join("runs"), &folder.path().join("runs"));
    folder
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Starts a run that lasts, and waits until it has learnt an epoch.
fn long_run(folder: &Path, starter: &mut Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let words = format!("train --data {} --preset nano --name long --minutes 10 --set", faces("train"));
    starter.current_dir(folder).args(args(&words, &TINY)).stdin(Stdio::null());
    let mut child = starter.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("epoch 1.0 ")).unwrap();
    (child, lines)
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_awing"))
}

fn signal(child: &Child, name: &str) {
    Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
}

/// Asserts that the run could not be written, says so in a line, and kept its checkpoint whole.
fn ends_full(done: Done, before: &Path, run: &Path, reason: &str) {
    done.one_line(
        1,
        &["training stopped at step ", reason, "tiny/last holds the checkpoint of step 6", "--resume"],
    );
    let last = |run: &Path| fs::read(run.join("last/network.bpk")).unwrap();
    assert!(last(before) == last(run), "the checkpoint changed");
    assert!(!run.join("last.new").exists(), "half a checkpoint is left");
}

#[test]
fn a_file_that_cannot_be_written_ends_the_run_and_not_its_checkpoint() {
    let folder = place();
    let (before, run) = (fixture().join(RUN), folder.path().join(RUN));
    // The system refuses files above 64 KiB, as a full disk does, and an ignored signal makes an error of it.
    let limited = "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\"";
    let mut words = vec!["-c".to_owned(), limited.to_owned(), env!("CARGO_BIN_EXE_awing").to_owned()];
    words.extend(resume("3"));
    ends_full(
        finish(Command::new("sh").current_dir(folder.path()).args(&words)),
        &before,
        &run,
        "File too large",
    );
    awing(folder.path(), &resume("3")).with_code(0);
}

/// A mounted folder that is unmounted in the end.
struct Mount<'a>(&'a Path);

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_ends_the_run_and_not_its_checkpoint() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"]).arg(folder.path()).output();
    if !is_root() || !mount.is_ok_and(|done| done.status.success()) {
        println!("skipped: only root can make a small disk");
        return;
    }
    let _mount = Mount(folder.path());
    copy(&fixture().join("runs"), &folder.path().join("runs"));
    let (before, run, filler) = (fixture().join(RUN), folder.path().join(RUN), folder.path().join("filler"));
    // Room for the table and the configuration, not for a checkpoint.
    let free = Command::new("df").args(["--output=avail", "-B1"]).arg(folder.path()).output().unwrap();
    let free = String::from_utf8(free.stdout).unwrap();
    let free: usize = free.lines().nth(1).unwrap().trim().parse().unwrap();
    fs::write(&filler, vec![1; free - 128 * 1024]).unwrap();
    ends_full(awing(folder.path(), &resume("3")), &before, &run, "No space left on device");
    fs::remove_file(&filler).unwrap();
    awing(folder.path(), &resume("3")).with_code(0);
    assert!(fs::read_to_string(run.join("metrics.csv")).unwrap().contains("\n9,3.000,"));
}

/// Runs the command under a limit of the shell's, where root runs the tests as a user who has nothing else running: root has no limit on threads.
fn limited(folder: &Path, limit: &str, words: &str) -> Done {
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.current_dir(folder).args(["-c", &script, env!("CARGO_BIN_EXE_awing")]).args(args(words, &[]));
    if is_root() {
        command.uid(61_234).gid(61_234);
    }
    finish(command.stdin(Stdio::null()))
}

#[test]
fn few_threads_files_and_little_memory_cost_no_more_than_they_must() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg");
    fs::copy(photo, folder.path().join("photo.jpg")).unwrap();
    if limited(folder.path(), "-n 1024", "--version").code != 0 {
        println!("skipped: another user cannot run the command here");
        return;
    }
    let words = "predict photo.jpg";
    let found = awing(folder.path(), &args(words, &[])).with_code(0).out;
    // Others' threads count where it is no user of its own.
    for threads in [1, 2, 3, 5].into_iter().filter(|_| is_root()) {
        let done = limited(folder.path(), &format!("-u {threads}"), words).with_code(0);
        assert_eq!(done.out, found, "{threads} threads: {}", done.err);
    }
    for files in 4..12 {
        let done = limited(folder.path(), &format!("-n {files}"), words);
        let told = done.code == 1 && done.err.contains("Too many open files");
        assert!(told || done.code == 0 && done.out == found, "{files} files: {} {}", done.code, done.err);
    }
    let memory = "-v 700000";
    assert_eq!(limited(folder.path(), memory, words).with_code(0).out, found);
    image::GrayImage::new(16_000, 16_000).save(folder.path().join("large.png")).unwrap();
    let done = limited(folder.path(), memory, "predict large.png").with_code(1);
    assert!(done.err.contains("MiB of memory, which are not there; shrink it"), "{}", done.err);
}

#[test]
fn a_folder_that_may_not_be_written_is_named_and_stays_as_it_is() {
    let folder = place();
    copy(&fixture().join("faces"), &folder.path().join("faces"));
    let words = "--data 300w:faces/train --quiet --preset nano --epochs 3 --name other";
    let (going_on, new) = (resume("3").join(" "), format!("train {words}"));
    let going_on = going_on.replace(&fixture().display().to_string(), &folder.path().display().to_string());
    // Root may write everywhere: it lets nobody try.
    let (mode, parent) = (|mode| fs::Permissions::from_mode(mode), folder.path().join("runs/train"));
    fs::set_permissions(folder.path(), mode(0o755)).unwrap();
    for name in [".", "tiny"] {
        fs::set_permissions(parent.join(name), mode(0o555)).unwrap();
    }
    let before = snapshot(folder.path());
    for (words, parts) in
        [(going_on, ["runs/train/tiny/", "denied"]), (new, ["other: cannot create the folder", "denied"])]
    {
        let mut command = command(folder.path(), &args(&words, &[]));
        if is_root() {
            command.uid(65534).gid(65534);
        }
        match command.output() {
            Ok(output) => done(output).one_line(1, &parts),
            Err(problem) => println!("skipped: nobody cannot run the command here ({problem})"),
        }
    }
    assert_eq!(snapshot(folder.path()), before);
    for name in [".", "tiny"] {
        fs::set_permissions(parent.join(name), mode(0o755)).unwrap();
    }
}

#[test]
fn a_folder_that_goes_away_ends_the_run() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (run, away) = (folder.path().join("runs/train/long"), folder.path().join("away"));
    let (mut child, lines) = long_run(folder.path(), &mut binary());
    // What is held open is in nobody's way.
    let _held = fs::File::open(run.join("last/model.safetensors")).unwrap();
    fs::rename(&run, &away).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    let last = rest.last().unwrap();
    // It may be in the middle of writing.
    assert!(last.starts_with("awing: ") && last.contains("runs/train/long"), "{last}");
    assert!(
        last.contains("its folder was moved or removed during training") || last.contains("cannot "),
        "{last}"
    );
    assert!(!run.join("config.toml").exists());
    let _ = fs::remove_dir_all(&run);
    fs::rename(&away, &run).unwrap();
    let words = format!("train --data {} --resume --name long --minutes 0.0001 --quiet", faces("train"));
    awing(folder.path(), &args(&words, &[])).with_code(0);
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (mut first, lines) = long_run(folder.path(), &mut binary());
    let go_on = format!("train --data {} --resume --name long --minutes 0.0001 --quiet", faces("train"));
    let parts = ["runs/train/long: run: another process is training into it", "another --name"];
    awing(folder.path(), &args(&go_on, &[])).one_line(1, &parts);
    let begin = format!("train --data {} --preset nano --name long --quiet", faces("train"));
    awing(folder.path(), &args(&begin, &[])).one_line(1, &["runs/train/long: is already there"]);
    // Killed, it leaves the lock's file, and that is no obstacle.
    first.kill().unwrap();
    first.wait().unwrap();
    drop(lines);
    assert!(folder.path().join("runs/train/long/run.lock").exists());
    awing(folder.path(), &args(&go_on, &[])).with_code(0);

    // Two at the same moment: one of them trains.
    let words =
        format!("train --data {} --preset nano --name twins --epochs 2 --quiet --set", faces("train"));
    let start =
        || command(folder.path(), &args(&words, &TINY)).stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let twins = [start().unwrap(), start().unwrap()];
    let mut ends = twins.map(|twin| done(twin.wait_with_output().unwrap()));
    ends.sort_by_key(|done| done.code);
    assert_eq!(ends.each_ref().map(|done| done.code), [0, 1], "{} {}", ends[0].err, ends[1].err);
    let refused = &ends[1].err;
    assert!(refused.contains("another process") || refused.contains("is already there"), "{refused}");
}

#[test]
fn a_signal_ends_a_run_cleanly_and_nohup_outlives_its_terminal() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let step = || {
        let text = fs::read_to_string(folder.path().join("runs/train/long/last/progress.toml")).unwrap();
        text.lines().find_map(|l| l.strip_prefix("step = ")).unwrap().parse::<usize>().unwrap()
    };
    // What this test was started with, under `nohup` too.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let hangs_up = ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 0);
    for name in ["-INT", "-TERM", "-HUP"].into_iter().take(if hangs_up { 3 } else { 2 }) {
        let (mut child, lines) = long_run(folder.path(), &mut binary());
        signal(&child, name);
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{name}: {rest:?}");
        assert!(
            rest.iter().any(|line| line.contains("stopping after this step with a checkpoint")),
            "{rest:?}"
        );
        let hint = rest.iter().find_map(|line| line.split_once("go on with: awing ")).unwrap().1;
        assert!(step() >= 3, "{name}");
        awing(folder.path(), &args(hint, &["--minutes", "0.0001"])).with_code(0);
        fs::remove_dir_all(folder.path().join("runs")).unwrap();
    }
    // As `nohup` starts it, with SIGHUP ignored.
    let ignoring = ["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_awing")];
    let (mut child, mut lines) = long_run(folder.path(), Command::new("sh").args(ignoring));
    signal(&child, "-HUP");
    // It goes on: two more epochs are told.
    let told: Vec<String> = lines.by_ref().take(2).map(Result::unwrap).collect();
    assert!(told.iter().all(|line| line.starts_with("epoch ")), "{told:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_serves() {
    let folder = place();
    let run = folder.path().join(RUN);
    let network = run.join("last/network.bpk");
    let mut bytes = fs::read(&network).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&network, bytes).unwrap();
    // The fixture's run has checkpoints of the steps 3 and 6, and comes to the same again.
    let done = awing(folder.path(), &resume("2")).with_code(0);
    done.tells(&[
        "tiny/last/network.bpk: checksum: ",
        "going on from the checkpoint before it, step 3",
        "damaged/",
    ]);
    for name in ["last/model.safetensors", "best/model.safetensors"] {
        assert!(
            fs::read(fixture().join(RUN).join(name)).unwrap() == fs::read(run.join(name)).unwrap(),
            "{name}"
        );
    }
    // Both damaged: nothing is done.
    for name in ["last", "previous"] {
        fs::write(run.join(name).join("optimiser.bpk"), "").unwrap();
    }
    let before = snapshot(&run);
    awing(folder.path(), &resume("3"))
        .one_line(1, &["tiny/last/optimiser.bpk: size: has 0 bytes", "no whole checkpoint before it"]);
    assert_eq!(snapshot(&run), before);
    // A model is looked at when it is used, too.
    let weights = run.join("best/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(weights, bytes).unwrap();
    let words = format!("predict {} --whole-image --model {RUN}/best", photo(0).display());
    awing(folder.path(), &args(&words, &[])).one_line(1, &["best/model.safetensors: checksum: ", "damaged"]);
}

#[test]
fn weights_do_not_depend_on_workers_memory_or_threads() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut first = None;
    let cases: [(&str, &[&str]); 7] = [
        ("1", &[]),
        ("1", &["training.workers=2"]),
        ("2", &["training.workers=4"]),
        ("2", &["training.cache_mb=0"]),
        ("2", &["training.cache_mb=1"]),
        ("3", &[]),
        ("8", &["training.workers=3"]),
    ];
    for (i, (threads, set)) in cases.into_iter().enumerate() {
        let words = format!(
            "train --data {} --val {} --preset nano --epochs 2 --quiet --name run{i} --set",
            faces("train"),
            faces("val")
        );
        let words = args(&words, &[&TINY[..], set].concat());
        finish(command(folder.path(), &words).env("RAYON_NUM_THREADS", threads)).with_code(0);
        let run = folder.path().join(format!("runs/train/run{i}"));
        let weights = ["best/model.safetensors", "last/model.safetensors"]
            .map(|name| fs::read(run.join(name)).unwrap());
        assert!(*first.get_or_insert(weights.clone()) == weights, "{threads} threads, {set:?}");
    }
}

#[test]
fn a_signal_ends_prediction_with_whole_files() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg");
    fs::create_dir(folder.path().join("photos")).unwrap();
    for i in 0..400 {
        fs::copy(&portrait, folder.path().join(format!("photos/{i:03}.jpg"))).unwrap();
    }
    let words = "predict photos --box 175,85,275,185 --format coco --out out --sheet sheet.png --batch 1";
    let mut child = command(folder.path(), &args(words, &[]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    signal(&child, "-INT");
    let found = 1 + lines.map(Result::unwrap).filter(|line| line.starts_with(',')).count();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("stopping after this photo"), "{told}");
    let answers = fs::read_to_string(folder.path().join("out/predictions.json")).unwrap();
    let answers: Vec<serde_json::Value> = serde_json::from_str(&answers).unwrap();
    assert!(answers.len() == found && found < 400, "{found}: {told}");
    assert!(folder.path().join("sheet.png").is_file() && folder.path().join("out/images.json").is_file());
}
