//! Gathers the faces a reader finds: checks each one, keeps the good, notes what is wrong with the others.

use super::{
    ImageSource, Landmark, Place, Sample,
    spelling::find_file,
    text::{Flaw, inside, records},
};
use ::csv::StringRecord;
use awing::{
    Error, Result,
    geometry::{Point, Rect},
    scheme::Scheme,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A coordinate farther out than this is a mistake, whatever the image.
const MAX_COORDINATE: f64 = 1e5;

/// One face as a reader found it.
#[derive(Default)]
pub(crate) struct Face {
    /// The image as the annotation names it.
    pub(super) image: String,
    pub(super) landmarks: Vec<Landmark>,
    pub(super) detector_box: Option<Rect>,
    pub(super) own_box: Option<Rect>,
    pub(super) subsets: Vec<String>,
    /// Width and height that the annotation says its image has.
    pub(super) stated_size: Option<[f64; 2]>,
}

/// Collects faces whose images lie under one folder.
pub(crate) struct Collector {
    scheme: Arc<Scheme>,
    /// Where images are looked for; the first that has one is right.
    roots: Vec<PathBuf>,
    /// Faces by image name, in the order of the file.
    faces: BTreeMap<String, Vec<Sample>>,
    problems: Vec<Error>,
    /// What was passed over, each kind once with its count.
    passed: BTreeMap<&'static str, usize>,
    /// What else was noticed.
    noticed: Vec<String>,
    /// Where each image is, by its name.
    images: HashMap<String, Option<PathBuf>>,
    /// Whether absolute names are taken that lead below the folder.
    absolute: bool,
    /// Image and first annotated point of each face so far, where the format tells faces apart by them.
    seen: Option<HashSet<(String, u64, u64)>>,
}

impl Collector {
    /// For images under the first of `roots` that has them.
    pub(super) fn new(scheme: Arc<Scheme>, roots: Vec<PathBuf>) -> Self {
        Self {
            scheme,
            roots,
            faces: BTreeMap::new(),
            problems: Vec::new(),
            passed: BTreeMap::new(),
            noticed: Vec::new(),
            images: HashMap::new(),
            absolute: false,
            seen: None,
        }
    }

    /// Refuses a second annotation of the same image with the same first point.
    pub(super) fn distinct(mut self) -> Self {
        self.seen = Some(HashSet::new());
        self
    }

    /// Takes absolute names that lead below the folder of the images too.
    pub(super) fn absolute(self) -> Self {
        Self { absolute: true, ..self }
    }

    /// The name of an image relative to the folder of the images.
    fn name(&self, image: &str) -> Result<String, Flaw> {
        if self.absolute {
            let roots = self.roots.iter().filter_map(|root| std::path::absolute(root).ok());
            let mut below = roots.filter_map(|root| Path::new(image).strip_prefix(root).ok());
            if let Some(below) = below.find_map(Path::to_str) {
                return inside(below);
            }
        }
        inside(image)
    }

    /// Where the image of this name is.
    fn find(&self, image: &str) -> Option<PathBuf> {
        find_file(&self.roots, image)
    }

    /// The scheme of the faces.
    pub(super) fn scheme(&self) -> Arc<Scheme> {
        self.scheme.clone()
    }

    /// How many points a face has.
    pub(super) fn points(&self) -> usize {
        self.scheme.points.len()
    }

    /// Notes what is wrong.
    pub(super) fn problem(&mut self, error: Error) {
        self.problems.push(error);
    }

    /// Counts an annotation that is no face and no mistake; `what` says what it is: "boxes without points".
    pub(super) fn pass(&mut self, what: &'static str) {
        *self.passed.entry(what).or_default() += 1;
    }

    /// Keeps what the user should know and is no mistake of a single annotation.
    pub(super) fn note(&mut self, text: String) {
        self.noticed.push(text);
    }

    /// Takes what the reader made of line `line` of `file`: a face, or why it is none.
    pub(super) fn take(&mut self, file: &Path, line: Option<usize>, face: Result<Face, Flaw>) {
        let added = face.and_then(|face| {
            let image = self.name(&face.image)?;
            if !self.images.contains_key(&image) {
                self.images.insert(image.clone(), self.find(&image));
            }
            let Some(path) = self.images.get(&image).cloned().flatten() else {
                let path = self.roots.first().map(|root| root.join(&image)).unwrap_or_default();
                let problem = format!("{} does not exist; add it or remove this annotation", path.display());
                return Err(("image".into(), problem));
            };
            self.add(image, ImageSource::File(path), face, Place { file: file.to_path_buf(), line })
        });
        if let Err((field, problem)) = added {
            self.problems.push(Error::format(file, line, field, problem));
        }
    }

    /// Takes a face from each line of a list that is not blank.
    pub(super) fn take_lines(
        &mut self,
        file: &Path,
        text: &str,
        parse: fn(&str, usize) -> Result<Face, Flaw>,
    ) {
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            self.take(file, Some(i + 1), parse(line, self.points()));
        }
    }

    /// Takes a face from each record of comma-separated text, but for a first one that is a header.
    pub(super) fn take_records(
        &mut self,
        file: &Path,
        text: &str,
        is_header: fn(&StringRecord) -> bool,
        parse: fn(&StringRecord, usize) -> Result<Face, Flaw>,
    ) -> Result<()> {
        for (i, record) in records(file, text).enumerate() {
            let (line, record) = record?;
            if i > 0 || !is_header(&record) {
                self.take(file, Some(line), parse(&record, self.points()));
            }
        }
        Ok(())
    }

    /// Takes a face whose image is inside the annotation file.
    pub(super) fn take_embedded(&mut self, file: &Path, source: ImageSource, face: Result<Face, Flaw>) {
        let place = Place { file: file.to_path_buf(), line: None };
        if let Err((field, problem)) = face.and_then(|face| self.add(face.image.clone(), source, face, place))
        {
            self.problems.push(Error::format(file, None, field, problem));
        }
    }

    fn add(&mut self, name: String, image: ImageSource, face: Face, place: Place) -> Result<(), Flaw> {
        let Face { landmarks, detector_box, own_box, subsets, stated_size, .. } = face;
        check(&landmarks, self.points())?;
        [detector_box, own_box].into_iter().flatten().try_for_each(check_box)?;
        let first = landmarks.iter().find_map(Landmark::position).unwrap_or_default();
        if let Some(seen) = &mut self.seen
            && !seen.insert((name.clone(), first.x.to_bits(), first.y.to_bits()))
        {
            let problem =
                format!("`{name}` with this first point was already annotated; remove one of the two");
            return Err(("image".into(), problem));
        }
        let sample = Sample {
            name: String::new(),
            image,
            landmarks,
            detector_box,
            own_box,
            subsets,
            stated_size,
            place: Some(place),
        };
        self.faces.entry(name).or_default().push(sample);
        Ok(())
    }

    /// What was noticed, and what was passed over, a line for each kind.
    pub(super) fn notes(&self) -> Vec<String> {
        let passed = self.passed.iter().map(|(what, count)| format!("passed over: {count} {what}"));
        self.noticed.iter().cloned().chain(passed).collect()
    }

    /// The samples by image name, then in the order of the file; and the problems.
    pub(super) fn finish(self) -> (Vec<Sample>, Vec<Error>) {
        (numbered(self.faces), self.problems)
    }
}

