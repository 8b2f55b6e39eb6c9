//! `awing predict` of videos: faces are followed from frame to frame.

use super::{
    answers::{FaceAnswer, TextFormat, face_columns, face_line},
    predict::Predict,
};
use crate::{
    console::{Console, Lines},
    failure::Failure,
    interrupt::stoppable,
};
use awing::{
    prediction::{Aligner, HeadShape},
    scheme::Scheme,
    tracking::{TrackedFace, Tracker},
};
use awing_train::video::{VideoFrame, VideoReader, VideoWriter};
use serde::Serialize;
use std::{
    collections::HashSet,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

impl Predict {
    /// Follows the faces of videos; so many other sources have `failed`.
    pub(super) fn run_videos(
        &self,
        videos: &[PathBuf],
        failed: usize,
        console: &Console,
    ) -> Result<(), Failure> {
        for (given, option) in [
            (!self.face_box.is_empty(), "--box"),
            (self.boxes.is_some(), "--boxes"),
            (self.whole_image, "--whole-image"),
            (self.heatmaps.is_some(), "--heatmaps"),
            (self.sheet.is_some(), "--sheet"),
            (self.coco_images.is_some(), "--coco-images"),
            (self.format == TextFormat::Coco, "--format coco"),
            (self.format == TextFormat::Pts, "--format pts"),
        ] {
            if given {
                let problem = "is for photos; a video's faces are found by the detector, followed, and told as jsonl or csv";
                return Err(Failure::Usage(format!("{option}: {problem}")));
            }
        }
        let device = self.device.device()?;
        let aligner = self.aligner(&device, console)?.with_detector(self.detector().load(&device)?);
        let folder = self.folder()?;
        let head = self.head(aligner.scheme())?;
        let mut lines = VideoLines::new(aligner.scheme(), self.format, head, folder.as_deref(), console)?;
        let mut names = HashSet::new();
        let (mut failed, mut stopped) = (failed > 0, false);
        for path in videos {
            let drawn =
                folder.as_deref().filter(|_| self.draw).map(|folder| folder.join(name(path, &mut names)));
            let followed = stoppable(console, "after this frame", |stop| {
                self.follow(&aligner, path, drawn.as_deref(), &mut lines, stop, console)
            });
            match followed {
                Ok(()) => (),
                Err(Failure::Work(problem)) => {
                    console.warn(&problem);
                    lines.problem(&path.to_string_lossy(), problem)?;
                    failed = true;
                }
                Err(Failure::Stopped) => {
                    stopped = true;
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        if let Some(folder) = &folder {
            console.note(format!("written to {}", folder.display()));
        }
        if stopped {
            return Err(Failure::Stopped);
        }
        if failed { Err(Failure::Told) } else { Ok(()) }
    }

    fn follow(
        &self,
        aligner: &Aligner,
        path: &Path,
        drawn: Option<&Path>,
        lines: &mut VideoLines<'_>,
        stop: &'static AtomicBool,
        console: &Console,
    ) -> Result<(), Failure> {
        let stopped = || stop.load(Ordering::Relaxed);
        let opened = VideoReader::open_until(path, stopped);
        if stopped() {
            return Err(Failure::Stopped);
        }
        let mut video = opened?;
        let info = video.info();
        let mut tracker = Tracker::new(self.video.config())?;
        let mut writer = None;
        let mut faces = HashSet::new();
        let bar = console
            .bar(info.frames.unwrap_or(0) as usize, "{bar:30} {pos} of {len} frames  {per_sec}  left {eta}");
        let (start, mut frames) = (Instant::now(), 0_u64);
        let mut each = |frame: VideoFrame| {
            let VideoFrame { number, time, mut image } = frame;
            let found = tracker.track(aligner, &image, time)?;
            frames = number + 1;
            faces.extend(found.iter().map(|face| face.id));
            let (width, height) = image.dimensions();
            let faces: Vec<VideoFace<'_>> = found
                .iter()
                .map(|TrackedFace { id, face }| VideoFace {
                    id: *id,
                    face: FaceAnswer::new(face, lines.head.as_ref()),
                })
                .collect();
            lines.frame(&FrameLine {
                image: &path.to_string_lossy(),
                frame: number,
                time,
                width,
                height,
                faces: &faces,
            })?;
            if let Some(drawn) = drawn {
                for VideoFace { id, face } in &faces {
                    face.draw(aligner.scheme(), Some(&id.to_string()), &mut image);
                }
                let writer = match &mut writer {
                    Some(writer) => writer,
                    None => writer.insert(VideoWriter::create(drawn, width, height, info.rate, Some(path))?),
                };
                writer.write(&image, time)?;
            }
            bar.inc(1);
            if stopped() { Err(Failure::Stopped) } else { Ok(()) }
        };
        let done = video.try_for_each(|frame| each(frame?));
        // A video that was stopped while nothing came has ended without an error.
        let done = if stopped() { Err(Failure::Stopped) } else { done };
        bar.finish_and_clear();
        if let Some(cut) = writer.as_ref().map(VideoWriter::left_out).filter(|cut| *cut > 0.0) {
            console.remark(format!(
                "{}: gaps between frames were cut by {cut:.1} s in the drawn video; its sound, if any, is late from there on",
                path.display()
            ));
        }
        // What was read before an error is kept.
        let written = writer.map_or(Ok(()), |writer| writer.finish().map_err(Failure::from));
        let rate = frames as f64 / start.elapsed().as_secs_f64().max(1e-9);
        let (path, detections, faces) = (path.display(), tracker.detections(), faces.len());
        console.note(format!(
            "{path}: {frames} frames, {rate:.1} a second; faces: {faces}; frames with the detector: {detections}"
        ));
        if frames > 0 && faces == 0 {
            console.remark(format!("{path}: no face found"));
        }
        done.and(written)
    }
}

/// A face of a frame.
#[derive(Serialize)]
struct VideoFace<'a> {
    id: u64,
    #[serde(flatten)]
    face: FaceAnswer<'a>,
}

/// One frame as a line of JSON.
#[derive(Serialize)]
struct FrameLine<'a> {
    image: &'a str,
    frame: u64,
    #[serde(serialize_with = "microseconds")]
    time: f64,
    width: u32,
    height: u32,
    faces: &'a [VideoFace<'a>],
}

/// A video that failed, or ended too early, as a line of JSON.
#[derive(Serialize)]
struct ErrorLine<'a> {
    image: &'a str,
    error: String,
}

