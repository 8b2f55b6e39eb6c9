use super::{
    finding::{Finding, FindingKind},
    images::{self, Seen},
    pairs,
    shape::distance,
    shape::shape,
    shapes,
};
use crate::dataset::{Dataset, Place};
use awing::{Error, scheme::Landmark};
use serde::Serialize;
use std::collections::BTreeSet;

/// Two annotations whose points are on the whole nearer than this share of the face are of one face.
const SAME: f64 = 0.12;
/// Faces that touch the border of their image, before it says from where pixels are counted, and the share of all that they must be.
const TOUCHING: usize = 5;
const TOUCHING_SHARE: f64 = 0.01;

/// What [`check`] found.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// How many faces were looked at.
    pub faces: usize,
    /// What is probably wrong, by kind, in the order of the dataset.
    pub findings: Vec<Finding>,
    /// What could not be looked for, and why.
    pub skipped: Vec<String>,
}

/// Looks for mistakes in a dataset: in its annotations, its images, its scheme. Decodes every image. `progress` is told
/// how many faces have been looked at.
///
/// What the shape of a face should be is learnt from the faces themselves, so that single mistakes are found, but not one that all faces
/// share.
pub fn check(dataset: &Dataset, progress: &(dyn Fn(usize) + Sync)) -> CheckReport {
    let images = images::look(dataset, progress);
    let mut shapes = shapes::look(dataset);
    let mut findings: Vec<Finding> = dataset.problems.iter().map(annotation).collect();
    findings.extend(images::broken(&images));
    findings.extend(images::of_other_size(&images));
    findings.extend(images::same(&images));
    findings.extend(same_faces(&images));
    findings.extend(images::without_extent(&images));
    // Points of a face with exchanged coordinates lie outside because of that.
    let swapped: BTreeSet<String> = (shapes.findings.iter())
        .filter(|finding| finding.kind == FindingKind::SwappedCoordinates)
        .filter_map(|finding| finding.face.clone())
        .collect();
    let mut outside = images::outside(&images, &dataset.scheme.points);
    outside.retain(|f| f.face.as_deref().is_none_or(|face| !swapped.contains(face)));
    // And points outside are misplaced: one of the two is enough.
    shapes.findings.retain(|finding| {
        let told = outside.iter().filter(|other| other.face == finding.face).flat_map(|other| &other.points);
        let told: BTreeSet<&usize> = told.collect();
        finding.kind != FindingKind::MisplacedPoints
            || finding.points.is_empty()
            || !finding.points.iter().all(|i| told.contains(i))
    });
    findings.extend(outside);
    findings.extend(shapes.typical.as_ref().and_then(|typical| pairs::check(&dataset.scheme, typical)));
    findings.extend(counted_from(dataset, &images));
    findings.extend(shapes.findings);
    findings.sort_by_key(|finding| finding.kind);
    CheckReport { faces: dataset.samples.len(), findings, skipped: shapes.skipped }
}

/// What the reader left out.
fn annotation(problem: &Error) -> Finding {
    Finding {
        kind: FindingKind::Annotation,
        place: place(problem),
        face: None,
        points: Vec::new(),
        problem: match problem {
            Error::Format { field, problem, .. } => format!("{field}: {problem}"),
            other => other.to_string(),
        },
        mend: String::new(),
    }
}

/// The file and line that an error is about.
fn place(error: &Error) -> Option<Place> {
    match error {
        Error::Format { path, line, .. } => Some(Place { file: path.clone(), line: *line }),
        Error::Io { path, .. } | Error::Image { path, .. } => Some(Place { file: path.clone(), line: None }),
        _ => None,
    }
}

