use super::{VideoInfo, ffmpeg, ffmpeg::Process};
use awing::{Error, Result, photo::MAX_SIDE};
use image::RgbImage;
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc::{Receiver, SyncSender, channel, sync_channel},
    thread,
};

/// Frames that are decoded ahead.
const AHEAD: usize = 2;
/// A video that ends so much earlier than it says, in seconds, was cut off where ffmpeg complains as well.
const SHORT: f64 = 0.5;

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
#[derive(Debug)]
pub struct VideoReader {
    info: VideoInfo,
    frames: Receiver<Result<VideoFrame>>,
}

impl VideoReader {
    /// Starts reading.
    ///
    /// # Errors
    /// Those of [`VideoInfo::of`].
    pub fn open(path: &Path) -> Result<Self> {
        let info = VideoInfo::of(path)?;
        // The frames' times are told by showinfo; then they are counted instead, so that no frame is left out or repeated for a steady rate.
        let filters = "scale=w='max(1,round(iw*sar))':h=ih,setsar=1,format=rgb24,showinfo=checksum=0,settb=1/25,setpts=N";
        let mut command = ffmpeg::command("ffmpeg");
        // A stream may change its size or its pixels' form: what is built for the first frame stays, and scales the later ones to it.
        command.args(["-loglevel", "level+info", "-nostats", "-nostdin", "-reinit_filter", "0", "-i"]);
        command.arg(ffmpeg::file(path));
        command.args([
            "-map", "0:V:0", "-vf", filters, "-r", "25", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1",
        ]);
        let child = ffmpeg::start(command.stdout(Stdio::piped()), path)?;
        let (sender, frames) = sync_channel(AHEAD);
        let decoding = Decoding { path: path.to_path_buf(), info, child, sender };
        thread::spawn(move || decoding.run());
        Ok(Self { info, frames })
    }

    /// What the video says of itself.
    pub fn info(&self) -> VideoInfo {
        self.info
    }
}

impl Iterator for VideoReader {
    type Item = Result<VideoFrame>;

    fn next(&mut self) -> Option<Result<VideoFrame>> {
        self.frames.recv().ok()
    }
}

/// The thread that takes frames from ffmpeg.
struct Decoding {
    path: PathBuf,
    info: VideoInfo,
    child: Process,
    sender: SyncSender<Result<VideoFrame>>,
}

impl Decoding {
    fn run(mut self) {
        let (Some(mut pixels), Some(messages)) = (self.child.0.stdout.take(), self.child.0.stderr.take())
        else {
            return;
        };
        let (heads, coming) = channel();
        let listener = thread::spawn(move || {
            ffmpeg::listen(messages, |line| {
                if let Some(head) = FrameHead::of(line) {
                    // Nobody waits for it any more when the caller has seen enough.
                    let _ = heads.send(head);
                }
            })
        });
        let (mut number, mut time) = (0_u64, 0.0_f64);
        let mut wanted = true;
        for head in coming {
            time = head.time.unwrap_or(number as f64 / self.info.rate).max(time);
            let frame = match self.frame(&mut pixels, head, number, time) {
                Some(frame) => frame,
                None => break,
            };
            let failed = frame.is_err();
            wanted = self.sender.send(frame).is_ok() && !failed;
            if !wanted {
                break;
            }
            number += 1;
        }
        if !wanted {
            // Fails when it has just ended.
            let _ = self.child.0.kill();
        }
        drop(pixels);
        let complaint = listener.join().unwrap_or_default();
        let status = self.child.0.wait();
        let ended = status.as_ref().is_ok_and(std::process::ExitStatus::success);
        let cut_off =
            complaint.is_some() && self.info.duration.is_some_and(|duration| duration - time > SHORT);
        if wanted && (!ended || cut_off || number == 0) {
            let why = ffmpeg::about(complaint, &self.path);
            let problem = match number {
                0 => format!("no frame can be read; ffmpeg: {why}"),
                _ => format!("ends after {number} frames, at {time:.2} s; ffmpeg: {why}"),
            };
            let _ = self.sender.send(Err(Error::video(&self.path, problem)));
        }
    }

