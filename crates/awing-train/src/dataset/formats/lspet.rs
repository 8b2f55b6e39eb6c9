//! Leeds Sports Pose Extended as `joints.csv`: a header, then a person a line: the image, and x, y, visible of each
//! of 14 joints. A joint with visible = 0 is not annotated. Images lie in `images`, or beside the file.

use super::description::{Description, Layout, Missing, Names, Read, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face},
    dataset::text::{Flaw, csv_text, flaw, folder_or_beside, main_file, number, read_text},
    files::write_atomic,
};
use awing::{
    Result,
    scheme::{Landmark, Scheme},
};
use std::path::Path;

/// The folder of the images.
const IMAGES: &str = "images";
/// Its own name.
const FILE: &str = "joints.csv";

/// Leeds Sports Pose Extended: `joints.csv` beside `images`.
pub(super) static FORMAT: Description = Description {
    name: "lspet",
    scheme: Some("body-14"),
    layout: Layout::File { name: FILE, images: IMAGES },
    read: Read::Faces(read),
    write: Some(Writer { missing: Missing::Yes, names: Names::Trimmed, ..Writer::plain(write) }),
};

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, FILE, |name| name == FILE)?;
    let text = read_text(&file)?;
    let mut collector = choice.collector(choice.usual()?, folder_or_beside(&file, IMAGES));
    collector.take_records(&file, &text, |record| record.get(0) == Some("image"), parse)?;
    Ok(collector)
}

fn parse(record: &::csv::StringRecord, points: usize) -> Result<Face, Flaw> {
    let cells: Vec<&str> = record.iter().collect();
    if cells.len() != 1 + 3 * points {
        let problem =
            format!("{} cells instead of {}: image, then x, y, visible a joint", cells.len(), 1 + 3 * points);
        return Err(flaw("record", problem));
    }
    let mut landmarks = Vec::with_capacity(points);
    for (i, joint) in cells[1..].chunks_exact(3).enumerate() {
        landmarks.push(match joint[2] {
            "0" => Landmark::missing(),
            "1" => {
                let x = number(joint[0], || format!("x of joint {i}"))?;
                Landmark::visible(x, number(joint[1], || format!("y of joint {i}"))?)
            }
            other => {
                return Err(flaw(format!("visible of joint {i}"), format!("`{other}` is neither 0 nor 1")));
            }
        });
    }
    Ok(Face { image: cells[0].to_string(), landmarks, ..Face::default() })
}

/// Writes `joints.csv`, its columns called after the points.
fn write(samples: &[Sample], scheme: &Scheme, path: &Path) -> Result<()> {
    let column = |name: &String| name.replace(|c: char| !c.is_alphanumeric(), "_");
    let mut head = vec!["image".to_string()];
    head.extend(
        scheme
            .points
            .iter()
            .map(column)
            .flat_map(|name| ["x", "y", "visible"].map(|part| format!("{name}_{part}"))),
    );
    let rows = samples.iter().map(|sample| {
        let mut row = vec![sample.image_name().to_string()];
        row.extend(sample.landmarks.iter().flat_map(|landmark| match landmark.position() {
            Some(p) => [p.x.to_string(), p.y.to_string(), "1".to_string()],
            None => ["0", "0", "0"].map(String::from),
        }));
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
        picture(folder.path().join("images/a.jpg"));
        std::fs::write(folder.path().join("joints.csv"), text).unwrap();
        read(folder.path(), &Choice::own(scheme(2)))
    }

    #[test]
    fn an_invisible_joint_is_missing_whatever_its_place() {
        let text =
            "image,a_x,a_y,a_visible,b_x,b_y,b_visible\na.jpg,1.5,2,1,nan,-9,0\na.jpg,1,2,3,4,5,0\na.jpg,1\n";
        let (samples, problems) = read_as(text).unwrap().finish();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].landmarks, [Landmark::visible(1.5, 2.0), Landmark::missing()]);
        assert!(problems[0].to_string().contains("joints.csv:3: visible of joint 0: `3`"));
        assert!(problems[1].to_string().contains("joints.csv:4: record: 2 cells instead of 7"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>(), cells in "([a-z0-9.,\"\n-]|a.jpg){0,60}") {
            for text in [text, cells] {
                if let Ok(read) = read_as(&text) {
                    let _ = read.finish();
                }
            }
        }
    }
}
