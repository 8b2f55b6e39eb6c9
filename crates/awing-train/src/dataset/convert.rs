//! From one format to another, and to a scheme of fewer points.

use super::{
    DataSource, Dataset, Format, Images, Sample,
    fit::{Change, fit},
    formats::{Layout, Writer},
    text::folder_of,
};
use awing::{
    Error, Result,
    scheme::{Conversion, Scheme},
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What [`convert`] wrote.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The annotation file; the folder of a format that has a file a face.
    pub annotations: PathBuf,
    /// How many faces were written.
    pub faces: usize,
    /// In how many images they are.
    pub images: usize,
    /// How many of these images are not where a reader of the annotations looks for them.
    pub absent: usize,
    /// What the format could not say.
    pub changes: Vec<Change>,
}

/// Writes a dataset in the format and to the path of `target`: a file with the format's ending, or a folder, in which
/// the file then has its customary name. Every field that the format can hold is kept; what becomes of the others
/// is told in [`Converted::changes`]. What the readers do not keep (segmentations of COCO, scores of dlib) is lost. The points keep
/// their scheme: see [`Dataset::in_scheme`].
///
/// With [`Images::Copy`], [`Images::Link`] and [`Images::Move`] the folder must be new or empty. Nothing is ever written over, and nothing is written where
/// reading the dataset again would take it for a part of it.
///
/// ```no_run
/// use awing_train::dataset::{Dataset, Images, OpenOptions, convert};
/// let faces = Dataset::open(&"300w:faces".parse()?, &OpenOptions::default())?;
/// let written = convert(&faces, &"coco:coco/annotations.json".parse()?, Images::Copy)?;
/// for change in &written.changes {
///     println!("{change}"); // subsets of 3 faces are lost …
/// }
/// # Ok::<(), awing::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] when there is something at the target or it lies in the dataset, or the format is only read or can say no face;
/// [`Error::Io`] and [`Error::Image`] for what cannot be read or written.
pub fn convert(dataset: &Dataset, target: &DataSource, images: Images) -> Result<Converted> {
    let (fitted, changes) = fit(dataset, target.format)?;
    if fitted.samples.is_empty() {
        let why = changes.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(Error::invalid("faces", format!("nothing to write: {why}")));
    }
    let place = Target::of(target)?;
    if dataset.source.reads(target) {
        let problem = format!(
            "{} lies in {}, which would hold the faces twice from then on; name a folder outside",
            target.path.display(),
            dataset.source.path.display()
        );
        return Err(Error::invalid("target", problem));
    }
    place.must_be_free(&fitted, images)?;
    let mut sources: BTreeMap<&str, &Sample> = BTreeMap::new();
    for sample in &fitted.samples {
        sources.entry(sample.image_name()).or_insert(sample);
    }
    // Some file systems do not tell large letters from small ones.
    let annotations = place.annotations.to_string_lossy().to_lowercase();
    let taken = |folder: &Path, name: &str| folder.join(name).to_string_lossy().to_lowercase() == annotations;
    if let Some(folder) = &place.images
        && let Some(name) = sources.keys().find(|name| taken(folder, name))
    {
        let problem =
            format!("an image is called `{name}`, as the annotations would be; name their file otherwise");
        return Err(Error::invalid("target", problem));
    }
    // The annotations come last: where they are, the images are too.
    let mut absent = 0;
    if let Some(folder) = &place.images {
        for (name, sample) in &sources {
            absent += usize::from(!images.put(&sample.image, &folder.join(name))?);
        }
    }
    if let Some(Writer { write, .. }) = &target.format.description().write {
        write(&fitted.samples, &fitted.scheme, &place.annotations)?;
    }
    Ok(Converted {
        annotations: place.annotations,
        faces: fitted.samples.len(),
        images: sources.len(),
        absent,
        changes,
    })
}

