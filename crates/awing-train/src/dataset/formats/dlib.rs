//! dlib's imglab XML: `dataset/images/image(file)/box(left, top, width, height)/part(name, x, y)`.
//!
//! Coordinates count from 0. Parts are put in the order of their names: as numbers where all are numbers ("1", "2",
//! "10", where dlib itself sorts them as words), else as the scheme names its points. Parts that a face lacks are points that
//! are not annotated. Boxes with `ignore='1'` and boxes without parts are skipped.

use super::description::{Boxes, Description, Layout, Missing, Read, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::text::{Flaw, flaw, folder_of, main_file, number, read_bytes},
    files::write_atomic,
};
use awing::{
    Error, Result,
    geometry::Rect,
    scheme::{Landmark, Scheme},
};
use roxmltree::{Document, Node};
use std::{collections::BTreeSet, fmt::Write, path::Path};

/// Deeper than imglab's four levels by far; the parser would run out of stack on an endless one.
const MAX_DEPTH: usize = 64;

/// dlib's imglab XML.
pub(super) static FORMAT: Description = Description {
    name: "dlib",
    scheme: Some("300w-68"),
    layout: Layout::File { name: "faces.xml", images: "" },
    read: Read::Faces(read),
    write: Some(Writer { missing: Missing::Yes, boxes: Boxes::Needed, ..Writer::plain(write) }),
};

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "XML file", |name| name.ends_with(".xml"))?;
    let text = decode(&file, read_bytes(&file)?)?;
    if deeper_than(&text, MAX_DEPTH) {
        return Err(Error::format(
            &file,
            None,
            "XML",
            "elements lie too deep in each other for an imglab file",
        ));
    }
    let document = Document::parse(&text).map_err(|e| {
        Error::format(
            &file,
            usize::try_from(e.pos().row).ok(),
            "XML",
            format!("{e}; is this an imglab file?"),
        )
    })?;
    let scheme = choice.usual()?;
    let order = Order::of(&document, &scheme.points);
    let mut collector = choice.collector(scheme.clone(), folder_of(&file));
    if order.may_count_from_one() {
        let last = scheme.points.len();
        collector.note(format!(
            "no face has part 0 or part {last}: parts are counted from 0; where the file counts from 1, every point is one off"
        ));
    }
    // Lines are counted on from the face before: the parser would count from the beginning for each.
    let (mut line, mut counted) = (1_usize, 0_usize);
    for image in document.descendants().filter(|n| n.has_tag_name("image")) {
        for face in boxes(image) {
            if parts(face).next().is_none() {
                collector.pass("boxes without parts");
                continue;
            }
            let start = face.range().start;
            line += text.get(counted..start).map_or(0, |between| between.matches('\n').count());
            counted = start;
            collector.take(&file, Some(line), parse(image, face, &order));
        }
    }
    Ok(collector)
}

fn boxes<'a>(image: Node<'a, 'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    image.children().filter(|n| n.has_tag_name("box") && n.attribute("ignore") != Some("1"))
}

fn parts<'a>(face: Node<'a, 'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    face.children().filter(|n| n.has_tag_name("part"))
}

/// Which point a part is by its name.
struct Order<'a> {
    /// The scheme's points.
    names: &'a [String],
    /// All numbers that parts of the file have, where all have numbers.
    numbers: Option<BTreeSet<u64>>,
}

impl<'a> Order<'a> {
    fn of(document: &Document, names: &'a [String]) -> Self {
        let faces = document.descendants().filter(|n| n.has_tag_name("image")).flat_map(boxes);
        let numbers = faces.flat_map(parts).map(|part| part.attribute("name")?.trim().parse().ok());
        Self { names, numbers: numbers.collect() }
    }

    /// Whether nothing tells if parts are counted from 0 or from 1: no face has the first of the one or the last of the other, or all points.
    fn may_count_from_one(&self) -> bool {
        let last = self.names.len() as u64;
        let inside = |numbers: &BTreeSet<u64>| numbers.iter().all(|number| (1..last).contains(number));
        self.numbers.as_ref().is_some_and(|numbers| !numbers.is_empty() && inside(numbers))
    }

