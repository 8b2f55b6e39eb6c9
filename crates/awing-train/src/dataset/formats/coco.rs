//! COCO keypoints JSON: `images` (id, file_name), `annotations` (image_id, keypoints, bbox), `categories`
//! (keypoints).
//!
//! Keypoints are x, y, v: v = 0 not annotated, 1 hidden, 2 visible. A `bbox` is x, y, width, height. COCO's own
//! tools measure from the corner of the top-left pixel; most annotators write pixel indices. Coordinates are taken
//! as pixel indices, so that (0, 0) is the centre of the top-left pixel, and are not moved. Annotations without any
//! annotated point and crowds are skipped, as COCO's evaluation does; so are boxes and outlines without points, and
//! faces of another category than the scheme's. Images lie beside the file, or in `images` beside it or beside its folder.
//! Ids are texts or numbers: 1 and 1.0 are one. `NaN` and `Infinity`, which JSON does not have and Python writes, are read as
//! `null`.

use super::description::{Boxes, Description, Layout, Missing, Read, Subsets, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::text::{Flaw, flaw, folder_of, main_file, read_text, visibility_code},
    files::write_atomic,
};
use awing::{
    Error, Result,
    geometry::Rect,
    scheme::{Landmark, Scheme, Visibility},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::Path,
};

/// COCO keypoints JSON.
pub(super) static FORMAT: Description = Description {
    name: "coco",
    scheme: None,
    layout: Layout::File { name: "annotations.json", images: "" },
    read: Read::Faces(read),
    write: Some(Writer {
        hidden: true,
        missing: Missing::Yes,
        boxes: Boxes::Optional,
        own_boxes: true,
        subsets: Subsets::Called(|_| true),
        ..Writer::plain(write)
    }),
};

// `null` stands for what a tool left out.
#[derive(Deserialize)]
struct File {
    images: Vec<Option<Image>>,
    annotations: Vec<Option<Annotation>>,
    #[serde(default)]
    categories: Option<Vec<Option<Category>>>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    file_name: Value,
    #[serde(default)]
    width: Value,
    #[serde(default)]
    height: Value,
}

#[derive(Deserialize)]
struct Category {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    keypoints: Value,
}

impl Category {
    fn points(&self) -> usize {
        self.keypoints.as_array().map_or(0, Vec::len)
    }

    fn name(&self) -> String {
        self.name.as_str().map_or_else(|| self.name.to_string(), str::to_owned)
    }
}

// What a single annotation gets wrong must not cost the others, so nothing of it is typed yet.
#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    image_id: Value,
    #[serde(default)]
    category_id: Value,
    #[serde(default)]
    keypoints: Value,
    #[serde(default)]
    bbox: Value,
    #[serde(default)]
    iscrowd: Value,
    /// "landmarks" where `bbox` is only the box around the points, written because other tools ask for one.
    #[serde(default)]
    bbox_source: Value,
    /// The data set's own box, as `bbox`; no field of COCO's own.
    #[serde(default)]
    own_box: Value,
    /// The names of the subsets it belongs to; no field of COCO's own.
    #[serde(default)]
    subsets: Value,
}

