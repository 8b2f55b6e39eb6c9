use super::ffmpeg;
use awing::{Error, Result};
use serde::Deserialize;
use std::{fs::File, io::Read, path::Path, process::Stdio, sync::mpsc::channel};

/// Endings of files that are taken for videos.
const ENDINGS: [&str; 14] =
    ["mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mts", "m2ts", "wmv", "flv", "3gp", "ogv"];
/// The first byte of MPEG's transport streams. Their usual ending is that of programs, too.
const TRANSPORT_MARK: u8 = 0x47;
/// Of ffprobe's answer at most this is read, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;
/// Frames a second where a file does not say it.
const USUAL_RATE: f64 = 25.0;
/// A file that says it has more is not believed.
const LARGEST_RATE: f64 = 240.0;

/// What a video says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VideoInfo {
    /// How many frames there are, where that is known; it need not be exact.
    pub frames: Option<u64>,
    /// How long it is in seconds, where that is known.
    pub duration: Option<f64>,
    /// Frames a second: the smallest rate that has a place for every frame, 25 where it is not known.
    pub rate: f64,
}

/// Whether a file is a video, by its ending or its content. A file that is not there is told by its name.
pub fn is_video(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    if ENDINGS.contains(&ending.as_str()) {
        return !path.is_dir();
    }
    let mut start = Vec::new();
    path.is_file()
        && File::open(path).and_then(|file| file.take(16).read_to_end(&mut start)).is_ok()
        && (has_video_mark(&start) || ending == "ts" && start.first() == Some(&TRANSPORT_MARK))
}

/// Whether a file that starts so is MP4 or QuickTime, Matroska or WebM, AVI, FLV, ASF, MPEG or Ogg.
fn has_video_mark(start: &[u8]) -> bool {
    let at = |place: usize, mark: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(mark));
    // HEIC, AVIF and some cameras' raw photos have the same box.
    let brands = [
        &b"heic"[..],
        b"heix",
        b"heim",
        b"heis",
        b"hevc",
        b"hevx",
        b"mif1",
        b"msf1",
        b"avif",
        b"avis",
        b"crx ",
    ];
    let photo = brands.iter().any(|brand| at(8, brand));
    (at(4, b"ftyp") && !photo)
        || at(0, b"\x1a\x45\xdf\xa3")
        || (at(0, b"RIFF") && at(8, b"AVI "))
        || at(0, b"FLV\x01")
        || at(0, b"\x30\x26\xb2\x75")
        || at(0, b"\x00\x00\x01\xba")
        || at(0, b"OggS")
}

/// ffprobe's answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize)]
struct Stream {
    nb_frames: Option<String>,
    duration: Option<String>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
}

#[derive(Default, Deserialize)]
struct Format {
    duration: Option<String>,
}

impl VideoInfo {
    /// Asks `ffprobe`.
    ///
    /// # Errors
    /// [`Error::Video`] when there is no such file, it is empty, damaged from the start or without pictures, or ffmpeg is not installed.
    pub fn of(path: &Path) -> Result<Self> {
        Self::ask(path, &|| false)
    }

