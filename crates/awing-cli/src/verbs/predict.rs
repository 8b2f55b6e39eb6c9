use super::{
    answers::{Answers, Extras, TextFormat},
    video_options::VideoOptions,
};
use crate::{
    box_file,
    console::{Console, Lines},
    detector::DetectorSource,
    device::DeviceChoice,
    failure::{Failure, OrUsage},
    folders,
    interrupt::stoppable,
    model::{ModelSource, restriction},
    sources::{self, Found},
    style::examples,
};
use awing::{
    geometry::Rect,
    photo::Photo,
    prediction::{Aligner, FaceBoxes, HeadShape, PhotoFaces, align_photos},
    scheme::Scheme,
};
use awing_train::{Device, dataset::BoxFile};
use clap::Args;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// Find the landmarks in photos, or follow them through videos.
///
/// Prints one line of JSON a photo, in order, or a frame of a video, where each face has a number that stays. The faces are found by a detector unless --box, --boxes or --whole-image say where they
/// are; it knows human faces from the front, so a model of anything else needs one of these. A photo that cannot be read gets a line that
/// says why, and the rest goes on; the exit code is then 1.
#[derive(Args, Debug)]
#[command(after_long_help = examples(&[
    "awing predict photo.jpg --draw",
    "awing predict 'holiday/*.jpg' --draw --out found --format csv",
    "awing predict photo.jpg --model runs/train/mine/best --box 80,60,210,200",
    "awing predict faces/test --whole-image --heatmaps maps",
    "awing predict clip.mp4 --draw",
]))]
pub(crate) struct Predict {
    /// Image files (JPEG, PNG, WebP, BMP), folders, or quoted patterns such as 'photos/*.jpg'; @FILE for a list of them, one a line; - for an image on standard input;
    /// or videos, which are read by the program ffmpeg; a folder or a pattern means its videos where it means no image
    #[arg(required_unless_present = "list", value_name = "SOURCE")]
    pub(crate) sources: Vec<OsString>,
    /// A file with a source on each line, or - for such a list on standard input; paths begin where the command runs
    #[arg(long, value_name = "FILE")]
    pub(crate) list: Option<PathBuf>,
    /// `builtin`, `builtin-open` (`awing models` tells what they may be used for), or the folder of a trained model, such as runs/train/NAME/best
    #[arg(long, default_value = "builtin", value_name = "MODEL")]
    pub(crate) model: ModelSource,
    /// Who finds the faces: `builtin`, `builtin-open`, `seetaface`, the folder of a detector that `awing train-detector` made, or exec:PROGRAM,
    /// which is given the path of a PNG and prints [{"box": [x0, y0, x1, y1], "score": s}, …] [default: that of the model that ships inside, else
    /// builtin]
    #[arg(long, value_name = "DETECTOR")]
    pub(crate) detector: Option<DetectorSource>,
    /// A face box in pixels, the same in every photo; may be given several times
    #[arg(long = "box", value_name = "X0,Y0,X1,Y1", value_parser = corners, allow_hyphen_values = true)]
    pub(crate) face_box: Vec<Rect>,
    /// Face boxes of each photo: a CSV file image,x0,y0,x1,y1 with a line for each face, as `awing detect` prints it; a photo without a
    /// line has no face, but one photo at least must have a line
    #[arg(long, value_name = "FILE", conflicts_with = "face_box")]
    pub(crate) boxes: Option<PathBuf>,
    /// Take each photo as one face, cut out with some room around it before
    #[arg(long, conflicts_with_all = ["face_box", "boxes"])]
    pub(crate) whole_image: bool,
    /// A new folder for the pictures and a copy of the answers [default with --draw: runs/predict/ and the
    /// name of the first source, numbered]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// How answers are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TextFormat,
    /// A COCO annotation file whose images and category give the ids of --format coco
    #[arg(long, value_name = "FILE")]
    pub(crate) coco_images: Option<PathBuf>,
    /// Write each photo with points, lines and boxes drawn on it
    #[arg(long)]
    pub(crate) draw: bool,
    /// Write all faces beside each other into a picture, 48 a page: FILE.png, FILE-2.png, …
    #[arg(long, value_name = "FILE.png")]
    pub(crate) sheet: Option<PathBuf>,
    /// Tell how each head is turned: yaw, pitch and roll in degrees, positive where the nose points to the right of the image, where it points up, and where the head
    /// is tilted clockwise; with --draw as three axes
    #[arg(long)]
    pub(crate) pose: bool,
    /// A new folder for each face's raw maps (.npy, [channels, size, size]) and a picture of them
    #[arg(long, value_name = "DIR")]
    pub(crate) heatmaps: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value_t)]
    pub(crate) device: DeviceChoice,
    /// Look at each face's mirror image too: a slightly lower NME, twice the time
    #[arg(long)]
    pub(crate) mirror: bool,
    /// Faces that the network sees at a time [default: 16, fewer of a network whose input is larger than 256 pixels]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) batch: Option<u16>,
    #[command(flatten)]
    pub(crate) video: VideoOptions,
    /// Print JSON lines, as without it; docs/JSON.md tells its keys
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// Whether answers go to files alone.
    #[arg(skip)]
    pub(crate) silent: bool,
}