/// What ids are compared by: a number is one whether or not a point stands behind it.
fn id(value: &Value) -> String {
    match value.as_f64() {
        // Whole numbers that floats tell apart.
        Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => format!("{number:.0}"),
        _ => value.to_string(),
    }
}

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "JSON file", |name| name.ends_with(".json"))?;
    let text = read_text(&file)?;
    let content: File = serde_json::from_str(&with_null_for_nan(&text)).map_err(|e| {
        Error::format(&file, e.line(), "JSON", format!("{e}; is this a COCO keypoints file?"))
    })?;
    let categories: Vec<&Category> = content.categories.iter().flatten().flatten().collect();
    let category = category(&categories, choice, &file)?;
    let other = |annotation: &Annotation| {
        let is_of = |category: &Category| id(&category.id) == id(&annotation.category_id);
        category.is_some_and(|category| !is_of(category)) && categories.iter().any(|category| is_of(category))
    };

    // Some tools leave the categories' keypoints out: then the first annotation tells.
    let numbers = content.annotations.iter().flatten().map(|a| a.keypoints.as_array().map_or(0, Vec::len));
    let first = numbers.into_iter().find(|count| *count > 0);
    let points = category.map(Category::points).or(first.map(|count| count / 3));
    let points = points.ok_or_else(|| {
        Error::format(&file, None, "annotations", "no keypoints; is this a COCO keypoints file?")
    })?;
    let scheme = choice.with_points(points, &file, None);
    let scheme = scheme.map_err(|error| match first {
        Some(count) if category.is_none() && choice.with_points(count / 2, &file, None).is_ok() => {
            Error::format(&file, None, "keypoints", pairs_alone(count, count / 2))
        }
        _ => error,
    })?;

    let mut collector = choice.collector(scheme, folder_of(&file));
    let mut images: HashMap<String, &Image> = HashMap::new();
    for image in content.images.iter().flatten().filter(|image| !image.id.is_null()) {
        let first = images.entry(id(&image.id)).or_insert(image);
        if first.file_name != image.file_name {
            let problem =
                format!("{} and {} have the same id, {}", first.file_name, image.file_name, image.id);
            collector.problem(Error::format(&file, None, "images", problem));
        }
    }
    let example = content.images.iter().flatten().next().map(|image| &image.id);
    for (i, annotation) in content.annotations.iter().enumerate() {
        let Some(annotation) = annotation else {
            collector.pass("annotations that are null");
            continue;
        };
        if other(annotation) {
            collector.pass("annotations of other categories");
            continue;
        }
        let empty = annotation.keypoints.as_array().is_some_and(Vec::is_empty);
        if annotation.keypoints.is_null() || empty {
            collector.pass("annotations without points");
            continue;
        }
        match parse(annotation, &images, example, points) {
            Ok(Some(face)) => collector.take(&file, None, Ok(face)),
            Ok(None) => {}
            Err((field, problem)) => {
                let id = if annotation.id.is_null() {
                    format!("number {}", i + 1)
                } else {
                    annotation.id.to_string()
                };
                collector.take(&file, None, Err(flaw(format!("annotation {id}: {field}"), problem)));
            }
        }
    }
    Ok(collector)
}

/// The category whose faces are read: the one that is called as the user's scheme, or the only one with as many points; without a scheme the only
/// one with as many as a built-in scheme has. `None` where no category tells its points.
fn category<'a>(categories: &[&'a Category], choice: &Choice, file: &Path) -> Result<Option<&'a Category>> {
    let with_points: Vec<&Category> =
        categories.iter().copied().filter(|category| category.points() > 0).collect();
    let fits = |category: &&&Category| match &choice.own {
        Some(scheme) => category.points() == scheme.points.len(),
        None => choice.with_points(category.points(), file, None).is_ok(),
    };
    let named = choice
        .own
        .as_ref()
        .and_then(|scheme| with_points.iter().filter(fits).find(|category| category.name() == scheme.name));
    let fitting: Vec<&Category> = with_points.iter().filter(fits).copied().collect();
    match (named, &fitting[..], &with_points[..]) {
        (Some(named), ..) => Ok(Some(named)),
        (None, [one], _) => Ok(Some(one)),
        (None, [], []) => Ok(None),
        // Refused for its number of points.
        (None, [], [first, ..]) => Ok(Some(first)),
        (None, [_, _, ..], _) => {
            let list: Vec<String> =
                fitting.iter().map(|c| format!("`{}` of {} points", c.name(), c.points())).collect();
            let problem = format!(
                "several fit, {}; a scheme of the number of points, or else of the name, of one of them says which is meant",
                list.join(", ")
            );
            Err(Error::format(file, None, "categories", problem))
        }
    }
}

