//! What was found, as text and as files: one module for each form.

mod coco;
mod csv_table;
mod json_lines;
mod names;
mod pts_files;
mod sheet;

use crate::failure::Failure;
use awing::{
    Error,
    photo::Photo,
    prediction::{Face, HeadPose, HeadShape, PhotoFace, PhotoFaces},
    scheme::Scheme,
};
use awing_train::report::{Heatmaps, Overlay, heatmap_picture, save_picture, write_npy};
use clap::ValueEnum;
use coco::CocoResults;
use csv_table::CsvTable;
pub(super) use csv_table::{face_columns, face_line};
use image::{
    RgbImage,
    imageops::{FilterType, resize},
};
use json_lines::JsonLines;
use names::Names;
use pts_files::PtsFiles;
use serde::Serialize;
use sheet::Sheet;
use std::{
    borrow::Cow,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// Maps are shown at this many pixels or more.
const SHOWN: u32 = 256;
/// Length of a head's axes on pictures, in units of the head.
const AXIS: f64 = 0.6;

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    /// A line of JSON a photo
    #[default]
    Jsonl,
    /// A line a face: image,face,box_x0,box_y0,box_x1,box_y1,score,x0,y0,s0,…; with --pose also yaw,pitch,roll,misfit
    Csv,
    /// COCO's keypoint results, one JSON array. Images have the ids of --coco-images, or are counted from 1: then --out DIR takes the table
    /// images.json, which loads as an annotation file
    Coco,
    /// A 1-based iBUG .pts file a face in --out DIR: NAME.pts, NAME-face2.pts, …; prints their paths. The table predictions.csv there says
    /// of each file,image,face
    Pts,
}

/// What one photo came to.
#[derive(Default)]
pub(crate) struct Answer {
    /// The lines to print.
    pub(crate) lines: Vec<String>,
    /// What went wrong.
    pub(crate) problems: Vec<String>,
}

impl Answer {
    fn line(line: String) -> Self {
        Self { lines: vec![line], problems: vec![] }
    }
}

/// A form of text.
trait TextForm {
    /// What stands above all lines.
    fn head(&self) -> Option<String> {
        None
    }

    /// The lines of a photo.
    fn photo(&mut self, photo: &PhotoAnswer<'_>) -> Result<Answer, Failure>;

    /// The lines of a photo that failed, where the form has a place for it.
    fn failed(&mut self, _photo: &Path, _error: &str) -> Result<Answer, Failure> {
        Ok(Answer::default())
    }

    /// What stands below all lines.
    fn end(&mut self) -> Result<Vec<String>, Failure> {
        Ok(vec![])
    }

    /// Whether the output folder takes a copy of the lines.
    fn keeps_copy(&self) -> bool {
        true
    }
}

/// One photo, as JSON has it.
#[derive(Serialize)]
struct PhotoAnswer<'a> {
    image: &'a str,
    /// Where it is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_bytes: Option<String>,
    width: u32,
    height: u32,
    faces: Vec<FaceAnswer<'a>>,
    /// Boxes that could not be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<Cow<'a, str>>,
    /// A name for the files of each face.
    #[serde(skip)]
    face_names: Vec<String>,
}

/// One face of it.
#[derive(Serialize)]
pub(super) struct FaceAnswer<'a> {
    #[serde(flatten)]
    pub(super) face: &'a Face,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pose: Option<HeadPose>,
}

impl<'a> FaceAnswer<'a> {
    /// The face, and how it is turned where that is asked for and its points tell it.
    pub(super) fn new(face: &'a Face, head: Option<&HeadShape>) -> Self {
        Self { face, pose: head.and_then(|head| head.pose(&face.landmarks).ok()) }
    }

    /// Draws it on its photo, with a caption where there is one.
    pub(super) fn draw(&self, scheme: &Scheme, caption: Option<&str>, image: &mut RgbImage) {
        let Self { face, pose } = self;
        let scores: Vec<f64> = face.scores.iter().map(|s| f64::from(*s)).collect();
        let mut overlay = Overlay::new(scheme, &face.landmarks).scores(&scores).face_box(face.face_box);
        if let Some(pose) = pose {
            overlay = overlay.axes(pose.axes(AXIS));
        }
        if let Some(caption) = caption {
            overlay = overlay.label(caption);
        }
        overlay.draw(image);
    }
}

