//! MTFL's lists of five points: a face a line, separated by blanks: the image, x1 … x5, y1 … y5 (left eye, right
//! eye, nose, left and right mouth corner as seen in the image), then gender, smile, glasses and pose. The
//! published lists write backslashes in paths. The centre of the top-left pixel is taken as (0, 0); the set does
//! not say.

use super::description::{Description, Layout, Names, Read, Subsets, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face},
    dataset::text::{Flaw, flaw, folder_of, main_file, point, read_text},
    files::write_atomic,
};
use awing::{Result, scheme::Scheme};
use std::{fmt::Write, path::Path};

/// The subsets of pose 1 to 5.
const POSES: [&str; 5] = ["left profile", "left", "frontal", "right", "right profile"];

/// MTFL's lists of five points.
pub(super) static FORMAT: Description = Description {
    name: "mtfl",
    scheme: Some("mtfl-5"),
    layout: Layout::File { name: "mtfl.txt", images: "" },
    read: Read::Faces(read),
    write: Some(Writer {
        names: Names::Words,
        subsets: Subsets::OneOf(&POSES),
        unread: "gender, smile and glasses",
        ..Writer::plain(write)
    }),
};

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let names = ["mtfl.txt", "training.txt", "testing.txt"];
    let file = main_file(path, "list (mtfl.txt, training.txt, testing.txt)", |name| names.contains(&name))?;
    let text = read_text(&file)?;
    let mut collector = choice.collector(choice.usual()?, folder_of(&file));
    collector.take_lines(&file, &text, parse);
    Ok(collector)
}

fn parse(line: &str, points: usize) -> Result<Face, Flaw> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() != 1 + 2 * points && fields.len() != 5 + 2 * points {
        let problem = format!(
            "{} fields instead of {} (image, x and y of {points} points, four attributes) or {} (no attributes)",
            fields.len(),
            5 + 2 * points,
            1 + 2 * points
        );
        return Err(flaw("line", problem));
    }
    let (xs, rest) = fields[1..].split_at(points);
    let (ys, attributes) = rest.split_at(points);
    let pairs = xs.iter().zip(ys).enumerate();
    let landmarks = pairs.map(|(i, (x, y))| point(i, x, y)).collect::<Result<_, _>>()?;
    let mut subsets = Vec::new();
    if let Some(pose) = attributes.last() {
        let name = pose.parse::<usize>().ok().and_then(|p| POSES.get(p.wrapping_sub(1)));
        let name = name.ok_or_else(|| flaw("pose", format!("`{pose}` is not one of 1 to 5")))?;
        subsets.push((*name).to_string());
    }
    Ok(Face { image: fields[0].to_string(), landmarks, subsets, ..Face::default() })
}

/// Writes a list. Gender, smile and glasses are not known: they are written as 0, and only before a pose.
fn write(samples: &[Sample], _scheme: &Scheme, path: &Path) -> Result<()> {
    let mut text = String::new();
    for sample in samples {
        text += sample.image_name();
        let points = || sample.landmarks.iter().map(|landmark| landmark.point);
        for coordinate in points().map(|p| p.x).chain(points().map(|p| p.y)) {
            // Writing to a string cannot fail.
            let _ = write!(text, " {coordinate}");
        }
        if let Some(pose) = POSES.iter().position(|name| sample.subsets.iter().any(|s| s == name)) {
            let _ = write!(text, " 0 0 0 {}", pose + 1);
        }
        text.push('\n');
    }
    write_atomic(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme};
    use awing::scheme::Landmark;
    use proptest::prelude::*;

    const VALID: &str = r" lfw_5590\a.jpg 34 47 40 35 45 34.8 36.2 46 50.8 52 1 2 2 1";

    #[test]
    fn all_x_come_before_all_y() {
        let face = parse(VALID, 5).unwrap();
        assert_eq!(face.landmarks[0], Landmark::visible(34.0, 34.8));
        assert_eq!(face.landmarks[4], Landmark::visible(45.0, 52.0));
        assert_eq!(face.subsets, ["left profile"]);
        assert!(parse("a.jpg 1 2 3 4", 2).unwrap().subsets.is_empty());
    }

    #[test]
    fn backslashes_part_folders() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("lfw_5590/a.jpg"));
        std::fs::write(folder.path().join("training.txt"), format!("{VALID}\na.jpg 1\n{VALID}7\n\n"))
            .unwrap();
        let read = read(folder.path(), &Choice::own(scheme(5))).unwrap();
        let (samples, problems) = read.finish();
        assert_eq!(samples.len(), 1);
        assert_eq!(samples[0].name, "lfw_5590/a.jpg");
        assert!(problems[0].to_string().contains("training.txt:2: line: 2 fields instead of 15"));
        assert!(problems[1].to_string().contains("training.txt:3: pose: `17`"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn arbitrary_lines_never_panic(
            text in any::<String>(), cut in 0..VALID.len(), c in any::<char>(), points in 0_usize..6,
        ) {
            let _ = parse(&text, points);
            let mut mutated = VALID.to_string();
            mutated.insert(cut, c);
            let _ = parse(&mutated, points);
        }
    }
}