/// What is wrong with so many numbers for so many points.
fn pairs_alone(numbers: usize, points: usize) -> String {
    format!(
        "{numbers} numbers for {points} points: x and y alone; COCO has x, y, v, where v is 2 for a visible point, 1 for a hidden one, 0 for none"
    )
}

/// The text with `null` for the numbers that JSON does not have, `NaN`, `Infinity` and `-Infinity`.
fn with_null_for_nan(text: &str) -> Cow<'_, str> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(next) = rest.find(['"', '\\', 'N', 'I', '-']) {
        out += &rest[..next];
        rest = &rest[next..];
        let number =
            ["NaN", "Infinity", "-Infinity"].into_iter().find(|number| !quoted && rest.starts_with(number));
        let length = match number {
            Some(number) => number.len(),
            // A character and the one that it escapes.
            None if rest.starts_with('\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            None => 1,
        };
        quoted ^= rest.starts_with('"');
        out += if number.is_some() { "null" } else { &rest[..length] };
        rest = &rest[length..];
    }
    out += rest;
    out.into()
}

/// The face, `None` for a crowd or one without annotated points.
fn parse(
    annotation: &Annotation,
    images: &HashMap<String, &Image>,
    example: Option<&Value>,
    points: usize,
) -> Result<Option<Face>, Flaw> {
    if annotation.iscrowd == true || annotation.iscrowd.as_f64().is_some_and(|v| v != 0.0) {
        return Ok(None);
    }
    let numbers = |value: &Value, field: &str| {
        let list = value.as_array().ok_or_else(|| flaw(field, "is missing or no list of numbers"))?;
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        numbers.ok_or_else(|| flaw(field, "holds something that is not a number"))
    };
    let keypoints = annotation.keypoints.as_array();
    let keypoints = keypoints.ok_or_else(|| flaw("keypoints", "is missing or no list of numbers"))?;
    if keypoints.len() == 2 * points {
        return Err(flaw("keypoints", pairs_alone(keypoints.len(), points)));
    }
    if keypoints.len() != 3 * points {
        return Err(wrong_count(keypoints.len() / 3, points));
    }
    let mut landmarks = Vec::with_capacity(points);
    for (i, [x, y, v]) in keypoints.as_chunks::<3>().0.iter().enumerate() {
        let point = || match [x, y].map(Value::as_f64) {
            [Some(x), Some(y)] => Ok(Landmark::visible(x, y)),
            _ => Err(flaw("keypoints", format!("x = {x}, y = {y} of point {i} are no two numbers"))),
        };
        landmarks.push(match v.as_f64() {
            // Whatever its coordinates are.
            Some(0.0) => Landmark::missing(),
            Some(1.0) => Landmark { visibility: Visibility::Occluded, ..point()? },
            Some(2.0) => point()?,
            _ => return Err(flaw("keypoints", format!("v = {v} of point {i} is not 0, 1 or 2"))),
        });
    }
    if landmarks.iter().all(|l| l.position().is_none()) {
        return Ok(None);
    }
    let rect = |value: &Value, field: &str| match numbers(value, field)?.as_slice() {
        // Unset.
        [] | [_, _, 0.0, 0.0] => Ok(None),
        [x, y, w, h] => Ok(Some(Rect::new(*x, *y, x + w, y + h))),
        other => Err(flaw(field, format!("{} numbers instead of x, y, width, height", other.len()))),
    };
    let detector_box = match &annotation.bbox {
        Value::Null => None,
        // As without numbers: nothing of it says where the box is.
        Value::Array(list) if list.iter().any(Value::is_null) => None,
        _ if annotation.bbox_source == "landmarks" => None,
        given => rect(given, "bbox")?,
    };
    let own_box = if annotation.own_box.is_null() { None } else { rect(&annotation.own_box, "own_box")? };
    let image = images.get(&id(&annotation.image_id)).ok_or_else(|| {
        if annotation.image_id.is_null() {
            return flaw("image_id", "is missing");
        }
        let such = example.map_or_else(String::new, |id| format!(", whose ids are such as {id}"));
        flaw("image_id", format!("{} is none of the images{such}", annotation.image_id))
    })?;
    let name = image
        .file_name
        .as_str()
        .ok_or_else(|| flaw("image_id", format!("image {} has no file_name, a text", annotation.image_id)))?;
    let stated = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    let stated_size = match [&image.width, &image.height].map(stated) {
        [Some(width), Some(height)] if width > 0.0 && height > 0.0 => Some([width, height]),
        _ => None,
    };
    let subsets = annotation.subsets.as_array().into_iter().flatten().filter_map(Value::as_str);
    let subsets = subsets.map(str::to_string).collect();
    Ok(Some(Face { image: name.to_owned(), landmarks, detector_box, own_box, subsets, stated_size }))
}