/// The faces by image, each with its name: the image's, and a number for a further face.
pub(super) fn numbered(by_image: BTreeMap<String, Vec<Sample>>) -> Vec<Sample> {
    let mut taken: HashSet<String> = by_image.keys().cloned().collect();
    let mut samples = Vec::new();
    for (image, faces) in by_image {
        let mut number = 1_usize;
        for mut sample in faces {
            sample.name.clone_from(&image);
            if number > 1 {
                sample.name = format!("{image}#{number}");
                // Only where an image file is itself called "a.jpg#2".
                while !taken.insert(sample.name.clone()) {
                    number += 1;
                    sample.name = format!("{image}#{number}");
                }
            }
            number += 1;
            samples.push(sample);
        }
    }
    samples
}

/// Refuses what no later stage could use.
fn check(landmarks: &[Landmark], points: usize) -> Result<(), Flaw> {
    if landmarks.len() != points {
        return Err(wrong_count(landmarks.len(), points));
    }
    if !landmarks.iter().any(|l| l.position().is_some()) {
        return Err(("points".into(), "none is annotated; remove this face".into()));
    }
    for (i, point) in landmarks.iter().enumerate().filter_map(|(i, l)| Some((i, l.position()?))) {
        if !near(point) {
            let problem = format!("({}, {}) is no place in an image; mend or remove it", point.x, point.y);
            return Err((format!("point {i}"), problem));
        }
    }
    Ok(())
}

fn check_box(b: Rect) -> Result<(), Flaw> {
    if b.is_usable(1.0) && near(Point::new(b.x0, b.y0)) && near(Point::new(b.x1, b.y1)) {
        return Ok(());
    }
    let problem = format!("({}, {}) to ({}, {}) is no box of at least 1 pixel", b.x0, b.y0, b.x1, b.y1);
    Err(("box".into(), problem))
}

/// Whether a point can be in or beside an image.
fn near(p: Point) -> bool {
    p.x.abs() <= MAX_COORDINATE && p.y.abs() <= MAX_COORDINATE
}

