//! WFLW's lists: one face a line, of 98 points.
//!
//! A line holds, separated by blanks, x and y of each point, then the face box (x_min y_min x_max y_max) and six
//! flags where the list has them, then the image's name below `WFLW_images`. The centre of the top-left pixel is
//! (0, 0).

use super::description::{Boxes, Description, Faces, Layout, Names, Read, Subsets, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face},
    dataset::text::{Flaw, corners, flaw, folder_of, main_file, point, read_text},
    files::write_atomic,
};
use awing::{
    Result,
    geometry::Rect,
    scheme::{Landmark, Scheme},
};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// The six flags, in their order, as subsets are called.
const ATTRIBUTES: [&str; 6] = ["pose", "expression", "illumination", "make-up", "occlusion", "blur"];
const IMAGES: &str = "WFLW_images";

/// WFLW's lists: a list file, or a folder holding one and `WFLW_images`.
pub(super) static FORMAT: Description = Description {
    name: "wflw",
    scheme: Some("wflw-98"),
    layout: Layout::File { name: "list_wflw.txt", images: IMAGES },
    read: Read::Faces(read),
    write: Some(Writer {
        boxes: Boxes::Optional,
        names: Names::Words,
        faces: Faces::Distinct,
        subsets: Subsets::Known(&ATTRIBUTES),
        ..Writer::plain(write)
    }),
};

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file =
        main_file(path, "list (list_*.txt)", |name| name.starts_with("list_") && name.ends_with(".txt"))?;
    let text = read_text(&file)?;
    let mut collector = choice.collector(choice.usual()?, image_folder(&file)).distinct();
    collector.take_lines(&file, &text, parse);
    Ok(collector)
}

/// `WFLW_images` beside the list or up to three folders above it, as the published archive has it; else the list's
/// own.
fn image_folder(list: &Path) -> PathBuf {
    let beside = folder_of(list);
    let absolute = std::path::absolute(&beside).unwrap_or_else(|_| beside.clone());
    absolute.ancestors().take(4).map(|folder| folder.join(IMAGES)).find(|f| f.is_dir()).unwrap_or(beside)
}

fn parse(line: &str, points: usize) -> Result<Face, Flaw> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let coordinates = 2 * points;
    let extras = fields.len().checked_sub(coordinates + 1);
    let (boxed, flagged) = match extras {
        Some(0) => (false, false),
        Some(4) => (true, false),
        Some(6) => (false, true),
        Some(10) => (true, true),
        _ => {
            let problem = format!(
                "{} fields; {points} points make {} with box and flags, {} with a box, {} with flags, {} with \
                 neither: mend the line, or give the scheme of these points",
                fields.len(),
                coordinates + 11,
                coordinates + 5,
                coordinates + 7,
                coordinates + 1
            );
            return Err(flaw("line", problem));
        }
    };
    let (coordinates, rest) = fields.split_at(coordinates);
    let pairs = coordinates.chunks_exact(2).enumerate();
    let landmarks = pairs.map(|(i, pair)| point(i, pair[0], pair[1])).collect::<Result<_, _>>()?;
    let (detector_box, rest) = match rest {
        [x0, y0, x1, y1, rest @ ..] if boxed => (Some(corners([x0, y0, x1, y1], 0.0)?), rest),
        rest => (None, rest),
    };
    let mut subsets = Vec::new();
    if flagged {
        for (flag, name) in rest.iter().zip(ATTRIBUTES) {
            match *flag {
                "1" => subsets.push(name.to_string()),
                "0" => {}
                other => return Err(flaw(name, format!("`{other}` is neither 0 nor 1"))),
            }
        }
    }
    let image = rest.last().copied().unwrap_or_default().to_string();
    Ok(Face { image, landmarks, detector_box, subsets, ..Face::default() })
}

/// Writes a list: boxes where faces have them, flags on all lines where any face has one.
fn write(samples: &[Sample], _scheme: &Scheme, path: &Path) -> Result<()> {
    let flagged = samples.iter().any(|sample| !sample.subsets.is_empty());
    let mut text = String::new();
    for sample in samples {
        for p in sample.landmarks.iter().filter_map(Landmark::position) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{} {} ", p.x, p.y);
        }
        if let Some(Rect { x0, y0, x1, y1 }) = sample.detector_box {
            let _ = write!(text, "{x0} {y0} {x1} {y1} ");
        }
        for name in ATTRIBUTES.iter().filter(|_| flagged) {
            let _ = write!(text, "{} ", u8::from(sample.subsets.iter().any(|subset| subset == name)));
        }
        text += sample.image_name();
        text.push('\n');
    }
    write_atomic(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme};
    use proptest::prelude::*;

    const VALID: &str = "1.5 2 3 -4 10 20 30 40 1 0 0 1 0 1 12--Group/a.jpg";

    #[test]
    fn the_four_forms_of_a_line() {
        let rect = Some(Rect::new(10.0, 20.0, 30.0, 40.0));
        for (line, want_box, want_subsets) in [
            (VALID, rect, vec!["pose", "make-up", "blur"]),
            ("1.5 2 3 -4 10 20 30 40 a.jpg", rect, vec![]),
            ("1.5 2 3 -4 0 1 0 0 0 0 a.jpg", None, vec!["expression"]),
            ("  1.5 2  3\t-4 a.jpg ", None, vec![]),
        ] {
            let face = parse(line, 2).unwrap();
            assert_eq!(face.landmarks, [Landmark::visible(1.5, 2.0), Landmark::visible(3.0, -4.0)]);
            assert_eq!(
                (face.detector_box, face.subsets),
                (want_box, want_subsets.iter().map(|s| s.to_string()).collect())
            );
            assert!(face.image.ends_with("a.jpg"));
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        for (line, field) in [
            ("1 2 3 a.jpg", "line"),
            ("1 2 3 4 5 a.jpg", "line"),
            ("1 2 3 nan a.jpg", "y of point 1"),
            ("1 2 3 4 1 1 2 x a.jpg", "box y1"),
            ("1 2 3 4 0 0 0 7 0 0 a.jpg", "make-up"),
        ] {
            assert_eq!(parse(line, 2).err().unwrap().0, field, "{line}");
        }
    }

    #[test]
    fn images_are_found_beside_the_list_and_above_it() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("WFLW_images/12--Group/a.jpg"));
        let list = folder.path().join("WFLW_annotations/list_98pt_test/list_98pt_test.txt");
        std::fs::create_dir_all(list.parent().unwrap()).unwrap();
        // The second line says the same face again, the third is another face of the image.
        std::fs::write(&list, format!("{VALID}\n{VALID}\n\n9{VALID}\n")).unwrap();
        let choice = Choice::own(scheme(2));
        let (samples, problems) = read(&list, &choice).unwrap().finish();
        let names: Vec<_> = samples.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["12--Group/a.jpg", "12--Group/a.jpg#2"]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().contains("list_98pt_test.txt:2: image: "));
        // The folder of the list names it as well.
        assert_eq!(read(list.parent().unwrap(), &choice).unwrap().finish().0.len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn arbitrary_lines_never_panic(
            text in any::<String>(), cut in 0..VALID.len(), c in any::<char>(), points in 0_usize..5,
        ) {
            let _ = parse(&text, points);
            let mut mutated = VALID.to_string();
            mutated.insert(cut, c);
            let _ = parse(&mutated, 2);
            let _ = parse(&VALID[..cut], 2);
        }
    }
}
