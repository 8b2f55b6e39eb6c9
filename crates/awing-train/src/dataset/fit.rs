//! What each format can say of a face, and faces made to fit it.

use super::{
    Dataset, Format, Landmark, Sample, Visibility,
    collect::numbered,
    folder::has_image_ending,
    formats::{Boxes, Faces, Missing, Names, Subsets, Writer},
    text::inside,
};
use awing::{Error, Result, geometry::Rect};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

/// What becomes of a field that a format cannot say, or says in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Hidden points become visible ones.
    HiddenPoints,
    /// Faces with missing points are left out.
    MissingPoints,
    /// Points at or left of and above (0, 0) become missing.
    CornerPoints,
    /// Further faces of an image get a copy of the image of their own.
    FurtherFaces,
    /// Faces of one image that share their first point are left out but for one.
    SameFirstPoint,
    /// Boxes are left out.
    BoxesLeftOut,
    /// Faces without a box get the one around their points.
    BoxesMade,
    /// Boxes become squares.
    BoxesSquared,
    /// The data set's own boxes are left out, or take the place of a detector's.
    OwnBoxes,
    /// Subsets are left out, or follow from something else.
    Subsets,
    /// MTFL's gender, smile and glasses are lost, or written as not known.
    Attributes,
    /// Images get other names.
    Names,
}

/// A change of a dataset on its way into a format: a line for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens.
    pub kind: ChangeKind,
    /// To how many faces; of names, to how many images.
    pub count: usize,
    /// Because of which format.
    #[serde(serialize_with = "format_name")]
    pub format: Format,
    /// What was not read, where that is lost.
    #[serde(skip)]
    unread: &'static str,
}

fn format_name<S: serde::Serializer>(format: &Format, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(format.name())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ChangeKind as K;
        let Self { kind, count, format, unread } = self;
        let Some(writer) = &format.description().write else { return write!(f, "{format} is only read") };
        let (faces, s) =
            if *count == 1 { ("1 face".to_owned(), "s") } else { (format!("{count} faces"), "") };
        match kind {
            K::HiddenPoints => {
                write!(f, "hidden points of {faces} become visible ones: {format} cannot say it")
            }
            K::MissingPoints => {
                write!(f, "{faces} with missing points {} left out: {format} cannot say it", be(*count))
            }
            K::CornerPoints => write!(
                f,
                "points of {faces} at or left of and above (0, 0) become missing ones: {format} writes these so"
            ),
            K::FurtherFaces => write!(
                f,
                "{faces} get{s} a copy of the image under a name of its own: {format} holds one face an image"
            ),
            K::SameFirstPoint => write!(
                f,
                "{faces} {} left out: another of the same image has the same first point, which is one face to {format}",
                be(*count)
            ),
            K::BoxesLeftOut => write!(f, "boxes of {faces} are left out: {format} has none"),
            K::BoxesMade => {
                write!(f, "{faces} without a box get{s} the one around the points: {format} asks for one")
            }
            K::BoxesSquared => write!(f, "boxes of {faces} become squares: {format} knows no others"),
            K::OwnBoxes if writer.boxes == Boxes::OwnSquare => {
                write!(f, "{faces} get{s} one box, the set's own, for both: {format} has no detector's")
            }
            K::OwnBoxes => write!(f, "own boxes of {faces} are left out: {format} has none"),
            K::Subsets => {
                write!(f, "subsets of {faces} are lost or changed: {format} ")?;
                match &writer.subsets {
                    Subsets::OfImage(_) => write!(f, "tells them from the image's path"),
                    Subsets::Known(names) => write!(f, "knows {}", names.join(", ")),
                    Subsets::OneOf(names) => write!(f, "knows one of {}", names.join(", ")),
                    Subsets::No | Subsets::Called(_) => write!(f, "cannot say them"),
                }
            }
            K::Attributes if unread.is_empty() => {
                write!(f, "{} of {faces} are written as 0: they are not known", writer.unread)
            }
            K::Attributes => write!(f, "{unread} of {faces} are lost: they are not read"),
            K::Names => write!(
                f,
                "{count} image{} another name: {}",
                if *count == 1 { " gets" } else { "s get" },
                match writer.names {
                    Names::Numbers { .. } => format!("{format} numbers them"),
                    Names::Stems =>
                        format!("{format} tells images apart by what stands before .jpg, .png, …"),
                    _ => "the format has no blanks in names".to_owned(),
                }
            ),
        }
    }
}

