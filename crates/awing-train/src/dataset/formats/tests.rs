use super::{Boxes, Faces, Format, Layout, Missing, Names, Read, Subsets, Writer};
use crate::{
    dataset::collect::tests::{picture, scheme},
    dataset::{
        BoxedPhotos, ChangeKind, DataSource, Dataset, ImageSource, Images, OpenOptions, Sample, convert, fit,
    },
};
use awing::{
    geometry::Rect,
    scheme::{Landmark, Visibility},
};
use image::{Rgb, RgbImage};
use proptest::prelude::*;
use std::{collections::BTreeSet, path::Path, sync::Arc};

fn sample(name: &str, landmarks: Vec<Landmark>) -> Sample {
    let image = RgbImage::from_pixel(6, 5, Rgb([9, 8, 7]));
    Sample::new(name, ImageSource::Memory(Arc::new(image)), landmarks)
}

fn dataset(samples: Vec<Sample>, points: usize) -> Dataset {
    Dataset::new("csv:memory".parse().unwrap(), scheme(points), samples)
}

/// Written in the format and read again.
fn again(format: Format, given: &Dataset) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let target = DataSource { format, path: folder.path().join("new") };
    convert(given, &target, Images::Copy).unwrap();
    let options = OpenOptions { scheme: Some(given.scheme.clone()), ..OpenOptions::default() };
    let read = Dataset::open(&target, &options).unwrap();
    assert!(read.problems.is_empty(), "{format}: {:?}", read.problems);
    for sample in &read.samples {
        assert_eq!(sample.load_image().unwrap().dimensions(), (6, 5));
    }
    read
}

fn hidden(x: f64, y: f64) -> Landmark {
    Landmark { visibility: Visibility::Occluded, ..Landmark::visible(x, y) }
}

/// Two faces that use all that the format says it can.
fn all_that_can_be_said(writer: &Writer) -> Vec<Sample> {
    let name = match (writer.names, &writer.subsets) {
        (_, Subsets::OfImage(_)) => "ibug/b c.png",
        (Names::Any, _) => "d, \"e\" & <f>.png",
        (Names::Trimmed | Names::Stems, _) => "sub/b c, \"d\".png",
        (Names::Words, _) => "sub/b-c,d.png",
        (Names::Numbers { .. }, _) => "IsTr/0001.png",
    };
    let second = match (writer.faces, writer.names) {
        (Faces::One, _) => "ibug/z.png".to_owned(),
        (_, Names::Numbers { .. }) => "IsTr/0002.png".to_owned(),
        _ => format!("{name}#2"),
    };
    let at = |shift: f64| {
        let mut points = vec![Landmark::visible(1.5 + shift, 2.25), Landmark::visible(3.0, 4.0 + shift)];
        points.push(if writer.hidden { hidden(7.0, 8.5) } else { Landmark::visible(7.0, 8.5) });
        points.push(match writer.missing {
            Missing::No => Landmark::visible(5.0, 6.0),
            Missing::Yes | Missing::AsCorner => Landmark::missing(),
        });
        points
    };
    // The same first point where that makes no difference.
    let mut faces =
        vec![sample(name, at(0.0)), sample(&second, at(if writer.faces == Faces::Any { 0.0 } else { 9.0 }))];
    let square = |x: f64| Some(Rect::new(x, 2.0, x + 10.0, 12.0));
    for (i, face) in faces.iter_mut().enumerate() {
        face.detector_box = match writer.boxes {
            Boxes::No => None,
            Boxes::Optional if i == 1 => None,
            Boxes::OwnSquare => square(1.0),
            Boxes::Optional | Boxes::AllOrNone | Boxes::Needed => Some(Rect::new(1.0, 2.0, 30.5, 40.25)),
        };
        face.own_box = match writer.boxes {
            Boxes::OwnSquare => square(1.0),
            _ if writer.own_boxes => square(3.0 + i as f64),
            _ => None,
        };
        let subsets: &[&str] = match &writer.subsets {
            Subsets::No => &[],
            Subsets::Called(_) => &["mine", "two words"],
            Subsets::Known(names) => names,
            Subsets::OneOf(names) => &names[1..2],
            Subsets::OfImage(_) => &["challenging"],
        };
        face.subsets = subsets.iter().map(|name| (*name).to_owned()).collect();
    }
    faces
}