    /// [`VideoInfo::of`], until `stopped` says to wait no longer.
    pub(super) fn ask(path: &Path, stopped: &dyn Fn() -> bool) -> Result<Self> {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(Error::video(path, "this is a folder")),
            Ok(meta) if meta.is_file() && meta.len() == 0 => {
                return Err(Error::video(path, "the file is empty"));
            }
            Ok(_) => (),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::video(path, "there is no such file"));
            }
            Err(e) => return Err(Error::video(path, format!("cannot be read: {e}"))),
        }
        let entries = "stream=nb_frames,duration,avg_frame_rate,r_frame_rate:format=duration";
        // V: pictures that move; the cover of a song does not.
        let mut command = ffmpeg::command("ffprobe");
        command.args(["-select_streams", "V:0", "-show_entries", entries, "-of", "json", "-i"]);
        command.arg(ffmpeg::file(path)).stdout(Stdio::piped());
        let child = ffmpeg::start(&mut command, path)?;
        let (answer, messages) = child.with(|child| (child.stdout.take(), child.stderr.take()));
        let (Some(answer), Some(messages)) = (answer, messages) else {
            return Err(Error::video(path, "ffprobe has no output"));
        };
        let (sender, coming) = channel();
        ffmpeg::thread(path, {
            let child = child.clone();
            move || {
                let mut text = Vec::new();
                let read = answer.take(LONGEST_ANSWER).read_to_end(&mut text);
                let well = read.is_ok() && child.ended_well();
                let _ = sender.send((well, text));
            }
        })?;
        let listener = ffmpeg::thread(path, || ffmpeg::listen(messages))?;
        let answered = ffmpeg::wait_for(&coming, stopped);
        child.end();
        let (well, text) = answered.map_err(|silence| silence.error("ffprobe", path))?;
        let complaint = ffmpeg::last_word(listener);
        if !well {
            return Err(Error::video(
                path,
                format!("cannot be read; ffprobe: {}", ffmpeg::about(complaint, path)),
            ));
        }
        let answer: Answer = serde_json::from_slice(&text)
            .map_err(|e| Error::video(path, format!("ffprobe's answer is not understood: {e}")))?;
        Self::from_answer(&answer).ok_or_else(|| Error::video(path, "holds no moving pictures"))
    }

    fn from_answer(answer: &Answer) -> Option<Self> {
        let stream = answer.streams.first()?;
        let number = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<f64>().ok());
        let positive = |value: f64| (value.is_finite() && value > 0.0).then_some(value);
        let duration =
            number(&stream.duration).or_else(|| number(&answer.format.duration)).and_then(positive);
        let rates = [&stream.r_frame_rate, &stream.avg_frame_rate];
        let mut rates = rates.into_iter().filter_map(|text| fraction(text.as_deref()?));
        let rate = rates.find(|rate| *rate > 0.0 && *rate <= LARGEST_RATE).unwrap_or(USUAL_RATE);
        let counted = stream.nb_frames.as_deref().and_then(|t| t.parse().ok()).filter(|count| *count > 0);
        let frames = counted.or_else(|| duration.map(|duration| (duration * rate).round() as u64));
        Some(Self { frames, duration, rate })
    }
}

/// "30000/1001".
fn fraction(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let value = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_told_by_ending_or_content() {
        let folder = tempfile::tempdir().unwrap();
        let is = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            is_video(&path)
        };
        assert!(is("a.MP4", b"") && is("a.webm", b"x"));
        assert!(is("clip", b"\0\0\0\x20ftypisom\0\0\x02\0") && is("clip2", b"\x1a\x45\xdf\xa3\x01"));
        assert!(is("clip3", b"RIFF\0\0\0\0AVI LIST"));
        assert!(!is("photo", b"\0\0\0\x20ftypheic") && !is("photo2", b"RIFF\0\0\0\0WEBPVP8 "));
        assert!(!is("a.jpg", b"\xff\xd8\xff\xe0") && !is("a.txt", b"") && !is_video(folder.path()));
        assert!(is_video(Path::new("gone.mkv")) && !is_video(Path::new("gone.jpg")));
    }

    fn info(json: &str) -> Option<VideoInfo> {
        VideoInfo::from_answer(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn an_answer_is_read_whatever_it_lacks() {
        let whole = r#"{"streams": [{"r_frame_rate": "30/1", "avg_frame_rate": "30000/1001", "duration": "2.5", "nb_frames": "75"}],
            "format": {"duration": "2.6"}}"#;
        assert_eq!(info(whole), Some(VideoInfo { frames: Some(75), duration: Some(2.5), rate: 30.0 }));
        // A webcam's file: the rate of its clock is none of pictures.
        let camera = r#"{"streams": [{"r_frame_rate": "1000/1", "avg_frame_rate": "20/1"}], "format": {"duration": "3.0"}}"#;
        assert_eq!(info(camera), Some(VideoInfo { frames: Some(60), duration: Some(3.0), rate: 20.0 }));
        let none = r#"{"streams": [{"r_frame_rate": "0/0", "avg_frame_rate": "0/0", "nb_frames": "N/A"}], "format": {}}"#;
        assert_eq!(info(none), Some(VideoInfo { frames: None, duration: None, rate: 25.0 }));
        assert_eq!(info(r#"{"streams": [], "format": {"duration": "3.0"}}"#), None);
    }

    #[test]
    fn what_is_no_file_is_told_before_any_program_starts() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.mp4");
        std::fs::write(&empty, b"").unwrap();
        for (path, expected) in [
            (empty, "empty.mp4: video: the file is empty"),
            (folder.path().join("gone.mp4"), "gone.mp4: video: there is no such file"),
            (folder.path().to_path_buf(), "video: this is a folder"),
        ] {
            let problem = VideoInfo::of(&path).unwrap_err().to_string();
            assert!(problem.ends_with(expected), "{problem}");
        }
    }
}
