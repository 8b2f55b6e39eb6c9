//! iBUG's `.pts` files, one beside each image, as 300-W and its parts (LFPW, Helen, AFW, iBUG) have them.
//!
//! ```text
//! version: 1
//! n_points: 68
//! {
//! 122.93 152.57
//! …
//! }
//! ```
//! Matlab's convention: the centre of the top-left pixel is (1, 1). A `detector_boxes.csv` in any of the folders
//! (`image,x_min,y_min,x_max,y_max`, the same convention, images relative to it) gives the detector's boxes.

use super::description::{Boxes, Description, Faces, Layout, Names, Read, Subsets, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::folder::{IMAGE_KINDS, files_below, has_image_ending},
    dataset::spelling::composed,
    dataset::text::{Flaw, corners, csv_text, flaw, number, read_text, records},
    files::write_atomic,
};
use awing::{
    Error, Result,
    geometry::{Point, Rect},
    scheme::{Landmark, Scheme},
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

/// The name of the file of detector boxes.
const DETECTOR_BOXES: &str = "detector_boxes.csv";

/// iBUG `.pts` files beside images (300-W and its parts): a folder.
pub(super) static FORMAT: Description = Description {
    name: "300w",
    scheme: Some("300w-68"),
    layout: Layout::Folder { ending: "pts", beside: DETECTOR_BOXES },
    read: Read::Faces(read),
    write: Some(Writer {
        boxes: Boxes::Optional,
        names: Names::Stems,
        faces: Faces::One,
        subsets: Subsets::OfImage(subsets),
        ..Writer::plain(write)
    }),
};

/// The files of one face: those of the same folder and stem.
#[derive(Default)]
struct Stem {
    points: Vec<PathBuf>,
    images: Vec<String>,
}

/// Everything found below the folder, by path relative to it.
#[derive(Default)]
struct Found {
    stems: BTreeMap<String, Stem>,
    box_files: BTreeMap<String, PathBuf>,
    unnamed: Vec<PathBuf>,
}

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    if !path.is_dir() {
        return Err(Error::format(
            path,
            None,
            "folder",
            "name the folder that holds the .pts files and images",
        ));
    }
    let mut collector = Collector::new(choice.usual()?, vec![path.to_path_buf()]);
    let found = Found::below(path)?;
    // What is none of a face's files may be called as it likes.
    let lost =
        |path: &&PathBuf| path.is_dir() || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pts"));
    for unnamed in found.unnamed.iter().filter(lost) {
        let problem = "its name is no UTF-8, which a face of this format needs; rename it and its image";
        collector.problem(Error::format(unnamed, None, "name", problem));
    }

    let mut boxes = BTreeMap::new();
    for (folder, file) in &found.box_files {
        if let Err(error) = read_boxes(file, folder, &mut boxes, &mut collector) {
            collector.problem(error);
        }
    }
    for (stem, files) in found.stems {
        let Some(file) = files.points.first() else { continue };
        let image = match one_of_each(&stem, &files) {
            Ok(image) => image,
            Err(flaw) => {
                collector.take(file, None, Err(flaw));
                continue;
            }
        };
        match read_text(file).and_then(|text| parse(file, &text, collector.points())) {
            Ok(landmarks) => {
                let detector_box = boxes.get(image).copied();
                let subsets = subsets(image);
                let face = Face { image: image.clone(), landmarks, detector_box, subsets, ..Face::default() };
                collector.take(file, None, Ok(face));
            }
            Err(error) => collector.problem(error),
        }
    }
    Ok(collector)
}

impl Found {
    fn below(folder: &Path) -> Result<Self> {
        let below = files_below(folder)?;
        let mut found = Self { unnamed: below.unnamed, ..Self::default() };
        for (name, path) in below.files {
            let (parent, file) = name.rsplit_once('/').unwrap_or(("", &name));
            if file == DETECTOR_BOXES {
                found.box_files.insert(parent.to_string(), path);
            } else if let Some((stem, ending)) = name.rsplit_once('.') {
                let stem = stem.to_string();
                if ending.eq_ignore_ascii_case("pts") {
                    found.stems.entry(stem).or_default().points.push(path);
                } else if has_image_ending(&path) {
                    found.stems.entry(stem).or_default().images.push(name);
                }
            }
        }
        found.join_spellings();
        Ok(found)
    }

