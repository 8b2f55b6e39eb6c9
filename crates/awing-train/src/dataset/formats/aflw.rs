//! AFLW, 19 points, in the CSV form of the HRNet facial landmark project and its followers: a header
//! `image_name,scale,box_size,center_w,center_h,original_0_x,original_0_y,…`, then a face a line. The face box is
//! the square of side `box_size` around the centre, the set's own: errors are divided by it; `scale` (box_size / 200) is not needed. Images lie in `images`,
//! or beside the file. Points at or left of and above (0, 0) are not annotated: converters write 0 or -1 there.
//! Coordinates are taken as they are, the centre of the top-left pixel (0, 0).
//!
//! AFLW's own `AFLWinfo_release.mat` is a MATLAB 5 file, which is not read.

use super::description::{Boxes, Description, Layout, Missing, Names, Read, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::text::{Flaw, csv_text, flaw, folder_or_beside, main_file, number, point, read_text},
    files::write_atomic,
};
use awing::{
    Error, Result,
    geometry::Rect,
    scheme::{Landmark, Scheme},
};
use std::path::Path;

/// The folder of the images.
const IMAGES: &str = "images";
/// Cells before the points.
const HEAD: usize = 5;

/// AFLW in the CSV form of the HRNet project.
pub(super) static FORMAT: Description = Description {
    name: "aflw",
    scheme: Some("aflw-19"),
    layout: Layout::File { name: "face_landmarks_aflw.csv", images: IMAGES },
    read: Read::Faces(read),
    write: Some(Writer {
        missing: Missing::AsCorner,
        boxes: Boxes::OwnSquare,
        own_boxes: true,
        names: Names::Trimmed,
        ..Writer::plain(write)
    }),
};

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "CSV file", |name| name.ends_with(".csv"))?;
    if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("mat")) {
        let problem = "MATLAB files of AFLW are not read; use the CSV form image_name,scale,box_size,center_w,center_h,x,y,…";
        return Err(Error::format(&file, None, "file", problem));
    }
    let text = read_text(&file)?;
    let mut collector = choice.collector(choice.usual()?, folder_or_beside(&file, IMAGES));
    collector.take_records(&file, &text, |record| record.get(0) == Some("image_name"), parse)?;
    Ok(collector)
}

fn parse(record: &::csv::StringRecord, points: usize) -> Result<Face, Flaw> {
    let cells: Vec<&str> = record.iter().collect();
    let [image, _scale, size, cx, cy, coordinates @ ..] = cells.as_slice() else {
        return Err(flaw("record", format!("{} cells; {HEAD} come before the points", cells.len())));
    };
    if coordinates.len() != 2 * points {
        return Err(wrong_count(coordinates.len() / 2, points));
    }
    let half = number(size, || "box_size".into())? / 2.0;
    let (cx, cy) = (number(cx, || "center_w".into())?, number(cy, || "center_h".into())?);
    let pairs = coordinates.chunks_exact(2).enumerate();
    let mut landmarks =
        pairs.map(|(i, pair)| point(i, pair[0], pair[1])).collect::<Result<Vec<_>, Flaw>>()?;
    let corner = |l: &&mut Landmark| l.point.x <= 0.0 && l.point.y <= 0.0;
    landmarks.iter_mut().filter(corner).for_each(|l| *l = Landmark::missing());
    let square = Some(Rect::new(cx - half, cy - half, cx + half, cy + half));
    let image = image.to_string();
    Ok(Face { image, landmarks, detector_box: square, own_box: square, ..Face::default() })
}

/// Writes the file, for faces whose own boxes are squares. A point that is not annotated is written as (0, 0).
fn write(samples: &[Sample], scheme: &Scheme, path: &Path) -> Result<()> {
    let mut head: Vec<String> =
        ["image_name", "scale", "box_size", "center_w", "center_h"].map(String::from).to_vec();
    head.extend((0..scheme.len()).flat_map(|i| [format!("original_{i}_x"), format!("original_{i}_y")]));
    let rows = samples.iter().map(|sample| {
        let square = sample.own_box.unwrap_or(Rect::new(0.0, 0.0, 0.0, 0.0));
        let (size, center) = (square.width(), square.center());
        let mut row = vec![sample.image_name().to_string()];
        row.extend([size / 200.0, size, center.x, center.y].map(|v| v.to_string()));
        let points = sample.landmarks.iter().map(|l| l.position().unwrap_or_default());
        row.extend(points.flat_map(|p| [p.x.to_string(), p.y.to_string()]));
        row
    });
    write_atomic(path, csv_text(head, rows)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme};
    use proptest::prelude::*;

    fn read_as(text: &str) -> Result<Collector> {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("images/0/a.jpg"));
        std::fs::write(folder.path().join("face_landmarks_aflw_test.csv"), text).unwrap();
        read(folder.path(), &Choice::own(scheme(2)))
    }

    #[test]
    fn the_box_is_a_square_around_the_centre() {
        let text = "image_name,scale,box_size,center_w,center_h,original_0_x,original_0_y,original_1_x,original_1_y\n\
                    0/a.jpg,0.5,100,60,70,41.5,42,0,0\n0/a.jpg,0.5,100,60,70,41,42\n0/a.jpg,1\n0/a.jpg,1,x,1,1,1,1,1,1\n";
        let (samples, problems) = read_as(text).unwrap().finish();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].own_box, Some(Rect::new(10.0, 20.0, 110.0, 120.0)));
        assert_eq!(samples[0].detector_box, samples[0].own_box);
        assert_eq!(samples[0].landmarks, [Landmark::visible(41.5, 42.0), Landmark::missing()]);
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        for (problem, expected) in
            problems.iter().zip([":3: points: 1 instead of 2", ":4: record: 2 cells", ":5: box_size"])
        {
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn a_matlab_file_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("AFLWinfo_release.mat");
        std::fs::write(&file, "MATLAB 5.0 MAT-file").unwrap();
        let error = read(&file, &Choice::own(scheme(2))).err().unwrap();
        assert!(error.to_string().contains("image_name,scale"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>(), cells in "([a-z0-9.,\"\n-]|0/a.jpg){0,60}") {
            for text in [text, cells] {
                if let Ok(read) = read_as(&text) {
                    let _ = read.finish();
                }
            }
        }
    }
}
