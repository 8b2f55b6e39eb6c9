use awing::detection::{DetectedFace, FaceDetector};
use awing::{Error, Result, geometry::Rect};
use image::{ImageFormat, RgbImage};
use serde::Deserialize;
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

/// Of its answer at most this is read.
const LONGEST_ANSWER: usize = 16 << 20;
/// A program that takes longer for a photo is ended, unless it is given another time.
const LONGEST_TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether the program has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Another program that finds faces: it is started once a photo, with the path of a PNG as its only argument, and prints a JSON array
/// `[{"box": [x0, y0, x1, y1], "score": 0.9}, …]`, in pixels of the photo; the score may be left out. No shell is involved.
///
/// A program that takes longer than a minute for a photo is ended; see [`ExternalDetector::with_time`]. What it has started itself is left alone.
///
/// Its boxes must be as tight around brows, jaw and chin as the landmarks are; where the program means something else by a box,
/// [`ExternalDetector::with_place`] moves them.
#[derive(Clone, Debug)]
pub struct ExternalDetector {
    program: PathBuf,
    place: [f64; 4],
    time: Duration,
}

/// One face of the program's answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "box")]
    corners: [f64; 4],
    #[serde(default = "sure")]
    score: f32,
}

fn sure() -> f32 {
    1.0
}

impl ExternalDetector {
    /// A detector that runs `program`, a path or a name on the `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), place: [0.0, 0.0, 1.0, 1.0], time: LONGEST_TIME }
    }

    /// How long it may take for a photo.
    pub fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Where the box around the landmarks lies in the program's: left, top, right and bottom in widths and heights of it from its upper
    /// left corner, as `awing detect --data` measures it. [0, 0, 1, 1] leaves the box as it is.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a number is not finite or the box would have no room.
    pub fn with_place(self, place: [f64; 4]) -> Result<Self> {
        let [left, top, right, bottom] = place;
        if !Rect::new(left, top, right, bottom).is_usable(1e-3) {
            let problem = "must be left, top, right and bottom, right of and below the first two";
            return Err(Error::invalid("place", problem));
        }
        Ok(Self { place, ..self })
    }

    fn failed(&self, problem: impl std::fmt::Display) -> Error {
        Error::invalid(format!("detector {}", self.program.display()), problem.to_string())
    }

    fn run(&self, photo: &Path) -> Result<Vec<u8>> {
        let mut child = Command::new(&self.program)
            .arg(photo)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| self.failed(format!("cannot be started: {e}; give the path of a program")))?;
        let answer = self.listen(&mut child);
        if answer.is_err() {
            // It might go on for ever. Fails when it has just ended.
            let _ = child.kill();
            let _ = child.wait();
        }
        let (status, answer) = answer?;
        if status.success() { Ok(answer) } else { Err(self.failed(format!("ended with {status}"))) }
    }

    /// What the program prints, and how it ends.
    fn listen(&self, child: &mut Child) -> Result<(ExitStatus, Vec<u8>)> {
        let begun = Instant::now();
        let late = || match begun.elapsed() > self.time {
            true => Err(self.failed(format!("has not answered within {} s", self.time.as_secs_f64()))),
            false => Ok(()),
        };
        let parts = child.stdout.take().map(parts).transpose().map_err(|e| self.failed(e))?;
        let (mut answer, mut ended) = (Vec::new(), None);
        while let Some(parts) = &parts {
            match parts.recv_timeout(PAUSE) {
                Ok(part) => answer.extend(part.map_err(|e| self.failed(e))?),
                Err(RecvTimeoutError::Disconnected) => break,
                // What it has started may hold its output open, and says nothing any more.
                Err(RecvTimeoutError::Timeout) if ended.is_some() => break,
                Err(RecvTimeoutError::Timeout) => ended = child.try_wait().map_err(|e| self.failed(e))?,
            }
            if answer.len() > LONGEST_ANSWER {
                return Err(self.failed("printed more than 16 MiB; it should print one JSON array"));
            }
            late()?;
        }
        loop {
            if let Some(status) = child.try_wait().map_err(|e| self.failed(e))? {
                return Ok((status, answer));
            }
            late()?;
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// What comes from a program, part by part, up to its end.
fn parts(mut output: ChildStdout) -> std::io::Result<Receiver<std::io::Result<Vec<u8>>>> {
    let (sender, parts) = sync_channel(1);
    thread::Builder::new().spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let part = output.read(&mut buffer).map(|len| buffer[..len].to_vec());
            let last = part.as_ref().map_or(true, Vec::is_empty);
            if sender.send(part).is_err() || last {
                break;
            }
        }
    })?;
    Ok(parts)
}

