use super::{ffmpeg, ffmpeg::Process};
use crate::files::temporary;
use awing::{Error, Result};
use image::RgbImage;
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{ChildStdin, Stdio},
    thread::JoinHandle,
};
use tempfile::TempPath;

/// Seconds for which a frame is shown at most: a camera that was stopped and went on must not make a video of hours.
const LONGEST_HOLD: f64 = 10.0;

/// Writes an MP4 through the program `ffmpeg`. The file appears when it is whole: [`VideoWriter::finish`].
#[derive(Debug)]
pub struct VideoWriter {
    path: PathBuf,
    beside: TempPath,
    child: Process,
    pixels: Option<ChildStdin>,
    complaint: Option<JoinHandle<Option<String>>>,
    size: (u32, u32),
    rate: f64,
    /// Frames that were written.
    written: u64,
    /// Frames that gaps were cut by.
    left_out: u64,
    last: Option<RgbImage>,
}

impl VideoWriter {
    /// Begins a video of `width` x `height` pixels and `rate` frames a second at `path`; the sound of the video `sound`, if it has one, goes with it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a size or a rate that makes no video, [`Error::Io`] when the folder cannot be written to, [`Error::Video`] when ffmpeg is not
    /// installed.
    pub fn create(path: &Path, width: u32, height: u32, rate: f64, sound: Option<&Path>) -> Result<Self> {
        if width == 0 || height == 0 {
            return Err(Error::invalid("size", format!("{width} x {height} pixels make no video")));
        }
        if !(rate > 0.0 && rate <= 1000.0) {
            return Err(Error::invalid("rate", format!("{rate} is no number of frames a second up to 1000")));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(Error::io(folder, "create the folder"))?;
        let beside = temporary()
            .suffix(".mp4")
            .tempfile_in(folder)
            .map_err(Error::io(path, "write"))?
            .into_temp_path();
        let mut command = ffmpeg::command("ffmpeg");
        command.args(["-nostats", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
        command.args([
            "-video_size",
            &format!("{width}x{height}"),
            "-framerate",
            &rate.to_string(),
            "-i",
            "pipe:0",
        ]);
        if let Some(sound) = sound {
            command
                .arg("-i")
                .arg(ffmpeg::file(sound))
                .args(["-map", "0:v:0", "-map", "1:a:0?", "-c:a", "aac"]);
        }
        // Players want even sides. The quality is for builds whose encoder has none of its own.
        command.args([
            "-vf",
            "pad=ceil(iw/2)*2:ceil(ih/2)*2,format=yuv420p",
            "-q:v",
            "3",
            "-movflags",
            "+faststart",
        ]);
        command.args(["-f", "mp4"]).arg(ffmpeg::file(&beside)).stdin(Stdio::piped()).stdout(Stdio::null());
        let child = ffmpeg::start(&mut command, path)?;
        let (pixels, messages) = child.with(|child| (child.stdin.take(), child.stderr.take()));
        let listen = |messages| ffmpeg::thread(path, || ffmpeg::listen(messages));
        let complaint = messages.map(listen).transpose()?;
        let size = (width, height);
        Ok(Self {
            path: path.to_path_buf(),
            beside,
            child,
            pixels,
            complaint,
            size,
            rate,
            written: 0,
            left_out: 0,
            last: None,
        })
    }

    /// Shows `frame` from `time` on, in seconds, until the next one, but for ten seconds at most: a longer gap between two frames is cut to that.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a frame of another size, [`Error::Video`] when ffmpeg has ended.
    pub fn write(&mut self, frame: &RgbImage, time: f64) -> Result<()> {
        if frame.dimensions() != self.size {
            let ((w, h), (width, height)) = (frame.dimensions(), self.size);
            return Err(Error::invalid(
                "frame",
                format!("{w} x {h} pixels in a video of {width} x {height}"),
            ));
        }
        // Casts from f64 saturate.
        let mut place = ((time * self.rate).round() as u64).saturating_sub(self.left_out);
        // The last frame lies one before; before the first there is none.
        let most = self.written.saturating_sub(1) + (LONGEST_HOLD * self.rate).ceil() as u64;
        if place > most {
            self.left_out += place - most;
            place = most;
        }
        if place >= self.written {
            let before = self.last.take();
            while self.written < place {
                self.send(before.as_ref().unwrap_or(frame))?;
            }
            self.send(frame)?;
        }
        self.last = Some(frame.clone());
        Ok(())
    }

    /// Seconds that gaps were cut by: from there on the sound is so much later than the pictures.
    pub fn left_out(&self) -> f64 {
        self.left_out as f64 / self.rate
    }

    fn send(&mut self, frame: &RgbImage) -> Result<()> {
        let sent = self.pixels.as_mut().map(|pixels| pixels.write_all(frame.as_raw()));
        self.written += 1;
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.failed()) }
    }

    /// Why ffmpeg has ended.
    fn failed(&mut self) -> Error {
        self.pixels = None;
        let complaint = self.complaint.take().and_then(ffmpeg::last_word);
        Error::video(
            &self.path,
            format!("cannot be written; ffmpeg: {}", ffmpeg::about(complaint, &self.beside)),
        )
    }

    /// Waits until the file is whole and gives it its name.
    ///
    /// # Errors
    /// [`Error::Video`] when ffmpeg could not write it, [`Error::Io`] when it cannot be given its name.
    pub fn finish(mut self) -> Result<()> {
        self.pixels = None;
        if !self.child.ended_well() || self.written == 0 {
            return Err(self.failed());
        }
        let Self { beside, path, .. } = self;
        beside.persist(&path).map_err(|e| Error::io(&path, "write")(e.error))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{VideoFrame, VideoReader},
        *,
    };
    use image::{Rgb, imageops::crop_imm};
    use std::process::Command;

    /// Whether ffmpeg is there; where it is not, the test that asks is passed over.
    fn installed() -> bool {
        let found = ["ffmpeg", "ffprobe"].iter().all(|program| {
            Command::new(program)
                .arg("-version")
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        });
        if !found {
            eprintln!("passed over: ffmpeg is not installed");
        }
        found
    }

    /// Red on the left, and on the right a gray that says the number of the frame.
    fn picture(number: u8) -> RgbImage {
        RgbImage::from_fn(66, 40, |x, _| if x < 33 { Rgb([220, 20, 20]) } else { Rgb([40 + 10 * number; 3]) })
    }

    fn number(frame: &RgbImage) -> u8 {
        ((f64::from(frame.get_pixel(frame.width() - 8, 20)[1]) - 40.0) / 10.0).round() as u8
    }

    fn write(path: &Path, count: u8, rate: f64) {
        let mut writer = VideoWriter::create(path, 66, 40, rate, None).unwrap();
        for i in 0..count {
            writer.write(&picture(i), f64::from(i) / rate).unwrap();
        }
        assert!(!path.exists());
        writer.finish().unwrap();
    }

    fn read(path: &Path) -> Vec<VideoFrame> {
        VideoReader::open(path).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn what_was_written_is_read_frame_by_frame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("-odd name; $x.mp4");
        if !installed() {
            return;
        }
        write(&path, 12, 10.0);
        let info = VideoReader::open(&path).unwrap().info();
        assert_eq!((info.frames, info.rate), (Some(12), 10.0));
        let frames = read(&path);
        assert_eq!(frames.len(), 12);
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!((frame.number, number(&frame.image)), (i as u64, i as u8));
            assert!((frame.time - i as f64 / 10.0).abs() < 1e-3, "{}", frame.time);
            assert_eq!(frame.image.dimensions(), (66, 40));
            let red = frame.image.get_pixel(10, 20);
            assert!(red[0] > 180 && red[1] < 60, "{red:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_video_of_a_phone_is_turned_upright() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turned.mp4");
        if !installed() {
            return;
        }
        write(&path, 3, 10.0);
        // The matrix of the track, the second one in the file, from the identity to a quarter turn clockwise.
        let words = |words: [u32; 9]| words.map(u32::to_be_bytes).concat();
        let (one, end) = (0x1_0000, 0x4000_0000);
        let identity = words([one, 0, 0, 0, one, 0, 0, 0, end]);
        let quarter = words([0, one, 0, one.wrapping_neg(), 0, 0, 0, 0, end]);
        let mut bytes = std::fs::read(&path).unwrap();
        let places: Vec<usize> = (0..bytes.len() - 36).filter(|&i| bytes[i..i + 36] == identity).collect();
        bytes[places[1]..places[1] + 36].copy_from_slice(&quarter);
        std::fs::write(&path, bytes).unwrap();
        let frame = &read(&path)[0].image;
        assert_eq!(frame.dimensions(), (40, 66));
        // The left half came to the top.
        assert!(frame.get_pixel(20, 10)[0] > 180 && frame.get_pixel(20, 56)[0] < 100);
    }

    #[test]
    fn frames_keep_their_times_where_these_are_irregular() {
        let folder = tempfile::tempdir().unwrap();
        let (steady, uneven) = (folder.path().join("steady.mp4"), folder.path().join("uneven.mkv"));
        if !installed() {
            return;
        }
        write(&steady, 10, 10.0);
        // Without frames 2 and 7.
        let status = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-nostdin", "-i"])
            .arg(&steady)
            .args(["-vf", "select=not(eq(mod(n\\,5)\\,2))"])
            .arg(&uneven)
            .status()
            .unwrap();
        assert!(status.success());
        let frames = read(&uneven);
        let tenths: Vec<(u8, u8)> =
            frames.iter().map(|f| (number(&f.image), (10.0 * f.time).round() as u8)).collect();
        assert_eq!(tenths, [0, 1, 3, 4, 5, 6, 8, 9].map(|i| (i, i)));
        // Written again at a steady rate, the missing frames are those before.
        let again = folder.path().join("again.mp4");
        let mut writer = VideoWriter::create(&again, 66, 40, 10.0, Some(&uneven)).unwrap();
        frames.iter().for_each(|frame| writer.write(&frame.image, frame.time).unwrap());
        writer.finish().unwrap();
        let numbers: Vec<u8> = read(&again).iter().map(|frame| number(&frame.image)).collect();
        assert_eq!(numbers, [0, 1, 1, 3, 4, 5, 6, 6, 8, 9]);
    }

    #[test]
    fn a_gap_of_ten_minutes_becomes_one_of_ten_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gap.mp4");
        if !installed() {
            return;
        }
        let mut writer = VideoWriter::create(&path, 66, 40, 10.0, None).unwrap();
        for (i, time) in [0.0, 0.1, 600.1, 600.2].into_iter().enumerate() {
            writer.write(&picture(i as u8), time).unwrap();
        }
        assert_eq!(writer.left_out(), 590.0);
        writer.finish().unwrap();
        let numbers: Vec<u8> = read(&path).iter().map(|frame| number(&frame.image)).collect();
        assert_eq!((numbers.len(), &numbers[..2], &numbers[100..]), (103, &[0, 1][..], &[1, 2, 3][..]));
        // And one before the first frame.
        let late = folder.path().join("late.mp4");
        let mut writer = VideoWriter::create(&late, 66, 40, 10.0, None).unwrap();
        writer.write(&picture(0), 3600.0).unwrap();
        writer.finish().unwrap();
        assert_eq!(read(&late).len(), 101);
    }