impl Dataset {
    /// The same faces with the points of another scheme, chosen by their names: WFLW's 98 points as the 68 of 300-W.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a point of the other scheme has no namesake in this one.
    pub fn in_scheme(&self, scheme: &Arc<Scheme>) -> Result<Self> {
        let conversion = Conversion::between(&self.scheme, scheme).ok_or_else(|| {
            let strange = scheme.points.iter().find(|name| self.scheme.index_of(name).is_none());
            let problem = format!(
                "`{}` has no point \"{}\" of `{}`; points are chosen by their names",
                self.scheme.name,
                strange.map_or("", String::as_str),
                scheme.name
            );
            Error::invalid("scheme", problem)
        })?;
        let mut samples = Vec::with_capacity(self.samples.len());
        for sample in &self.samples {
            let landmarks = conversion.apply(&sample.landmarks)?;
            // A face of which only other points are annotated says nothing in this scheme.
            if landmarks.iter().any(|l| l.position().is_some()) {
                samples.push(Sample { landmarks, ..sample.clone() });
            }
        }
        Ok(Self::new(self.source.clone(), scheme.clone(), samples))
    }
}

/// Whether a file is one that is still being written, as [`write_atomic`](crate::files::write_atomic) calls them.
fn is_temporary(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(".tmp")
}

/// Where things are written.
struct Target {
    layout: &'static Layout,
    /// The annotation file, or the folder of the files.
    annotations: PathBuf,
    /// The folder of annotations and images.
    folder: PathBuf,
    /// Where the format's reader looks for images; `None` where they are inside the file.
    images: Option<PathBuf>,
}

impl Target {
    fn of(target: &DataSource) -> Result<Self> {
        let (path, layout) = (&target.path, &target.format.description().layout);
        let usual = layout.file_name();
        let given = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let right = usual.and_then(|_| layout.ending());
        let names_file = given.is_some() && given.as_deref() == right && !path.is_dir();
        // Nobody calls a folder as an annotation file.
        let of_file = Format::ALL
            .iter()
            .any(|f| given.is_some() && f.description().layout.ending() == given.as_deref());
        if !names_file && !path.is_dir() && of_file {
            let (path, format) = (path.display(), target.format);
            let problem = match right {
                Some(right) => {
                    format!("{path} is no name for {format} data; name a .{right} file or a folder")
                }
                None => format!("{path} is no name for {format} data, a file for each face; name a folder"),
            };
            return Err(Error::invalid("target", problem));
        }
        let annotations = match usual {
            Some(usual) if !names_file => path.join(usual),
            _ => path.clone(),
        };
        let folder = if usual.is_some() { folder_of(&annotations) } else { path.clone() };
        let images = match layout {
            Layout::File { images, .. } if !images.is_empty() => Some(folder.join(images)),
            Layout::Whole { .. } => None,
            _ => Some(folder.clone()),
        };
        Ok(Self { layout, annotations, folder, images })
    }