impl FaceDetector for ExternalDetector {
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedFace>> {
        let file = tempfile::Builder::new()
            .suffix(".png")
            .tempfile()
            .map_err(Error::io(Path::new("a temporary file"), "create"))?;
        photo
            .save_with_format(file.path(), ImageFormat::Png)
            .map_err(|e| Error::image(file.path(), format!("cannot be written: {e}")))?;
        let answer = self.run(file.path())?;
        let faces: Vec<Answer> = serde_json::from_slice(&answer).map_err(|e| {
            self.failed(format!("did not print [{{\"box\": [x0, y0, x1, y1], \"score\": s}}, …]: {e}"))
        })?;
        let [left, top, right, bottom] = self.place;
        let mut found = Vec::with_capacity(faces.len());
        for Answer { corners: [x0, y0, x1, y1], score } in faces {
            let (w, h) = (x1 - x0, y1 - y0);
            let is_finite = w.is_finite() && h.is_finite() && score.is_finite();
            if !(is_finite && Rect::new(x0, y0, x1, y1).is_usable(1.0)) {
                return Err(
                    self.failed(format!("the box {x0:?} {y0:?} {x1:?} {y1:?} has no room or is not finite"))
                );
            }
            let face_box = Rect::new(x0 + left * w, y0 + top * h, x0 + right * w, y0 + bottom * h);
            found.push(DetectedFace { face_box, score });
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(found)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    /// A program that does what the shell lines say.
    fn program(folder: &Path, lines: &str) -> ExternalDetector {
        let path = folder.join("find faces; echo");
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        ExternalDetector::new(path)
    }

    #[test]
    fn its_boxes_are_read_moved_and_sorted() {
        let folder = tempfile::tempdir().unwrap();
        let lines =
            r#"test -s "$1" && echo '[{"box": [0, 0, 10, 20], "score": 0.5}, {"box": [5, 5, 25, 25]}]'"#;
        let detector = program(folder.path(), lines).with_place([0.1, 0.5, 0.9, 1.0]).unwrap();
        let faces = detector.detect(&RgbImage::new(40, 40)).unwrap();
        let expected = [(Rect::new(7.0, 15.0, 23.0, 25.0), 1.0), (Rect::new(1.0, 10.0, 9.0, 20.0), 0.5)];
        assert_eq!(faces, expected.map(|(face_box, score)| DetectedFace { face_box, score }));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let photo = RgbImage::new(8, 8);
        let begun = Instant::now();
        for lines in ["sleep 100", "echo '['; exec sleep 100", "exec >&-; exec sleep 100"] {
            let detector = program(folder.path(), lines).with_time(Duration::from_millis(200));
            let problem = detector.detect(&photo).unwrap_err().to_string();
            assert!(problem.contains("has not answered within 0.2 s"), "{lines}: {problem}");
        }
        // It has answered; what it has left running holds its output open.
        let faces = program(folder.path(), "sleep 100 & echo '[]'").detect(&photo).unwrap();
        assert!(faces.is_empty() && begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn what_goes_wrong_is_told_with_the_programs_name() {
        let folder = tempfile::tempdir().unwrap();
        let photo = RgbImage::new(8, 8);
        for (lines, expected) in [
            ("exit 3", "exit status: 3"),
            ("echo hello", "did not print [{\"box\""),
            (r#"echo '[{"box": [5, 0, 5, 9]}]'"#, "the box 5.0 0.0 5.0 9.0 has no room"),
            ("yes '[1'", "printed more than 16 MiB"),
        ] {
            let problem = program(folder.path(), lines).detect(&photo).unwrap_err().to_string();
            assert!(problem.contains("find faces; echo") && problem.contains(expected), "{problem}");
        }
        let problem = ExternalDetector::new("no-such-program").detect(&photo).unwrap_err().to_string();
        assert!(problem.contains("no-such-program: cannot be started"), "{problem}");
        assert!(ExternalDetector::new("x").with_place([0.0, 0.0, 0.0, 1.0]).is_err());
    }
}
