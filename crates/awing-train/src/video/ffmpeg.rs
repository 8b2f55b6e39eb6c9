//! The programs `ffmpeg` and `ffprobe`, found on the `PATH` and started without a shell.

use awing::{Error, Result};
use std::{
    ffi::OsString,
    io::{BufRead, BufReader, ErrorKind, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Of a line that a program tells at most this is kept, in bytes.
const LONGEST_LINE: u64 = 4096;

/// A running program; it is ended when nobody needs it any more.
#[derive(Debug)]
pub(super) struct Process(pub(super) Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program, quiet but for its messages, each with its level before it.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.args(["-hide_banner", "-loglevel", "level+error"]).stdin(Stdio::null()).stderr(Stdio::piped());
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
    command.spawn().map(Process).map_err(|e| {
        let program = command.get_program().to_string_lossy();
        Error::video(path, match e.kind() {
            ErrorKind::NotFound => {
                format!("needs the program {program}, which is not on the PATH; install ffmpeg, or give photos")
            }
            _ => format!("{program} cannot be started: {e}"),
        })
    })
}

/// Hands every line that a program tells to `each`, and gives its last complaint: a line of the level "error" or "fatal".
pub(super) fn listen(messages: impl Read, mut each: impl FnMut(&str)) -> Option<String> {
    let mut messages = BufReader::new(messages);
    let mut last = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        match messages.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return last,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                each(&text);
                last = complaint(&text).or(last);
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
    fn the_last_complaint_is_kept_and_every_line_is_handed_on() {
        let text =
            "[info] Input #0\n[mov @ 0x5] [error] moov atom not found\n[fatal] Conversion failed!\nend\r\n";
        let mut lines = Vec::new();
        let last = listen(text.as_bytes(), |line| lines.push(line.trim_end().to_owned()));
        assert_eq!(last.as_deref(), Some("moov atom not found"));
        assert_eq!((lines.len(), lines[3].as_str()), (4, "end"));
        assert_eq!(listen(&b"[warning] x\n"[..], |_| ()), None);
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