    /// Refuses to write over anything.
    fn must_be_free(&self, fitted: &Dataset, images: Images) -> Result<()> {
        if images != Images::Leave
            && self.images.is_some()
            && self
                .folder
                .read_dir()
                .is_ok_and(|entries| entries.flatten().any(|entry| !is_temporary(&entry.file_name())))
        {
            let problem = format!(
                "{} is not empty, and images would be mixed with what is there; name a new folder, or leave the images where they are",
                self.folder.display()
            );
            return Err(Error::invalid("target", problem));
        }
        let files = match self.layout {
            Layout::Folder { ending, beside } => {
                let faces = fitted.samples.iter().map(|s| Path::new(s.image_name()).with_extension(ending));
                faces.chain([PathBuf::from(beside)]).map(|file| self.folder.join(file)).collect()
            }
            _ => vec![self.annotations.clone()],
        };
        files.into_iter().find(|file| file.exists()).map_or(Ok(()), |file| {
            let problem = format!("{} is already there and is not changed; name another", file.display());
            Err(Error::invalid("target", problem))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{ChangeKind, ImageSource, Landmark, OpenOptions, Visibility, collect::tests::scheme},
        *,
    };
    use awing::geometry::Rect;
    use image::{Rgb, RgbImage};
    use proptest::prelude::*;

    const POINTS: usize = 5;

    /// Names that some formats cannot say.
    const NAMES: [&str; 7] = [
        "a.png",
        "a.jpg",
        "sub/b c.png",
        "sub/b c.png#2",
        "sub/b c.png#3",
        "sub/helen_test.png",
        "d, \"e\" & <f>.png",
    ];
    const SUBSETS: [&[&str]; 5] = [&[], &["blur", "pose"], &["left"], &["common"], &["mine", "two words"]];

    fn image(i: usize) -> ImageSource {
        ImageSource::Memory(Arc::new(RgbImage::from_fn(7, 5, |x, y| {
            Rgb([u8::try_from(i * 30).unwrap(), (x * 9) as u8, (y * 11) as u8])
        })))
    }

    fn dataset(samples: Vec<Sample>) -> Dataset {
        let source = "csv:memory".parse().unwrap();
        Dataset::new(source, scheme(POINTS), samples)
    }

    fn source(format: &str, path: PathBuf) -> DataSource {
        DataSource { format: format.parse().unwrap(), path }
    }

    /// The formats that can be written.
    fn written() -> impl Iterator<Item = Format> {
        Format::ALL.into_iter().filter(|format| format.is_written())
    }

    /// Faces that differ in their first point, which is always there.
    fn faces() -> impl Strategy<Value = Vec<Sample>> {
        let landmark = (-50.0..400.0_f64, -50.0..400.0_f64, 0..6_u8).prop_map(|(x, y, v)| match v {
            0 => Landmark::missing(),
            1 => Landmark { visibility: Visibility::Occluded, ..Landmark::visible(x, y) },
            _ => Landmark::visible(x, y),
        });
        let rect = (-20.0..100.0_f64, -20.0..100.0_f64, 2.0..300.0_f64, 2.0..300.0_f64)
            .prop_map(|(x, y, w, h)| Rect::new(x, y, x + w, y + h));
        let face = (
            prop::collection::vec(landmark, POINTS),
            (prop::option::of(rect.clone()), prop::option::of(rect)),
            0..SUBSETS.len(),
            any::<bool>(),
        );
        prop::collection::vec(face, NAMES.len()).prop_map(|faces| {
            let each = faces.into_iter().zip(NAMES).enumerate();
            each.map(|(i, ((mut landmarks, (detector_box, own_box), subsets, whole), name))| {
                landmarks[0] = Landmark::visible(1000.0 + 10.0 * i as f64, 1000.25);
                if whole || i == 0 {
                    landmarks
                        .iter_mut()
                        .filter(|l| l.visibility == Visibility::Missing)
                        .for_each(|l| *l = Landmark::visible(3.5, 4.5));
                }
                if i == 0 {
                    landmarks.iter_mut().for_each(|l| l.point.x = l.point.x.abs() + 1.0);
                }
                let image = image(if name.contains('#') { 2 } else { i });
                let subsets = SUBSETS[subsets].iter().map(|s| (*s).to_string()).collect();
                Sample { detector_box, own_box, subsets, ..Sample::new(name, image, landmarks) }
            })
            .collect()
        })
    }

    /// Through a format and back into memory.
    fn through(dataset: &Dataset, format: Format, folder: &Path, images: Images) -> Dataset {
        let target = DataSource { format, path: folder.to_path_buf() };
        let written = convert(dataset, &target, images).unwrap();
        assert_eq!(written.absent, 0);
        let source = DataSource { format, path: written.annotations };
        let options = OpenOptions { scheme: Some(dataset.scheme.clone()), ..OpenOptions::default() };
        let read = Dataset::open(&source, &options).unwrap();
        assert!(read.problems.is_empty(), "{format}: {:?}", read.problems);
        assert_eq!(read.samples.len(), written.faces);
        read
    }

    /// The face whose first point is this one's.
    fn same<'a>(face: &Sample, others: &'a [Sample]) -> Option<&'a Sample> {
        let first = |s: &Sample| s.landmarks[0].point.x;
        others.iter().find(|other| (first(other) - first(face)).abs() < 1.0)
    }

    fn near(a: Rect, b: Rect) -> bool {
        // .pts folders have boxes to three decimals.
        [a.x0 - b.x0, a.y0 - b.y0, a.x1 - b.x1, a.y1 - b.y1].iter().all(|d| d.abs() < 2e-3)
    }