/// Writes the file, to the last digit, with the scheme's names and lines as category. Images are opened for their sizes. A face without
/// a detector's box gets the box around its points, since other tools ask for one; `"bbox_source": "landmarks"` says so.
fn write(samples: &[Sample], scheme: &Scheme, path: &Path) -> Result<()> {
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for (i, sample) in samples.iter().enumerate() {
        let (name, next) = (sample.image_name(), ids.len() + 1);
        let id = *ids.entry(name).or_insert(next);
        if id == next {
            let (width, height) = sample.image_size()?;
            images.push(json!({ "id": id, "file_name": name, "width": width, "height": height }));
        }
        annotations.push(annotation(sample, i + 1, id));
    }
    // COCO counts points from 1 in its skeleton.
    let skeleton: Vec<[usize; 2]> = scheme
        .lines
        .iter()
        .flat_map(|line| line.points.array_windows().map(|[a, b]| [a + 1, b + 1]))
        .collect();
    let content = json!({
        "images": images,
        "annotations": annotations,
        "categories": [{
            "id": 1, "name": scheme.name, "supercategory": scheme.name, "keypoints": scheme.points, "skeleton": skeleton,
        }],
    });
    let bytes = serde_json::to_vec(&content)
        .map_err(|e| Error::format(path, None, "JSON", format!("cannot be written: {e}")))?;
    write_atomic(path, &bytes)
}

