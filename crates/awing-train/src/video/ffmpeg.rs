//! The programs `ffmpeg` and `ffprobe`, found on the `PATH` and started without a shell.

use awing::{Error, Result};
use std::{
    ffi::OsString,
    io::{BufRead, BufReader, ErrorKind, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Of a line that a program tells at most this is kept, in bytes.
const LONGEST_LINE: u64 = 4096;
/// A program that gives nothing for so long is ended.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often who waits looks whether it shall stop.
const GLANCE: Duration = Duration::from_millis(50);

/// A running program, shared by who reads from it and who waits for that; it is ended when nobody needs it any more.
#[derive(Clone, Debug)]
pub(super) struct Process(Arc<Mutex<Running>>);

#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// What the program is given or gives: its pipes, taken once.
    pub(super) fn with<T>(&self, take: impl FnOnce(&mut Child) -> T) -> T {
        take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Ends it at once.
    pub(super) fn end(&self) {
        // Fails when it has just ended.
        let _ = self.with(Child::kill);
    }

    /// Waits until it has ended: whether that was well. It can be ended by others meanwhile.
    pub(super) fn ended_well(&self) -> bool {
        loop {
            match self.with(Child::try_wait) {
                Ok(None) => thread::sleep(GLANCE / 10),
                Ok(Some(status)) => return status.success(),
                Err(_) => return false,
            }
        }
    }
}

/// Why nothing came from a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Silence {
    /// The user wants no more.
    Stopped,
    /// It gave nothing for [`PATIENCE`].
    TooLong,
    /// The thread that reads from it is gone without a word.
    Lost,
}

impl Silence {
    /// As an error of the video at `path`; `program` is what was asked.
    pub(super) fn error(self, program: &str, path: &Path) -> Error {
        let problem = match self {
            Self::Stopped => "stopped before its end".to_owned(),
            Self::TooLong => format!("{program} gave nothing for {} s and was ended", PATIENCE.as_secs()),
            Self::Lost => format!("what reads from {program} ended before it did; please report it"),
        };
        Error::video(path, problem)
    }
}

/// What a thread makes of what a program gives.
pub(super) fn wait_for<T>(coming: &Receiver<T>, stopped: &dyn Fn() -> bool) -> Result<T, Silence> {
    wait_at_most(PATIENCE, coming, stopped)
}

fn wait_at_most<T>(
    patience: Duration,
    coming: &Receiver<T>,
    stopped: &dyn Fn() -> bool,
) -> Result<T, Silence> {
    // Glances are counted instead of looking at the clock, which goes on while the command is suspended.
    for _ in 0..patience.as_millis().div_ceil(GLANCE.as_millis()) {
        match coming.recv_timeout(GLANCE) {
            Ok(found) => return Ok(found),
            Err(RecvTimeoutError::Disconnected) => return Err(Silence::Lost),
            Err(RecvTimeoutError::Timeout) if stopped() => return Err(Silence::Stopped),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    Err(Silence::TooLong)
}

/// What a program that has ended complained of last. What it has started may hold its messages open: they are not waited for long.
pub(super) fn last_word(listener: JoinHandle<Option<String>>) -> Option<String> {
    for _ in 0..20 {
        if listener.is_finished() {
            return listener.join().unwrap_or_default();
        }
        thread::sleep(GLANCE);
    }
    None
}

/// A thread that reads what a program gives for the video at `path`.
pub(super) fn thread<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    thread::Builder::new().spawn(work).map_err(|e| {
        Error::video(path, format!("no thread can be started for it: {e}; raise the limit of threads"))
    })
}

/// A program, quiet but for its messages, each with its level before it, whatever the user's environment asks of it.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-hide_banner", "-loglevel", "level+error"]).stdin(Stdio::null()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("AV_LOG_") || text == "FFREPORT" {
            command.env_remove(&name);
        }
    }
    command.env("AV_LOG_FORCE_NOCOLOR", "1");
    command
}