    /// The point of each of a face's parts, by their names.
    fn points(&self, parts: &[String]) -> Result<Vec<usize>, Flaw> {
        let count = self.names.len();
        let own: Option<Vec<u64>> = parts.iter().map(|name| name.trim().parse().ok()).collect();
        let Some(own) = own else {
            let point = |name: &String| {
                let flaw = || flaw("part name", format!("`{name}` is no number and no point of the scheme"));
                self.names.iter().position(|n| n == name).ok_or_else(flaw)
            };
            return parts.iter().map(point).collect();
        };
        // The numbers of all points: those of the face where it has all, else of the file; or they are counted from 0 or from 1.
        let mut whole = BTreeSet::new();
        if let Some(twice) = own.iter().find(|number| !whole.insert(**number)) {
            return Err(flaw("part name", format!("point {twice} comes twice; name each part once")));
        }
        let first_to_last = |first: u64| (first..).take(count).collect::<BTreeSet<u64>>();
        let known = match &self.numbers {
            _ if whole.len() == count => whole,
            Some(numbers) if numbers.len() == count => numbers.clone(),
            Some(numbers) if numbers.is_subset(&first_to_last(0)) => first_to_last(0),
            Some(numbers) if numbers.is_subset(&first_to_last(1)) => first_to_last(1),
            _ => return Err(wrong_count(parts.len(), count)),
        };
        let place = |number: &u64| known.iter().position(|n| n == number);
        own.iter().map(|number| place(number).ok_or_else(|| wrong_count(parts.len(), count))).collect()
    }
}

/// The text. imglab declares Latin 1 and writes file names as they are on disk, mostly UTF-8: so UTF-8 where it is
/// valid, else Latin 1 where it is declared.
fn decode(file: &Path, bytes: Vec<u8>) -> Result<String> {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text)),
        Err(error) => error,
    };
    let bytes = error.into_bytes();
    let head: String = bytes.iter().take(200).map(|b| char::from(b.to_ascii_lowercase())).collect();
    let declaration = head.split("?>").next().unwrap_or_default();
    if declaration.starts_with("<?xml")
        && (declaration.contains("iso-8859-1") || declaration.contains("latin1"))
    {
        Ok(bytes.into_iter().map(char::from).collect())
    } else {
        Err(Error::format(
            file,
            None,
            "encoding",
            "neither UTF-8 nor declared ISO-8859-1; save the file as UTF-8",
        ))
    }
}

