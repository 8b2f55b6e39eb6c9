//! The project's own CSV: the form to use for data of one's own; the module documentation of [`super`] describes
//! it.

use super::description::{Boxes, Description, Faces, Layout, Missing, Names, Read, Subsets, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::text::{
        Flaw, corners, csv_text, flaw, folder_of, main_file, number, read_text, records, visibility_code,
    },
    files::write_atomic,
};
use awing::{
    Error, Result,
    geometry::Rect,
    scheme::{Landmark, Scheme, Visibility},
};
use std::path::Path;

const BOX: [&str; 4] = ["box_x0", "box_y0", "box_x1", "box_y1"];
const OWN_BOX: [&str; 4] = ["own_x0", "own_y0", "own_x1", "own_y1"];

/// The column of subsets.
const SUBSETS: &str = "subsets";
/// What stands between two subsets in it.
const SEPARATOR: &str = ";";

/// This project's own CSV.
pub(super) static FORMAT: Description = Description {
    name: "csv",
    scheme: None,
    layout: Layout::File { name: "faces.csv", images: "" },
    read: Read::Faces(read),
    write: Some(Writer {
        hidden: true,
        missing: Missing::Yes,
        boxes: Boxes::Optional,
        own_boxes: true,
        names: Names::Trimmed,
        faces: Faces::Distinct,
        subsets: Subsets::Called(|name| !name.contains(SEPARATOR) && !name.is_empty() && name.trim() == name),
        ..Writer::plain(write)
    }),
};

/// In which column what stands.
#[derive(Debug, PartialEq)]
struct Columns {
    count: usize,
    image: usize,
    corners: Option<[usize; 4]>,
    own: Option<[usize; 4]>,
    subsets: Option<usize>,
    /// x, y and v of each point.
    points: Vec<(usize, usize, Option<usize>)>,
}

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "CSV file", |name| name.ends_with(".csv"))?;
    let text = read_text(&file)?;
    let mut records = records(&file, &text);
    let (line, header) = records
        .next()
        .transpose()?
        .ok_or_else(|| Error::format(&file, None, "header", "the file is empty"))?;
    let columns = columns(&header).map_err(|(field, problem)| Error::format(&file, line, field, problem))?;
    let scheme = choice.with_points(columns.points.len(), &file, Some(line))?;
    let mut collector = choice.collector(scheme, folder_of(&file)).distinct();
    for record in records {
        let (line, record) = record?;
        collector.take(&file, Some(line), parse(&record, &columns));
    }
    Ok(collector)
}

fn columns(header: &::csv::StringRecord) -> Result<Columns, Flaw> {
    let names: Vec<&str> = header.iter().collect();
    let find = |name: &str| names.iter().position(|n| *n == name);
    let image = find("image")
        .ok_or_else(|| flaw("header", "no column `image`; the first line must be image,x0,y0,x1,y1,…"))?;
    let four = |names: [&str; 4]| match names.map(find) {
        [None, None, None, None] => Ok(None),
        [Some(x0), Some(y0), Some(x1), Some(y1)] => Ok(Some([x0, y0, x1, y1])),
        _ => Err(flaw("header", format!("a box needs all of {}", names.join(",")))),
    };
    let (corners, own) = (four(BOX)?, four(OWN_BOX)?);
    let subsets = find(SUBSETS);
    let mut points = Vec::new();
    while let (Some(x), Some(y)) = (find(&format!("x{}", points.len())), find(&format!("y{}", points.len())))
    {
        points.push((x, y, find(&format!("v{}", points.len()))));
    }
    let mut known = vec![image];
    known.extend(corners.into_iter().chain(own).flatten().chain(subsets));
    known.extend(points.iter().flat_map(|(x, y, v)| [Some(*x), Some(*y), *v]).flatten());
    known.sort_unstable();
    if let Some(i) = (0..names.len()).find(|i| known.binary_search(i).is_err()) {
        let name: String = names.get(i).copied().unwrap_or_default().chars().take(40).collect();
        let problem = format!(
            "column `{name}` is unknown, comes twice, or misses its partner; known are image, {}, {}, {SUBSETS}, x0, y0, v0, x1, …",
            BOX.join(", "),
            OWN_BOX.join(", ")
        );
        return Err(flaw("header", problem));
    }
    if points.is_empty() {
        return Err(flaw("header", "no points; the first line must be image,x0,y0,x1,y1,…"));
    }
    Ok(Columns { count: names.len(), image, corners, own, subsets, points })
}

