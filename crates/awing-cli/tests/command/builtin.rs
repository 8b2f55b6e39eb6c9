//! The model that ships inside.

use crate::shared::*;
use std::{fs, path::Path};

/// NASA's portrait of Eileen Collins, and a box around her face.
fn portrait() -> (String, &'static str) {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg");
    (photo.display().to_string(), "175,85,275,185")
}

#[test]
fn it_finds_the_points_of_a_face_without_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, face_box) = portrait();
    let find = |more: &[&str]| {
        let words = args("predict", &[&[photo.as_str(), "--box", face_box], more].concat());
        let face = awing(folder.path(), &words).with_code(0).json()[0]["faces"][0].clone();
        assert!(face["score"].as_f64().unwrap() > 0.7, "{face}");
        let point = |p: &serde_json::Value| [0, 1].map(|i| p[i].as_f64().unwrap());
        face["landmarks"].as_array().unwrap().iter().map(point).collect::<Vec<[f64; 2]>>()
    };
    let mean = |points: &[[f64; 2]]| {
        [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / points.len() as f64)
    };
    let near = |what: &str, [x, y]: [f64; 2], by_eye: [f64; 2]| {
        assert!((x - by_eye[0]).hypot(y - by_eye[1]) < 4.0, "{what} at {x}, {y} instead of {by_eye:?}");
    };
    let (points, mirrored) = (find(&[]), find(&["--mirror"]));
    assert_ne!(points, mirrored);
    for points in [points, mirrored] {
        assert_eq!(points.len(), 68);
        // Read off the photo.
        near("chin", points[8], [222.0, 178.0]);
        near("nose tip", points[30], [225.0, 128.0]);
        near("her right pupil", mean(&points[36..42]), [204.0, 102.0]);
        near("her left pupil", mean(&points[42..48]), [247.0, 103.5]);
        near("right corner of the mouth", points[48], [203.0, 140.0]);
        near("left corner of the mouth", points[54], [246.0, 141.0]);
    }
}

#[test]
fn the_open_one_finds_the_face_and_its_points_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, _) = portrait();
    let find = |words: &str| {
        let (verb, options) = words.split_once(' ').unwrap_or((words, ""));
        let words = [vec![verb, photo.as_str()], options.split_whitespace().collect()].concat();
        awing(folder.path(), &words).with_code(0)
    };
    let found = find("predict --model builtin-open");
    let faces = found.json()[0]["faces"].clone();
    assert_eq!(faces.as_array().unwrap().len(), 1, "{faces}");
    for (point, [x, y]) in
        [(8, [222.0, 178.0]), (30, [225.0, 128.0]), (48, [203.0, 140.0]), (54, [246.0, 141.0])]
    {
        let at = [0, 1].map(|i| faces[0]["landmarks"][point][i].as_f64().unwrap());
        assert!((at[0] - x).hypot(at[1] - y) < 5.0, "point {point} at {at:?} instead of {x}, {y}");
    }
    // By its own detector, unless another is named; `detect` rounds boxes more coarsely.
    let apart = |words: &str| {
        let boxes = [find(words).json()[0][0]["faces"][0]["box"].clone(), faces[0]["box"].clone()];
        let [a, b] = boxes.map(|corners| [0, 1, 2, 3].map(|i| corners[i].as_f64().unwrap()));
        (0..4).map(|i| (a[i] - b[i]).abs()).fold(0.0, f64::max)
    };
    assert!(apart("detect --json --detector builtin-open") < 0.01);
    assert!(apart("detect --json --detector builtin") > 0.1);

    // What is for research only is told, once, and what is for any use is not.
    let told =
        |words: &str| find(words).err.lines().filter(|line| line.contains("for research only")).count();
    assert!(!found.err.contains("research"), "{}", found.err);
    assert_eq!([told("predict"), told("detect"), told("predict --quiet")], [1, 1, 0]);
    assert_eq!(told("predict --model builtin-open --detector builtin"), 1);
    assert_eq!(told("predict --model builtin-open --box 175,85,275,185"), 0);
    assert_eq!(told("detect --detector builtin-open"), 0);
}

#[test]
fn what_ships_inside_is_listed_with_its_terms() {
    let folder = tempfile::tempdir().unwrap();
    let models = |words: &str| awing(folder.path(), &args(&format!("models {words}"), &[]));
    let lines = models("").with_code(0).out;
    let terms: Vec<&str> = lines.lines().skip(1).map(str::trim).collect();
    assert_eq!(terms.len(), 2, "{lines}");
    assert!(terms[0].starts_with("builtin ") && terms[0].contains("not for commercial products"), "{lines}");
    assert!(terms[1].starts_with("builtin-open ") && terms[1].contains("for any use"), "{lines}");
    let cards = models("builtin-open").with_code(0).out;
    assert!(cards.contains("ICT-FaceKit") && !cards.contains("research only"), "{cards}");
    models("nobody")
        .one_line(2, &["NAME: of the models that ship inside this build has builtin, builtin-open"]);
}

#[test]
fn it_can_be_written_to_a_folder_and_used_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let (photo, face_box) = portrait();
    let predict = |model: &str| {
        let words = args("predict --model", &[model, &photo, "--box", face_box]);
        awing(folder.path(), &words).with_code(0).out
    };
    for weights in ["f16", "f32"] {
        let words = format!("export --model builtin --out {weights} --weights {weights}");
        assert_eq!(awing(folder.path(), &args(&words, &[])).with_code(0).out, format!("{weights}\n"));
        assert_eq!(predict(weights), predict("builtin"));
    }
    let size = |name: &str| fs::metadata(folder.path().join(name).join("model.safetensors")).unwrap().len();
    assert!(size("f16") < 8_000_000 && size("f32") > 2 * size("f16") - 100_000);
    let card = fs::read_to_string(folder.path().join("f16/README.md")).unwrap();
    assert!(card.contains("must not be used in a commercial product"), "{card}");
    let again = args("export --model builtin --out f16", &[]);
    awing(folder.path(), &again).one_line(1, &["f16: is already there", "--out"]);
    let missing = args("export --model nowhere --out new", &[]);
    awing(folder.path(), &missing).one_line(1, &["nowhere: folder: is not there"]);
    assert!(!folder.path().join("new").exists());
}

#[test]
fn training_may_start_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let (train, val) = (faces("train"), faces("val"));
    let words = format!(
        "train --from builtin --data {train} --val {val} --preset nano --epochs 1 --name more --json \
         --set network.width=128 training.batch=8 optimizer.learning_rate=1e-6"
    );
    let done = awing(folder.path(), &args(&words, &[])).with_code(0);
    // It has never seen a drawn face; random weights are above 50 %.
    assert!(done.json()[0]["best_nme"].as_f64().unwrap() < 25.0, "{}", done.out);
}