/// A file's name that ffmpeg cannot take for an option or for an address.
pub(super) fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// Starts the program; `path` is the video that it is for.
pub(super) fn start(command: &mut Command, path: &Path) -> Result<Process> {
    let shared = |child| Process(Arc::new(Mutex::new(Running(child))));
    command.spawn().map(shared).map_err(|e| {
        let program = command.get_program().to_string_lossy();
        Error::video(path, match e.kind() {
            ErrorKind::NotFound => {
                format!("needs the program {program}, which is not on the PATH; install ffmpeg, or give photos")
            }
            _ => format!("{program} cannot be started: {e}"),
        })
    })
}

/// Reads what a program tells to its end, and gives its last complaint: a line of the level "error" or "fatal".
pub(super) fn listen(messages: impl Read) -> Option<String> {
    let mut messages = BufReader::new(messages);
    let mut last = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        match messages.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return last,
            Ok(_) => {
                last = complaint(&String::from_utf8_lossy(&line)).or(last);
            }
        }
    }
}

/// What a line of the form "[mov @ 0x55] [error] message" complains of.
fn complaint(line: &str) -> Option<String> {
    let marks = ["[error] ", "[fatal] ", "[panic] "];
    let message = marks.iter().find_map(|mark| line.split_once(mark))?.1.trim();
    // Says nothing that the lines before it did not say.
    (!message.is_empty() && message != "Conversion failed!").then(|| message.to_owned())
}

/// A complaint without the name of the file, which the error tells anyway.
pub(super) fn about(complaint: Option<String>, path: &Path) -> String {
    let complaint = complaint.unwrap_or_else(|| "it does not say why".to_owned());
    let name = format!("file:{}", path.display());
    let rest = complaint.strip_prefix(&name).map(|rest| rest.trim_start_matches(':').trim());
    rest.map_or_else(|| complaint.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_complaint_is_kept() {
        let text =
            "[info] Input #0\n[mov @ 0x5] [error] moov atom not found\n[fatal] Conversion failed!\nend\r\n";
        assert_eq!(listen(text.as_bytes()).as_deref(), Some("moov atom not found"));
        assert_eq!(listen(&b"[warning] x\n"[..]), None);
    }

    #[test]
    fn who_waits_is_told_why_nothing_came() {
        let (sender, coming) = std::sync::mpsc::channel();
        let short = Duration::from_millis(120);
        assert_eq!(wait_at_most(short, &coming, &|| false), Err(Silence::TooLong));
        assert_eq!(wait_at_most(PATIENCE, &coming, &|| true), Err(Silence::Stopped));
        sender.send(7).unwrap();
        assert_eq!(wait_at_most(short, &coming, &|| true), Ok(7));
        drop(sender);
        assert_eq!(wait_at_most(PATIENCE, &coming, &|| false), Err(Silence::Lost));
        let told = Silence::TooLong.error("ffmpeg", Path::new("a.mp4")).to_string();
        assert_eq!(told, "a.mp4: video: ffmpeg gave nothing for 60 s and was ended");
    }

    #[test]
    fn the_name_of_the_file_is_not_told_twice() {
        let path = Path::new("a b/c.mp4");
        let told = about(Some("file:a b/c.mp4: Invalid data".to_owned()), path);
        assert_eq!(told, "Invalid data");
        assert_eq!(about(None, path), "it does not say why");
        assert_eq!(file(Path::new("-x.mp4")), "file:-x.mp4");
    }

    #[test]
    fn a_missing_program_is_told_with_the_way_out() {
        let problem = start(&mut command("no-such-ffmpeg"), Path::new("a.mp4")).unwrap_err().to_string();
        assert_eq!(
            problem,
            "a.mp4: video: needs the program no-such-ffmpeg, which is not on the PATH; install ffmpeg, or give photos"
        );
    }
}
