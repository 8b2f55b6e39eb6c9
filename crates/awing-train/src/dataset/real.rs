//! Counts on the published sets. Not part of a normal run: needs the folder named by `AWING_DATA`, laid out as
//! `train|val|test/300w|wflw|ytf|mtfl|lspet` and `fixtures/dlib_faces`.

use super::{Dataset, OpenOptions};
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    std::env::var_os("AWING_DATA")
        .map(PathBuf::from)
        .expect("set AWING_DATA to the folder of the published sets")
}

fn open(format: &str, path: &Path) -> Dataset {
    let source = super::DataSource { format: format.parse().unwrap(), path: path.to_path_buf() };
    let dataset = Dataset::open(&source, &OpenOptions::default()).unwrap();
    assert!(dataset.problems.is_empty(), "{source}: {:?}", dataset.problems);
    dataset
}

#[test]
#[ignore = "needs the published sets: AWING_DATA=folder cargo test -p awing-train --lib real -- --ignored"]
fn the_published_sets_have_their_counts() {
    let data = data();
    for (format, part, want) in [
        ("300w", "train/300w", 1767),
        ("300w", "val/300w", 242),
        ("300w", "test/300w", 427),
        ("wflw", "test/wflw", 121),
        ("ytf", "train/ytf", 1594),
        ("ytf", "val/ytf", 102),
        ("ytf", "test/ytf", 132),
        ("mtfl", "train/mtfl", 1962),
        ("mtfl", "test/mtfl", 695),
        ("lspet", "train/lspet", 442),
        ("lspet", "val/lspet", 91),
        ("lspet", "test/lspet", 146),
    ] {
        let dataset = open(format, &data.join(part));
        assert_eq!(dataset.samples.len(), want, "{part}");
        let mut subsets = std::collections::BTreeMap::new();
        for subset in dataset.samples.iter().flat_map(|s| &s.subsets) {
            *subsets.entry(subset.as_str()).or_insert(0) += 1;
        }
        let boxes = dataset.samples.iter().filter(|s| s.detector_box.is_some()).count();
        // The points lie in their images: half a face's width beyond at most.
        let mut outside = 0;
        for sample in &dataset.samples {
            let image = sample.load_image().unwrap();
            let face = sample.landmark_box().unwrap();
            let slack = 0.5 * face.width().max(face.height());
            let beyond = |v: f64, side: u32| v < -slack || v > f64::from(side) + slack;
            if beyond(face.x0, image.width())
                || beyond(face.x1, image.width())
                || beyond(face.y1, image.height())
            {
                outside += 1;
            }
        }
        println!("{part}: {want} faces, {boxes} boxes, {outside} outside, {subsets:?}");
        assert_eq!(outside, 0, "{part}");
    }
    let faces = ["training", "testing"].map(|part| {
        open("dlib", &data.join(format!("fixtures/dlib_faces/{part}_with_face_landmarks.xml"))).samples
    });
    let images: std::collections::BTreeSet<_> =
        faces.iter().flatten().map(|s| s.name.split('#').next().unwrap().to_string()).collect();
    assert_eq!((faces.iter().flatten().count(), images.len()), (43, 9));
}