fn parse(record: &::csv::StringRecord, columns: &Columns) -> Result<Face, Flaw> {
    if record.len() != columns.count {
        // Mostly a line with other points than the header says.
        let (field, problem) = wrong_count(record.len(), columns.count);
        return Err((
            field.replace("points", "cells"),
            problem.split(';').next().unwrap_or_default().to_string(),
        ));
    }
    let cell = |i: usize| record.get(i).unwrap_or_default();
    let rect = |places: Option<[usize; 4]>| match places.map(|places| places.map(cell)) {
        None | Some(["", "", "", ""]) => Ok(None),
        Some(texts) => corners(texts, 0.0).map(Some),
    };
    let (detector_box, own_box) = (rect(columns.corners)?, rect(columns.own)?);
    let mut landmarks = Vec::with_capacity(columns.points.len());
    for (i, (x, y, v)) in columns.points.iter().enumerate() {
        let visibility = match v.map(cell) {
            None | Some("2" | "") => Visibility::Visible,
            Some("1") => Visibility::Occluded,
            Some("0") => {
                landmarks.push(Landmark::missing());
                continue;
            }
            Some(other) => return Err(flaw(format!("v{i}"), format!("`{other}` is not 0, 1 or 2"))),
        };
        let x = number(cell(*x), || format!("x{i}"))?;
        let y = number(cell(*y), || format!("y{i}"))?;
        landmarks.push(Landmark { visibility, ..Landmark::visible(x, y) });
    }
    let subsets = columns.subsets.map(cell).unwrap_or_default().split(SEPARATOR).map(str::trim);
    let subsets = subsets.filter(|name| !name.is_empty()).map(str::to_string).collect();
    Ok(Face {
        image: cell(columns.image).to_string(),
        landmarks,
        detector_box,
        own_box,
        subsets,
        ..Face::default()
    })
}

