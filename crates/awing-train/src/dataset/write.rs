//! Writers of annotations: this project's CSV, COCO keypoints, iBUG `.pts`. Each writes the annotations alone, for
//! images that lie beside them under the samples' names; [`copy_images`] puts them there.

use super::{
    Dataset, ImageSource, Landmark, Sample, Visibility,
    collect::inside,
    csv,
    pts::{DETECTOR_BOXES, pts_text},
    text::csv_text,
};
use crate::files::write_atomic;
use awing::{Error, Result, geometry::Point};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

/// Writes the samples as [`super::Format::Csv`] to the file `path`, to the last digit.
///
/// # Errors
/// [`Error::Io`] when it cannot be written; [`Error::Invalid`] for a sample whose name is no relative path.
pub fn write_csv(dataset: &Dataset, path: &Path) -> Result<()> {
    let mut header: Vec<String> =
        ["image", "box_x0", "box_y0", "box_x1", "box_y1"].map(String::from).to_vec();
    let any_subset = dataset.samples.iter().any(|sample| !sample.subsets.is_empty());
    if any_subset {
        header.push(csv::SUBSETS.to_string());
    }
    for i in 0..dataset.scheme.points.len() {
        header.extend([format!("x{i}"), format!("y{i}"), format!("v{i}")]);
    }
    let mut rows = Vec::with_capacity(dataset.samples.len());
    for sample in &dataset.samples {
        let mut record = vec![image_name(sample)?];
        match sample.detector_box {
            Some(b) => record.extend([b.x0, b.y0, b.x1, b.y1].map(|v| v.to_string())),
            None => record.extend([const { String::new() }; 4]),
        }
        if any_subset {
            record.push(sample.subsets.join(csv::SEPARATOR));
        }
        for landmark in &sample.landmarks {
            let v = visibility_code(landmark);
            match landmark.position() {
                Some(p) => record.extend([p.x.to_string(), p.y.to_string(), v.to_string()]),
                None => record.extend([String::new(), String::new(), v.to_string()]),
            }
        }
        rows.push(record);
    }
    write_atomic(path, csv_text(header, rows.into_iter())?.as_bytes())
}

/// Writes the samples as COCO keypoints JSON to the file `path`, to the last digit, with the scheme's names and
/// lines as category. Images are opened for their sizes. A face without a detector's box gets the box around its
/// points, since other tools ask for one; `"bbox_source": "landmarks"` says so. Subsets are a field of their own, `subsets`.
///
/// # Errors
/// [`Error::Io`] when it cannot be written; [`Error::Image`] for an image that cannot be read; [`Error::Invalid`]
/// for a sample whose name is no relative path.
pub fn write_coco(dataset: &Dataset, path: &Path) -> Result<()> {
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for (i, sample) in dataset.samples.iter().enumerate() {
        let name = image_name(sample)?;
        let next = ids.len() + 1;
        let id = *ids.entry(name.clone()).or_insert(next);
        if id == next {
            let (width, height) = sample.image.size()?;
            images.push(json!({ "id": id, "file_name": name, "width": width, "height": height }));
        }
        annotations.push(annotation(sample, i + 1, id));
    }
    let scheme = &dataset.scheme;
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
    if let Some(b) = sample.detector_box.or_else(|| sample.landmark_box()) {
        annotation["bbox"] = json!([b.x0, b.y0, b.width(), b.height()]);
        annotation["area"] = json!(b.width() * b.height());
        if sample.detector_box.is_none() {
            annotation["bbox_source"] = json!("landmarks");
        }
    }
    annotation
}

/// Writes one iBUG `.pts` file for each sample below `folder`, 1-based, to six decimals, and `detector_boxes.csv`,
/// to three, where samples have boxes. Hidden points are written as any other: the format cannot tell them apart.
///
/// # Errors
/// [`Error::Io`] when they cannot be written; [`Error::Invalid`], before anything is written, for what the format
/// cannot say: two faces of an image, two images that differ in their extension alone, a missing point.
pub fn write_pts(dataset: &Dataset, folder: &Path) -> Result<()> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut boxes = String::from("image,x_min,y_min,x_max,y_max\n");
    let mut any_box = false;
    for sample in &dataset.samples {
        let image = image_name(sample)?;
        let refuse = |problem: &str| {
            Error::invalid(
                format!("sample {}", sample.name),
                format!("{problem}; write the csv or coco format"),
            )
        };
        let points: Option<Vec<Point>> = sample.landmarks.iter().map(Landmark::position).collect();
        let text =
            pts_text(points.ok_or_else(|| refuse("a .pts file cannot leave a point out"))?.into_iter());
        if let Some(b) = sample.detector_box {
            any_box = true;
            let quoted = if image.contains([',', '"']) {
                format!("\"{}\"", image.replace('"', "\"\""))
            } else {
                image.clone()
            };
            let [x0, y0, x1, y1] = [b.x0, b.y0, b.x1, b.y1].map(|v| v + 1.0);
            let _ = writeln!(boxes, "{quoted},{x0:.3},{y0:.3},{x1:.3},{y1:.3}");
        }
        let file = Path::new(&image).with_extension("pts").to_string_lossy().into_owned();
        if files.insert(file, text).is_some() {
            return Err(refuse("a .pts file holds one face of one image"));
        }
    }
    for (file, text) in &files {
        write_atomic(&folder.join(file), text.as_bytes())?;
    }
    if any_box {
        write_atomic(&folder.join(DETECTOR_BOXES), boxes.as_bytes())?;
    }
    Ok(())
}

