use super::{
    VideoInfo,
    ffmpeg::{self, Process, Silence},
};
use awing::{Error, Result, photo::MAX_SIDE};
use image::RgbImage;
use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Frames that are decoded ahead.
const AHEAD: usize = 2;
/// A video that ends so much earlier than it says, in seconds, was cut off where ffmpeg complains as well.
const SHORT: f64 = 0.5;
/// The file that frames' times are written to.
const TIMES: &str = "times";
/// The time of a frame is waited for so long.
const LATE: Duration = Duration::from_secs(2);
/// Bytes of a line of a picture's head.
const LONGEST_HEAD: u64 = 64;

/// One frame of a video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFrame {
    /// Counted from 0.
    pub number: u64,
    /// Seconds from the start; never before the frame before.
    pub time: f64,
    /// As a player shows it: upright, with square pixels.
    pub image: RgbImage,
}

/// Reads the frames of a video through the program `ffmpeg`, which decodes while the caller works. A few frames are held at a time, however long the video is.
///
/// It ends at the end of the video or after an error: what came before an error is good.
///
/// ```no_run
/// use awing::{prediction::Aligner, tracking::{Tracker, TrackerConfig}};
/// use awing_train::video::VideoReader;
///
/// let aligner = Aligner::builtin()?;
/// let mut tracker = Tracker::new(TrackerConfig::default())?;
/// for frame in VideoReader::open("clip.mp4".as_ref())? {
///     let frame = frame?;
///     for found in tracker.track(&aligner, &frame.image, frame.time)? {
///         println!("{:.3} s, face {}: {:?}", frame.time, found.id, found.face.landmarks);
///     }
/// }
/// # Ok::<(), awing::Error>(())
/// ```
pub struct VideoReader {
    path: PathBuf,
    info: VideoInfo,
    /// `None` is the end.
    frames: Receiver<Option<Result<VideoFrame>>>,
    child: Process,
    stopped: Box<dyn Fn() -> bool + Send>,
    ended: bool,
    /// Where ffmpeg runs and writes; it goes with the reader.
    _folder: TempDir,
}

impl VideoReader {
    /// Starts reading.
    ///
    /// # Errors
    /// Those of [`VideoInfo::of`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_until(path, || false)
    }

    /// Starts reading, and ends as soon as `stopped` says so, also while ffmpeg gives nothing.
    ///
    /// # Errors
    /// Those of [`VideoInfo::of`].
    pub fn open_until(path: &Path, stopped: impl Fn() -> bool + Send + 'static) -> Result<Self> {
        let info = VideoInfo::ask(path, &stopped)?;
        // Each frame's time is written to a file of its own, which nothing else that ffmpeg says can get into; then frames are counted instead, so
        // that none is left out or repeated for a steady rate.
        let filters = format!(
            "scale=w='max(1,round(iw*sar))':h=ih,setsar=1,format=rgb24,metadata=mode=add:key=awing:value=1,\
             metadata=mode=print:key=awing:file={TIMES}:direct=1,settb=1/25,setpts=N"
        );
        let mut command = ffmpeg::command("ffmpeg");
        // A stream may change its size or its pixels' form: what is built for the first frame stays, and scales the later ones to it.
        command.args(["-nostats", "-nostdin", "-reinit_filter", "0", "-i"]);
        // The program runs in another folder.
        let absolute = std::path::absolute(path).map_err(Error::io(path, "read"))?;
        command.arg(ffmpeg::file(&absolute));
        command.args([
            "-map",
            "0:V:0",
            "-vf",
            &filters,
            "-r",
            "25",
            "-f",
            "image2pipe",
            "-c:v",
            "ppm",
            "pipe:1",
        ]);
        Self::start(command, path, info, Box::new(stopped))
    }

    /// Reads what the program gives: frames in the form PPM, and a line for each in the file [`TIMES`] of the folder that it runs in.
    fn start(
        mut command: Command,
        path: &Path,
        info: VideoInfo,
        stopped: Box<dyn Fn() -> bool + Send>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("awing-")
            .tempdir()
            .map_err(Error::io(std::env::temp_dir(), "create a folder in"))?;
        let child = ffmpeg::start(command.current_dir(folder.path()).stdout(Stdio::piped()), path)?;
        let (pixels, messages) = child.with(|child| (child.stdout.take(), child.stderr.take()));
        let (Some(pixels), Some(messages)) = (pixels, messages) else {
            return Err(Error::video(path, "ffmpeg has no output"));
        };
        let listener = ffmpeg::thread(path, || ffmpeg::listen(messages))?;
        let (sender, frames) = sync_channel(AHEAD);
        let times = Times { path: folder.path().join(TIMES), read: String::new(), file: None };
        let decoding = Decoding { path: path.to_path_buf(), info, child: child.clone(), sender, times };
        ffmpeg::thread(path, move || decoding.run(BufReader::new(pixels), listener))?;
        Ok(Self { path: path.to_path_buf(), info, frames, child, stopped, ended: false, _folder: folder })
    }

    /// What the video says of itself.
    pub fn info(&self) -> VideoInfo {
        self.info
    }
}