#[test]
fn what_a_format_says_it_can_comes_back_and_nothing_else_is_claimed() {
    for format in Format::ALL {
        let Some(writer) = &format.description().write else { continue };
        let given = dataset(all_that_can_be_said(writer), 4);
        let told: BTreeSet<ChangeKind> = fit(&given, format).unwrap().1.iter().map(|c| c.kind).collect();
        // COFW gives numbers for names, MTFL's other attributes are written as unknown.
        let mut expected = BTreeSet::new();
        expected.extend(matches!(writer.names, Names::Numbers { .. }).then_some(ChangeKind::Names));
        expected.extend((!writer.unread.is_empty()).then_some(ChangeKind::Attributes));
        assert_eq!(told, expected, "{format}");
        let read = again(format, &given);
        assert_eq!(read.samples.len(), 2, "{format}");
        for (a, b) in given.samples.iter().zip(&read.samples) {
            assert_eq!((&a.name, &a.landmarks), (&b.name, &b.landmarks), "{format}");
            assert_eq!((a.detector_box, a.own_box), (b.detector_box, b.own_box), "{format}");
            assert_eq!(a.subsets, b.subsets, "{format}");
        }

        // Whatever it does not claim is told.
        let mut face = sample(
            "x y.png",
            vec![Landmark::visible(1.0, 2.0), hidden(3.0, 4.0), Landmark::visible(5.0, 6.0)],
        );
        face.detector_box = Some(Rect::new(0.0, 0.0, 10.0, 10.0));
        face.own_box = Some(Rect::new(0.0, 0.0, 20.0, 20.0));
        face.subsets = vec!["a subset of nobody's".into()];
        let mut half = sample(
            "x y.png#2",
            vec![Landmark::visible(2.0, 2.0), Landmark::missing(), Landmark::visible(5.0, 6.0)],
        );
        half.detector_box = face.detector_box;
        let told: BTreeSet<ChangeKind> =
            fit(&dataset(vec![face, half], 3), format).unwrap().1.iter().map(|c| c.kind).collect();
        for (kind, want) in [
            (ChangeKind::HiddenPoints, !writer.hidden),
            (ChangeKind::MissingPoints, writer.missing == Missing::No),
            (ChangeKind::BoxesLeftOut, writer.boxes == Boxes::No),
            (ChangeKind::OwnBoxes, !writer.own_boxes || writer.boxes == Boxes::OwnSquare),
            (ChangeKind::Subsets, !matches!(writer.subsets, Subsets::Called(_))),
            (ChangeKind::Names, matches!(writer.names, Names::Words | Names::Numbers { .. })),
            (ChangeKind::FurtherFaces, writer.faces == Faces::One && writer.missing != Missing::No),
        ] {
            assert_eq!(told.contains(&kind), want, "{format}: {kind:?}");
        }
    }
}

#[test]
fn names_are_words_of_their_own_and_files_have_theirs() {
    let names: BTreeSet<&str> = Format::ALL.into_iter().map(Format::name).collect();
    assert_eq!(names.len(), Format::ALL.len());
    for format in Format::ALL {
        let description = format.description();
        assert_eq!(format.has_points(), matches!(description.read, Read::Faces(_)));
        assert!(format.is_written() || !format.has_points(), "{format}");
        if let Some(name) = format.usual_scheme() {
            assert!(awing::scheme::Scheme::builtin(name).is_ok(), "{format}");
        }
        assert_eq!(
            description.layout.file_name().is_none(),
            matches!(description.layout, Layout::Folder { .. } | Layout::Photos)
        );
    }
}

