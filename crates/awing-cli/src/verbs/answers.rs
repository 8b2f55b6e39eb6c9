use crate::{console::Console, failure::Failure};
use awing::{
    Error,
    dataset::load_image,
    prediction::{Face, PhotoFace, PhotoFaces},
    report::{Heatmaps, Overlay, heatmap_picture, save_picture, write_npy},
    scheme::Scheme,
};
use clap::ValueEnum;
use image::imageops::{FilterType, resize};
use serde::Serialize;
use std::{
    collections::HashSet,
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// Maps are shown at this many pixels or more.
const SHOWN: u32 = 256;

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    /// A line of JSON a photo
    #[default]
    Jsonl,
    /// A line a face: image,face,box_x0,box_y0,box_x1,box_y1,score,x0,y0,s0,…
    Csv,
}

/// What one photo came to.
pub(crate) struct Answer {
    /// The lines to print.
    pub(crate) lines: Vec<String>,
    /// What went wrong.
    pub(crate) problems: Vec<String>,
}

/// Turns answers into lines of text and, where asked for, into files.
pub(crate) struct Answers<'a> {
    scheme: &'a Scheme,
    format: TextFormat,
    /// The copy of the lines.
    file: Option<(PathBuf, BufWriter<File>)>,
    /// Where pictures go.
    drawn: Option<&'a Path>,
    /// Where raw maps go.
    maps: Option<&'a Path>,
    names: Names,
}

/// One photo as a line of JSON.
#[derive(Serialize)]
struct PhotoLine<'a> {
    image: &'a str,
    width: u32,
    height: u32,
    faces: Vec<&'a Face>,
    /// Boxes that could not be used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<PathBuf>,
}

/// A photo that failed as a line of JSON.
#[derive(Serialize)]
struct ErrorLine<'a> {
    image: &'a str,
    error: String,
}

impl<'a> Answers<'a> {
    /// `folder` takes a copy of the lines and, with `draw`, the pictures; `maps` takes raw maps.
    pub(crate) fn new(
        scheme: &'a Scheme,
        format: TextFormat,
        folder: Option<&'a Path>,
        draw: bool,
        maps: Option<&'a Path>,
    ) -> Result<Self, Failure> {
        let ending = match format {
            TextFormat::Jsonl => "jsonl",
            TextFormat::Csv => "csv",
        };
        let create = |folder: &Path| {
            let path = folder.join("predictions").with_extension(ending);
            let file = File::create_new(&path).map_err(|e| Failure::file(&path, e))?;
            Ok::<_, Failure>((path, BufWriter::new(file)))
        };
        let mut answers = Self {
            scheme,
            format,
            file: folder.map(create).transpose()?,
            drawn: folder.filter(|_| draw),
            maps,
            names: Names::default(),
        };
        if let Some(header) = answers.header_line() {
            answers.keep(&header)?;
        }
        Ok(answers)
    }

    /// Prints what stands above all lines.
    pub(crate) fn header(&self, console: &Console) -> Result<(), Failure> {
        self.header_line().map_or(Ok(()), |line| console.print(line))
    }

    fn header_line(&self) -> Option<String> {
        let points: String = (0..self.scheme.len()).map(|i| format!(",x{i},y{i},s{i}")).collect();
        (self.format == TextFormat::Csv)
            .then(|| format!("image,face,box_x0,box_y0,box_x1,box_y1,score{points}"))
    }

    /// Makes the lines of a photo and writes its files.
    pub(crate) fn answer(
        &mut self,
        path: &Path,
        found: Result<PhotoFaces, Error>,
    ) -> Result<Answer, Failure> {
        let image = path.to_string_lossy();
        let (lines, problems) = match found {
            Err(error) => {
                let error = error.to_string();
                (self.error_line(&image, &error)?, vec![error])
            }
            Ok(found) => {
                let (faces, errors): (Vec<PhotoFace>, Vec<Error>) = split(found.faces);
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                let problems: Vec<String> = errors.iter().map(|e| format!("{image}: {e}")).collect();
                if faces.is_empty() && !errors.is_empty() {
                    (self.error_line(&image, &errors.join("; "))?, problems)
                } else {
                    let picture = self.files(path, &faces)?;
                    let faces = faces.iter().map(|f| &f.face).collect();
                    let PhotoFaces { width, height, .. } = found;
                    let line = PhotoLine { image: &image, width, height, faces, errors, picture };
                    (self.lines(&line)?, problems)
                }
            }
        };
        lines.iter().try_for_each(|line| self.keep(line))?;
        if let Some((path, file)) = &mut self.file {
            file.flush().map_err(|e| Failure::file(path, e))?;
        }
        Ok(Answer { lines, problems })
    }

    fn keep(&mut self, line: &str) -> Result<(), Failure> {
        match &mut self.file {
            Some((path, file)) => writeln!(file, "{line}").map_err(|e| Failure::file(path, e)),
            None => Ok(()),
        }
    }

