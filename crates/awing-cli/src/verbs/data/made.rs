//! Faces that are made, not read: into a dataset, with what no format can say beside it.

use super::{tell_changes, tell_scheme};
use crate::{
    console::Console,
    failure::{Failure, OrUsage},
    folders, interrupt,
};
use awing::scheme::{HeadPoints, Landmark, Scheme, SharedScheme};
use awing_render::{Head, RenderedFace, RenderedPoint, Seen};
use awing_train::{
    dataset::{Change, ChangeKind, DataSource, Dataset, Format, ImageSource, Images, Sample, convert, fit},
    report::save_picture,
};
use rayon::prelude::*;
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// Beside the annotations: what no format can say of a face.
const DETAILS: &str = "rendered.jsonl";
/// Works between two looks at whether to stop.
const CHUNK: usize = 32;

/// A face that was made.
pub(super) struct Made {
    pub(super) face: RenderedFace,
    /// The face of a dataset that it was made from.
    pub(super) from: Option<String>,
    pub(super) subsets: Vec<String>,
}

/// Faces to make.
pub(super) struct Making<'a> {
    pub(super) to: &'a DataSource,
    pub(super) scheme: SharedScheme,
    /// What names the scheme on the command line.
    pub(super) scheme_name: &'a str,
    pub(super) seed: u64,
    /// How photos are called, before their numbers.
    pub(super) name: &'static str,
    /// How many works there are, of which each makes some faces.
    pub(super) works: usize,
    pub(super) json: bool,
}

/// A line of [`DETAILS`].
#[derive(Serialize)]
struct Details {
    image: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Degrees: yaw, pitch, roll.
    pose: [f32; 3],
    /// The face's own right eye and left eye, 0 open to 1 closed; null where it is not known.
    eyes_closed: [f32; 2],
    points: Vec<PointDetails>,
}

#[derive(Serialize)]
struct PointDetails {
    seen: &'static str,
    /// Pixels.
    vertex: [f64; 2],
    /// Centimeters.
    place: [f32; 3],
}

/// A scheme whose points are vertices of a head.
pub(super) fn scheme_of(name: &str) -> Result<SharedScheme, Failure> {
    let scheme = Scheme::find(name).or_usage("--scheme")?;
    if scheme.head.is_none() {
        let problem = "says not which vertices of the head its points are; add [head] to its file";
        return Err(Failure::Usage(format!("--scheme: {} {problem}", scheme.name)));
    }
    Ok(scheme)
}

/// The vertices of a head that the points of a scheme are. Every head says itself where the 68 of 300-W are; other points of the built-in schemes
/// are vertices of ICT-FaceKit's alone.
pub(super) fn points_of(scheme: &Scheme, head: &Head, folder: &Path) -> Result<HeadPoints, Failure> {
    let builtin = |name: &str| Scheme::builtin(name).ok().and_then(|scheme| scheme.head.clone());
    let (ict, own) = (builtin("300w-68").unwrap_or_default(), head.points68());
    let points = scheme.head.clone().unwrap_or_default();
    if points == ict {
        return Ok(own);
    }
    if own != ict && builtin(&scheme.name).as_ref() == Some(&points) {
        let (name, folder) = (&scheme.name, folder.display());
        let problem =
            format!("--scheme: {name} names vertices of ICT-FaceKit's head, and {folder} is another");
        return Err(Failure::Usage(format!("{problem}; write a scheme whose [head] names its own")));
    }
    Ok(points)
}

/// Whether `--to` can be written, before hours of work.
pub(super) fn check_target(to: &DataSource, scheme: &SharedScheme) -> Result<(), Failure> {
    check_folder(to)?;
    let landmarks = vec![Landmark::visible(1.0, 1.0); scheme.len()];
    let trial = Sample::new("face_0.jpg", ImageSource::File(PathBuf::new()), landmarks);
    let trial = Dataset::new(to.clone(), scheme.clone(), vec![trial]);
    let (_, changes) = fit(&trial, to.format).or_usage("--to")?;
    if changes.iter().any(|change| change.kind == ChangeKind::Names) {
        let problem =
            format!("--to: {} has names of its own for images, which {DETAILS} could not tell", to.format);
        return Err(Failure::Usage(format!("{problem}; take csv:DIR and convert it")));
    }
    Ok(())
}

/// Whether `--to` is no name of a file.
pub(super) fn check_folder(to: &DataSource) -> Result<(), Failure> {
    let ending = to.path.extension().and_then(|ending| ending.to_str());
    if ending.is_some() && Format::ALL.iter().any(|format| format.ending() == ending) {
        let path = to.path.display();
        return Err(Failure::Usage(format!("--to: {path} is the name of a file; name a folder")));
    }
    Ok(())
}

