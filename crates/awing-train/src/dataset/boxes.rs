use super::{
    image_table::ImageTable,
    text::{corners, flaw, read_text, records},
};
use awing::{Error, Result, geometry::Rect};
use std::path::Path;

/// Face boxes of images, from a file: for evaluating and predicting with somebody's detector.
///
/// CSV with the header `image,x0,y0,x1,y1` (or `x_min,y_min,x_max,y_max`), a box a line, several lines for several
/// faces of an image; pixels, the centre of the top-left pixel is (0, 0). Nothing below the header: a detector that found no face.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BoxFile {
    table: ImageTable<Vec<Rect>>,
}

impl BoxFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no box: its place and field are told.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read_text(path)?;
        let mut boxes = Self::default();
        let mut columns = None;
        for record in records(path, &text) {
            let (line, record) = record?;
            let at = |(field, problem): (String, String)| Error::format(path, line, field, problem);
            let Some((image, places)) = columns else {
                let find = |names: [&str; 2]| record.iter().position(|cell| names.contains(&cell));
                let places = [["x0", "x_min"], ["y0", "y_min"], ["x1", "x_max"], ["y1", "y_max"]].map(find);
                let (Some(image), [Some(a), Some(b), Some(c), Some(d)]) = (find(["image"; 2]), places) else {
                    return Err(at(flaw("header", "the first line must be image,x0,y0,x1,y1")));
                };
                columns = Some((image, [a, b, c, d]));
                continue;
            };
            let cell = |i: usize| record.get(i).unwrap_or_default();
            let rect = corners(places.map(cell), 0.0).map_err(at)?;
            if !rect.is_usable(1.0) {
                return Err(at(flaw(
                    "box",
                    "x1 and y1 must lie at least 1 pixel right of and below x0 and y0",
                )));
            }
            let named = boxes.table.entry(cell(image)).ok_or_else(|| at(flaw("image", "names no image")))?;
            named.push(rect);
        }
        if columns.is_none() {
            return Err(Error::format(
                path,
                None,
                "boxes",
                "the file is empty; its first line is image,x0,y0,x1,y1",
            ));
        }
        Ok(boxes)
    }

    /// The boxes of the image of a sample called `name`, or of a photo at this path. The file's names count from a
    /// folder that the path may lead into or begin below: `a/1.jpg` in the file is `photos/a/1.jpg`, and `photos/a/1.jpg`
    /// in the file is `a/1.jpg`, but `b/1.jpg` is neither. The longest fit counts. Empty when nothing fits, or two
    /// images fit equally well. The "#2" of a second face is left out.
    pub fn get(&self, name: &str) -> &[Rect] {
        self.table.get(name).map_or(&[], Vec::as_slice)
    }

    /// Two images of the file that fit the name equally well, so that [`BoxFile::get`] has no answer.
    pub fn rivals(&self, name: &str) -> Option<[String; 2]> {
        self.table.rivals(name)
    }

    /// Whether the file holds no box at all.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(bytes: &[u8]) -> Result<BoxFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boxes.csv");
        std::fs::write(&path, bytes).unwrap();
        BoxFile::load(&path)
    }

    #[test]
    fn boxes_are_found_by_the_longest_fit_of_the_path() {
        let boxes = load(b"x_min,y_min,x_max,y_max,image\n1,2,3,4,s/a.jpg\n5,6,7,8,s/a.jpg\n1,1,9,9,s/b.jpg\n2,2,9,9,t/b.jpg")
            .unwrap();
        let both = [Rect::new(1.0, 2.0, 3.0, 4.0), Rect::new(5.0, 6.0, 7.0, 8.0)];
        for name in ["s/a.jpg", "a.jpg", "s/a.jpg#2", "./s/a.jpg", "/photos/s/a.jpg"] {
            assert_eq!(boxes.get(name), both, "{name}");
        }
        assert_eq!(boxes.get("t/b.jpg"), [Rect::new(2.0, 2.0, 9.0, 9.0)]);
        // Two images are called so; another folder's photo is another photo.
        for name in ["b.jpg", "c.jpg", "other/a.jpg", "r/b.jpg", ""] {
            assert!(boxes.get(name).is_empty(), "{name}");
        }
        let two = Some(["s/b.jpg", "t/b.jpg"].map(String::from));
        assert_eq!((boxes.rivals("b.jpg"), boxes.rivals("b.jpg#2")), (two.clone(), two));
        for name in ["a.jpg", "c.jpg", "s/b.jpg", "r/b.jpg", ""] {
            assert_eq!(boxes.rivals(name), None, "{name}");
        }
        assert!(load(b"image,x0,y0,x1,y1\n").unwrap().is_empty());
        for name in ["/photos/s/a.jpg", "../s/a.jpg", r"C:\photos\s\a.jpg"] {
            let far = load(format!("image,x0,y0,x1,y1\n{name},1,2,3,4").as_bytes()).unwrap();
            assert_eq!(far.get("s/a.jpg"), [Rect::new(1.0, 2.0, 3.0, 4.0)], "{name}");
            assert_eq!(far.get(name).len(), 1, "{name}");
        }
        // Letters and their marks apart in the file, as one in the photo's name.
        let apart = load("image,x0,y0,x1,y1\nrene\u{301}.jpg,1,2,3,4".as_bytes()).unwrap();
        assert_eq!(apart.get("s/ren\u{e9}.jpg").len(), 1);
        let short = load(b"image,x0,y0,x1,y1\nb.jpg,1,2,3,4\nt/b.jpg,5,6,7,8").unwrap();
        assert_eq!(short.get("t/b.jpg"), [Rect::new(5.0, 6.0, 7.0, 8.0)]);
        assert_eq!(short.get("q/b.jpg"), [Rect::new(1.0, 2.0, 3.0, 4.0)]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, what) in [
            ("a.jpg,1,2,3,4", "boxes.csv:1: header"),
            ("", "the file is empty"),
            ("image,x0,y0,x1,y1\na.jpg,1,2,3", ":2: box y1: `` is not a number"),
            ("image,x0,y0,x1,y1\na.jpg,1,2,1,4", ":2: box: x1 and y1"),
            ("image,x0,y0,x1,y1\n./,1,2,3,4", ":2: image: names no image"),
        ] {
            let error = load(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), rows in "([a-z0-9.,\"\n/#-]){0,80}") {
            let _ = load(&bytes);
            if let Ok(boxes) = load(format!("image,x0,y0,x1,y1\na,1,2,3,4\n{rows}").as_bytes()) {
                prop_assert!(!boxes.get("a").is_empty() || boxes.get("a#1").is_empty());
            }
        }
    }
}
