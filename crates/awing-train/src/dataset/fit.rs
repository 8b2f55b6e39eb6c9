//! What each format can say of a face, and faces made to fit it.

use super::{
    Dataset, Format, Landmark, Sample, Visibility, collect::numbered, csv::SEPARATOR, mtfl, pts, wflw,
    write::image_name,
};
use awing::{Result, geometry::Rect};
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
}

fn format_name<S: serde::Serializer>(format: &Format, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(format.name())
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ChangeKind as K;
        let Self { kind, count, format } = self;
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
            K::Subsets => write!(
                f,
                "subsets of {faces} are lost or changed: {}",
                match format {
                    Format::W300 => "300w tells them from the image's path".to_owned(),
                    Format::Wflw => format!("wflw knows {}", wflw::ATTRIBUTES.join(", ")),
                    Format::Mtfl => format!("mtfl knows one of {}", mtfl::POSES.join(", ")),
                    other => format!("{other} cannot say them"),
                }
            ),
            K::Attributes if *format == Format::Mtfl => {
                write!(f, "gender, smile and glasses of {faces} are written as 0: they are not known")
            }
            K::Attributes => write!(f, "gender, smile and glasses of {faces} are lost: they are not read"),
            K::Names => write!(
                f,
                "{count} image{} another name: {}",
                if *count == 1 { " gets" } else { "s get" },
                match format {
                    Format::Cofw => "cofw numbers them",
                    Format::W300 => "300w tells images apart by what stands before .jpg, .png, …",
                    _ => "the format has no blanks in names",
                }
            ),
        }
    }
}

fn be(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// What a format does with boxes.
#[derive(Clone, Copy, PartialEq)]
enum Boxes {
    No,
    Optional,
    /// Every face has one or none has.
    AllOrNone,
    Needed,
    Square,
}

/// Which names of images a format can say.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Any,
    /// No blanks at the ends.
    Trimmed,
    /// No blanks.
    Words,
    /// A known ending, and no two names that differ in it alone; no blanks at the ends.
    Stems,
    /// None.
    Numbers,
}

/// How many faces of an image a format can say.
#[derive(Clone, Copy, PartialEq)]
enum Faces {
    One,
    /// Their first points must differ.
    Distinct,
    Any,
}

struct Abilities {
    hidden: bool,
    missing: bool,
    boxes: Boxes,
    names: Names,
    faces: Faces,
}

impl Format {
    const fn abilities(self) -> Abilities {
        let (hidden, missing, boxes, names, faces) = match self {
            Self::W300 => (false, false, Boxes::Optional, Names::Stems, Faces::One),
            Self::Wflw => (false, false, Boxes::Optional, Names::Words, Faces::Distinct),
            Self::Cofw => (true, false, Boxes::AllOrNone, Names::Numbers, Faces::Any),
            Self::Aflw => (false, true, Boxes::Square, Names::Trimmed, Faces::Any),
            Self::Ytf => (false, false, Boxes::No, Names::Trimmed, Faces::Any),
            Self::Mtfl => (false, false, Boxes::No, Names::Words, Faces::Any),
            Self::Lspet => (false, true, Boxes::No, Names::Trimmed, Faces::Any),
            Self::Dlib => (false, false, Boxes::Needed, Names::Any, Faces::Any),
            Self::Coco => (true, true, Boxes::Optional, Names::Any, Faces::Any),
            Self::Csv => (true, true, Boxes::Optional, Names::Trimmed, Faces::Distinct),
        };
        Abilities { hidden, missing, boxes, names, faces }
    }

    /// The subsets of a face that the format can say.
    fn subsets(self, image: &str, subsets: &[String]) -> Vec<String> {
        let known = |names: &[&str]| {
            let kept = names.iter().filter(|name| subsets.iter().any(|s| s == *name));
            kept.map(|name| (*name).to_string()).collect::<Vec<_>>()
        };
        match self {
            Self::Csv => {
                let plain = |s: &&String| !s.contains(SEPARATOR) && !s.is_empty() && s.trim() == s.as_str();
                subsets.iter().filter(plain).cloned().collect()
            }
            Self::Coco => subsets.to_vec(),
            Self::W300 => pts::subsets(image),
            Self::Wflw => known(&wflw::ATTRIBUTES),
            Self::Mtfl => known(&mtfl::POSES).into_iter().take(1).collect(),
            Self::Cofw | Self::Aflw | Self::Ytf | Self::Lspet | Self::Dlib => Vec::new(),
        }
    }
}