impl Predict {
    pub(crate) fn run(self, console: &Console) -> Result<(), Failure> {
        let Found { photos, videos, problems, notes, .. } =
            sources::photos(&self.sources, self.list.as_deref())?;
        console.warn_all(problems.iter());
        if photos.is_empty() {
            notes.iter().for_each(|note| console.note(note));
            return match videos.is_empty() {
                true => Err(Failure::Told),
                false => self.run_videos(&videos, problems.len(), console),
            };
        }
        if !videos.is_empty() {
            return Err(Failure::Usage("SOURCE: give photos and videos in two calls".to_owned()));
        }
        let device = self.device.device()?;
        let boxes = self.face_boxes(&device, &photos)?;
        let aligner = self.aligner(&device, console)?;
        let head = self.head(aligner.scheme())?;
        if self.coco_images.is_some() && self.format != TextFormat::Coco {
            return Err(Failure::Usage("--coco-images: only --format coco has ids of images".to_owned()));
        }
        if self.out.is_some() && self.out == self.heatmaps {
            return Err(Failure::Usage("--heatmaps: choose another folder than --out".to_owned()));
        }
        let folder = self.folder()?;
        let maps = self.heatmaps.as_deref().map(|dir| folders::named(dir, "choose another --heatmaps"));
        let maps = maps.transpose()?;
        let scheme = aligner.scheme().clone();
        let extras = Extras {
            folder: folder.as_deref(),
            draw: self.draw,
            maps: maps.as_deref(),
            sheet: self.sheet.as_deref(),
            head,
            coco_images: self.coco_images.as_deref(),
        };
        let answers = Answers::new(&scheme, self.format, extras);
        let mut answers =
            answers.inspect_err(|_| folder.iter().chain(&maps).for_each(|f| folders::release(f)))?;
        notes.iter().for_each(|note| console.note(note));
        let writes = folder.is_some() || maps.is_some() || self.sheet.is_some();
        let mut lines = Lines::new(console, writes, self.silent);
        answers.header().map_or(Ok(()), |head| lines.print(head))?;
        let bar = console.bar(photos.len(), "{bar:30} {pos} of {len} photos  {per_sec}  left {eta}");
        let (mut failed, mut seen, mut faces, begun) = (problems.len(), 0_usize, 0, Instant::now());
        let mut each = |photo: &Photo, found: awing::Result<PhotoFaces>, stop: &AtomicBool| {
            faces += found.as_ref().map_or(0, |photo| photo.faces.len());
            if found.as_ref().is_ok_and(|photo| photo.faces.is_empty()) {
                let path = photo.path().display();
                console.remark(match &self.boxes {
                    Some(file) => format!("{path}: no box in {}, so no face", file.display()),
                    None => format!("{path}: no face found; say where it is with --box, or --whole-image if the photo is one face"),
                });
            }
            if found.is_ok() && photo.lacks_end() {
                let path = photo.path().display();
                console
                    .remark(format!("{path}: its end is missing, but no pixel; copy or download it again"));
            }
            let answer = answers.answer(photo, found)?;
            failed += answer.problems.len();
            answer.problems.iter().for_each(|problem| console.warn(problem));
            seen += 1;
            bar.inc(1);
            answer.lines.iter().try_for_each(|line| lines.print(line))?;
            if stop.load(Ordering::Relaxed) { Err(Failure::Stopped) } else { Ok(()) }
        };
        let done = stoppable(console, "after this photo", |stop| {
            align_photos(&aligner, &photos, &boxes, maps.is_some(), |photo, found| each(photo, found, stop))
        });
        bar.finish_and_clear();
        let stopped = matches!(done, Err(Failure::Stopped));
        if !stopped {
            done?;
        }
        answers.end()?.iter().try_for_each(|line| lines.print(line))?;
        if photos.len() > 1 {
            let rate = seen as f64 / begun.elapsed().as_secs_f64().max(1e-3);
            console.note(format!("{seen} photos, {faces} faces, {rate:.1} photos/s"));
        }
        for written in folder.iter().chain(&maps).chain(answers.pages()) {
            console.note(format!("written to {}", written.display()));
        }
        match failed {
            _ if stopped => Err(Failure::Stopped),
            0 => Ok(()),
            _ => Err(Failure::Told),
        }
    }