/// Photos for a detector, of formats with boxes, without faces, and with points, through one door.
#[test]
fn photos_with_boxes_are_read_in_any_format() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["images/a.png", "images/b.png"] {
        picture(at(name));
    }
    std::fs::write(at("val_bbx_gt.txt"), "a.png\n1\n10 20 30 40\n").unwrap();
    std::fs::write(
        at("faces.csv"),
        "image,x0,y0,x1,y1\nimages/a.png,1,2,30,40\nimages/a.png,3,4,5,6\ngone.png,1,2,3,4\n",
    )
    .unwrap();
    let options = OpenOptions { scheme: Some(scheme(2)), ..OpenOptions::default() };
    let open = |format: &str, path: &str| {
        let source = DataSource { format: format.parse().unwrap(), path: at(path) };
        let read = BoxedPhotos::open(&source, &options).unwrap();
        let photos: Vec<_> = read.photos.iter().map(|p| (p.path.clone(), p.faces.clone())).collect();
        (photos, read.problems.len())
    };
    let one = vec![Rect::new(9.5, 19.5, 39.5, 59.5)];
    assert_eq!(open("wider", ""), (vec![(at("images/a.png"), one)], 0));
    assert_eq!(open("none", "images"), (vec![(at("images/a.png"), vec![]), (at("images/b.png"), vec![])], 0));
    let two = vec![Rect::new(1.0, 2.0, 30.0, 40.0), Rect::new(3.0, 4.0, 5.0, 6.0)];
    assert_eq!(open("csv", ""), (vec![(at("images/a.png"), two)], 1));
    // Where points are asked for, these have none.
    for (format, path) in [("wider", ""), ("none", "images")] {
        let source = DataSource { format: format.parse().unwrap(), path: at(path) };
        let error = Dataset::open(&source, &options).unwrap_err().to_string();
        assert!(error.contains(&format!("{format} has no points of faces")), "{error}");
    }
    let gone = "none:gone".parse().unwrap();
    assert!(
        BoxedPhotos::open(&gone, &options)
            .unwrap_err()
            .to_string()
            .contains(&Path::new("gone").display().to_string())
    );
}

/// How far points and boxes move at most on their way through a format.
fn moved(format: &str, samples: &[Sample]) -> f64 {
    let read = again(format.parse().unwrap(), &dataset(samples.to_vec(), 3));
    assert_eq!(read.samples.len(), samples.len());
    let mut moved = 0.0_f64;
    for (a, b) in samples.iter().zip(&read.samples) {
        assert_eq!(a.name, b.name);
        for (a, b) in a.landmarks.iter().zip(&b.landmarks) {
            assert_eq!(a.visibility, b.visibility);
            if let (Some(a), Some(b)) = (a.position(), b.position()) {
                moved = moved.max(a.distance(b));
            }
        }
        match (a.detector_box, b.detector_box) {
            (Some(a), Some(b)) => {
                for (a, b) in [(a.x0, b.x0), (a.y0, b.y0), (a.x1, b.x1), (a.y1, b.y1)] {
                    moved = moved.max((a - b).abs());
                }
            }
            (a, b) => assert_eq!(a, b),
        }
    }
    moved
}

fn landmark() -> impl Strategy<Value = Landmark> {
    (-1e4..1e4_f64, -1e4..1e4_f64, 0..3_u8).prop_map(|(x, y, v)| match v {
        0 => Landmark::missing(),
        1 => hidden(x, y),
        _ => Landmark::visible(x, y),
    })
}

fn face() -> impl Strategy<Value = (Vec<Landmark>, Option<Rect>)> {
    let rect = (-100.0..100.0_f64, -100.0..100.0_f64, 2.0..500.0_f64, 2.0..500.0_f64)
        .prop_map(|(x, y, w, h)| Rect::new(x, y, x + w, y + h));
    // The first point is always there: a face needs one, and CSV tells faces apart by it.
    let points = prop::collection::vec(landmark(), 3).prop_map(|mut points| {
        if points[0].position().is_none() {
            points[0] = Landmark::visible(points[1].point.x + 0.5, 1.25);
        }
        points
    });
    (points, prop::option::of(rect))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_written_is_read_again(faces in prop::collection::vec(face(), 1..5)) {
        let names = ["a, \"b\".png", "sub/c.png", "sub/c.png#2", "sub/d e.png"];
        let samples: Vec<Sample> = faces.iter().zip(names).enumerate().map(|(i, ((landmarks, b), name))| {
            let mut sample = sample(name, landmarks.clone());
            // Two faces never share their first point.
            sample.landmarks[0].point.x += i as f64 * 3e4;
            sample.detector_box = *b;
            sample
        }).collect();
        prop_assert_eq!(moved("csv", &samples), 0.0);
        // x + (x1 - x) may differ from x1 in the last digit.
        prop_assert!(moved("coco", &samples) < 1e-9);
        let single: Vec<Sample> = samples.into_iter().filter(|s| !s.name.contains('#')).map(|mut s| {
            for l in &mut s.landmarks {
                l.visibility = Visibility::Visible;
            }
            s
        }).collect();
        prop_assert!(moved("300w", &single) < 0.6e-3);
    }
}