/// The faces as `format` can say them, sorted and named as its reader will give them back, and what changes on the
/// way, each kind once.
///
/// # Errors
/// [`awing::Error::Invalid`] for a sample whose name is no relative path.
pub fn fit(dataset: &Dataset, format: Format) -> Result<(Dataset, Vec<Change>)> {
    let mut fitter = Fitter { format, abilities: format.abilities(), counts: BTreeMap::new() };
    let any_box = dataset.samples.iter().any(|sample| sample.detector_box.is_some());
    let mut samples = Vec::with_capacity(dataset.samples.len());
    for sample in &dataset.samples {
        let image = image_name(sample)?;
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
            let kept = format.subsets(image, &face.subsets);
            let same = |a: &[String], b: &[String]| a.iter().all(|s| b.contains(s));
            if !same(&kept, &face.subsets) || !same(&face.subsets, &kept) {
                fitter.count(ChangeKind::Subsets);
            }
            face.subsets = kept;
        }
    }
    let attributes = match (format, dataset.source.format) {
        (Format::Mtfl, _) => by_image.values().flatten().filter(|face| !face.subsets.is_empty()).count(),
        (_, Format::Mtfl) => by_image.values().flatten().count(),
        _ => 0,
    };
    fitter.counts.extend((attributes > 0).then_some((ChangeKind::Attributes, attributes)));
    let changes = fitter.counts.into_iter().map(|(kind, count)| Change { kind, count, format }).collect();
    let fitted = Dataset {
        source: dataset.source.clone(),
        scheme: dataset.scheme.clone(),
        samples: numbered(by_image),
        problems: Vec::new(),
    };
    Ok((fitted, changes))
}

struct Fitter {
    format: Format,
    abilities: Abilities,
    counts: BTreeMap<ChangeKind, usize>,
}

impl Fitter {
    fn count(&mut self, kind: ChangeKind) {
        *self.counts.entry(kind).or_default() += 1;
    }

    /// Whether the face can be said at all.
    fn points(&mut self, landmarks: &mut [Landmark]) -> bool {
        let has = |landmarks: &[Landmark], v| landmarks.iter().any(|l| l.visibility == v);
        if !self.abilities.missing && has(landmarks, Visibility::Missing) {
            self.count(ChangeKind::MissingPoints);
            return false;
        }
        if !self.abilities.hidden && has(landmarks, Visibility::Occluded) {
            self.count(ChangeKind::HiddenPoints);
            let hidden = landmarks.iter_mut().filter(|l| l.visibility == Visibility::Occluded);
            hidden.for_each(|l| l.visibility = Visibility::Visible);
        }
        let corner = |l: &Landmark| l.position().is_some_and(|p| p.x <= 0.0 && p.y <= 0.0);
        if self.format == Format::Aflw && landmarks.iter().any(corner) {
            self.count(ChangeKind::CornerPoints);
            landmarks.iter_mut().filter(|l| corner(l)).for_each(|l| *l = Landmark::missing());
            return landmarks.iter().any(|l| l.position().is_some());
        }
        true
    }

    fn face_box(&mut self, sample: &mut Sample, any_box: bool) {
        let needed = match self.abilities.boxes {
            Boxes::No => {
                if sample.detector_box.take().is_some() {
                    self.count(ChangeKind::BoxesLeftOut);
                }
                return;
            }
            Boxes::Optional => return,
            Boxes::AllOrNone => any_box,
            Boxes::Needed | Boxes::Square => true,
        };
        if needed && sample.detector_box.is_none() {
            self.count(ChangeKind::BoxesMade);
            // Points on one line have no box of their own.
            let around = Rect::around(sample.landmarks.iter().filter_map(Landmark::position));
            sample.detector_box = around.map(|r| {
                let (dx, dy) = ((2.0 - r.width()).max(0.0) / 2.0, (2.0 - r.height()).max(0.0) / 2.0);
                Rect::new(r.x0 - dx, r.y0 - dy, r.x1 + dx, r.y1 + dy)
            });
            if self.abilities.boxes == Boxes::Square {
                sample.detector_box = sample.detector_box.map(square);
            }
        } else if let (Boxes::Square, Some(b)) = (self.abilities.boxes, sample.detector_box)
            && (b.width() - b.height()).abs() > 1e-6
        {
            self.count(ChangeKind::BoxesSquared);
            sample.detector_box = Some(square(b));
        }
    }

    /// The faces with the names of their images in the format.
    fn names(&mut self, samples: Vec<(String, Sample)>) -> Vec<(String, Sample)> {
        let names = self.abilities.names;
        if names == Names::Numbers {
            let numbered =
                |(i, (_, sample)): (usize, (_, Sample))| (format!("IsTr/{:04}.png", i + 1), sample);
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
                Some(_) if self.abilities.faces == Faces::One => {
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
        if self.abilities.faces != Faces::Distinct {
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

/// The square around the middle of a box, as wide as its larger side.
fn square(b: Rect) -> Rect {
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
        Names::Any | Names::Numbers => name.to_string(),
        Names::Trimmed if name.trim() == name => name.to_string(),
        Names::Words if !name.contains(char::is_whitespace) => name.to_string(),
        Names::Trimmed | Names::Words => name.replace(|c: char| c.is_whitespace() || c == '#', "_"),
        Names::Stems => {
            let known = pts::has_image_ending(Path::new(name));
            let name = sayable(name, Names::Trimmed);
            if known { name } else { name + ".png" }
        }
    }
}