impl Iterator for VideoReader {
    type Item = Result<VideoFrame>;

    fn next(&mut self) -> Option<Result<VideoFrame>> {
        if self.ended {
            return None;
        }
        let found = ffmpeg::wait_for(&self.frames, &self.stopped).unwrap_or_else(|silence| {
            self.child.end();
            (silence != Silence::Stopped).then(|| Err(silence.error("ffmpeg", &self.path)))
        });
        self.ended = !matches!(found, Some(Ok(_)));
        found
    }
}

impl fmt::Debug for VideoReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, info, ended, .. } = self;
        f.debug_struct("VideoReader")
            .field("path", path)
            .field("info", info)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}

impl Drop for VideoReader {
    fn drop(&mut self) {
        // The thread that reads may wait for it for ever.
        self.child.end();
    }
}

/// The thread that takes frames from ffmpeg.
struct Decoding {
    path: PathBuf,
    info: VideoInfo,
    child: Process,
    sender: SyncSender<Option<Result<VideoFrame>>>,
    times: Times,
}

impl Decoding {
    fn run(mut self, mut pixels: impl BufRead, listener: JoinHandle<Option<String>>) {
        let (mut number, mut time) = (0_u64, 0.0_f64);
        let mut wanted = true;
        while wanted {
            let Some(image) = self.image(&mut pixels) else { break };
            let frame = image.and_then(|image| {
                let told = self.times.of(number).ok_or_else(|| {
                    let problem = format!(
                        "ffmpeg does not tell the time of frame {number}: it must be able to write to {}",
                        self.times.path.display()
                    );
                    Error::video(&self.path, problem)
                })?;
                time = told.unwrap_or(number as f64 / self.info.rate).max(time);
                Ok(VideoFrame { number, time, image })
            });
            let failed = frame.is_err();
            // Nobody waits for it any more when the caller has seen enough.
            wanted = self.sender.send(Some(frame)).is_ok() && !failed;
            number += u64::from(wanted);
        }
        if !wanted {
            self.child.end();
        }
        drop(pixels);
        let complaint = ffmpeg::last_word(listener);
        let ended_well = self.child.ended_well();
        let cut_off =
            complaint.is_some() && self.info.duration.is_some_and(|duration| duration - time > SHORT);
        if wanted && (!ended_well || cut_off || number == 0) {
            let path = std::path::absolute(&self.path).unwrap_or_default();
            let why = ffmpeg::about(complaint, &path);
            let problem = match number {
                0 => format!("no frame can be read; ffmpeg: {why}"),
                _ => format!("ends after {number} frames, at {time:.2} s; ffmpeg: {why}"),
            };
            let _ = self.sender.send(Some(Err(Error::video(&self.path, problem))));
        }
        let _ = self.sender.send(None);
    }