    /// Gives points without an image the images whose name is spelled with other characters, letters and their marks apart or not, as macOS does.
    fn join_spellings(&mut self) {
        let mut spare: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (stem, files) in self.stems.iter().filter(|(_, files)| files.points.is_empty()) {
            spare.entry(composed(stem)).or_default().extend(files.images.iter().cloned());
        }
        for (stem, files) in self.stems.iter_mut().filter(|(_, files)| files.images.is_empty()) {
            files.images.extend(spare.remove(&composed(stem)).unwrap_or_default());
        }
    }
}

/// The one image of the one `.pts` file.
fn one_of_each<'a>(stem: &str, files: &'a Stem) -> Result<&'a String, Flaw> {
    if files.points.len() > 1 {
        let problem = format!("{} annotation files for `{stem}`; keep one", files.points.len());
        return Err(flaw("points", problem));
    }
    match files.images.as_slice() {
        [image] => Ok(image),
        [] => {
            let kinds = IMAGE_KINDS;
            Err(flaw("image", format!("no image `{stem}` ({kinds}) beside it; add it or remove this file")))
        }
        several => {
            let problem =
                format!("{} images for one annotation ({}); keep one", several.len(), several.join(", "));
            Err(flaw("image", problem))
        }
    }
}

/// The points between the braces, moved to the 0-based convention.
fn parse(file: &Path, text: &str, points: usize) -> Result<Vec<Landmark>> {
    let at = |line, field: &str, problem: &str| Error::format(file, line, field, problem);
    let (head, body) = text
        .split_once('{')
        .ok_or_else(|| at(None, "{", "no opening brace before the points; is this an iBUG .pts file?"))?;
    let (body, _) = body
        .split_once('}')
        .ok_or_else(|| at(None, "}", "no closing brace after the points; the file is cut off"))?;
    let first_line = 1 + head.matches('\n').count();
    let mut landmarks = Vec::new();
    for (i, line) in body.lines().enumerate() {
        let place = first_line + i;
        let mut fields = line.split_whitespace();
        match (fields.next(), fields.next(), fields.next()) {
            (None, ..) => {}
            (Some(x), Some(y), None) => {
                let index = landmarks.len();
                let read = |text, axis| {
                    number(text, || format!("{axis} of point {index}"))
                        .map_err(|(field, problem)| at(Some(place), &field, &problem))
                };
                landmarks.push(Landmark::visible(read(x, "x")? - 1.0, read(y, "y")? - 1.0));
            }
            _ => return Err(at(Some(place), "point", "a line must hold two numbers, x and y")),
        }
    }
    for (i, line) in head.lines().enumerate() {
        if let Some(count) = line.trim().strip_prefix("n_points:")
            && count.trim().parse() != Ok(landmarks.len())
        {
            let count = count.trim().chars().take(20).collect::<String>();
            let problem = format!("says {count}, but {} points follow; mend the file", landmarks.len());
            return Err(at(Some(i + 1), "n_points", &problem));
        }
    }
    if landmarks.len() != points {
        let (field, problem) = wrong_count(landmarks.len(), points);
        return Err(at(None, &field, &problem));
    }
    Ok(landmarks)
}

/// Adds the boxes of one `detector_boxes.csv`, in the folder called `folder`.
fn read_boxes(
    file: &Path,
    folder: &str,
    boxes: &mut BTreeMap<String, Rect>,
    collector: &mut Collector,
) -> Result<()> {
    let text = read_text(file)?;
    for (i, record) in records(file, &text).enumerate() {
        let (line, record) = record?;
        let cells: Vec<&str> = record.iter().collect();
        let parsed = match cells.as_slice() {
            // The header.
            ["image", ..] if i == 0 => continue,
            [image, x0, y0, x1, y1] => corners([x0, y0, x1, y1], -1.0).map(|b| (image.to_string(), b)),
            _ => Err(flaw("record", "must hold image,x_min,y_min,x_max,y_max")),
        };
        match parsed {
            Ok((image, rect)) if rect.is_usable(1.0) => {
                let name = if folder.is_empty() { image } else { format!("{folder}/{image}") };
                boxes.insert(name, rect);
            }
            Ok((image, _)) => {
                let problem = format!("the box of `{image}` is empty; mend or remove it");
                collector.problem(Error::format(file, line, "box", problem));
            }
            Err((field, problem)) => collector.problem(Error::format(file, line, field, problem)),
        }
    }
    Ok(())
}

