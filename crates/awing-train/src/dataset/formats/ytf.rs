//! YouTube Faces frames in the CSV form of the Udacity keypoints project: a header, then a frame a line, its
//! image's name and x and y of each of 68 points. The centre of the top-left pixel is (0, 0).

use super::description::{Description, Layout, Names, Read, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::text::{Flaw, csv_text, file_name, folder_or_beside, main_file, point, read_text},
    files::write_atomic,
};
use awing::{Result, scheme::Scheme};
use std::path::Path;

const SUFFIX: &str = "frames_keypoints.csv";

/// YouTube Faces frames in the CSV form of the Udacity project.
pub(super) static FORMAT: Description = Description {
    name: "ytf",
    scheme: Some("300w-68"),
    layout: Layout::File { name: SUFFIX, images: "" },
    read: Read::Faces(read),
    write: Some(Writer { names: Names::Trimmed, ..Writer::plain(write) }),
};

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "frames_keypoints.csv", |name| name.ends_with(SUFFIX))?;
    let text = read_text(&file)?;
    // The project keeps the images of `training_frames_keypoints.csv` in `training`; else they lie beside the file.
    let name = file_name(&file).to_ascii_lowercase();
    let part = name.trim_end_matches(SUFFIX).trim_end_matches('_');
    let mut collector = choice.collector(choice.usual()?, folder_or_beside(&file, part));
    // The header's first cell is empty, or names the column.
    collector.take_records(
        &file,
        &text,
        |record| !record.iter().skip(1).any(|cell| cell.contains('.')),
        parse,
    )?;
    Ok(collector)
}

fn parse(record: &::csv::StringRecord, points: usize) -> Result<Face, Flaw> {
    let cells: Vec<&str> = record.iter().collect();
    let (image, coordinates) = cells.split_first().ok_or_else(|| wrong_count(0, points))?;
    if coordinates.len() != 2 * points {
        return Err(wrong_count(coordinates.len() / 2, points));
    }
    let pairs = coordinates.chunks_exact(2).enumerate();
    let landmarks = pairs.map(|(i, pair)| point(i, pair[0], pair[1])).collect::<Result<_, _>>()?;
    Ok(Face { image: image.to_string(), landmarks, ..Face::default() })
}

/// Writes the file.
fn write(samples: &[Sample], scheme: &Scheme, path: &Path) -> Result<()> {
    let head = std::iter::once(String::new()).chain((0..2 * scheme.len()).map(|i| i.to_string())).collect();
    let rows = samples.iter().map(|sample| {
        let mut row = vec![sample.image_name().to_string()];
        let points = sample.landmarks.iter().map(|l| l.point);
        row.extend(points.flat_map(|p| [p.x.to_string(), p.y.to_string()]));
        row
    });
    write_atomic(path, csv_text(head, rows)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme};
    use awing::scheme::Landmark;
    use proptest::prelude::*;

    fn read_text_as(name: &str, text: &str) -> Result<Collector> {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("a_1.jpg"));
        picture(folder.path().join("training/b.jpg"));
        std::fs::write(folder.path().join(name), text).unwrap();
        read(folder.path(), &Choice::own(scheme(2)))
    }

    #[test]
    fn a_frame_may_come_twice() {
        let text =
            ",0,1,2,3\na_1.jpg,45.0,98.0,47,106.5\na_1.jpg,45.0,98.0,48,106\na_1.jpg,1,2,3\nb.jpg,1,2,3,4\n";
        let (samples, problems) = read_text_as("frames_keypoints.csv", text).unwrap().finish();
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[0].landmarks, [Landmark::visible(45.0, 98.0), Landmark::visible(47.0, 106.5)]);
        assert_eq!(samples[1].name, "a_1.jpg#2");
        assert_eq!(problems.len(), 2);
        assert!(problems[0].to_string().contains("frames_keypoints.csv:4: points: 1 instead of 2"));
    }

    #[test]
    fn training_frames_lie_in_their_own_folder() {
        let read = read_text_as("training_frames_keypoints.csv", ",0,1,2,3\nb.jpg,1,2,3,4\n").unwrap();
        assert_eq!(read.finish().0[0].name, "b.jpg");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>(), cells in "([a-z0-9.,\"\n-]|nan|inf){0,60}") {
            for text in [text, cells] {
                if let Ok(read) = read_text_as("frames_keypoints.csv", &text) {
                    let _ = read.finish();
                }
            }
        }
    }
}