impl Making<'_> {
    /// Makes the faces and writes them as a dataset. Whatever ends it early, those that are done are kept.
    pub(super) fn run(
        &self,
        console: &Console,
        make: impl Fn(usize) -> awing::Result<Vec<Made>> + Sync,
    ) -> Result<(), Failure> {
        let folder = folders::named(&self.to.path, "choose another folder for --to")?;
        let done = interrupt::stoppable(console, "with those that are done", |stop| {
            self.write(&folder, stop, console, make)
        });
        folders::release(&folder);
        ended(done?, self.works, console)
    }

    /// Gives how many works were done.
    fn write(
        &self,
        folder: &Path,
        stop: &AtomicBool,
        console: &Console,
        make: impl Fn(usize) -> awing::Result<Vec<Made>> + Sync,
    ) -> Result<usize, Failure> {
        let begun = Instant::now();
        // Inside the target, so that they need only be renamed.
        let photos = tempfile::Builder::new().prefix(".tmp-render-").tempdir_in(folder);
        let photos = photos.map_err(|e| Failure::file(folder, e))?;
        let source = DataSource { format: self.to.format, path: photos.path().to_path_buf() };
        let mut dataset = Dataset::new(source, self.scheme.clone(), Vec::new());

        let details_path = photos.path().join(DETAILS);
        let file = File::create_new(&details_path).map_err(|e| Failure::file(&details_path, e))?;
        let mut lines = BufWriter::new(file);
        // As many digits as the last has, so that their names sort as they do.
        let digits = self.works.saturating_sub(1).to_string().len().max(6);
        let mut done = 0;
        let work = |i: usize| {
            let made = make(i)?;
            let several = made.len() > 1;
            let keep = |(number, made): (usize, Made)| {
                let number = if several { format!("_{number}") } else { String::new() };
                let name = format!("{}_{i:0digits$}{number}.jpg", self.name);
                let path = photos.path().join(&name);
                save_picture(&path, &made.face.image)?;
                let landmarks = made.face.landmarks();
                let sample = Sample::new(name.clone(), ImageSource::File(path), landmarks);
                Ok((Sample { subsets: made.subsets, ..sample }, details(name, made.from, &made.face)))
            };
            made.into_iter().enumerate().map(keep).collect::<awing::Result<Vec<_>>>()
        };
        let early = each(self.works, stop, console, work, |made| {
            done += 1;
            for (sample, details) in made {
                let line = serde_json::to_string(&details).map_err(std::io::Error::from);
                line.and_then(|line| writeln!(lines, "{line}"))
                    .map_err(|e| Failure::file(&details_path, e))?;
                dataset.samples.push(sample);
            }
            Ok(())
        });
        if dataset.samples.is_empty() {
            return early.and(Err(Failure::Work("no face was made".to_owned())));
        }
        let written = convert(&dataset, self.to, Images::Move)?;
        let beside = folder.join(DETAILS);
        lines
            .flush()
            .and_then(|()| fs::rename(&details_path, &beside))
            .map_err(|e| Failure::file(&beside, e))?;
        early?;

        tell_changes(&written, console);
        tell_scheme(self.to.format, &self.scheme.name, self.scheme_name, console);
        let told = Told {
            annotations: written.annotations.display().to_string(),
            details: Some(beside.display().to_string()),
            format: self.to.format.name(),
            scheme: Some(&self.scheme.name),
            faces: written.faces,
            images: written.images,
            seed: self.seed,
            images_per_second: written.images as f64 / begun.elapsed().as_secs_f64(),
            interrupted: done < self.works,
            changes: written.changes,
        };
        told.print(self.json, console)?;
        Ok(done)
    }
}

/// What was written.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    pub(super) annotations: String,
    pub(super) details: Option<String>,
    pub(super) format: &'static str,
    pub(super) scheme: Option<&'a str>,
    pub(super) faces: usize,
    pub(super) images: usize,
    pub(super) seed: u64,
    pub(super) images_per_second: f64,
    pub(super) interrupted: bool,
    pub(super) changes: Vec<Change>,
}

impl Told<'_> {
    pub(super) fn print(&self, json: bool, console: &Console) -> Result<(), Failure> {
        if json {
            return console.print_json(self);
        }
        let Self { annotations, faces, images, images_per_second, .. } = self;
        console.print(format!(
            "{annotations}: {faces} faces in {images} images, {images_per_second:.1} a second"
        ))
    }
}

/// What is told of work that was stopped.
pub(super) fn ended(done: usize, of: usize, console: &Console) -> Result<(), Failure> {
    if done < of {
        console.warn(format!("stopped after {done} of {of}"));
        return Err(Failure::Told);
    }
    Ok(())
}

/// Does works on all threads and hands what `make` gives of each to `keep`, in order, until all are done, `stop` is set, or one fails.
pub(super) fn each<T: Send>(
    works: usize,
    stop: &AtomicBool,
    console: &Console,
    make: impl Fn(usize) -> awing::Result<T> + Sync,
    mut keep: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bar = console.bar(works, "{bar:24} {pos} of {len}  {per_sec}  left {eta}");
    let mut chunks = (0..works).step_by(CHUNK).take_while(|_| !stop.load(Ordering::Relaxed));
    let ended = chunks.try_for_each(|first| {
        let chunk = first..works.min(first + CHUNK);
        let made: Vec<awing::Result<T>> = chunk.into_par_iter().map(&make).collect();
        made.into_iter().try_for_each(|made| keep(made?))?;
        bar.set_position((first + CHUNK) as u64);
        Ok(())
    });
    bar.finish_and_clear();
    ended
}

fn details(image: String, from: Option<String>, face: &RenderedFace) -> Details {
    let point = |p: &RenderedPoint| PointDetails {
        seen: match p.seen {
            Seen::Seen => "seen",
            Seen::Hidden => "hidden",
            _ => "covered",
        },
        vertex: [p.vertex.x, p.vertex.y].map(|v| (v * 100.0).round() / 100.0),
        place: p.place.map(|v| (v * 1000.0).round() / 1000.0),
    };
    let pose = [face.pose.yaw, face.pose.pitch, face.pose.roll];
    Details {
        image,
        from,
        pose,
        eyes_closed: face.eyes_closed,
        points: face.points.iter().map(point).collect(),
    }
}
