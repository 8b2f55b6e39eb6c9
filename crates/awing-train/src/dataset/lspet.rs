//! Leeds Sports Pose Extended as `joints.csv`: a header, then a person a line: the image, and x, y, visible of each
//! of 14 joints. A joint with visible = 0 is not annotated. Images lie in `images`, or beside the file.

use super::{
    Landmark, Sample,
    collect::Face,
    open::{Choice, Read},
    text::{Flaw, csv_text, flaw, folder_of, main_file, number, read_text, records},
};
use std::path::Path;

pub(super) fn read(path: &Path, choice: &Choice) -> Read {
    let file = main_file(path, "joints.csv", |name| name == "joints.csv")?;
    let text = read_text(&file)?;
    let beside = folder_of(&file);
    let images = beside.join("images");
    let root = if images.is_dir() { images } else { beside };
    let mut collector = choice.collector(choice.usual()?, root);
    for (i, record) in records(&file, &text).enumerate() {
        let (line, record) = record?;
        if i > 0 || record.get(0) != Some("image") {
            let face = parse(&record, collector.points());
            collector.take(&file, Some(line), face);
        }
    }
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
    Ok(Face { image: cells[0].to_string(), landmarks, detector_box: None, subsets: Vec::new() })
}

/// The text of `joints.csv`, for points of these names.
pub(super) fn text(samples: &[Sample], names: &[String]) -> awing::Result<String> {
    let column = |name: &String| name.replace(|c: char| !c.is_alphanumeric(), "_");
    let mut head = vec!["image".to_string()];
    head.extend(
        names.iter().map(column).flat_map(|name| ["x", "y", "visible"].map(|part| format!("{name}_{part}"))),
    );
    let rows = samples.iter().map(|sample| {
        let mut row = vec![sample.image_name().to_string()];
        row.extend(sample.landmarks.iter().flat_map(|landmark| match landmark.position() {
            Some(p) => [p.x.to_string(), p.y.to_string(), "1".to_string()],
            None => ["0", "0", "0"].map(String::from),
        }));
        row
    });
    csv_text(head, rows)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Format,
            collect::tests::{picture, scheme},
        },
        *,
    };
    use proptest::prelude::*;

    fn read_as(text: &str) -> Read {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("images/a.jpg"));
        std::fs::write(folder.path().join("joints.csv"), text).unwrap();
        read(folder.path(), &Choice::own(scheme(2), Format::Lspet))
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