/// What is asked for beside the lines.
#[derive(Default)]
pub(crate) struct Extras<'a> {
    /// Takes a copy of the lines and, with `draw`, the pictures.
    pub(crate) folder: Option<&'a Path>,
    /// Whether photos are drawn on.
    pub(crate) draw: bool,
    /// Takes raw maps.
    pub(crate) maps: Option<&'a Path>,
    /// The first page of a contact sheet.
    pub(crate) sheet: Option<&'a Path>,
    /// The head, where its pose is asked for.
    pub(crate) head: Option<HeadShape>,
    /// The file with the ids of COCO's images.
    pub(crate) coco_images: Option<&'a Path>,
}

/// Turns answers into lines of text and, where asked for, into files.
pub(crate) struct Answers<'a> {
    scheme: &'a Scheme,
    form: Box<dyn TextForm>,
    /// The copy of the lines.
    file: Option<(PathBuf, BufWriter<File>)>,
    extras: Extras<'a>,
    sheet: Option<Sheet>,
    names: Names,
    /// Whether photos or faces need names.
    named: bool,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(scheme: &'a Scheme, format: TextFormat, extras: Extras<'a>) -> Result<Self, Failure> {
        let (points, pose) = (scheme.len(), extras.head.is_some());
        let (form, ending): (Box<dyn TextForm>, _) = match format {
            TextFormat::Jsonl => (Box::new(JsonLines), "jsonl"),
            TextFormat::Csv => (Box::new(CsvTable { points, pose }), "csv"),
            TextFormat::Coco => {
                (Box::new(CocoResults::new(scheme, extras.coco_images, extras.folder)?), "json")
            }
            TextFormat::Pts => (Box::new(PtsFiles::new(extras.folder)?), "txt"),
        };
        let create = |folder: &Path| {
            let path = folder.join("predictions").with_extension(ending);
            let file = File::create_new(&path).map_err(|e| Failure::file(&path, e))?;
            Ok::<_, Failure>((path, BufWriter::new(file)))
        };
        let sheet = extras.sheet.map(Sheet::new).transpose()?;
        let file = extras.folder.filter(|_| form.keeps_copy()).map(create).transpose()?;
        let named = extras.draw || extras.maps.is_some() || format == TextFormat::Pts;
        let mut answers = Self { scheme, form, file, extras, sheet, names: Names::default(), named };
        if let Some(head) = answers.form.head() {
            answers.keep(&head)?;
        }
        Ok(answers)
    }

    /// What stands above all lines.
    pub(crate) fn header(&self) -> Option<String> {
        self.form.head()
    }

    /// Makes the lines of a photo and writes its files.
    pub(crate) fn answer(
        &mut self,
        photo: &Photo,
        found: Result<PhotoFaces, Error>,
    ) -> Result<Answer, Failure> {
        let image = photo.path().to_string_lossy();
        let answer = match found {
            Err(error) => self.failed(photo.path(), vec![error.to_string()])?,
            Ok(found) => {
                let (faces, errors): (Vec<PhotoFace>, Vec<Error>) = split(found.faces);
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                if faces.is_empty() && !errors.is_empty() {
                    let told = errors.iter().map(|e| format!("{image}: {e}")).collect();
                    Answer { problems: told, ..self.failed(photo.path(), vec![errors.join("; ")])? }
                } else {
                    self.found(photo, (found.width, found.height), &faces, errors)?
                }
            }
        };
        answer.lines.iter().try_for_each(|line| self.keep(line))?;
        self.flush()?;
        Ok(answer)
    }

    /// Makes what stands below all lines, and writes what is left.
    pub(crate) fn end(&mut self) -> Result<Vec<String>, Failure> {
        let lines = self.form.end()?;
        lines.iter().try_for_each(|line| self.keep(line))?;
        self.flush()?;
        if let Some(sheet) = &mut self.sheet {
            sheet.end(self.scheme)?;
        }
        Ok(lines)
    }

    /// The pages of the contact sheet that were written.
    pub(crate) fn pages(&self) -> &[PathBuf] {
        self.sheet.as_ref().map_or(&[], Sheet::written)
    }

    fn failed(&mut self, photo: &Path, errors: Vec<String>) -> Result<Answer, Failure> {
        let Answer { lines, .. } = self.form.failed(photo, &errors.join("; "))?;
        Ok(Answer { lines, problems: errors })
    }

    fn found(
        &mut self,
        photo: &Photo,
        (width, height): (u32, u32),
        faces: &[PhotoFace],
        errors: Vec<String>,
    ) -> Result<Answer, Failure> {
        let image = photo.path().to_string_lossy();
        let head = self.extras.head.as_ref();
        let answers: Vec<FaceAnswer<'_>> =
            faces.iter().map(|found| FaceAnswer::new(&found.face, head)).collect();
        let mut face_names = vec![];
        let mut picture = None;
        if self.named {
            let name = self.names.of(photo.path());
            if let Some(folder) = self.extras.maps {
                for (i, face) in faces.iter().enumerate() {
                    save_maps(&folder.join(format!("{name}-face{}", i + 1)), face, self.scheme)?;
                }
            }
            let later = (1..faces.len()).map(|i| self.names.take(&format!("{name}-face{}", i + 1)));
            face_names = later.collect();
            face_names.insert(0, name.clone());
            let folder = self.extras.folder.filter(|_| self.extras.draw);
            picture = folder.map(|folder| folder.join(format!("{name}.png")));
        }
        self.pictures(photo, &answers, picture.as_deref())?;
        let mut problems: Vec<String> = errors.iter().map(|e| format!("{image}: {e}")).collect();
        let image_bytes = bytes_of(photo.path());
        let photo = PhotoAnswer {
            image: &image,
            image_bytes,
            width,
            height,
            faces: answers,
            errors,
            picture: picture.as_ref().map(|path| path.to_string_lossy()),
            face_names,
        };
        let answer = self.form.photo(&photo)?;
        problems.extend(answer.problems);
        Ok(Answer { lines: answer.lines, problems })
    }

    /// Draws the faces on the photo and on the contact sheet. Photos are not kept until here: those who draw wait for the disc anyway.
    fn pictures(
        &mut self,
        photo: &Photo,
        faces: &[FaceAnswer<'_>],
        drawn: Option<&Path>,
    ) -> Result<(), Failure> {
        let sheet = self.sheet.as_mut().filter(|_| !faces.is_empty());
        if drawn.is_none() && sheet.is_none() {
            return Ok(());
        }
        let mut image = photo.load()?;
        if let Some(sheet) = sheet {
            let name = photo.path().file_name().unwrap_or_default().to_string_lossy();
            for face in faces {
                sheet.add(self.scheme, &image, &name, face)?;
            }
        }
        let Some(drawn) = drawn else { return Ok(()) };
        faces.iter().for_each(|face| face.draw(self.scheme, None, &mut image));
        Ok(save_picture(drawn, &image)?)
    }

    fn keep(&mut self, line: &str) -> Result<(), Failure> {
        match &mut self.file {
            Some((path, file)) => writeln!(file, "{line}").map_err(|e| Failure::file(path, e)),
            None => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.file {
            Some((path, file)) => file.flush().map_err(|e| Failure::file(path, e)),
            None => Ok(()),
        }
    }
}

/// The bytes of a path that is no text, in hexadecimal, so that the file can be found again; `None` for one that is.
pub(super) fn bytes_of(path: &Path) -> Option<String> {
    let hexadecimal = |byte: &u8| format!("{byte:02x}");
    path.to_str().is_none().then(|| path.as_os_str().as_encoded_bytes().iter().map(hexadecimal).collect())
}

fn split<T, E>(results: Vec<Result<T, E>>) -> (Vec<T>, Vec<E>) {
    let (mut good, mut bad) = (vec![], vec![]);
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => bad.push(error),
        }
    }
    (good, bad)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| Failure::Work(format!("JSON: {e}")))
}

/// `stem`.npy and `stem`.png.
fn save_maps(stem: &Path, face: &PhotoFace, scheme: &Scheme) -> Result<(), Failure> {
    let Some((crop, maps)) = &face.maps else { return Ok(()) };
    let file = |ending: &str| {
        let mut name = stem.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let values = maps.mean(scheme);
    write_npy(&file(".npy"), &[maps.channels, maps.size, maps.size], &values)?;
    let side = SHOWN.max(crop.width());
    let crop = resize(crop, side, side, FilterType::CatmullRom);
    let shown = Heatmaps { crop: &crop, maps: &values, landmarks: scheme.len(), side: maps.size };
    Ok(save_picture(&file(".png"), &heatmap_picture(&[shown])?)?)
}