fn microseconds<S: serde::Serializer>(time: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time * 1e6).round() / 1e6)
}

/// Prints the lines and keeps a copy of them.
struct VideoLines<'a> {
    format: TextFormat,
    /// The head, where its pose is asked for.
    head: Option<HeadShape>,
    lines: Lines<'a>,
    copy: Option<(PathBuf, BufWriter<File>)>,
}

impl<'a> VideoLines<'a> {
    fn new(
        scheme: &Scheme,
        format: TextFormat,
        head: Option<HeadShape>,
        folder: Option<&Path>,
        console: &'a Console,
    ) -> Result<Self, Failure> {
        let ending = if format == TextFormat::Csv { "csv" } else { "jsonl" };
        let create = |folder: &Path| {
            let path = folder.join("predictions").with_extension(ending);
            let file = File::create_new(&path).map_err(|e| Failure::file(&path, e))?;
            Ok::<_, Failure>((path, BufWriter::new(file)))
        };
        let copy = folder.map(create).transpose()?;
        let mut lines = Self { format, head, lines: Lines::new(console, copy.is_some(), false), copy };
        if format == TextFormat::Csv {
            let columns = face_columns(scheme.len(), lines.head.is_some());
            lines.tell(&format!("image,frame,time,id,{columns}"))?;
        }
        Ok(lines)
    }

    fn frame(&mut self, frame: &FrameLine<'_>) -> Result<(), Failure> {
        if self.format == TextFormat::Csv {
            let pose = self.head.is_some();
            return frame.faces.iter().try_for_each(|face| self.tell(&csv_line(frame, face, pose)?));
        }
        self.json(frame)
    }

    /// A table has no place for errors.
    fn problem(&mut self, source: &str, error: String) -> Result<(), Failure> {
        if self.format == TextFormat::Csv { Ok(()) } else { self.json(&ErrorLine { image: source, error }) }
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.tell(&serde_json::to_string(value).map_err(|e| Failure::Work(format!("JSON: {e}")))?)
    }

    fn tell(&mut self, line: &str) -> Result<(), Failure> {
        if let Some((path, file)) = &mut self.copy {
            writeln!(file, "{line}").and_then(|()| file.flush()).map_err(|e| Failure::file(path, e))?;
        }
        self.lines.print(line)
    }
}

fn csv_line(
    frame: &FrameLine<'_>,
    VideoFace { id, face }: &VideoFace<'_>,
    pose: bool,
) -> Result<String, Failure> {
    let first =
        vec![frame.image.to_owned(), frame.frame.to_string(), format!("{:.6}", frame.time), id.to_string()];
    face_line(first, face, pose)
}

/// The name of the drawn video: the video's own, numbered where it was taken before.
fn name(video: &Path, taken: &mut HashSet<String>) -> String {
    let stem = video.file_stem().map_or("video".into(), |stem| stem.to_string_lossy());
    let mut name = format!("{stem}.mp4");
    let mut number = 2_usize;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{stem}-{number}.mp4");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::{
        geometry::{Point, Rect},
        prediction::Face,
    };

    #[test]
    fn a_frame_is_a_line_and_a_face_a_row() {
        let face = Face {
            face_box: Rect::new(1.0, 2.0, 3.0, 4.0),
            score: 0.5,
            landmarks: vec![Point::new(1.25, 2.0)],
            scores: vec![0.25],
            expected_errors: vec![],
        };
        let faces = [VideoFace { id: 7, face: FaceAnswer::new(&face, None) }];
        let frame =
            FrameLine { image: "a,b.mp4", frame: 2, time: 2.0 / 30.0, width: 64, height: 48, faces: &faces };
        assert_eq!(
            serde_json::to_string(&frame).unwrap(),
            r#"{"image":"a,b.mp4","frame":2,"time":0.066667,"width":64,"height":48,"faces":[{"id":7,"box":[1.0,2.0,3.0,4.0],"score":0.5,"landmarks":[[1.25,2.0]],"scores":[0.25]}]}"#
        );
        assert_eq!(
            csv_line(&frame, &faces[0], false).unwrap(),
            "\"a,b.mp4\",2,0.066667,7,1.000,2.000,3.000,4.000,0.5000,1.250,2.000,0.2500"
        );
    }

    #[test]
    fn drawn_videos_never_take_the_same_name() {
        let mut taken = HashSet::new();
        let names = ["a/x.mov", "b/X.mp4", "y"].map(|path| name(Path::new(path), &mut taken));
        assert_eq!(names, ["x.mp4", "X-2.mp4", "y.mp4"]);
    }
}