    /// Who finds the faces.
    pub(super) fn detector(&self) -> DetectorSource {
        self.detector.clone().unwrap_or_else(|| DetectorSource::of(&self.model))
    }

    /// The model, ready to find landmarks as the options say.
    pub(super) fn aligner(&self, device: &Device, console: &Console) -> Result<Aligner, Failure> {
        let mut aligner = self.model.aligner(device)?;
        let mut weights = vec![self.model.to_string()];
        if self.face_box.is_empty() && self.boxes.is_none() && !self.whole_image {
            weights.push(self.detector().to_string());
        }
        let weights: Vec<&str> = weights.iter().map(String::as_str).collect();
        restriction(&weights).iter().for_each(|restriction| console.note(restriction));
        if let Some(batch) = self.batch {
            aligner = aligner.with_batch(batch.into());
        }
        Ok(if self.mirror { aligner.with_mirror()? } else { aligner })
    }

    /// The head whose pose is asked for.
    pub(super) fn head(&self, scheme: &Scheme) -> Result<Option<HeadShape>, Failure> {
        if self.pose && self.format == TextFormat::Pts && !self.draw && self.sheet.is_none() {
            return Err(Failure::Usage(
                "--pose: a .pts file has no place for it; add --draw to see it".to_owned(),
            ));
        }
        self.pose.then(|| HeadShape::of(scheme)).transpose().or_usage("--pose")
    }

    /// The folder for pictures and a copy of the answers, where one is asked for.
    pub(super) fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(match &self.out {
            Some(out) => Some(folders::named(out, "choose another --out")?),
            None if self.draw => Some(folders::numbered(Path::new("runs/predict"), &self.name())?),
            None => None,
        })
    }

    /// What the folder of pictures is called: after the first source.
    fn name(&self) -> String {
        let first = self.sources.first().map(Path::new);
        let stem = first.or(self.list.as_deref()).filter(|path| *path != Path::new(sources::STDIN));
        let stem = stem
            .and_then(Path::file_stem)
            .map(|stem| stem.to_string_lossy().trim_start_matches('@').replace(['*', '?', '[', ']'], ""));
        stem.filter(|stem| folders::is_name(stem)).unwrap_or("photos".to_owned())
    }

    fn face_boxes(&self, device: &Device, photos: &[Photo]) -> Result<FaceBoxes, Failure> {
        match &self.boxes {
            Some(path) if !path.is_file() => {
                Err(Failure::Usage(format!("--boxes: `{}` is not a file", path.display())))
            }
            Some(path) => {
                let boxes = BoxFile::load(path).or_usage("--boxes")?;
                if box_file::names_none(&boxes, photos.iter().map(Photo::path)) {
                    return Err(Failure::Usage(format!(
                        "--boxes: {}: none of the photos is in it; its names must end as theirs do",
                        path.display()
                    )));
                }
                Ok(box_file::face_boxes(path.clone(), boxes))
            }
            None if self.whole_image => Ok(FaceBoxes::WholeImage),
            None if self.face_box.is_empty() => Ok(FaceBoxes::Detected(self.detector().load(device)?)),
            None => Ok(FaceBoxes::Given(self.face_box.clone())),
        }
    }
}

fn corners(text: &str) -> Result<Rect, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x0, y0, x1, y1]) => {
            Some(Rect::new(x0, y0, x1, y1)).filter(|r| r.is_usable(2.0)).ok_or_else(|| {
                "the second corner must lie at least 2 pixels right of and below the first".to_owned()
            })
        }
        _ => Err("give four numbers: left, top, right and bottom in pixels".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_four_numbers_with_room_between() {
        assert_eq!(corners("-1,2, 30,40.5"), Ok(Rect::new(-1.0, 2.0, 30.0, 40.5)));
        for bad in ["", "1,2,3", "1,2,3,4,5", "a,2,30,40", "30,2,1,40", "1,2,NaN,40", "1,2,inf,40"] {
            assert!(corners(bad).is_err(), "{bad}");
        }
    }
}