    /// A table has no place for errors.
    fn error_line(&self, image: &str, error: &str) -> Result<Vec<String>, Failure> {
        match self.format {
            TextFormat::Jsonl => Ok(vec![json(&ErrorLine { image, error: error.to_owned() })?]),
            TextFormat::Csv => Ok(vec![]),
        }
    }

    fn lines(&self, photo: &PhotoLine<'_>) -> Result<Vec<String>, Failure> {
        match self.format {
            TextFormat::Jsonl => Ok(vec![json(photo)?]),
            TextFormat::Csv => {
                photo.faces.iter().enumerate().map(|(i, face)| csv_line(photo.image, i, face)).collect()
            }
        }
    }

    /// Writes the picture and the maps of a photo; gives the picture's path.
    fn files(&mut self, path: &Path, faces: &[PhotoFace]) -> Result<Option<PathBuf>, Failure> {
        if self.drawn.is_none() && self.maps.is_none() {
            return Ok(None);
        }
        let name = self.names.of(path);
        if let Some(folder) = self.maps {
            for (i, face) in faces.iter().enumerate() {
                save_maps(&folder.join(format!("{name}-face{}", i + 1)), face, self.scheme.len())?;
            }
        }
        let Some(folder) = self.drawn else { return Ok(None) };
        // Photos are not kept until here: those who draw wait for the disc anyway.
        let mut picture = load_image(path)?;
        for PhotoFace { face, .. } in faces {
            let scores: Vec<f64> = face.scores.iter().map(|s| f64::from(*s)).collect();
            Overlay::new(self.scheme, &face.landmarks)
                .scores(&scores)
                .face_box(face.face_box)
                .draw(&mut picture);
        }
        let drawn = folder.join(format!("{name}.png"));
        save_picture(&drawn, &picture)?;
        Ok(Some(drawn))
    }
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

fn csv_line(image: &str, index: usize, face: &Face) -> Result<String, Failure> {
    let b = face.face_box;
    let mut fields = vec![image.to_owned(), index.to_string()];
    fields.extend([b.x0, b.y0, b.x1, b.y1].map(|v| format!("{v:.3}")));
    fields.push(format!("{:.4}", face.score));
    for (point, score) in face.landmarks.iter().zip(&face.scores) {
        fields.extend([format!("{:.3}", point.x), format!("{:.3}", point.y), format!("{score:.4}")]);
    }
    let mut writer = csv::Writer::from_writer(vec![]);
    let failed = |e: String| Failure::Work(format!("CSV: {e}"));
    writer.write_record(&fields).map_err(|e| failed(e.to_string()))?;
    let bytes = writer.into_inner().map_err(|e| failed(e.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// `stem`.npy and `stem`.png.
fn save_maps(stem: &Path, face: &PhotoFace, landmarks: usize) -> Result<(), Failure> {
    let Some((crop, maps)) = &face.maps else { return Ok(()) };
    let file = |ending: &str| PathBuf::from(format!("{}.{ending}", stem.display()));
    write_npy(&file("npy"), &[maps.channels, maps.size, maps.size], &maps.values)?;
    let side = SHOWN.max(crop.width());
    let crop = resize(crop, side, side, FilterType::CatmullRom);
    let shown = Heatmaps { crop: &crop, maps: &maps.values, landmarks, side: maps.size };
    Ok(save_picture(&file("png"), &heatmap_picture(&[shown])?)?)
}

/// A name for the files of each photo: its own without the ending, numbered where it was taken before.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn of(&mut self, photo: &Path) -> String {
        let stem = photo.file_stem().map_or("photo".into(), |stem| stem.to_string_lossy());
        let mut name = stem.clone().into_owned();
        let mut number = 2_usize;
        // Some file systems take "A" and "a" for the same.
        while !self.0.insert(name.to_lowercase()) {
            name = format!("{stem}-{number}");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use awing::geometry::{Point, Rect};

    #[test]
    fn names_never_collide_and_stay_in_the_folder() {
        let mut names = Names::default();
        let got: Vec<String> = ["a/x.jpg", "b/x.jpg", "c/X.png", "x-2.jpg", "../../up.png", "/"]
            .iter()
            .map(|path| names.of(Path::new(path)))
            .collect();
        assert_eq!(got, ["x", "x-2", "X-3", "x-2-2", "up", "photo"]);
    }

    #[test]
    fn a_csv_line_quotes_the_name() {
        let face = Face {
            face_box: Rect::new(1.0, 2.0, 3.0, 4.0),
            score: 0.5,
            landmarks: vec![Point::new(1.25, 2.0)],
            scores: vec![0.25],
            expected_errors: vec![],
        };
        let line = csv_line("a,b.jpg", 3, &face).unwrap();
        assert_eq!(line, "\"a,b.jpg\",3,1.000,2.000,3.000,4.000,0.5000,1.250,2.000,0.2500");
    }
}