/// The 300-W subsets an image belongs to, told from its path: "common" (the test parts of LFPW and Helen),
/// "challenging" (iBUG), "indoor" and "outdoor" (300-W private).
fn subsets(image: &str) -> Vec<String> {
    let path = image.to_ascii_lowercase();
    let has = |word| path.contains(word);
    let subset = if has("ibug") {
        "challenging"
    } else if (has("lfpw") || has("helen")) && has("test") && !has("train") {
        "common"
    } else if has("indoor") {
        "indoor"
    } else if has("outdoor") {
        "outdoor"
    } else {
        return Vec::new();
    };
    vec![subset.to_string()]
}

/// Writes a `.pts` file for each face below the folder, and `detector_boxes.csv`, to three decimals, where faces have boxes.
fn write(samples: &[Sample], _scheme: &Scheme, folder: &Path) -> Result<()> {
    let mut boxes = Vec::new();
    for sample in samples {
        let image = sample.image_name();
        let points: Vec<Point> = sample.landmarks.iter().map(|l| l.point).collect();
        write_points(&folder.join(image).with_extension("pts"), &points)?;
        boxes.extend(sample.detector_box.map(|b| {
            let corners = [b.x0, b.y0, b.x1, b.y1].map(|v| format!("{:.3}", v + 1.0));
            std::iter::once(image.to_string()).chain(corners).collect()
        }));
    }
    if boxes.is_empty() {
        return Ok(());
    }
    let header = ["image", "x_min", "y_min", "x_max", "y_max"].map(String::from).to_vec();
    write_atomic(&folder.join(DETECTOR_BOXES), csv_text(header, boxes.into_iter())?.as_bytes())
}

/// Writes one iBUG `.pts` file: 1-based, to six decimals.
///
/// # Errors
/// [`Error::Io`] when it cannot be written.
pub fn write_points(path: &Path, points: &[Point]) -> Result<()> {
    write_atomic(path, pts_text(points.iter().copied()).as_bytes())
}

