//! COCO keypoints JSON: `images` (id, file_name), `annotations` (image_id, keypoints, bbox), `categories`
//! (keypoints).
//!
//! Keypoints are x, y, v: v = 0 not annotated, 1 hidden, 2 visible. A `bbox` is x, y, width, height. COCO's own
//! tools measure from the corner of the top-left pixel; most annotators write pixel indices. Coordinates are taken
//! as pixel indices, so that (0, 0) is the centre of the top-left pixel, and are not moved. Annotations without any
//! annotated point and crowds are skipped, as COCO's evaluation does. Images lie beside the file, or in `images`
//! beside it.

use super::description::{Boxes, Description, Layout, Missing, Read, Subsets, Writer};
use crate::{
    dataset::Sample,
    dataset::choice::Choice,
    dataset::collect::{Collector, Face, wrong_count},
    dataset::text::{Flaw, flaw, folder_of, inside, main_file, read_text, visibility_code},
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

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: Value,
    file_name: String,
}

// What a single annotation gets wrong must not cost the others, so nothing of it is typed yet.
#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    image_id: Value,
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

#[derive(Deserialize)]
struct Category {
    #[serde(default)]
    keypoints: Vec<Value>,
}

fn read(path: &Path, choice: &Choice) -> Result<Collector> {
    let file = main_file(path, "JSON file", |name| name.ends_with(".json"))?;
    let text = read_text(&file)?;
    let content: File = serde_json::from_str(&text).map_err(|e| {
        Error::format(&file, e.line(), "JSON", format!("{e}; is this a COCO keypoints file?"))
    })?;

    // Some tools leave the categories' keypoints out: then the first annotation tells.
    let points = content
        .categories
        .iter()
        .map(|c| c.keypoints.len())
        .chain(content.annotations.iter().map(|a| a.keypoints.as_array().map_or(0, |k| k.len() / 3)))
        .find(|n| *n > 0)
        .ok_or_else(|| {
            Error::format(&file, None, "annotations", "no keypoints; is this a COCO keypoints file?")
        })?;
    let scheme = choice.with_points(points, &file, None)?;

    let beside = folder_of(&file);
    let below = beside.join("images");
    let in_folder = (content.images.first().and_then(|i| inside(&i.file_name).ok()))
        .is_some_and(|name| !beside.join(name).is_file());
    let root = if in_folder && below.is_dir() { below } else { beside };
    let mut collector = choice.collector(scheme, root);
    let names: HashMap<String, &str> =
        content.images.iter().map(|i| (i.id.to_string(), i.file_name.as_str())).collect();
    for (i, annotation) in content.annotations.iter().enumerate() {
        match parse(annotation, &names, points) {
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

/// The face, `None` for a crowd or one without annotated points.
fn parse(
    annotation: &Annotation,
    names: &HashMap<String, &str>,
    points: usize,
) -> Result<Option<Face>, Flaw> {
    if annotation.iscrowd.as_f64().is_some_and(|v| v != 0.0) {
        return Ok(None);
    }
    let numbers = |value: &Value, field: &str| {
        let list = value.as_array().ok_or_else(|| flaw(field, "is missing or no list of numbers"))?;
        let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
        numbers.ok_or_else(|| flaw(field, "holds something that is not a number"))
    };
    let keypoints = numbers(&annotation.keypoints, "keypoints")?;
    if keypoints.len() != 3 * points {
        return Err(wrong_count(keypoints.len() / 3, points));
    }
    let mut landmarks = Vec::with_capacity(points);
    for (i, triple) in keypoints.chunks_exact(3).enumerate() {
        let point = Landmark::visible(triple[0], triple[1]);
        landmarks.push(match triple[2] {
            0.0 => Landmark::missing(),
            1.0 => Landmark { visibility: Visibility::Occluded, ..point },
            2.0 => point,
            v => return Err(flaw("keypoints", format!("v = {v} of point {i} is not 0, 1 or 2"))),
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
        _ if annotation.bbox_source == "landmarks" => None,
        given => rect(given, "bbox")?,
    };
    let own_box = if annotation.own_box.is_null() { None } else { rect(&annotation.own_box, "own_box")? };
    let image = names
        .get(&annotation.image_id.to_string())
        .ok_or_else(|| flaw("image_id", format!("{} is none of the images", annotation.image_id)))?;
    let subsets = annotation.subsets.as_array().into_iter().flatten().filter_map(Value::as_str);
    let subsets = subsets.map(str::to_string).collect();
    Ok(Some(Face { image: (*image).to_string(), landmarks, detector_box, own_box, subsets }))
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
            "annotation 5: image_id: 8 is none of the images",
            "annotation 6: points: 1 instead of 2",
            "annotation \"x\": keypoints: holds something",
            "annotation number 8: keypoints: v = 3 of point 1",
        ];
        assert_eq!(problems.len(), expected.len());
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}");
        }
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