/// Puts each sample's image below `folder` under its name, beside annotations written there. Files are copied as
/// they are, when they are images; images from elsewhere (COFW, memory) are encoded as their extension says. An image that is there
/// already is kept.
///
/// # Errors
/// [`Error::Io`] and [`Error::Image`] when an image cannot be read or written; [`Error::Invalid`] for a sample
/// whose name is no relative path.
pub fn copy_images(dataset: &Dataset, folder: &Path) -> Result<()> {
    for sample in &dataset.samples {
        let target: PathBuf = folder.join(image_name(sample)?);
        if target.exists() {
            continue;
        }
        write_atomic(&target, &image_bytes(sample, &target)?)?;
    }
    Ok(())
}

/// The bytes of a sample's image, for a file called `target`.
pub(super) fn image_bytes(sample: &Sample, target: &Path) -> Result<Vec<u8>> {
    if let ImageSource::File(path) = &sample.image {
        return awing::photo::image_bytes(path);
    }
    let format = image::ImageFormat::from_path(target).unwrap_or(image::ImageFormat::Png);
    let mut bytes = std::io::Cursor::new(Vec::new());
    let failed = |e| Error::image(target, format!("cannot be encoded: {e}"));
    sample.load_image()?.write_to(&mut bytes, format).map_err(failed)?;
    Ok(bytes.into_inner())
}

/// The image's path relative to the dataset's folder, checked again: samples may come from elsewhere than our
/// readers.
pub(super) fn image_name(sample: &Sample) -> Result<String> {
    inside(sample.image_name())
        .map_err(|(_, problem)| Error::invalid(format!("sample {}", sample.name), problem))
}