    /// The next frame; `None` where ffmpeg ends before it is whole.
    fn image(&self, pixels: &mut impl BufRead) -> Option<Result<RgbImage>> {
        // "P6", width and height, the largest value, each on its own line, then the pixels.
        let mut head = [const { String::new() }; 3];
        for line in &mut head {
            Read::take(&mut *pixels, LONGEST_HEAD).read_line(line).ok().filter(|read| *read > 0)?;
        }
        let size = head[1].trim().split_once(' ').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        let (Some((width, height)), "P6", "255") = (size, head[0].trim(), head[2].trim()) else {
            return Some(Err(Error::video(
                &self.path,
                "ffmpeg gives something else than a picture of 8-bit RGB",
            )));
        };
        if width > MAX_SIDE || height > MAX_SIDE {
            let problem =
                format!("{width} x {height} pixels are too many; shrink it below {MAX_SIDE} a side");
            return Some(Err(Error::video(&self.path, problem)));
        }
        let mut bytes = vec![0; 3 * width as usize * height as usize];
        pixels.read_exact(&mut bytes).ok()?;
        RgbImage::from_raw(width, height, bytes).map(Ok)
    }
}

/// The times of frames, which ffmpeg writes to a file before it gives the frame.
struct Times {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// The line that is being written.
    read: String,
}