/// Whether more than `limit` elements are open at once. Counts tags without parsing, too many rather than too few.
fn deeper_than(text: &str, limit: usize) -> bool {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (i, byte) in bytes.iter().enumerate() {
        match (byte, bytes.get(i + 1)) {
            (b'<', Some(b'/')) => depth = depth.saturating_sub(1),
            (b'<', Some(b'!' | b'?')) => {}
            (b'<', _) => depth += 1,
            (b'/', Some(b'>')) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

fn parse(image: Node, face: Node, order: &Order<'_>) -> Result<Face, Flaw> {
    let text = |node: Node, key: &str| {
        let owner = node.tag_name().name().to_string();
        node.attribute(key).map(str::to_string).ok_or_else(|| flaw(format!("{owner} {key}"), "is missing"))
    };
    let value =
        |node: Node, key: &str| number(&text(node, key)?, || format!("{} {key}", node.tag_name().name()));

    let (left, top) = (value(face, "left")?, value(face, "top")?);
    let detector_box = Rect::new(left, top, left + value(face, "width")?, top + value(face, "height")?);
    let (mut names, mut placed) = (Vec::new(), Vec::new());
    for part in parts(face) {
        names.push(text(part, "name")?);
        placed.push(Landmark::visible(value(part, "x")?, value(part, "y")?));
    }
    if names.len() > order.names.len() {
        return Err(wrong_count(names.len(), order.names.len()));
    }
    let mut landmarks = vec![None; order.names.len()];
    for ((point, name), landmark) in order.points(&names)?.into_iter().zip(&names).zip(placed) {
        if landmarks.get_mut(point).is_some_and(|place| place.replace(landmark).is_some()) {
            return Err(flaw("part name", format!("point {name} comes twice; name each part once")));
        }
    }
    let landmarks =
        landmarks.into_iter().map(|landmark| landmark.unwrap_or_else(Landmark::missing)).collect();
    let size = ["width", "height"].map(|key| image.attribute(key)?.trim().parse::<f64>().ok());
    let stated_size = match size {
        [Some(width), Some(height)] if width > 0.0 && height > 0.0 => Some([width, height]),
        _ => None,
    };
    Ok(Face {
        image: text(image, "file")?,
        landmarks,
        detector_box: Some(detector_box),
        stated_size,
        ..Face::default()
    })
}

/// Writes the file, for faces with boxes; parts are called by their numbers, of two digits or more as dlib's own.
fn write(samples: &[Sample], _scheme: &Scheme, path: &Path) -> Result<()> {
    let mut text =
        String::from("<?xml version='1.0' encoding='UTF-8'?>\n<dataset>\n<name>faces</name>\n<images>\n");
    for faces in samples.chunk_by(|a, b| a.image_name() == b.image_name()) {
        let name = faces.first().map(Sample::image_name).unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  <image file='{}'>", escaped(name));
        for face in faces {
            let b = face.detector_box.unwrap_or(Rect::new(0.0, 0.0, 0.0, 0.0));
            let (width, height) = (b.width(), b.height());
            let _ =
                writeln!(text, "    <box top='{}' left='{}' width='{width}' height='{height}'>", b.y0, b.x0);
            let annotated = face.landmarks.iter().enumerate().filter_map(|(i, l)| Some((i, l.position()?)));
            for (i, p) in annotated {
                let _ = writeln!(text, "      <part name='{i:02}' x='{}' y='{}'/>", p.x, p.y);
            }
            text += "    </box>\n";
        }
        text += "  </image>\n";
    }
    text += "</images>\n</dataset>\n";
    write_atomic(path, text.as_bytes())
}

/// As the value of an attribute between single quotes.
fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme};
    use proptest::prelude::*;

    const VALID: &str = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<?xml-stylesheet type='text/xsl' href='a.xsl'?>\n\
        <dataset><name>x</name><images>\n<image file='m\u{e9}.jpg'>\n\
        <box top='20' left='10' width='5' height='6'><part name='10' x='3' y='4'/><part name='2' x='1' y='2'/></box>\n\
        <box top='20' left='10' width='5' height='6' ignore='1'/>\n\
        <box top='21' left='10' width='5' height='6'><part name='1' x='5' y='6.5'/><part name='0' x='-7' y='8'/></box>\n\
        </image></images></dataset>";

    fn read_as(bytes: &[u8]) -> Result<Collector> {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("m\u{e9}.jpg"));
        std::fs::write(folder.path().join("faces.xml"), bytes).unwrap();
        read(folder.path(), &Choice::own(scheme(2)))
    }

    fn latin1(text: &str) -> Vec<u8> {
        text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
    }

    #[test]
    fn parts_are_sorted_as_numbers_and_ignored_boxes_skipped() {
        for bytes in [latin1(VALID), VALID.as_bytes().to_vec()] {
            let (samples, problems) = read_as(&bytes).unwrap().finish();
            assert!(problems.is_empty(), "{problems:?}");
            let names: Vec<_> = samples.iter().map(|s| s.name.as_str()).collect();
            assert_eq!(names, ["m\u{e9}.jpg", "m\u{e9}.jpg#2"]);
            assert_eq!(samples[0].landmarks, [Landmark::visible(1.0, 2.0), Landmark::visible(3.0, 4.0)]);
            assert_eq!(samples[0].detector_box, Some(Rect::new(10.0, 20.0, 15.0, 26.0)));
            assert_eq!(samples[1].landmarks, [Landmark::visible(-7.0, 8.0), Landmark::visible(5.0, 6.5)]);
        }
    }

    #[test]
    fn parts_may_be_named_as_the_scheme_names_points() {
        let named = VALID.replace("name='10'", "name='p1'");
        let named = named.replace("name='2'", "name='p0'");
        let (samples, problems) = read_as(&latin1(&named)).unwrap().finish();
        assert_eq!((samples.len(), problems.len()), (2, 0));
        assert_eq!(samples[0].landmarks[0], Landmark::visible(1.0, 2.0));
    }

    /// Faces of three points, each with the names and x of its parts; x of the points as they are read, and what was passed over.
    fn points_of(faces: &[&[(&str, f64)]]) -> (Vec<Vec<Option<f64>>>, Vec<String>, usize) {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("a.jpg"));
        let face = |parts: &&[(&str, f64)]| {
            let parts: String =
                parts.iter().map(|(name, x)| format!("<part name='{name}' x='{x}' y='1'/>")).collect();
            format!("<box top='2' left='1' width='5' height='6'>{parts}</box>")
        };
        let faces: String = faces.iter().map(face).collect();
        let text = format!("<dataset><images><image file='a.jpg'>{faces}</image></images></dataset>");
        std::fs::write(folder.path().join("faces.xml"), text).unwrap();
        let collector = read(folder.path(), &Choice::own(scheme(3))).unwrap();
        let notes = collector.notes();
        let (samples, problems) = collector.finish();
        let x = |sample: &crate::dataset::Sample| {
            sample.landmarks.iter().map(|l| Some(l.position()?.x)).collect()
        };
        (samples.iter().map(x).collect(), notes, problems.len())
    }

    #[test]
    fn parts_that_a_face_lacks_are_points_that_are_not_annotated() {
        let whole = vec![Some(7.0), Some(8.0), Some(9.0)];
        let (lacking, none) = (vec![None, Some(5.0), Some(6.0)], Vec::<String>::new());
        let of = |names: [&'static str; 3]| [(names[0], 7.0), (names[1], 8.0), (names[2], 9.0)];
        for names in [["0", "1", "2"], ["1", "2", "3"], ["10", "20", "30"], ["p0", "p1", "p2"]] {
            // One face tells the numbers of all points.
            let told = points_of(&[&of(names), &[(names[1], 5.0), (names[2], 6.0)]]);
            assert_eq!(told, (vec![whole.clone(), lacking.clone()], none.clone(), 0), "{names:?}");
        }
        // No face has the first: counted from 0; with a 3 among them, from 1.
        let (points, notes, _) = points_of(&[&[("01", 5.0), ("02", 6.0)]]);
        assert!(
            points == [lacking.clone()] && notes[0].contains("no face has part 0 or part 3"),
            "{notes:?}"
        );
        assert_eq!(points_of(&[&[("2", 5.0), ("3", 6.0)]]), (vec![lacking], none, 0));
        // Neither.
        assert_eq!(points_of(&[&[("5", 5.0), ("6", 6.0)]]).2, 1);
        // A rectangle is no face and no mistake.
        assert_eq!(
            points_of(&[&of(["0", "1", "2"]), &[]]),
            (vec![whole], vec!["passed over: 1 boxes without parts".into()], 0)
        );
    }

    #[test]
    fn a_wrong_box_is_told_with_its_line() {
        for (from, to, message) in [
            ("name='2'", "name='010'", ":5: part name: point 10 comes twice"),
            ("name='2'", "name='chin'", ":5: part name: `10` is no number and no point"),
            ("<part name='2' x='1' y='2'/>", "", ":5: points: 1 instead of 2"),
            ("x='1'", "x='one'", ":5: part x: `one` is not a number"),
            ("x='1' ", "", ":5: part x: is missing"),
            (
                "width='5' height='6'><part name='10'",
                "height='6'><part name='10'",
                ":5: box width: is missing",
            ),
        ] {
            let (samples, problems) = read_as(&latin1(&VALID.replace(from, to))).unwrap().finish();
            assert_eq!((samples.len(), problems.len()), (1, 1), "{message}");
            assert!(problems[0].to_string().contains(message), "{}", problems[0]);
        }
    }

    #[test]
    fn bombs_are_refused() {
        let deep = "<a>".repeat(200_000);
        assert!(read_as(deep.as_bytes()).err().unwrap().to_string().contains("too deep"));
        let laughs = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><x>&b;</x>";
        assert!(read_as(laughs.as_bytes()).is_err());
        assert!(read_as(&latin1(&VALID.replace("ISO-8859-1", "UTF-16"))).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in any::<Vec<u8>>(), at in 0..VALID.len(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut mutated = latin1(VALID);
            let at = at.min(mutated.len() - 1);
            mutated[at] = byte;
            if cut {
                mutated.truncate(at);
            }
            for bytes in [bytes, mutated] {
                if let Ok(read) = read_as(&bytes) {
                    let _ = read.finish();
                }
            }
        }
    }
}