/// The text of a .pts file: the centre of the top-left pixel is (1, 1) in it.
fn pts_text(points: impl ExactSizeIterator<Item = Point>) -> String {
    let mut text = format!("version: 1\nn_points: {}\n{{\n", points.len());
    for p in points {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:.6} {:.6}", p.x + 1.0, p.y + 1.0);
    }
    text + "}\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme, two_faces};
    use proptest::prelude::*;

    const VALID: &str = "version: 1\nn_points:  2\n{\n1 1\n3.5 -2.25\n}\n";

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_no_text_are_told_and_two_spellings_are_one_name() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
        for name in [&b"b.png"[..], b"\xe9.png", "e\u{301}.png".as_bytes()] {
            picture(at(name));
        }
        for name in [&b"b.pts"[..], b"\xe9.pts", "\u{e9}.pts".as_bytes(), b"\xe9.txt", b"._\xe9.pts"] {
            std::fs::write(at(name), VALID).unwrap();
        }
        let (samples, problems) = read(folder.path(), &Choice::own(scheme(2))).unwrap().finish();
        let images: Vec<_> = samples.iter().map(Sample::image_name).collect();
        assert_eq!(images, ["b.png", "e\u{301}.png"]);
        // Once for the face.
        let told = |problem: &Error| problem.to_string().contains("its name is no UTF-8");
        assert!(problems.len() == 1 && problems.iter().all(told), "{problems:?}");
    }

    fn parse_two(text: &str) -> Result<Vec<Landmark>> {
        parse(Path::new("a.pts"), text, 2)
    }

    fn choice() -> Choice {
        Choice::own(scheme(2))
    }

    #[test]
    fn matlab_counts_pixels_from_one() {
        let want = vec![Landmark::visible(0.0, 0.0), Landmark::visible(2.5, -3.25)];
        for text in
            [VALID, "{\n1 1\n3.5 -2.25\n}", "{1 1\r\n\r\n3.5\t-2.25}", "\u{feff}x\n{ 1 1\n3.5 -2.25 }"]
        {
            assert_eq!(parse_two(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, message) in [
            ("1 2\n3 4", "a.pts: {: no opening brace"),
            ("{\n1 2\n3 4", "a.pts: }: no closing brace"),
            ("{\n1 2\n3\n}", "a.pts:3: point: a line must hold two numbers"),
            ("{\n1 2 3\n}", "a.pts:2: point: a line must hold two numbers"),
            ("{\n1 2\n3 x\n}", "a.pts:3: y of point 1: `x` is not a number"),
            ("{\nnan 2\n3 4\n}", "a.pts:2: x of point 0: `nan` is not finite"),
            ("{\n1 2\n}", "a.pts: points: 1 instead of 2"),
            ("n_points: 3\n{\n1 2\n3 4\n}", "a.pts:1: n_points: says 3, but 2 points follow"),
        ] {
            let error = parse_two(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn the_subset_is_told_from_the_path() {
        for (path, subset) in [
            ("ibug/image_003_1.jpg", Some("challenging")),
            ("lfpw/testset/image_0001.png", Some("common")),
            ("helen-test_1_1.jpg", Some("common")),
            ("helen/trainset/1_1.jpg", None),
            ("afw/1_1.jpg", None),
            ("01_Indoor/indoor_001.png", Some("indoor")),
            ("02_Outdoor/outdoor_001.png", Some("outdoor")),
        ] {
            assert_eq!(subsets(path).first().map(String::as_str), subset, "{path}");
        }
    }

    #[test]
    fn a_folder_gives_one_face_for_each_pair() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b.JPG", "sub/ibug_1.png", "two.jpg", "two.png", "lonely.jpg", "case.png", "short.png"] {
            picture(at(name));
        }
        for name in ["b.pts", "sub/ibug_1.pts", "two.pts", "case.pts", "case.PTS", "gone.pts"] {
            std::fs::write(at(name), VALID).unwrap();
        }
        std::fs::write(at("short.pts"), "{\n1 1\n}").unwrap();
        std::fs::write(at(DETECTOR_BOXES), "image,x_min,y_min,x_max,y_max\nb.JPG,1,2,11,12\nb.JPG,1,2\n")
            .unwrap();
        std::fs::write(at("sub/detector_boxes.csv"), "ibug_1.png,3,4,5,6\n").unwrap();

        let (samples, problems) = read(folder.path(), &choice()).unwrap().finish();
        let names: Vec<_> = samples.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["b.JPG", "sub/ibug_1.png"]);
        assert_eq!(samples[0].detector_box, Some(Rect::new(0.0, 1.0, 10.0, 11.0)));
        assert_eq!(samples[1].detector_box, Some(Rect::new(2.0, 3.0, 4.0, 5.0)));
        assert_eq!(samples[1].subsets, ["challenging"]);
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let expected = [
            "record: must hold image",
            "2 annotation files for `case`",
            "no image `gone`",
            "1 instead of 2",
            "2 images for one annotation (two.jpg, two.png)",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn the_written_texts() {
        let folder = tempfile::tempdir().unwrap();
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let points = [Landmark::visible(0.5, -1.0), Landmark::visible(4.0, 3.5)];
        write(&two_faces(points, points)[..1], &scheme(2), folder.path()).unwrap();
        assert_eq!(text("s/a.pts"), "version: 1\nn_points: 2\n{\n1.500000 0.000000\n5.000000 4.500000\n}\n");
        assert_eq!(text(DETECTOR_BOXES), "image,x_min,y_min,x_max,y_max\ns/a.png,1.000,2.000,3.000,5.000\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["x", "y", "sub/z"] {
            std::os::unix::fs::symlink(folder.path(), folder.path().join(name)).unwrap();
        }
        picture(folder.path().join("sub/a.png"));
        std::fs::write(folder.path().join("sub/a.pts"), VALID).unwrap();
        assert_eq!(read(folder.path(), &choice()).unwrap().finish().0.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>(), cut in 0..VALID.len(), byte in any::<char>()) {
            let _ = parse_two(&text);
            let mut mutated = VALID.to_string();
            mutated.insert(cut, byte);
            let _ = parse_two(&mutated);
            prop_assert!(parse_two(&VALID[..cut.min(VALID.len() - 2)]).is_err());
        }
    }
}
