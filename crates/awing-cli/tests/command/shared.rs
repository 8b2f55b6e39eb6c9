//! What all tests share: the command, drawn faces, and one small trained model.

use awing_train::dataset::write_drawn;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};
use tempfile::TempDir;

/// The smallest network and a short training on plain crops.
pub(crate) const TINY: [&str; 6] = [
    "network.input=64",
    "network.width=8",
    "training.batch=8",
    "optimizer.learning_rate=1e-2",
    "training.moving_average=0.5",
    "augment.rotation=10",
];
pub(crate) const POINTS: usize = 68;

/// What a run of the command came to.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// The lines on stderr that tell of trouble.
    pub(crate) fn troubles(&self) -> Vec<&str> {
        self.err.lines().filter(|line| line.starts_with("awing: ")).collect()
    }

    /// The lines on stdout, each JSON.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts the exit code; gives the run back.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// Asserts that the run failed with one line that holds all of `parts`, and no result.
    #[track_caller]
    pub(crate) fn one_line(self, code: i32, parts: &[&str]) {
        let done = self.with_code(code);
        assert_eq!(done.err.lines().count(), 1, "{}", done.err);
        assert!(done.err.starts_with("awing: "), "{}", done.err);
        for part in parts {
            assert!(done.err.contains(part), "`{part}` is not in: {}", done.err);
        }
        assert_eq!(done.out, "");
    }

    /// Asserts that exactly one line of trouble holds all of `parts`.
    #[track_caller]
    pub(crate) fn tells(&self, parts: &[&str]) {
        let count =
            self.troubles().iter().filter(|line| parts.iter().all(|part| line.contains(part))).count();
        assert_eq!(count, 1, "{parts:?} in: {}", self.err);
    }
}

/// Runs the command in `folder`.
pub(crate) fn awing<S: AsRef<str>>(folder: &Path, args: &[S]) -> Done {
    finish(&mut command(folder, args))
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Done {
    done(command.output().unwrap())
}

/// Runs the command in `folder` with bytes on its standard input.
pub(crate) fn awing_reads<S: AsRef<str>>(folder: &Path, args: &[S], input: &[u8]) -> Done {
    let mut command = command(folder, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read it may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    done(child.wait_with_output().unwrap())
}

/// What a command that has ended came to.
pub(crate) fn done(output: Output) -> Done {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let done =
        Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!done.err.contains("panicked") && !done.err.contains("RUST_BACKTRACE"), "{}", done.err);
    done
}

pub(crate) fn command<S: AsRef<str>>(folder: &Path, args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_awing"));
    command.current_dir(folder).args(args.iter().map(AsRef::as_ref)).stdin(Stdio::null());
    // What the tests say of colors must not depend on who runs them.
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// `words` cut at blanks, and more arguments.
pub(crate) fn args(words: &str, more: &[&str]) -> Vec<String> {
    words.split_whitespace().chain(more.iter().copied()).map(str::to_owned).collect()
}

/// A folder with faces/train, faces/val, faces/test and the run runs/train/tiny. Tests read it and write elsewhere.
pub(crate) fn fixture() -> &'static Path {
    static FIXTURE: OnceLock<PathBuf> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
        for (part, count, seed) in [("train", 24, 1), ("val", 4, 2), ("test", 6, 3)] {
            write_drawn(&folder.join("faces").join(part), count, seed).unwrap();
        }
        let words =
            "train --data 300w:faces/train --val 300w:faces/val --preset nano --epochs 2 --name tiny --set";
        let done = awing(&folder, &args(words, &TINY)).with_code(0);
        assert!(done.out.contains("runs/train/tiny: 6 steps in "), "{}", done.out);
        assert!(done.out.contains("best validation NME "), "{}", done.out);
        // No terminal: a line for each evaluation instead of a bar, and what to do next.
        assert_eq!(done.err.matches("  val NME ").count(), 2, "{}", done.err);
        assert!(done.err.contains("next: awing eval --model runs/train/tiny/best --data 300w:faces/val"));
        folder
    })
}

/// The trained model.
pub(crate) fn model() -> String {
    fixture().join("runs/train/tiny/best").display().to_string()
}

/// `part` of the drawn faces as a data source.
pub(crate) fn faces(part: &str) -> String {
    format!("300w:{}", fixture().join("faces").join(part).display())
}

/// Photo `i` of the test faces.
pub(crate) fn photo(i: usize) -> PathBuf {
    fixture().join(format!("faces/test/drawn_{i:05}.jpg"))
}

pub(crate) fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// All files below a folder with their content.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    files
}