    /// The same but for rounding.
    fn assert_same(what: &str, read: &Dataset, fitted: &Dataset) {
        let names = |d: &Dataset| d.samples.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(read), names(fitted), "{what}");
        for (a, b) in read.samples.iter().zip(&fitted.samples) {
            for (p, q) in a.landmarks.iter().zip(&b.landmarks) {
                assert_eq!(p.visibility, q.visibility, "{what}: {}", a.name);
                assert!(p.point.distance(q.point) < 1e-5, "{what}: {}", a.name);
            }
            for boxes in [(a.detector_box, b.detector_box), (a.own_box, b.own_box)] {
                match boxes {
                    (Some(a), Some(b)) => assert!(near(a, b), "{what}: {a:?} {b:?}"),
                    (a, b) => assert_eq!(a, b, "{what}"),
                }
            }
            assert_eq!(a.subsets, b.subsets, "{what}: {}", a.name);
            let pixels = |s: &Sample| s.load_image().unwrap().get_pixel(3, 2).0[0];
            assert!(pixels(a).abs_diff(pixels(b)) < 15, "{what}: {}", a.name);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3))]
        /// Into A, on to B, back to A: what each format gives back is what `fit` says, and every field that B can hold is what it
        /// was in A.
        #[test]
        fn every_field_that_a_format_can_hold_comes_back(samples in faces()) {
            let folder = tempfile::tempdir().unwrap();
            let given = dataset(samples);
            for a in written() {
                let at = |part: String| folder.path().join(format!("{a}")).join(part);
                let in_a = through(&given, a, &at("a".into()), Images::Copy);
                assert_same(&format!("{a}"), &in_a, &fit(&given, a).unwrap().0);
                for b in written() {
                    let in_b = through(&in_a, b, &at(format!("{b}")), Images::Link);
                    let (fitted, changes) = fit(&in_a, b).unwrap();
                    assert_same(&format!("{a} to {b}"), &in_b, &fitted);
                    let back = through(&in_b, a, &at(format!("{b}-back")), Images::Link);
                    let changed = |kind| changes.iter().any(|change| change.kind == kind);
                    let lost = changed(ChangeKind::MissingPoints) || changed(ChangeKind::CornerPoints);
                    for face in &in_a.samples {
                        let Some(again) = same(face, &back.samples) else {
                            prop_assert!(lost, "{a} to {b}: {} is lost", face.name);
                            continue;
                        };
                        for (p, q) in face.landmarks.iter().zip(&again.landmarks) {
                            if p.visibility != q.visibility {
                                prop_assert!(changed(ChangeKind::HiddenPoints) || changed(ChangeKind::CornerPoints));
                            } else {
                                prop_assert!(p.point.distance(q.point) < 1e-5);
                            }
                        }
                        let (squared, own) = (changed(ChangeKind::BoxesSquared), changed(ChangeKind::OwnBoxes));
                        if let (Some(p), Some(q)) = (face.detector_box, again.detector_box) {
                            prop_assert!(near(p, q) || squared || own || changed(ChangeKind::BoxesLeftOut));
                        } else if face.detector_box.is_some() != again.detector_box.is_some() {
                            prop_assert!(own || changed(ChangeKind::BoxesLeftOut) || changed(ChangeKind::BoxesMade), "{a} to {b}");
                        }
                        match (face.own_box, again.own_box) {
                            (Some(p), Some(q)) => prop_assert!(near(p, q) || squared || own, "{a} to {b}"),
                            (Some(_), None) => prop_assert!(own, "{a} to {b}"),
                            (None, Some(_)) => prop_assert_eq!(b.name(), "aflw"),
                            (None, None) => {}
                        }
                        let sorted = |face: &Sample| {
                            let mut subsets = face.subsets.clone();
                            subsets.sort();
                            subsets
                        };
                        prop_assert!(sorted(face) == sorted(again) || changed(ChangeKind::Subsets) || a.name() == "300w",
                            "{a} to {b}: {} {:?} {:?}", face.name, face.subsets, again.subsets);
                        prop_assert!(face.name == again.name
                            || changed(ChangeKind::Names) || changed(ChangeKind::FurtherFaces) || a.name() == "cofw"
                            || lost);
                    }
                }
            }
        }
    }

    #[test]
    fn each_loss_is_told_once() {
        let hidden = Landmark { visibility: Visibility::Occluded, ..Landmark::visible(3.0, 4.0) };
        let face = |name: &str, landmarks: Vec<Landmark>| Sample {
            detector_box: Some(Rect::new(0.0, 0.0, 4.0, 6.0)),
            subsets: vec!["mine".into()],
            ..Sample::new(name, image(1), landmarks)
        };
        let mut samples = vec![
            face("a b.png", vec![hidden; POINTS]),
            face("a b.png#2", vec![Landmark::visible(1.0, 2.0); POINTS]),
            face("c.png", vec![Landmark::missing(), hidden, hidden, hidden, hidden]),
        ];
        samples[1].detector_box = None;
        let given = dataset(samples);
        let told = |format: &str| {
            let lines: Vec<String> =
                fit(&given, format.parse().unwrap()).unwrap().1.iter().map(ToString::to_string).collect();
            lines.join("\n")
        };
        assert_eq!(
            told("300w"),
            "hidden points of 1 face become visible ones: 300w cannot say it\n\
             1 face with missing points is left out: 300w cannot say it\n\
             1 face gets a copy of the image under a name of its own: 300w holds one face an image\n\
             subsets of 2 faces are lost or changed: 300w tells them from the image's path"
        );
        assert_eq!(
            told("aflw"),
            "hidden points of 2 faces become visible ones: aflw cannot say it\n\
             1 face without a box gets the one around the points: aflw asks for one\n\
             boxes of 2 faces become squares: aflw knows no others\n\
             subsets of 3 faces are lost or changed: aflw cannot say them"
        );
        let words = told("mtfl");
        assert!(words.contains("boxes of 1 face are left out: mtfl has none"), "{words}");
        assert!(words.contains("1 image gets another name: the format has no blanks in names"), "{words}");
        assert_eq!((told("csv"), told("coco")), (String::new(), String::new()));
    }

    #[test]
    fn nothing_is_written_into_the_folder_that_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        super::super::write_drawn(&at("faces"), 2, 1).unwrap();
        let open = |format: &str, path: &str| {
            Dataset::open(&source(format, at(path)), &OpenOptions::default()).unwrap()
        };
        let given = open("300w", "faces");
        let to = |given: &Dataset, format: &str, path: &str| {
            convert(given, &source(format, at(path)), Images::Copy)
        };
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("faces"), at("link")).unwrap();
        for path in ["faces/sub", "faces/a/b", "other/../faces/sub", "new/../faces/sub", "faces", "link/sub"]
        {
            let error = to(&given, "300w", path).unwrap_err().to_string();
            let told = error.contains("would hold the faces twice") && error.contains("outside");
            assert!(told || cfg!(not(unix)), "{path}: {error}");
        }
        assert_eq!(open("300w", "faces").samples.len(), 2);
        // A neighbour of a longer name, a format that is another's, and a file that is named itself.
        to(&given, "300w", "faces-2").unwrap();
        to(&given, "csv", "faces/table").unwrap();
        to(&open("csv", "faces/table"), "csv", "faces/table/sub").unwrap();
        assert_eq!(open("300w", "faces").samples.len(), 2);
        assert_eq!(open("csv", "faces/table").samples.len(), 2);
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let given = dataset(vec![Sample::new("a.png", image(1), vec![Landmark::visible(1.0, 2.0); POINTS])]);
        let to = |format: &str, path: &str, images| {
            convert(&given, &source(format, folder.path().join(path)), images)
        };
        // A file of the usual name in a folder, and one named in full.
        assert!(to("coco", "x", Images::Copy).unwrap().annotations.ends_with("x/annotations.json"));
        let beside = to("csv", "x/own.csv", Images::Leave).unwrap();
        assert!(beside.annotations.ends_with("x/own.csv"));
        assert_eq!((beside.faces, beside.images, beside.absent), (1, 1, 0));
        assert_eq!(to("csv", "elsewhere/own.csv", Images::Leave).unwrap().absent, 1);
        to("300w", "x", Images::Leave).unwrap();
        let before = std::fs::read_to_string(folder.path().join("x/a.pts")).unwrap();
        for (format, path, images, what) in [
            ("csv", "x/own.csv", Images::Leave, "own.csv is already there"),
            ("300w", "x", Images::Leave, "a.pts is already there"),
            ("csv", "x/other.csv", Images::Copy, "is not empty"),
            ("dlib", "x", Images::Link, "is not empty"),
            (
                "dlib",
                "new/a.txt",
                Images::Copy,
                "a.txt is no name for dlib data; name a .xml file or a folder",
            ),
            ("300w", "new/a.PTS", Images::Copy, "for 300w data, a file for each face"),
        ] {
            let error = to(format, path, images).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("x/a.pts")).unwrap(), before);
        // An image that is called as the annotations would be.
        let mut samples = given.samples.clone();
        samples[0].name = "Annotations.json".into();
        let odd = Dataset::new(given.source.clone(), given.scheme.clone(), samples);
        let target = source("coco", folder.path().join("odd"));
        let error = convert(&odd, &target, Images::Copy).unwrap_err().to_string();
        assert!(error.contains("an image is called `Annotations.json`"), "{error}");
        assert!(!folder.path().join("odd").exists());
        // The images of COFW are inside its file.
        to("cofw", "x/COFW_test_color.mat", Images::Copy).unwrap();
        let read: DataSource =
            format!("cofw:{}", folder.path().join("x/COFW_test_color.mat").display()).parse().unwrap();
        let read =
            Dataset::open(&read, &OpenOptions { scheme: Some(scheme(POINTS)), ..OpenOptions::default() })
                .unwrap();
        assert_eq!(read.samples[0].name, "IsT/0001.png");
        assert_eq!(*read.samples[0].load_image().unwrap(), *given.samples[0].load_image().unwrap());
    }

    #[test]
    fn what_a_data_set_divides_errors_by_survives_other_formats() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir(at("aflw")).unwrap();
        image::RgbImage::new(4, 3).save(at("aflw/a.png")).unwrap();
        let line = "a.png,0.5,100,60,70,41,42,43,44,45,46,47,48,49,50\n";
        std::fs::write(at("aflw/faces.csv"), line).unwrap();
        let open = |format: &str, path: &str| {
            let options = OpenOptions { scheme: Some(scheme(POINTS)), ..OpenOptions::default() };
            Dataset::open(&source(format, at(path)), &options).unwrap()
        };
        let square = Some(Rect::new(10.0, 20.0, 110.0, 120.0));
        let mut given = open("aflw", "aflw");
        for format in ["csv", "coco", "aflw"] {
            assert_eq!(
                (given.samples[0].own_box, given.samples[0].detector_box),
                (square, square),
                "{format}"
            );
            let to = format!("to-{format}");
            assert_eq!(convert(&given, &source(format, at(&to)), Images::Copy).unwrap().changes, []);
            given = open(format, &to);
        }
        // No detector's box is taken for it, and 300-W cannot say it.
        let told = convert(&given, &source("300w", at("300w")), Images::Copy).unwrap().changes;
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["own boxes of 1 face are left out: 300w has none"]);
        let ibug = open("300w", "300w");
        assert_eq!((ibug.samples[0].own_box, ibug.samples[0].detector_box), (None, square));
    }

    #[test]
    fn names_that_lead_out_and_formats_without_points_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let to = |name: &str, format: &str| {
            let given = dataset(vec![Sample::new(name, image(1), vec![Landmark::visible(1.0, 2.0); POINTS])]);
            convert(&given, &source(format, folder.path().join("new")), Images::Copy).unwrap_err().to_string()
        };
        for format in written() {
            assert!(to("../a.png", format.name()).contains("leads out"));
            assert!(to("/a.png", format.name()).contains("absolute"));
        }
        for format in ["wider", "none"] {
            assert_eq!(to("a.png", format), format!("format: {format} is only read; name another to write"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn points_are_chosen_by_their_names() {
        let wflw = Scheme::builtin("wflw-98").unwrap();
        let ibug = Scheme::builtin("300w-68").unwrap();
        let landmarks: Vec<Landmark> = (0..98).map(|i| Landmark::visible(f64::from(i), 1.0)).collect();
        let subsets = vec!["pose".into()];
        let mut given = dataset(vec![Sample { subsets, ..Sample::new("a.png", image(1), landmarks) }]);
        given.scheme = wflw.clone();
        let converted = given.in_scheme(&ibug).unwrap();
        let face = &converted.samples[0];
        assert_eq!((face.landmarks.len(), face.landmarks[1].point.x, face.subsets.len()), (68, 2.0, 1));
        let error = converted.in_scheme(&wflw).unwrap_err().to_string();
        assert!(error.contains("`300w-68` has no point \""), "{error}");
    }
}