/// 2 visible, 1 hidden, 0 not annotated, as COCO has it.
fn visibility_code(landmark: &Landmark) -> u8 {
    match landmark.visibility {
        Visibility::Visible => 2,
        Visibility::Occluded => 1,
        Visibility::Missing => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{DataSource, Format, OpenOptions, collect::tests::scheme},
        *,
    };
    use awing::{geometry::Rect, photo::load_image};
    use image::RgbImage;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn dataset(samples: Vec<Sample>, points: usize) -> Dataset {
        let source = DataSource { format: Format::Csv, path: "memory".into() };
        Dataset { source, scheme: scheme(points), samples, problems: Vec::new() }
    }

    fn sample(name: &str, landmarks: Vec<Landmark>) -> Sample {
        let image = ImageSource::Memory(Arc::new(RgbImage::from_pixel(6, 5, image::Rgb([9, 8, 7]))));
        Sample { name: name.into(), image, landmarks, detector_box: None, subsets: Vec::new(), place: None }
    }

    /// Writes, reads back, and says how far points and boxes moved at most.
    fn round_trip(format: Format, samples: &[Sample], points: usize) -> f64 {
        let folder = tempfile::tempdir().unwrap();
        let dataset = dataset(samples.to_vec(), points);
        copy_images(&dataset, folder.path()).unwrap();
        match format {
            Format::Csv => write_csv(&dataset, &folder.path().join("faces.csv")).unwrap(),
            Format::Coco => write_coco(&dataset, &folder.path().join("faces.json")).unwrap(),
            _ => write_pts(&dataset, folder.path()).unwrap(),
        }
        let source = DataSource { format, path: folder.path().to_path_buf() };
        let options = OpenOptions { scheme: Some(dataset.scheme.clone()), ..OpenOptions::default() };
        let read = Dataset::open(&source, &options).unwrap();
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        assert_eq!(read.samples.len(), samples.len());
        let mut moved = 0.0_f64;
        for (a, b) in samples.iter().zip(&read.samples) {
            assert_eq!(a.name, b.name);
            assert_eq!(b.load_image().unwrap().dimensions(), (6, 5));
            for (a, b) in a.landmarks.iter().zip(&b.landmarks) {
                if format != Format::W300 {
                    assert_eq!(a.visibility, b.visibility);
                }
                if let (Some(a), Some(b)) = (a.position(), b.position()) {
                    moved = moved.max(a.distance(b));
                }
            }
            match (a.detector_box, b.detector_box) {
                (Some(a), Some(b)) => {
                    for (a, b) in [(a.x0, b.x0), (a.y0, b.y0), (a.x1, b.x1), (a.y1, b.y1)] {
                        moved = moved.max((a - b).abs());
                    }
                }
                (a, b) => assert_eq!(a, b),
            }
        }
        moved
    }

    fn landmark() -> impl Strategy<Value = Landmark> {
        (-1e4..1e4_f64, -1e4..1e4_f64, 0..3_u8).prop_map(|(x, y, v)| match v {
            0 => Landmark::missing(),
            1 => Landmark { visibility: Visibility::Occluded, ..Landmark::visible(x, y) },
            _ => Landmark::visible(x, y),
        })
    }

    fn face() -> impl Strategy<Value = (Vec<Landmark>, Option<Rect>)> {
        let rect = (-100.0..100.0_f64, -100.0..100.0_f64, 2.0..500.0_f64, 2.0..500.0_f64)
            .prop_map(|(x, y, w, h)| Rect::new(x, y, x + w, y + h));
        // The first point is always there: a face needs one, and CSV tells faces apart by it.
        let points = prop::collection::vec(landmark(), 3).prop_map(|mut points| {
            if points[0].position().is_none() {
                points[0] = Landmark::visible(points[1].point.x + 0.5, 1.25);
            }
            points
        });
        (points, prop::option::of(rect))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn what_is_written_is_read_again(faces in prop::collection::vec(face(), 1..5)) {
            let names = ["a, \"b\".png", "sub/c.png", "sub/c.png#2", "sub/d e.png"];
            let samples: Vec<Sample> = faces.iter().zip(names).enumerate().map(|(i, ((landmarks, b), name))| {
                let mut sample = sample(name, landmarks.clone());
                // Two faces never share their first point.
                sample.landmarks[0].point.x += i as f64 * 3e4;
                sample.detector_box = *b;
                sample
            }).collect();
            prop_assert_eq!(round_trip(Format::Csv, &samples, 3), 0.0);
            // x + (x1 - x) may differ from x1 in the last digit.
            prop_assert!(round_trip(Format::Coco, &samples, 3) < 1e-9);
            let single: Vec<Sample> = samples.into_iter().filter(|s| !s.name.contains('#')).map(|mut s| {
                for l in &mut s.landmarks {
                    l.visibility = Visibility::Visible;
                }
                s
            }).collect();
            prop_assert!(round_trip(Format::W300, &single, 3) < 0.6e-3);
        }
    }

    #[test]
    fn pts_refuses_what_it_cannot_say() {
        let folder = tempfile::tempdir().unwrap();
        let point = vec![Landmark::visible(1.0, 2.0)];
        let missing = vec![Landmark::missing()];
        for (samples, what) in [
            (vec![sample("a.png", point.clone()), sample("a.png#2", point.clone())], "one face of one image"),
            (vec![sample("a.png", point.clone()), sample("a.jpg", point.clone())], "one face of one image"),
            (vec![sample("a.png", missing)], "cannot leave a point out"),
            (vec![sample("../a.png", point.clone())], "leads out"),
            (vec![sample("/a.png", point)], "absolute"),
        ] {
            let error = write_pts(&dataset(samples, 1), folder.path()).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_written_texts() {
        let folder = tempfile::tempdir().unwrap();
        let hidden = Landmark { visibility: Visibility::Occluded, ..Landmark::visible(4.0, 3.5) };
        let mut one = sample("s/a.png", vec![Landmark::visible(0.5, -1.0), hidden]);
        one.detector_box = Some(Rect::new(0.0, 1.0, 2.0, 4.0));
        let dataset = dataset(vec![one, sample("s/a.png#2", vec![Landmark::missing(), hidden])], 2);
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();

        write_csv(&dataset, &folder.path().join("new/a.csv")).unwrap();
        assert_eq!(
            text("new/a.csv"),
            "image,box_x0,box_y0,box_x1,box_y1,x0,y0,v0,x1,y1,v1\n\
             s/a.png,0,1,2,4,0.5,-1,2,4,3.5,1\ns/a.png,,,,,,,0,4,3.5,1\n"
        );
        write_coco(&dataset, &folder.path().join("a.json")).unwrap();
        let coco: Value = serde_json::from_str(&text("a.json")).unwrap();
        assert_eq!(coco["images"], json!([{ "id": 1, "file_name": "s/a.png", "width": 6, "height": 5 }]));
        assert_eq!(coco["annotations"][0]["bbox"], json!([0.0, 1.0, 2.0, 3.0]));
        assert_eq!(coco["annotations"][1]["keypoints"], json!([0.0, 0.0, 0, 4.0, 3.5, 1]));
        let first = Dataset { samples: dataset.samples[..1].to_vec(), ..dataset };
        write_pts(&first, folder.path()).unwrap();
        assert_eq!(text("s/a.pts"), "version: 1\nn_points: 2\n{\n1.500000 0.000000\n5.000000 4.500000\n}\n");
        assert_eq!(text(DETECTOR_BOXES), "image,x_min,y_min,x_max,y_max\ns/a.png,1.000,2.000,3.000,5.000\n");
    }

    #[test]
    fn an_image_of_a_file_is_copied_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("in/a.png");
        super::super::collect::tests::picture(&source);
        let mut one = sample("a.png", vec![Landmark::visible(1.0, 1.0)]);
        one.image = ImageSource::File(source.clone());
        copy_images(&dataset(vec![one], 1), &folder.path().join("out")).unwrap();
        assert_eq!(std::fs::read(source).unwrap(), std::fs::read(folder.path().join("out/a.png")).unwrap());
        assert!(load_image(&folder.path().join("out/a.png")).is_ok());
    }
}