/// The flaw of a face whose number of points is not the scheme's.
pub(super) fn wrong_count(found: usize, wanted: usize) -> Flaw {
    (
        "points".into(),
        format!("{found} instead of {wanted}; mend the file, or give a scheme of {found} points"),
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A scheme of `n` nameless points.
    pub(in crate::dataset) fn scheme(n: usize) -> Arc<Scheme> {
        Arc::new(Scheme {
            name: format!("test-{n}"),
            points: (0..n).map(|i| format!("p{i}")).collect(),
            mirror: (0..n).collect(),
            lines: Vec::new(),
            normalizers: vec![],
            solid: vec![],
            head: None,
        })
    }

    /// Writes a 4 by 3 image.
    pub(in crate::dataset) fn picture(path: impl AsRef<Path>) {
        let path = path.as_ref();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::new(4, 3).save_with_format(path, image::ImageFormat::Png).unwrap();
    }

    /// Two faces of one image of 6 by 5, the first with a box.
    pub(in crate::dataset) fn two_faces(a: [Landmark; 2], b: [Landmark; 2]) -> Vec<Sample> {
        let image = ImageSource::Memory(Arc::new(image::RgbImage::from_pixel(6, 5, image::Rgb([9, 8, 7]))));
        let face = |(name, landmarks, detector_box): (&str, [Landmark; 2], _)| Sample {
            detector_box,
            ..Sample::new(name, image.clone(), landmarks.to_vec())
        };
        [("s/a.png", a, Some(Rect::new(0.0, 1.0, 2.0, 4.0))), ("s/a.png#2", b, None)].map(face).to_vec()
    }

    fn face(image: &str, x: f64) -> Face {
        Face {
            image: image.into(),
            landmarks: vec![Landmark::missing(), Landmark::visible(x, 1.0)],
            ..Face::default()
        }
    }

    #[test]
    fn names_are_sorted_and_unique_even_beside_images_called_like_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.png", "a.png#2"] {
            picture(folder.path().join(name));
        }
        let mut c = Collector::new(scheme(2), vec![folder.path().into()]);
        for (name, x) in [("b.png", 0.0), ("a.png", 1.0), (r".\a.png", 2.0), ("a.png#2", 3.0), ("a.png", 4.0)]
        {
            c.take(Path::new("f"), None, Ok(face(name, x)));
        }
        let (samples, problems) = c.finish();
        assert!(problems.is_empty(), "{problems:?}");
        let got: Vec<_> = samples.iter().map(|s| (s.name.as_str(), s.landmarks[1].point.x)).collect();
        assert_eq!(
            got,
            [("a.png", 1.0), ("a.png#3", 2.0), ("a.png#4", 4.0), ("a.png#2", 3.0), ("b.png", 0.0)]
        );
    }

    #[test]
    fn a_letter_and_its_mark_are_one_name_or_two() {
        let (apart, one) = ("cafe\u{301}.png", "caf\u{e9}.png");
        for (on_disk, annotated) in [(apart, one), (one, apart), (one, one)] {
            let folder = tempfile::tempdir().unwrap();
            picture(folder.path().join(on_disk));
            let mut c = Collector::new(scheme(2), vec![folder.path().into()]);
            let landmarks = vec![Landmark::visible(1.0, 1.0); 2];
            c.take(Path::new("f"), None, Ok(Face { image: annotated.into(), landmarks, ..Face::default() }));
            let (samples, problems) = c.finish();
            assert!(samples.len() == 1 && samples[0].load_image().is_ok(), "{problems:?}");
        }
    }

    #[test]
    fn bad_faces_become_problems_with_a_place() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("a.png"));
        let mut c = Collector::new(scheme(2), vec![folder.path().into()]).distinct();
        let boxed = |b| Face { detector_box: Some(b), ..face("a.png", 9.0) };
        let faces = [
            (face("no.png", 1.0), "no.png does not exist"),
            (face("/etc/passwd", 1.0), "absolute path"),
            (face(r"C:\a.png", 1.0), "absolute path"),
            (face("sub/../../a.png", 1.0), "leads out"),
            (face(" ", 1.0), "names no image"),
            (face("sub/..", 1.0), "names no image"),
            (face("a\n.png", 1.0), "control characters"),
            (face("a.png", 1.1e5), "point 1: (110000, 1)"),
            (face("a.png", f64::NAN), "point 1"),
            (Face { landmarks: vec![Landmark::visible(0.0, 0.0)], ..face("a.png", 0.0) }, "1 instead of 2"),
            (Face { landmarks: vec![Landmark::missing(); 2], ..face("a.png", 0.0) }, "none is annotated"),
            (boxed(Rect::new(5.0, 5.0, 5.0, 9.0)), "no box"),
            (boxed(Rect::new(5.0, f64::NAN, 15.0, 9.0)), "no box"),
            (boxed(Rect::new(5.0, 5.0, 1e6, 9.0)), "no box"),
            (Face { own_box: Some(Rect::new(5.0, 5.0, 4.0, 9.0)), ..face("a.png", 9.0) }, "no box"),
        ];
        for (i, (face, what)) in faces.into_iter().enumerate() {
            c.take(Path::new("f.csv"), Some(i + 1), Ok(face));
            let message = c.problems.last().unwrap().to_string();
            assert_eq!(c.problems.len(), i + 1);
            assert!(
                message.starts_with(&format!("f.csv:{}: ", i + 1)) && message.contains(what),
                "{message}"
            );
        }
        c.take(Path::new("f.csv"), None, Ok(face("a.png", 1.0)));
        c.take(Path::new("f.csv"), None, Ok(face("a.png", 1.0)));
        c.take(Path::new("f.csv"), None, Ok(face("a.png", 2.0)));
        let (samples, problems) = c.finish();
        assert_eq!((samples.len(), problems.len()), (2, 16));
        assert!(problems[15].to_string().contains("already annotated"));
    }
}