fn annotation(sample: &Sample, id: usize, image: usize) -> Value {
    let mut keypoints = Vec::with_capacity(3 * sample.landmarks.len());
    for landmark in &sample.landmarks {
        let p = landmark.position().unwrap_or_default();
        keypoints.extend([json!(p.x), json!(p.y), json!(visibility_code(landmark))]);
    }
    let mut annotation = json!({
        "id": id,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": sample.landmarks.iter().filter(|l| l.position().is_some()).count(),
        "keypoints": keypoints,
    });
    if !sample.subsets.is_empty() {
        annotation["subsets"] = json!(sample.subsets);
    }
    let corner_and_size = |b: Rect| json!([b.x0, b.y0, b.width(), b.height()]);
    if let Some(b) = sample.detector_box.or_else(|| sample.landmark_box()) {
        annotation["bbox"] = corner_and_size(b);
        annotation["area"] = json!(b.width() * b.height());
        if sample.detector_box.is_none() {
            annotation["bbox_source"] = json!("landmarks");
        }
    }
    if let Some(b) = sample.own_box {
        annotation["own_box"] = corner_and_size(b);
    }
    annotation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::collect::tests::{picture, scheme, two_faces};
    use proptest::prelude::*;

    const VALID: &str = r#"{"info": {}, "images": [{"id": 7, "file_name": "a.jpg", "width": 4}],
        "annotations": [
        {"id": 1, "image_id": 7, "keypoints": [1.5, 2, 2, 3, 4, 1], "bbox": [10, 20, 5, 6], "segmentation": [[1, 2]]},
        {"id": 2, "image_id": 7, "keypoints": [0, 0, 0, 3, 4, 2], "bbox": [0, 0, 0, 0]},
        {"id": 3, "image_id": 7, "keypoints": [0, 0, 0, 0, 0, 0]},
        {"id": 4, "image_id": 7, "keypoints": [1, 1, 2, 1, 1, 2], "iscrowd": 1},
        {"id": 5, "image_id": 8, "keypoints": [1, 1, 2, 1, 1, 2]},
        {"id": 6, "image_id": 7, "keypoints": [1, 1, 2]},
        {"id": "x", "image_id": 7, "keypoints": [1, 1, 2, 1, "1", 2]},
        {"image_id": 7, "keypoints": [1, 1, 2, 1, 1, 3]}],
        "categories": [{"id": 1, "name": "face", "keypoints": ["p0", "p1"]}]}"#;

    fn read_as(bytes: &[u8], points: usize) -> Result<Collector> {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("images/a.jpg"));
        std::fs::write(folder.path().join("person_keypoints.json"), bytes).unwrap();
        read(folder.path(), &Choice::own(scheme(points)))
    }

    #[test]
    fn v_is_the_visibility_and_bbox_the_detector_box() {
        let (samples, problems) = read_as(VALID.as_bytes(), 2).unwrap().finish();
        assert_eq!(samples.len(), 2);
        let hidden = Landmark { visibility: Visibility::Occluded, ..Landmark::visible(3.0, 4.0) };
        assert_eq!(samples[0].landmarks, [Landmark::visible(1.5, 2.0), hidden]);
        assert_eq!(samples[0].detector_box, Some(Rect::new(10.0, 20.0, 15.0, 26.0)));
        assert_eq!(samples[1].landmarks, [Landmark::missing(), Landmark::visible(3.0, 4.0)]);
        assert_eq!((samples[1].name.as_str(), samples[1].detector_box), ("a.jpg#2", None));
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let expected = [
            "annotation 5: image_id: 8 is none of the images, whose ids are such as 7",
            "annotation 6: points: 1 instead of 2",
            "annotation \"x\": keypoints: x = 1, y = \"1\" of point 1 are no two numbers",
            "annotation number 8: keypoints: v = 3 of point 1",
        ];
        assert_eq!(problems.len(), expected.len());
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}");
        }
    }

    /// One face of two points; `change` is made in the text.
    fn read_changed(changes: &[(&str, &str)]) -> Result<Collector> {
        const FACE: &str = r#"{"images": [{"id": 1, "file_name": "a.jpg"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 1]}],
            "categories": [{"id": 1, "name": "face", "keypoints": ["p0", "p1"]}]}"#;
        let text = changes.iter().fold(FACE.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        read_as(text.as_bytes(), 2)
    }

    fn faces_and_problems(changes: &[(&str, &str)]) -> (usize, Vec<String>, Vec<String>) {
        let collector = read_changed(changes).unwrap();
        let notes = collector.notes();
        let (samples, problems) = collector.finish();
        (samples.len(), problems.iter().map(ToString::to_string).collect(), notes)
    }

    #[test]
    fn an_id_is_one_number_with_or_without_a_point() {
        for (image, annotation) in [("1", "1.0"), ("1.0", "1"), ("1.0", "1e0"), ("\"a\"", "\"a\"")] {
            let changes = [
                ("\"id\": 1, \"file", &*format!("\"id\": {image}, \"file")),
                ("image_id\": 1", &format!("image_id\": {annotation}")),
                ("category_id\": 1", "category_id\": 1.0"),
            ];
            assert_eq!(faces_and_problems(&changes), (1, vec![], vec![]), "{image} {annotation}");
        }
        let (faces, problems, _) = faces_and_problems(&[("image_id\": 1", "image_id\": \"1\"")]);
        let message = "image_id: \"1\" is none of the images, whose ids are such as 1";
        assert!(faces == 0 && problems[0].contains(message), "{problems:?}");
    }

    #[test]
    fn of_several_categories_the_schemes_is_taken() {
        let two = |first: &str| {
            let more = format!(
                "[{{\"id\": 9, \"name\": \"hand\", \"keypoints\": {first}}}, {{\"id\": 1, \"name\": \"face\""
            );
            let other =
                ", {\"id\": 2, \"image_id\": 1, \"category_id\": 9, \"keypoints\": [5, 5, 2, 6, 6, 2]}]";
            faces_and_problems(&[
                ("[{\"id\": 1, \"name\": \"face\"", &more),
                ("]}],", &format!("]}}{other},")),
            ])
        };
        // By the number of points; one without any does not count.
        let passed = "passed over: 1 annotations of other categories";
        for keypoints in ["[\"a\", \"b\", \"c\"]", "[]", "null"] {
            assert_eq!(two(keypoints), (1, vec![], vec![passed.to_owned()]), "{keypoints}");
        }
        // Both have two: neither is called as the scheme.
        let more =
            "[{\"id\": 9, \"name\": \"hand\", \"keypoints\": [\"a\", \"b\"]}, {\"id\": 1, \"name\": \"face\"";
        let change = ("[{\"id\": 1, \"name\": \"face\"", more);
        let error = read_changed(&[change]).err().unwrap().to_string();
        assert!(
            error.contains("several fit, `hand` of 2 points, `face` of 2 points; a scheme of"),
            "{error}"
        );
        let named = more.replace("\"face\"", "\"test-2\"");
        assert_eq!(read_changed(&[(change.0, &named)]).unwrap().finish().0.len(), 1);
    }

    #[test]
    fn what_has_no_id_or_another_ones_is_told() {
        // Without both ids nothing says that they belong together.
        let (faces, problems, _) =
            faces_and_problems(&[("\"id\": 1, \"file", "\"file"), ("\"image_id\": 1, ", "")]);
        assert!(faces == 0 && problems[0].contains("image_id: is missing"), "{problems:?}");
        let two = "[{\"id\": 1, \"file_name\": \"a.jpg\"}, {\"id\": 1.0, \"file_name\": \"b.jpg\"}]";
        let (faces, problems, _) = faces_and_problems(&[("[{\"id\": 1, \"file_name\": \"a.jpg\"}]", two)]);
        assert!(
            faces == 1 && problems[0].contains("\"a.jpg\" and \"b.jpg\" have the same id, 1.0"),
            "{problems:?}"
        );
    }

    #[test]
    fn what_is_no_face_costs_no_other() {
        for keypoints in ["", ", \"keypoints\": null", ", \"keypoints\": []"] {
            let more = format!(
                "[{{\"id\": 7, \"image_id\": 1, \"bbox\": [1, 2, 3, 4]{keypoints}}}, {{\"id\": 1, \"image_id\""
            );
            let told = faces_and_problems(&[("[{\"id\": 1, \"image_id\"", &more)]);
            assert_eq!(told, (1, vec![], vec!["passed over: 1 annotations without points".to_owned()]));
        }
        let crowd =
            faces_and_problems(&[("\"category_id\": 1, ", "\"category_id\": 1, \"iscrowd\": true, ")]);
        assert_eq!((crowd.0, crowd.1.len()), (0, 0));
        // Python's numbers, in fields that are not used and in a text.
        let changes = [(
            "\"id\": 1, \"file",
            "\"id\": 1, \"height\": NaN, \"note\": \"NaN \\\" -Infinity\", \"w\": [-Infinity, Infinity], \"file",
        )];
        assert_eq!(faces_and_problems(&changes), (1, vec![], vec![]));
        let (faces, problems, _) = faces_and_problems(&[("[1, 2, 2,", "[NaN, 2, 2,")]);
        assert!(
            faces == 0 && problems[0].contains("keypoints: x = null, y = 2 of point 0 are no two numbers"),
            "{problems:?}"
        );
        // What does not count may be anything, and so may whole entries.
        for (from, to) in [
            ("[1, 2, 2,", "[NaN, null, 0,"),
            ("\"annotations\": [", "\"annotations\": [null, "),
            ("\"images\": [", "\"images\": [null, "),
            ("\"category_id\": 1, ", "\"category_id\": 1, \"bbox\": [NaN, NaN, NaN, NaN], "),
        ] {
            let (faces, problems, _) = faces_and_problems(&[(from, to)]);
            assert_eq!((faces, problems), (1, vec![]), "{to}");
        }
        let (faces, problems, _) = faces_and_problems(&[("[1, 2, 2, 3, 4, 1]", "[1, 2, 3, 4]")]);
        assert!(faces == 0 && problems[0].contains("4 numbers for 2 points: x and y alone"), "{problems:?}");
        let (faces, problems, _) = faces_and_problems(&[(", \"file_name\": \"a.jpg\"", "")]);
        assert!(faces == 0 && problems[0].contains("image 1 has no file_name"), "{problems:?}");
    }

    #[test]
    fn the_size_that_an_image_is_said_to_have_is_kept() {
        let change =
            ("\"file_name\": \"a.jpg\"", "\"file_name\": \"a.jpg\", \"width\": 300, \"height\": 9000.0");
        let samples = read_changed(&[change]).unwrap().finish().0;
        assert_eq!(samples[0].stated_size, Some([300.0, 9000.0]));
        let texts = (
            "\"file_name\": \"a.jpg\"",
            "\"file_name\": \"a.jpg\", \"width\": \"300\", \"height\": \"9000\"",
        );
        assert_eq!(read_changed(&[texts]).unwrap().finish().0[0].stated_size, Some([300.0, 9000.0]));
    }

    #[test]
    fn images_lie_beside_the_folder_of_the_annotations_too() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path().join("images/a.jpg"));
        std::fs::create_dir(folder.path().join("annotations")).unwrap();
        let file = folder.path().join("annotations/faces.json");
        std::fs::write(&file, VALID).unwrap();
        assert_eq!(read(&file, &Choice::own(scheme(2))).unwrap().finish().0.len(), 2);
    }

    #[test]
    fn another_number_of_points_is_told_at_once() {
        let error = read_as(VALID.as_bytes(), 3).err().unwrap().to_string();
        assert!(error.contains("the file has 2, the scheme `test-3` 3"), "{error}");
        let error = read_as(b"{\"images\": [],\n\"annotations\": 3}", 2).err().unwrap().to_string();
        assert!(error.contains(".json:2: JSON: "), "{error}");
    }

    #[test]
    fn the_written_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        let hidden = Landmark { visibility: Visibility::Occluded, ..Landmark::visible(4.0, 3.5) };
        let samples = two_faces([Landmark::visible(0.5, -1.0), hidden], [Landmark::missing(), hidden]);
        write(&samples, &scheme(2), &file).unwrap();
        let coco: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(coco["images"], json!([{ "id": 1, "file_name": "s/a.png", "width": 6, "height": 5 }]));
        assert_eq!(coco["annotations"][0]["bbox"], json!([0.0, 1.0, 2.0, 3.0]));
        assert_eq!(coco["annotations"][1]["keypoints"], json!([0.0, 0.0, 0, 4.0, 3.5, 1]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in any::<Vec<u8>>(), at in 0..VALID.len(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let mut mutated = VALID.as_bytes().to_vec();
            mutated[at] = byte;
            if cut {
                mutated.truncate(at);
            }
            for bytes in [bytes, mutated, "[".repeat(10_000 + at).into_bytes()] {
                if let Ok(read) = read_as(&bytes, 2) {
                    let _ = read.finish();
                }
            }
        }
    }
}