/// A finding for each annotation that lies on an earlier one of the same image.
fn same_faces(images: &[Seen<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in images {
        for (i, face) in seen.faces.iter().enumerate() {
            let Some(size) = images::face_size(face) else { continue };
            let same =
                seen.faces.iter().take(i).find(|other| {
                    distance(&shape(face), &shape(other)).is_some_and(|apart| apart < SAME * size)
                });
            if let Some(other) = same {
                let at = other.place.as_ref().map_or(String::new(), |place| format!(" at {place}"));
                findings.push(Finding {
                    kind: FindingKind::SameFace,
                    place: face.place.clone(),
                    face: Some(face.name.clone()),
                    points: Vec::new(),
                    problem: format!("the same face is annotated as {}{at} too", other.name),
                    mend: "keep the better of the two".into(),
                });
            }
        }
    }
    findings
}

/// Annotators cut coordinates off at the border of the image: several faces that stand exactly where the last pixel would be if it were
/// counted from the other number, and none where it is, say that it is.
fn counted_from(dataset: &Dataset, images: &[Seen<'_>]) -> Option<Finding> {
    // Faces with a coordinate at -1 (the pixel before the first), 0, the last pixel, and the one behind.
    let mut touching = [0_usize; 4];
    for seen in images {
        let Ok((width, height)) = seen.size else { continue };
        // Zeros in the place of a face say nothing of how others are counted.
        for face in seen.faces.iter().filter(|face| images::heap(face).is_none()) {
            let coordinates = || {
                let points = face.landmarks.iter().filter_map(Landmark::position);
                points.flat_map(|p| [(p.x, f64::from(width)), (p.y, f64::from(height))])
            };
            let borders: [fn(f64) -> f64; 4] = [|_| -1.0, |_| 0.0, |side| side - 1.0, |side| side];
            for (count, border) in touching.iter_mut().zip(borders) {
                *count += usize::from(coordinates().any(|(v, side)| v == border(side)));
            }
        }
    }
    let enough =
        |faces: usize| faces >= TOUCHING && faces as f64 >= TOUCHING_SHARE * dataset.samples.len() as f64;
    let (problem, mend) = match touching {
        [0, 0, _, behind] if enough(behind) => (
            format!(
                "coordinates of {behind} faces are exactly the width or height of their image, one behind its last pixel, and none is 0: pixels seem to be counted from 1, {} counts from 0",
                dataset.source.format
            ),
            "subtract 1 from all coordinates",
        ),
        [before, _, 0, 0] if enough(before) => (
            format!(
                "coordinates of {before} faces are exactly one before the first pixel of their image, and none is at the last: pixels seem to be counted from 0, {} counts from 1",
                dataset.source.format
            ),
            "add 1 to all coordinates",
        ),
        _ => return None,
    };
    Some(Finding {
        kind: FindingKind::CountedFrom,
        place: None,
        face: None,
        points: Vec::new(),
        problem,
        mend: mend.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{DataSource, OpenOptions, Place, Sample, drawn_faces, write_drawn};
    use awing::{geometry::Point, scheme::Scheme};
    use std::{fs, path::Path, sync::LazyLock};

    /// Drawing takes longer than looking.
    static FACES: LazyLock<Vec<Sample>> = LazyLock::new(|| drawn_faces(80, 128, 11));

    fn drawn(count: usize) -> Dataset {
        Dataset::new(
            "300w:drawn".parse().unwrap(),
            Scheme::builtin("300w-68").unwrap(),
            FACES.iter().take(count).cloned().collect(),
        )
    }

    fn checked(dataset: &Dataset) -> Vec<Finding> {
        check(dataset, &|_| ()).findings
    }

    /// Kinds, faces and points of what is found.
    fn told(dataset: &Dataset) -> Vec<(FindingKind, String, Vec<usize>)> {
        checked(dataset).into_iter().map(|f| (f.kind, f.face.unwrap_or_default(), f.points)).collect()
    }

    fn change(face: &mut Sample, of: impl Fn(Point) -> Point) {
        face.landmarks.iter_mut().for_each(|l| l.point = of(l.point));
    }

    #[test]
    fn an_image_of_another_size_than_is_said_is_found() {
        let mut dataset = drawn(3);
        dataset.samples.iter_mut().for_each(|sample| sample.stated_size = Some([128.0, 128.0]));
        assert!(checked(&dataset).is_empty());
        dataset.samples[1].stated_size = Some([300.0, 9000.0]);
        let found = checked(&dataset);
        assert_eq!((found.len(), found[0].kind), (1, FindingKind::OtherSize));
        assert!(
            found[0].to_string().contains("says 300 x 9000 pixels, and the photo has 128 x 128"),
            "{}",
            found[0]
        );
    }

    #[test]
    fn nothing_is_found_in_good_faces() {
        for samples in [FACES.clone(), drawn_faces(40, 64, 2)] {
            let dataset = Dataset { samples, ..drawn(0) };
            let found = checked(&dataset);
            assert!(found.is_empty(), "{found:?}");
        }
        let few = check(&drawn(6), &|_| ());
        assert_eq!((few.findings.len(), few.skipped.len()), (0, 1));
        assert!(few.skipped[0].contains("6 faces of 68 points"), "{}", few.skipped[0]);
    }

    #[test]
    fn each_planted_mistake_is_found_and_nothing_else() {
        let name = |i: usize| format!("drawn/{i:05}");
        let plant = |spoil: &dyn Fn(&mut Vec<Sample>)| {
            let mut dataset = drawn(80);
            spoil(&mut dataset.samples);
            told(&dataset)
        };
        assert_eq!(
            plant(&|faces| change(&mut faces[5], |p| Point::new(p.y, p.x))),
            [(FindingKind::SwappedCoordinates, name(5), vec![])]
        );
        // x' = 127 - x, and the points keep their numbers.
        assert_eq!(
            plant(&|faces| change(&mut faces[6], |p| Point::new(127.0 - p.x, p.y))),
            [(FindingKind::MirroredFace, name(6), vec![])]
        );
        // Left and right by the person's own sides.
        let mirror = Scheme::builtin("300w-68").unwrap().mirror.clone();
        assert_eq!(
            plant(&|faces| {
                let right = faces[7].landmarks.clone();
                let left = |i: usize| right[mirror[i]];
                faces[7].landmarks = (0..68).map(left).collect();
            }),
            [(FindingKind::MirroredFace, name(7), vec![])]
        );
        // Points that lie elsewhere fit better in many a place than where they are; they were exchanged with none for that.
        for (i, x, y) in
            [(30, 40.0, 0.0), (30, -40.0, 0.0), (30, 0.0, 40.0), (36, 16.0, 30.0), (57, 0.0, -35.0)]
        {
            let to = |p: Point| Point::new(p.x + x, p.y + y);
            assert_eq!(
                plant(&|faces| faces[4].landmarks[i].point = to(faces[4].landmarks[i].point)),
                [(FindingKind::MisplacedPoints, name(4), vec![i])]
            );
        }
        for (i, j) in [(36, 45), (48, 54), (30, 8), (0, 16), (19, 24), (39, 42)] {
            assert_eq!(
                plant(&|faces| faces[8].landmarks.swap(i, j)),
                [(FindingKind::ExchangedPoints, name(8), vec![i.min(j), i.max(j)])]
            );
        }
        // Both eyes: six pairs.
        let found = plant(&|faces| {
            for (i, j) in [(36, 42), (37, 43), (38, 44), (39, 45), (40, 46), (41, 47)] {
                faces[9].landmarks.swap(i, j);
            }
        });
        assert_eq!(found, [(FindingKind::ExchangedPoints, name(9), (36..48).collect())]);
        assert_eq!(
            plant(&|faces| faces[10].landmarks[33].point.x = 400.0),
            [(FindingKind::PointOutside, name(10), vec![33])]
        );
        assert_eq!(
            plant(&|faces| {
                let again = Sample { name: format!("{}#2", name(11)), ..faces[11].clone() };
                faces.insert(12, again);
                change(&mut faces[12], |p| Point::new(p.x + 1.5, p.y - 1.0));
            }),
            [(FindingKind::SameFace, format!("{}#2", name(11)), vec![])]
        );
        assert_eq!(
            plant(&|faces| faces[13].image = faces[3].image.clone()),
            [(FindingKind::SameImage, name(13), vec![])]
        );
    }

    #[test]
    fn a_face_in_one_place_is_found_in_every_set_and_says_nothing_of_the_others() {
        for (count, at) in [(3, 60.0), (80, 60.0), (80, -1.0), (80, 0.0)] {
            let mut dataset = drawn(count);
            change(&mut dataset.samples[1], |_| Point::new(at, at));
            let found = checked(&dataset);
            assert_eq!((found.len(), found[0].kind), (1, FindingKind::NoExtent), "{found:?}");
            let line = found[0].to_string();
            assert!(
                line.contains(&format!("drawn/00001: 68 of 68 points lie in one place, ({at:.1}, ")),
                "{line}"
            );
        }
        // Points without order.
        let mut dataset = drawn(80);
        let mut turn = 0.0_f64;
        for landmark in &mut dataset.samples[2].landmarks {
            turn += 2.4;
            landmark.point = Point::new(64.0 + 50.0 * turn.sin(), 64.0 + 50.0 * (1.7 * turn).cos());
        }
        assert_eq!(told(&dataset), [(FindingKind::MisplacedPoints, "drawn/00002".into(), vec![])]);
    }

    #[test]
    fn wrong_pairs_of_the_scheme_are_found() {
        let mut dataset = drawn(60);
        let mut scheme = Scheme::clone(&dataset.scheme);
        for (i, j) in [(48, 60), (54, 64)] {
            (scheme.mirror[i], scheme.mirror[j]) = (j, i);
        }
        // Outer and inner corner of the mouth lie too near each other; those of the brows do not.
        for (i, j) in [(17, 22), (21, 26)] {
            (scheme.mirror[i], scheme.mirror[j]) = (j, i);
        }
        dataset.scheme = scheme.into();
        let found = checked(&dataset);
        assert_eq!((found.len(), found[0].kind), (1, FindingKind::MirrorPairs));
        assert!([17, 21, 22, 26].iter().all(|i| found[0].points.contains(i)), "{}", found[0]);
    }

    #[test]
    fn pixels_counted_from_the_other_number_are_suspected_where_the_border_tells() {
        // Points beyond the border were cut off there: to 1 and 128, where 0 and 127 are meant.
        let shifted = |low: f64, high: f64| {
            let mut dataset = drawn(30);
            for face in &mut dataset.samples[..8] {
                change(face, |p| Point::new((p.x + 45.0).clamp(low, high), p.y));
            }
            checked(&dataset).into_iter().filter(|f| f.kind == FindingKind::CountedFrom).collect::<Vec<_>>()
        };
        let found = shifted(1.0, 128.0);
        assert_eq!(found.len(), 1);
        assert!(found[0].problem.contains("counted from 1, 300w counts from 0"), "{}", found[0]);
        assert!(shifted(0.0, 127.0).is_empty());
    }

    #[test]
    fn broken_images_and_annotations_are_told_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        write_drawn(folder.path(), 4, 2).unwrap();
        let at = |name: &str| folder.path().join(name);
        let whole = fs::read(at("drawn_00001.jpg")).unwrap();
        fs::write(at("drawn_00001.jpg"), &whole[..whole.len() / 2]).unwrap();
        fs::write(at("drawn_00002.pts"), "{\n1 2\n}").unwrap();
        fs::copy(at("drawn_00003.jpg"), at("drawn_00004.jpg")).unwrap();
        fs::copy(at("drawn_00003.pts"), at("drawn_00004.pts")).unwrap();
        let source: DataSource = format!("300w:{}", folder.path().display()).parse().unwrap();
        let dataset = Dataset::open(&source, &OpenOptions::default()).unwrap();
        let found = checked(&dataset);
        let place = |name: &str| Some(Place { file: at(name), line: None });
        let kinds: Vec<_> = found.iter().map(|f| (f.kind, f.place.clone())).collect();
        assert_eq!(
            kinds,
            [
                (FindingKind::Annotation, place("drawn_00002.pts")),
                (FindingKind::BrokenImage, place("drawn_00001.pts")),
                (FindingKind::SameImage, place("drawn_00004.pts")),
            ]
        );
        assert!(found[0].to_string().contains("drawn_00002.pts: points: 1 instead of 68"), "{}", found[0]);
        assert!(found[1].to_string().contains("cut off before its end"), "{}", found[1]);
        let line = found[2].to_string();
        assert!(line.contains(": drawn_00004.jpg: the image is `drawn_00003.jpg` once more"), "{line}");
        assert!(Path::new(line.split(": ").next().unwrap()).is_file());
        let json = serde_json::to_value(&found[2]).unwrap();
        assert_eq!((&json["kind"], &json["face"]), (&"same-image".into(), &"drawn_00004.jpg".into()));
        assert!(json["file"].is_string() && json["line"].is_null());
    }
}