    /// The next frame; `None` where ffmpeg ends before it is whole.
    fn frame(
        &self,
        pixels: &mut impl Read,
        head: FrameHead,
        number: u64,
        time: f64,
    ) -> Option<Result<VideoFrame>> {
        let FrameHead { width, height, .. } = head;
        if head.number != number {
            let problem = format!("ffmpeg tells of frame {} where {number} should come", head.number);
            return Some(Err(Error::video(&self.path, problem)));
        }
        if width > MAX_SIDE || height > MAX_SIDE {
            let problem =
                format!("{width} x {height} pixels are too many; shrink it below {MAX_SIDE} a side");
            return Some(Err(Error::video(&self.path, problem)));
        }
        let mut bytes = vec![0; 3 * width as usize * height as usize];
        pixels.read_exact(&mut bytes).ok()?;
        let image = RgbImage::from_raw(width, height, bytes)?;
        Some(Ok(VideoFrame { number, time, image }))
    }
}

/// What showinfo tells of a frame before it comes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct FrameHead {
    number: u64,
    time: Option<f64>,
    width: u32,
    height: u32,
}

impl FrameHead {
    /// From "[Parsed_showinfo_3 @ 0x5] [info] n:   0 pts:      0 pts_time:0       fmt:rgb24 sar:1/1 s:320x240 i:P …".
    fn of(line: &str) -> Option<Self> {
        // A video's title and file name, which ffmpeg tells too, may hold anything.
        if !line.starts_with("[Parsed_showinfo_") {
            return None;
        }
        let value = |name: &str| {
            let rest = line.split_once(name)?.1.trim_start();
            rest.split(char::is_whitespace).next()
        };
        let time = value(" pts_time:")?.parse::<f64>().ok().filter(|time| time.is_finite());
        let (width, height) = value(" s:")?.split_once('x')?;
        let number = value(" n:")?.parse().ok()?;
        Some(Self { number, time, width: width.parse().ok()?, height: height.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn showinfo_is_read_in_the_forms_of_several_releases() {
        let head = |number, time, width, height| Some(FrameHead { number, time, width, height });
        let five = "[Parsed_showinfo_3 @ 0x55d] [info] n:   2 pts:   1024 pts_time:0.0666667 pos:    5432 fmt:rgb24 sar:1/1 s:320x240 i:P iskey:1 type:I \n";
        assert_eq!(FrameHead::of(five), head(2, Some(0.066_666_7), 320, 240));
        let seven = "[Parsed_showinfo_3 @ 0x55d] [info] n:   0 pts:NOPTS   pts_time:NOPTS   duration:1 duration_time:0.04 fmt:rgb24 cl:unspecified sar:1/1 s:9x1080 i:P";
        assert_eq!(FrameHead::of(seven), head(0, None, 9, 1080));
        for other in [
            "[Parsed_showinfo_3 @ 0x5] [info] config in time_base: 1/25, frame_rate: 25/1",
            "[info] Stream s:3x4",
            "[info]     title           : [Parsed_showinfo_3 @ 0x5] [info] n:   0 pts_time:0 s:9x9",
            "",
        ] {
            assert_eq!(FrameHead::of(other), None, "{other}");
        }
    }

    /// What a reader makes of a program that says and does this in place of ffmpeg.
    #[cfg(unix)]
    fn read_from(script: &str, duration: Option<f64>) -> Vec<Result<VideoFrame>> {
        use std::process::Command;
        let path = PathBuf::from("clip.mp4");
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = ffmpeg::start(&mut command, &path).unwrap();
        let (sender, frames) = sync_channel(AHEAD);
        let info = VideoInfo { frames: None, duration, rate: 10.0 };
        thread::spawn(move || Decoding { path, info, child, sender }.run());
        frames.into_iter().collect()
    }

    /// Tells of a frame of 2 x 1 pixels at `time` and gives it.
    #[cfg(unix)]
    fn frame(number: u64, time: &str) -> String {
        format!(
            "echo '[Parsed_showinfo_3 @ 0x5] [info] n:{number} pts_time:{time} s:2x1 i:P' >&2; printf abcdef; "
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
    fn a_frame_out_of_its_turn_is_an_error() {
        let read = read_from(&(frame(0, "0") + &frame(0, "0.1")), None);
        let problem = read[1].as_ref().unwrap_err().to_string();
        assert_eq!(
            (read.len(), problem.as_str()),
            (2, "clip.mp4: video: ffmpeg tells of frame 0 where 1 should come")
        );
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