/// Writes the file, to the last digit; columns of own boxes and of subsets only where a face has any.
fn write(samples: &[Sample], scheme: &Scheme, path: &Path) -> Result<()> {
    let mut header: Vec<String> = ["image"].iter().chain(&BOX).map(ToString::to_string).collect();
    let any_own = samples.iter().any(|sample| sample.own_box.is_some());
    let any_subset = samples.iter().any(|sample| !sample.subsets.is_empty());
    header.extend(OWN_BOX.iter().filter(|_| any_own).map(ToString::to_string));
    header.extend(any_subset.then(|| SUBSETS.to_string()));
    header.extend((0..scheme.len()).flat_map(|i| [format!("x{i}"), format!("y{i}"), format!("v{i}")]));
    let cells = |rect: Option<Rect>| match rect {
        Some(b) => [b.x0, b.y0, b.x1, b.y1].map(|v| v.to_string()),
        None => [const { String::new() }; 4],
    };
    let rows = samples.iter().map(|sample| {
        let mut row = vec![sample.image_name().to_string()];
        row.extend(cells(sample.detector_box));
        row.extend(cells(sample.own_box).into_iter().filter(|_| any_own));
        row.extend(any_subset.then(|| sample.subsets.join(SEPARATOR)));
        row.extend(sample.landmarks.iter().flat_map(|landmark| {
            let [x, y] = match landmark.position() {
                Some(p) => [p.x, p.y].map(|v| v.to_string()),
                None => [const { String::new() }; 2],
            };
            [x, y, visibility_code(landmark).to_string()]
        }));
        row
    });
    write_atomic(path, csv_text(header, rows)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme, two_faces};
    use awing::geometry::Rect;
    use proptest::prelude::*;

    const HEADER: &str = "image,box_x0,box_y0,box_x1,box_y1,x0,y0,v0,x1,y1,v1";

    fn read_as(text: &[u8], points: usize) -> Result<Collector> {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("sub/a, b.jpg"));
        picture(folder.path().join("c.jpg"));
        std::fs::write(folder.path().join("faces.csv"), text).unwrap();
        read(folder.path(), &Choice::own(scheme(points)))
    }

    #[test]
    fn box_and_visibility_may_be_there_or_not() {
        let text = format!("{HEADER}\n\"sub/a, b.jpg\",1,2,30,40,5.5,6,2,7,8,1\nc.jpg,,,,,,,0,7,8,\n");
        let (samples, problems) = read_as(text.as_bytes(), 2).unwrap().finish();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(samples[0].landmarks, [Landmark::missing(), Landmark::visible(7.0, 8.0)]);
        assert_eq!((samples[0].name.as_str(), samples[0].detector_box), ("c.jpg", None));
        assert_eq!(samples[1].name, "sub/a, b.jpg");
        assert_eq!(samples[1].detector_box, Some(Rect::new(1.0, 2.0, 30.0, 40.0)));
        assert_eq!(samples[1].landmarks[1].visibility, Visibility::Occluded);
        let (samples, _) = read_as(b"\xef\xbb\xbfy0,x0,image\r\n2,1,c.jpg\r\n", 1).unwrap().finish();
        assert_eq!(samples[0].landmarks, [Landmark::visible(1.0, 2.0)]);
    }

    #[test]
    fn a_wrong_line_is_told_with_its_field() {
        let rows = [
            ("c.jpg,1,2,30,40,x,6,2,7,8,1", "x0: `x` is not a number"),
            ("c.jpg,1,2,30,40,5,6,3,7,8,1", "v0: `3` is not 0, 1 or 2"),
            ("c.jpg,1,2,,40,5,6,2,7,8,1", "box x1: `` is not a number"),
            ("c.jpg,1,2,30,40,5,6", "cells: 7 instead of 11"),
            ("c.jpg,,,,,5,6,,NaN,8,1", "x1: `NaN` is not finite"),
            ("c.jpg,,,,,5,6,,7,8,1", ""),
            ("./c.jpg,,,,,5,6,,9,9,1", "already annotated"),
        ];
        let text = rows.iter().fold(HEADER.to_string(), |text, (row, _)| format!("{text}\n{row}"));
        let (samples, problems) = read_as(text.as_bytes(), 2).unwrap().finish();
        assert_eq!(samples.len(), 1);
        let expected: Vec<_> = rows.iter().enumerate().filter(|(_, (_, what))| !what.is_empty()).collect();
        assert_eq!(problems.len(), expected.len());
        for (problem, (i, (_, what))) in problems.iter().zip(expected) {
            let problem = problem.to_string();
            assert!(
                problem.contains(&format!("faces.csv:{}: ", i + 2)) && problem.contains(what),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_wrong_header_is_an_error() {
        for (text, what) in [
            ("", "the file is empty"),
            ("x0,y0\n", "no column `image`"),
            ("image\n", "no points"),
            ("image,x0,y0,x2,y2\n", "column `x2`"),
            ("image,x0,y0,x1\n", "column `x1`"),
            ("image,x0,y0,x0\n", "column `x0`"),
            ("image,box_x0,x0,y0\n", "a box needs all of"),
            ("image,x0,y0,name\n", "column `name` is unknown"),
            ("image,x0,y0\n", "the file has 1, the scheme `test-2` 2"),
        ] {
            let error = read_as(text.as_bytes(), 2).err().unwrap().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn the_written_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/a.csv");
        let hidden = Landmark { visibility: Visibility::Occluded, ..Landmark::visible(4.0, 3.5) };
        let mut samples = two_faces([Landmark::visible(0.5, -1.0), hidden], [Landmark::missing(), hidden]);
        write(&samples, &scheme(2), &file).unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "image,box_x0,box_y0,box_x1,box_y1,x0,y0,v0,x1,y1,v1\n\
             s/a.png,0,1,2,4,0.5,-1,2,4,3.5,1\ns/a.png,,,,,,,0,4,3.5,1\n"
        );
        samples[1].own_box = samples[0].detector_box.take();
        samples[1].subsets = vec!["a".into(), "b".into()];
        write(&samples, &scheme(2), &file).unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "image,box_x0,box_y0,box_x1,box_y1,own_x0,own_y0,own_x1,own_y1,subsets,x0,y0,v0,x1,y1,v1\n\
             s/a.png,,,,,,,,,,0.5,-1,2,4,3.5,1\ns/a.png,,,,,0,1,2,4,a;b,,,0,4,3.5,1\n"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), rows in "([a-z0-9.,\"\n-]|c.jpg|nan){0,80}") {
            for bytes in [bytes, format!("{HEADER}\n{rows}").into_bytes(), rows.into_bytes()] {
                if let Ok(read) = read_as(&bytes, 2) {
                    let _ = read.finish();
                }
            }
        }
    }
}
