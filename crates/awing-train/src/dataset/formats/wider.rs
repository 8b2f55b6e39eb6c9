//! Boxes of faces in whole photos, in WIDER FACE's text form: a photo's path, the number of its faces, then a line `x y width height …`
//! for each. The eighth number of the official files, where it is 1, marks a face that is too bad to count.

use super::description::{Description, Layout, Read};
use crate::{
    dataset::boxed_photo::BoxedPhoto,
    dataset::text::{Flaw, folder_of, inside, main_file, number, read_text},
};
use awing::{Error, Result, geometry::Rect};
use std::path::Path;

const IMAGES: &str = "images";

/// WIDER FACE's lists: a list file beside `images`, or a folder of both.
pub(super) static FORMAT: Description = Description {
    name: "wider",
    scheme: None,
    layout: Layout::File { name: "wider_face_bbx_gt.txt", images: IMAGES },
    read: Read::Photos(read),
    write: None,
};

/// Reads a WIDER FACE list, or the one in a folder; the photos lie in `images` beside it.
fn read(path: &Path) -> Result<Vec<BoxedPhoto>> {
    let file = main_file(path, "WIDER FACE list …bbx_gt.txt", |name| name.ends_with("bbx_gt.txt"))?;
    let text = read_text(&file)?;
    let images = folder_of(&file).join(IMAGES);
    let mut lines =
        text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())).filter(|l| !l.1.is_empty());
    let mut photos = Vec::new();
    while let Some((at, name)) = lines.next() {
        let flawed = |line: usize, (field, problem): Flaw| Error::format(&file, line, field, problem);
        let missing = |what: &str| flawed(at, (what.into(), "is missing at the end of the file".into()));
        let (line, count) = lines.next().ok_or_else(|| missing("number of faces"))?;
        let count: usize = count.parse().map_err(|_| {
            flawed(
                line,
                (
                    "number of faces".into(),
                    format!("`{}` is none", count.chars().take(40).collect::<String>()),
                ),
            )
        })?;
        let name = inside(name).map_err(|flaw| flawed(at, flaw))?;
        let mut photo = BoxedPhoto { path: images.join(name), faces: Vec::new(), ignored: Vec::new() };
        // A photo without a face has a line of zeros all the same.
        for _ in 0..count.max(1) {
            let (line, face) = match lines.clone().next() {
                Some((_, next))
                    if count == 0
                        && next.split_whitespace().next().is_none_or(|n| n.parse::<f64>().is_err()) =>
                {
                    break;
                }
                None if count == 0 => break,
                _ => lines.next().ok_or_else(|| missing("box"))?,
            };
            let (rect, invalid) = parse(face).map_err(|flaw| flawed(line, flaw))?;
            if count == 0 {
                continue;
            }
            // Some official boxes are empty: nobody could find them.
            if invalid || !rect.is_usable(1.0) { photo.ignored.push(rect) } else { photo.faces.push(rect) }
        }
        photos.push(photo);
    }
    Ok(photos)
}

fn parse(line: &str) -> Result<(Rect, bool), Flaw> {
    let numbers: Vec<&str> = line.split_whitespace().collect();
    let at = |i: usize, name: &str| {
        let text =
            numbers.get(i).ok_or_else(|| (name.into(), "is missing; a box is x y width height".into()))?;
        number(text, || name.to_owned())
    };
    let (x, y, w, h) = (at(0, "x")?, at(1, "y")?, at(2, "width")?, at(3, "height")?);
    // From the pixels' edges to their centres.
    let rect = Rect::new(x - 0.5, y - 0.5, x - 0.5 + w, y - 0.5 + h);
    Ok((rect, numbers.get(7).is_some_and(|flag| *flag == "1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(text: &str) -> Result<Vec<BoxedPhoto>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("val_bbx_gt.txt"), text).unwrap();
        let photos = read(folder.path())?;
        let relative = |photo: BoxedPhoto| BoxedPhoto {
            path: photo.path.strip_prefix(folder.path().join("images")).unwrap().to_path_buf(),
            ..photo
        };
        Ok(photos.into_iter().map(relative).collect())
    }

    #[test]
    fn photos_with_several_one_and_no_face() {
        let text = "a/1.jpg\n2\n10 20 30 40\n1.5 2 3 4 0 0 0 1 0 0\na/2.jpg\n0\n0 0 0 0 0 0 0 0 0 0\na/3.jpg\n0\nb.jpg\n1\n0 0 8 9\n";
        let photos = read_as(text).unwrap();
        let seen: Vec<_> =
            photos.iter().map(|p| (p.path.to_str().unwrap(), p.faces.len(), p.ignored.len())).collect();
        assert_eq!(seen, [("a/1.jpg", 1, 1), ("a/2.jpg", 0, 0), ("a/3.jpg", 0, 0), ("b.jpg", 1, 0)]);
        assert_eq!(photos[0].faces[0], Rect::new(9.5, 19.5, 39.5, 59.5));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, expected) in [
            ("a.jpg", "gt.txt:1: number of faces: is missing"),
            ("a.jpg\nx", "gt.txt:2: number of faces: `x` is none"),
            ("a.jpg\n2\n1 2 3 4\n", "gt.txt:1: box: is missing"),
            ("a.jpg\n1\n1 2 3", "gt.txt:3: height: is missing"),
            ("a.jpg\n1\n1 2 q 4", "gt.txt:3: width: `q` is not a number"),
            ("../../a.jpg\n0\n", "gt.txt:1: image: `../../a.jpg` leads out"),
            ("/a.jpg\n0\n", "gt.txt:1: image: `/a.jpg` is an absolute path"),
        ] {
            let problem = read_as(text).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