fn be(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// The faces as `format` can say them, sorted and named as its reader will give them back, and what changes on the
/// way, each kind once.
///
/// # Errors
/// [`Error::Invalid`] for a sample whose name is no relative path, and a format that is only read.
pub fn fit(dataset: &Dataset, format: Format) -> Result<(Dataset, Vec<Change>)> {
    let writer =
        format.description().write.as_ref().ok_or_else(|| {
            Error::invalid("format", format!("{format} is only read; name another to write"))
        })?;
    let mut fitter = Fitter { writer, counts: BTreeMap::new() };
    let any_box = dataset.samples.iter().any(|sample| sample.detector_box.is_some());
    let mut samples = Vec::with_capacity(dataset.samples.len());
    for sample in &dataset.samples {
        let image = inside(sample.image_name())
            .map_err(|(_, problem)| Error::invalid(format!("sample {}", sample.name), problem))?;
        let mut sample = sample.clone();
        if fitter.points(&mut sample.landmarks) {
            fitter.face_box(&mut sample, any_box);
            samples.push((image, sample));
        }
    }
    let mut by_image: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for (image, sample) in fitter.names(samples) {
        by_image.entry(image).or_default().push(sample);
    }
    fitter.distinct(&mut by_image);
    for (image, faces) in &mut by_image {
        for face in faces {
            let kept = writer.subsets.kept(image, &face.subsets);
            let same = |a: &[String], b: &[String]| a.iter().all(|s| b.contains(s));
            if !same(&kept, &face.subsets) || !same(&face.subsets, &kept) {
                fitter.count(ChangeKind::Subsets);
            }
            face.subsets = kept;
        }
    }
    let faces = || by_image.values().flatten();
    let lost = dataset.source.format.description().write.as_ref().map_or("", |writer| writer.unread);
    let (attributes, unread) = match (writer.unread, lost) {
        ("", "") => (0, ""),
        ("", lost) => (faces().count(), lost),
        _ => (faces().filter(|face| !face.subsets.is_empty()).count(), ""),
    };
    fitter.counts.extend((attributes > 0).then_some((ChangeKind::Attributes, attributes)));
    let change = |(kind, count)| Change { kind, count, format, unread };
    let changes = fitter.counts.into_iter().map(change).collect();
    let fitted = Dataset::new(dataset.source.clone(), dataset.scheme.clone(), numbered(by_image));
    Ok((fitted, changes))
}

struct Fitter {
    writer: &'static Writer,
    counts: BTreeMap<ChangeKind, usize>,
}

impl Fitter {
    fn count(&mut self, kind: ChangeKind) {
        *self.counts.entry(kind).or_default() += 1;
    }

    /// Whether the face can be said at all.
    fn points(&mut self, landmarks: &mut [Landmark]) -> bool {
        let has = |landmarks: &[Landmark], v| landmarks.iter().any(|l| l.visibility == v);
        if self.writer.missing == Missing::No && has(landmarks, Visibility::Missing) {
            self.count(ChangeKind::MissingPoints);
            return false;
        }
        if !self.writer.hidden && has(landmarks, Visibility::Occluded) {
            self.count(ChangeKind::HiddenPoints);
            let hidden = landmarks.iter_mut().filter(|l| l.visibility == Visibility::Occluded);
            hidden.for_each(|l| l.visibility = Visibility::Visible);
        }
        let corner = |l: &Landmark| l.position().is_some_and(|p| p.x <= 0.0 && p.y <= 0.0);
        if self.writer.missing == Missing::AsCorner && landmarks.iter().any(corner) {
            self.count(ChangeKind::CornerPoints);
            landmarks.iter_mut().filter(|l| corner(l)).for_each(|l| *l = Landmark::missing());
            return landmarks.iter().any(|l| l.position().is_some());
        }
        true
    }

    fn face_box(&mut self, sample: &mut Sample, any_box: bool) {
        if !self.writer.own_boxes && sample.own_box.take().is_some() {
            self.count(ChangeKind::OwnBoxes);
        }
        match self.writer.boxes {
            Boxes::No => {
                if sample.detector_box.take().is_some() {
                    self.count(ChangeKind::BoxesLeftOut);
                }
            }
            Boxes::Optional => {}
            Boxes::AllOrNone if !any_box => {}
            Boxes::AllOrNone | Boxes::Needed => {
                sample.detector_box = sample.detector_box.or_else(|| self.made(sample));
            }
            Boxes::OwnSquare => {
                if sample.own_box.is_some() && sample.own_box != sample.detector_box {
                    self.count(ChangeKind::OwnBoxes);
                }
                let given = sample.own_box.or(sample.detector_box);
                if given.is_some_and(|b| square(b) != b) {
                    self.count(ChangeKind::BoxesSquared);
                }
                sample.own_box = given.or_else(|| self.made(sample)).map(square);
                sample.detector_box = sample.own_box;
            }
        }
    }

    /// The box around the points of a face without any; points on one line have none of their own.
    fn made(&mut self, sample: &Sample) -> Option<Rect> {
        self.count(ChangeKind::BoxesMade);
        Rect::around(sample.landmarks.iter().filter_map(Landmark::position)).map(|r| {
            let (dx, dy) = ((2.0 - r.width()).max(0.0) / 2.0, (2.0 - r.height()).max(0.0) / 2.0);
            Rect::new(r.x0 - dx, r.y0 - dy, r.x1 + dx, r.y1 + dy)
        })
    }

    /// The faces with the names of their images in the format.
    fn names(&mut self, samples: Vec<(String, Sample)>) -> Vec<(String, Sample)> {
        let names = self.writer.names;
        if let Names::Numbers { folder } = names {
            let numbered =
                |(i, (_, sample)): (usize, (_, Sample))| (format!("{folder}/{:04}.png", i + 1), sample);
            self.counts.extend((!samples.is_empty()).then_some((ChangeKind::Names, samples.len())));
            return samples.into_iter().enumerate().map(numbered).collect();
        }
        let key = |name: &str| match names {
            Names::Stems => stem(name).to_string(),
            _ => name.to_string(),
        };
        let mut taken: BTreeSet<String> = samples.iter().map(|(image, _)| key(image)).collect();
        let mut free = |wanted: &str| {
            let (stem, ending) = (stem(wanted), wanted.get(stem(wanted).len()..).unwrap_or_default());
            let numbers = (2..).map(|n: usize| format!("{stem}_{n}{ending}"));
            let name = std::iter::once(wanted.to_string()).chain(numbers).find(|n| !taken.contains(&key(n)));
            let name = name.unwrap_or_default();
            taken.insert(key(&name));
            name
        };
        // The first image of each stem keeps its name.
        let mut given: BTreeMap<String, String> = BTreeMap::new();
        let mut stems: BTreeSet<String> = BTreeSet::new();
        let mut result = Vec::with_capacity(samples.len());
        for (image, sample) in samples {
            let name = match given.get(&image) {
                Some(_) if self.writer.faces == Faces::One => {
                    self.count(ChangeKind::FurtherFaces);
                    free(&sayable(&image, names))
                }
                Some(name) => name.clone(),
                None => {
                    let wanted = sayable(&image, names);
                    let first = stems.insert(key(&image));
                    let name = if first && wanted == image { image.clone() } else { free(&wanted) };
                    if name != image {
                        self.count(ChangeKind::Names);
                    }
                    given.insert(image, name.clone());
                    name
                }
            };
            result.push((name, sample));
        }
        result
    }

    /// Leaves out what the reader would take for the same face again.
    fn distinct(&mut self, by_image: &mut BTreeMap<String, Vec<Sample>>) {
        if self.writer.faces != Faces::Distinct {
            return;
        }
        for faces in by_image.values_mut() {
            let mut seen = BTreeSet::new();
            let all = faces.len();
            faces.retain(|face| {
                let first = face.landmarks.iter().find_map(Landmark::position).unwrap_or_default();
                seen.insert((first.x.to_bits(), first.y.to_bits()))
            });
            (faces.len()..all).for_each(|_| self.count(ChangeKind::SameFirstPoint));
        }
    }
}

/// The square around the middle of a box, as wide as its larger side; a box that is one but for rounding stays as it is.
fn square(b: Rect) -> Rect {
    if (b.width() - b.height()).abs() <= 1e-6 {
        return b;
    }
    let (half, middle) = (b.width().max(b.height()) / 2.0, b.center());
    Rect::new(middle.x - half, middle.y - half, middle.x + half, middle.y + half)
}

/// A name without its ending: "a/b" for "a/b.jpg".
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => stem,
        _ => name,
    }
}

/// The name as the format can say it.
fn sayable(name: &str, names: Names) -> String {
    match names {
        Names::Any | Names::Numbers { .. } => name.to_string(),
        Names::Trimmed if name.trim() == name => name.to_string(),
        Names::Words if !name.contains(char::is_whitespace) => name.to_string(),
        Names::Trimmed | Names::Words => name.replace(|c: char| c.is_whitespace() || c == '#', "_"),
        Names::Stems => {
            let known = has_image_ending(Path::new(name));
            let name = sayable(name, Names::Trimmed);
            if known { name } else { name + ".png" }
        }
    }
}
