use super::FaceAnswer;
use crate::failure::{Failure, OrUsage};
use awing::{
    geometry::{Point, Transform, warp},
    scheme::Scheme,
};
use awing_train::report::{Overlay, Tile, check_picture_name, contact_sheet, save_picture};
use image::RgbImage;
use std::path::{Path, PathBuf};

/// Faces beside each other, and rows on a page.
const COLUMNS: usize = 6;
const ROWS: usize = 8;
/// Side of a tile in pixels.
const TILE: u32 = 192;
/// What is kept of a photo: this much of a tile, since the tile shows less.
const KEPT: f64 = 1.6;

/// Pages with all faces, a page written as soon as it is full.
pub(super) struct Sheet {
    first: PathBuf,
    written: Vec<PathBuf>,
    /// The number that the last page got.
    number: usize,
    faces: Vec<Close>,
}

/// A face cut out of its photo.
struct Close {
    image: RgbImage,
    /// From the photo.
    transform: Transform,
    landmarks: Vec<Point>,
    scores: Vec<f64>,
    axes: Option<[Point; 4]>,
    name: String,
    value: String,
}

impl Sheet {
    /// `path` is the first page; the others are numbered.
    pub(super) fn new(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        check_picture_name(path).or_usage("--sheet")?;
        if path.exists() {
            return Err(Failure::Usage(format!("--sheet: {shown} is already there; choose another name")));
        }
        Ok(Self { first: path.to_path_buf(), written: vec![], number: 0, faces: vec![] })
    }

    /// The pages so far.
    pub(super) fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// Takes a face.
    pub(super) fn add(
        &mut self,
        scheme: &Scheme,
        photo: &RgbImage,
        name: &str,
        answer: &FaceAnswer<'_>,
    ) -> Result<(), Failure> {
        let face = answer.face;
        let axes = answer.pose.map(|pose| pose.axes(super::AXIS));
        let extent = Overlay::new(scheme, &face.landmarks).face_box(face.face_box).extent();
        let Some(extent) = extent else { return Ok(()) };
        let size = (KEPT * f64::from(TILE)) as usize;
        let side = (KEPT * extent.width().max(extent.height())).max(8.0);
        let transform = Transform::crop(extent.center(), side, size, 0.0, false);
        self.faces.push(Close {
            image: warp(photo, &transform, size),
            transform,
            landmarks: face.landmarks.clone(),
            scores: face.scores.iter().map(|s| f64::from(*s)).collect(),
            axes,
            name: name.to_owned(),
            value: format!("{:.2}", face.score),
        });
        if self.faces.len() == COLUMNS * ROWS { self.write(scheme) } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn end(&mut self, scheme: &Scheme) -> Result<(), Failure> {
        if self.faces.is_empty() { Ok(()) } else { self.write(scheme) }
    }

    fn write(&mut self, scheme: &Scheme) -> Result<(), Failure> {
        let faces = std::mem::take(&mut self.faces);
        let tiles = faces.iter().map(|Close { image, transform, landmarks, scores, axes, name, value }| {
            let overlay = Overlay::new(scheme, landmarks).scores(scores);
            let overlay = match axes {
                Some(axes) => overlay.axes(*axes),
                None => overlay,
            };
            Tile { image, overlay: overlay.mapped(transform), name: name.clone(), value: value.clone() }
        });
        let tiles: Vec<Tile<'_>> = tiles.collect();
        let path = self.page();
        let title = format!("page {}", self.written.len() + 1);
        save_picture(&path, &contact_sheet(&[(title, tiles)], COLUMNS, TILE))?;
        self.written.push(path);
        Ok(())
    }

    /// The next page's path; one that is taken is left alone.
    fn page(&mut self) -> PathBuf {
        loop {
            self.number += 1;
            let path = match self.number {
                1 => self.first.clone(),
                number => {
                    let part = |part: Option<&std::ffi::OsStr>| {
                        part.unwrap_or_default().to_string_lossy().into_owned()
                    };
                    let (stem, ending) = (part(self.first.file_stem()), part(self.first.extension()));
                    self.first.with_file_name(format!("{stem}-{number}.{ending}"))
                }
            };
            if !path.exists() {
                return path;
            }
        }
    }
}