    #[test]
    fn a_cut_off_video_gives_what_it_has_and_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.mp4");
        if !installed() {
            return;
        }
        // Noise does not compress.
        let mut writer = VideoWriter::create(&path, 66, 40, 10.0, None).unwrap();
        for i in 0..40_u32 {
            let noise = RgbImage::from_fn(66, 40, |x, y| {
                Rgb([(x * x * 31 + y * y * (i + 7) * 57 + x * y * i) as u8; 3])
            });
            writer.write(&noise, f64::from(i) / 10.0).unwrap();
        }
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let mut read: Vec<_> = VideoReader::open(&path).unwrap().collect();
        let problem = read.pop().unwrap().unwrap_err().to_string();
        assert!(problem.contains("cut.mp4: video: ends after ") && problem.contains("ffmpeg: "), "{problem}");
        assert!(read.len() > 3 && read.len() < 40 && read.iter().all(Result::is_ok), "{}", read.len());
    }

    #[test]
    fn what_holds_no_pictures_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let (text, sound) = (folder.path().join("text.mp4"), folder.path().join("sound.mkv"));
        if !installed() {
            return;
        }
        std::fs::write(&text, "hello").unwrap();
        let problem = VideoReader::open(&text).unwrap_err().to_string();
        assert!(problem.contains("text.mp4: video: cannot be read; ffprobe: "), "{problem}");
        let status = Command::new("ffmpeg")
            .args(["-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=0.2"])
            .arg(&sound)
            .status()
            .unwrap();
        assert!(status.success());
        let problem = VideoReader::open(&sound).unwrap_err().to_string();
        assert!(problem.ends_with("sound.mkv: video: holds no moving pictures"), "{problem}");
    }

    #[test]
    fn a_video_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        assert!(VideoWriter::create(&path, 0, 40, 10.0, None).is_err());
        assert!(VideoWriter::create(&path, 66, 40, f64::NAN, None).is_err());
        if !installed() {
            return;
        }
        let mut writer = VideoWriter::create(&path, 66, 40, 10.0, None).unwrap();
        writer.write(&picture(0), 0.0).unwrap();
        let other = crop_imm(&picture(0), 0, 0, 20, 20).to_image();
        let problem = writer.write(&other, 0.1).unwrap_err().to_string();
        assert_eq!(problem, "frame: 20 x 20 pixels in a video of 66 x 40");
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let none = VideoWriter::create(&path, 66, 40, 10.0, None).unwrap();
        assert!(none.finish().is_err());
    }

    #[test]
    fn a_reader_that_is_left_early_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        if !installed() {
            return;
        }
        write(&path, 20, 10.0);
        let mut reader = VideoReader::open(&path).unwrap();
        assert_eq!(reader.next().unwrap().unwrap().number, 0);
        drop(reader);
    }
}