impl Times {
    /// The time of a frame, `Some(None)` where it has none; `None` where its line does not come. Frames are asked for in their order.
    fn of(&mut self, number: u64) -> Option<Option<f64>> {
        let start = Instant::now();
        loop {
            if self.file.is_none() {
                self.file = File::open(&self.path).ok().map(BufReader::new);
            }
            let more = self.file.as_mut().and_then(|file| file.read_line(&mut self.read).ok());
            if self.read.ends_with('\n') {
                let line = std::mem::take(&mut self.read);
                if let Some((found, time)) = time_in(&line)
                    && found >= number
                {
                    return (found == number).then_some(time);
                }
            } else if more.unwrap_or(0) == 0 {
                // It is written before the frame is given, but not every file system shows that at once.
                if start.elapsed() > LATE {
                    return None;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Number and time of a frame from "frame:2    pts:1024    pts_time:0.0666667"; the time may be "NOPTS".
fn time_in(line: &str) -> Option<(u64, Option<f64>)> {
    let rest = line.strip_prefix("frame:")?;
    let number = rest.split_whitespace().next()?.parse().ok()?;
    let (_, time) = rest.split_once("pts_time:")?;
    Some((number, time.trim().parse::<f64>().ok().filter(|time| time.is_finite())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_from_their_lines() {
        assert_eq!(time_in("frame:2    pts:1024    pts_time:0.0666667\n"), Some((2, Some(0.066_666_7))));
        assert_eq!(time_in("frame:0    pts:NOPTS   pts_time:NOPTS\n"), Some((0, None)));
        for other in ["awing=1\n", "frame:x pts_time:1\n", "title=frame:0 pts_time:9\n", "frame:3\n", ""] {
            assert_eq!(time_in(other), None, "{other}");
        }
    }

    /// What a reader makes of a program that says and does this in place of ffmpeg.
    #[cfg(unix)]
    fn read_from(script: &str, duration: Option<f64>) -> Vec<Result<VideoFrame>> {
        reader_of(script, duration, || false).collect()
    }

    #[cfg(unix)]
    fn reader_of(
        script: &str,
        duration: Option<f64>,
        stopped: impl Fn() -> bool + Send + 'static,
    ) -> VideoReader {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        let info = VideoInfo { frames: None, duration, rate: 10.0 };
        VideoReader::start(command, Path::new("clip.mp4"), info, Box::new(stopped)).unwrap()
    }

    /// Tells of a frame of 2 x 1 pixels at `time` and gives it.
    #[cfg(unix)]
    fn frame(number: u64, time: &str) -> String {
        format!(
            "printf 'frame:{number} pts:0 pts_time:{time}\\nawing=1\\n' >> times; printf 'P6\\n2 1\\n255\\nabcdef'; "
        )
    }

    #[cfg(unix)]
    #[test]
    fn when_ffmpeg_dies_what_came_before_is_good_and_its_last_word_is_told() {
        let script = frame(0, "0.5")
            + &frame(1, "NOPTS")
            + "printf abc; echo '[h264 @ 0x5] [error] out of memory' >&2; exit 1";
        let mut read = read_from(&script, None);
        assert_eq!(read.len(), 3);
        let problem = read.pop().unwrap().unwrap_err().to_string();
        assert_eq!(problem, "clip.mp4: video: ends after 2 frames, at 0.50 s; ffmpeg: out of memory");
        let frames: Vec<VideoFrame> = read.into_iter().map(Result::unwrap).collect();
        assert_eq!(frames[0].image.as_raw(), b"abcdef");
        // No time of its own: 1 / 10 s would lie before the frame before.
        assert_eq!(frames.iter().map(|f| (f.number, f.time)).collect::<Vec<_>>(), [(0, 0.5), (1, 0.5)]);
        let read = read_from("echo '[fatal] no such codec' >&2; exit 1", None);
        let problem = read[0].as_ref().unwrap_err().to_string();
        assert_eq!(
            (read.len(), problem.as_str()),
            (1, "clip.mp4: video: no frame can be read; ffmpeg: no such codec")
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_a_program_says_is_no_time_and_no_picture() {
        // As a video's title may have it, and in color.
        let says = "printf '\\033[32mframe:0 pts_time:7\\n[Parsed_showinfo_3 @ 0x5] [info] n:0 pts_time:8 s:9x9\\033[0m\\n' >&2; ";
        let read = read_from(&(says.to_owned() + &frame(0, "0.25")), None);
        assert_eq!(read.iter().map(|f| f.as_ref().unwrap().time).collect::<Vec<_>>(), [0.25]);
        let read = read_from(&(frame(0, "0") + "printf 'P5\\n2 1\\n255\\nab'"), None);
        let problem = read[1].as_ref().unwrap_err().to_string();
        assert!(
            read.len() == 2 && problem.ends_with("something else than a picture of 8-bit RGB"),
            "{problem}"
        );
        let read = read_from("printf 'P6\\n20000 1\\n255\\n'", None);
        assert!(read[0].as_ref().unwrap_err().to_string().contains("20000 x 1 pixels are too many"));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended_when_the_user_stops() {
        let start = Instant::now();
        let mut reader =
            reader_of(&(frame(0, "0") + "exec sleep 300"), None, move || start.elapsed().as_secs_f64() > 0.3);
        assert!(reader.next().unwrap().is_ok());
        assert!(reader.next().is_none() && start.elapsed().as_secs() < 30);
        // And when nobody reads any more; nothing is left of it.
        let reader = reader_of("exec sleep 300", None, || false);
        let (child, folder) = (reader.child.clone(), reader._folder.path().to_path_buf());
        assert!(folder.is_dir());
        drop(reader);
        assert!(!child.ended_well() && start.elapsed().as_secs() < 30 && !folder.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_frame_whose_time_is_not_told_is_an_error() {
        let read = read_from(&(frame(0, "0.5") + "printf 'P6\\n2 1\\n255\\nabcdef'; sleep 3"), None);
        let problem = read[1].as_ref().unwrap_err().to_string();
        assert!(read.len() == 2 && problem.contains("does not tell the time of frame 1"), "{problem}");
    }

    #[cfg(unix)]
    #[test]
    fn a_thread_that_is_lost_is_an_error_and_no_end() {
        let mut reader = reader_of("exec sleep 300", None, || false);
        // As it is when the thread panics: its end of the channel is gone.
        let (_, frames) = sync_channel(1);
        reader.frames = frames;
        let problem = reader.next().unwrap().unwrap_err().to_string();
        assert_eq!(problem, "clip.mp4: video: what reads from ffmpeg ended before it did; please report it");
        assert!(reader.next().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_complaint_is_an_error_only_where_frames_are_missing() {
        let script = frame(0, "0") + &frame(1, "1.9") + "echo '[error] damaged' >&2";
        assert!(read_from(&script, Some(2.0)).iter().all(Result::is_ok));
        let read = read_from(&script, Some(9.0));
        assert!(read.len() == 3 && read[2].as_ref().unwrap_err().to_string().contains("damaged"));
        // Many videos say that they are longer than they are.
        assert!(read_from(&(frame(0, "0") + &frame(1, "1.9")), Some(9.0)).iter().all(Result::is_ok));
    }
}
