//! Faces are found before their landmarks.

use crate::shared::*;
use std::{fs, path::Path};

fn portrait() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg").display().to_string()
}

#[test]
fn a_photo_needs_no_box() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(portrait(), folder.path().join("eileen.jpg")).unwrap();
    let face = |words: &str| awing(folder.path(), &args(words, &[])).with_code(0).json()[0]["faces"].clone();
    let found = face("predict eileen.jpg");
    let given = face("predict eileen.jpg --box 175,85,275,185");
    assert_eq!(found.as_array().unwrap().len(), 1);
    for (a, b) in
        found[0]["landmarks"].as_array().unwrap().iter().zip(given[0]["landmarks"].as_array().unwrap())
    {
        let [x, y] = [0, 1].map(|i| a[i].as_f64().unwrap() - b[i].as_f64().unwrap());
        assert!(x.hypot(y) < 4.0, "{a} {b}");
    }
    // The boxes that `detect` prints are those that `predict` would have found.
    let boxes = awing(folder.path(), &args("detect eileen.jpg", &[])).with_code(0).out;
    assert!(boxes.starts_with("image,x0,y0,x1,y1,score\neileen.jpg,1"), "{boxes}");
    fs::write(folder.path().join("boxes.csv"), &boxes).unwrap();
    let read = face("predict eileen.jpg --boxes boxes.csv");
    assert_eq!(
        read[0]["landmarks"][30][0].as_f64().unwrap().round(),
        found[0]["landmarks"][30][0].as_f64().unwrap().round()
    );
}

#[test]
fn a_photo_without_faces_is_told_and_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    image::RgbImage::from_pixel(300, 200, image::Rgb([40, 90, 160]))
        .save(folder.path().join("sky.png"))
        .unwrap();
    fs::write(folder.path().join("broken.png"), "no image").unwrap();
    let done = awing(folder.path(), &args("predict sky.png", &[])).with_code(0);
    assert_eq!(done.json()[0]["faces"], serde_json::json!([]));
    assert!(
        done.err.contains("sky.png: no face found") && done.err.contains("--whole-image"),
        "{}",
        done.err
    );
    // What `detect` prints of it, `predict` reads.
    let boxes = awing(folder.path(), &args("detect sky.png", &[])).with_code(0).out;
    fs::write(folder.path().join("boxes.csv"), boxes).unwrap();
    let done = awing(folder.path(), &args("predict sky.png --boxes boxes.csv", &[])).with_code(0);
    assert_eq!(done.json()[0]["faces"], serde_json::json!([]));
    done.tells(&["sky.png: no box in boxes.csv, so no face"]);
    let done = awing(folder.path(), &args("detect sky.png broken.png --json", &[])).with_code(1);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&done.out).unwrap(),
        serde_json::json!([{"image": "sky.png", "faces": []}])
    );
    assert!(done.err.contains("broken.png: image: "), "{}", done.err);
}

#[test]
fn points_of_a_scheme_of_ones_own_are_read_with_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(portrait(), folder.path().join("eileen.jpg")).unwrap();
    let csv = "image,x0,y0,x1,y1,x2,y2,x3,y3\neileen.jpg,185,95,265,95,225,120,225,180\n";
    fs::write(folder.path().join("faces.csv"), csv).unwrap();
    let scheme = "name = \"mine\"\npoints = [\"left\", \"right\", \"nose\", \"chin\"]\nmirror = [[0, 1]]\n\
        [[normalizers]]\nname = \"width\"\nbetween = [[0], [1]]\n";
    fs::write(folder.path().join("mine.toml"), scheme).unwrap();
    let run = |words: &str| awing(folder.path(), &args(words, &[]));
    run("detect --data csv:faces.csv").one_line(1, &["no built-in scheme has 4 points"]);
    let figures = run("detect --data csv:faces.csv --scheme mine.toml --json").with_code(0);
    let figures: serde_json::Value = serde_json::from_str(&figures.out).unwrap();
    assert_eq!((&figures[0]["photos"], &figures[0]["faces"]), (&1.into(), &1.into()));
    run("detect eileen.jpg --scheme mine.toml").one_line(2, &["--scheme"]);
    // The model has no such points.
    run("eval-video --data csv:faces.csv --scheme mine.toml --motion rest").one_line(1, &["mine"]);
    run("eval-video --data csv:faces.csv --scheme mine.toml")
        .one_line(2, &["--data: a cut goes from one face"]);
}

#[test]
fn detection_is_measured_where_the_faces_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("wider/images");
    fs::create_dir_all(&images).unwrap();
    fs::copy(portrait(), images.join("eileen.jpg")).unwrap();
    image::RgbImage::from_pixel(300, 200, image::Rgb([40, 90, 160])).save(images.join("sky.png")).unwrap();
    let list = "eileen.jpg\n2\n179 88 92 91 0 0 0 0 0 0\n300 300 60 60 0 0 0 0 0 0\nsky.png\n0\n0 0 0 0 0 0 0 0 0 0\n";
    fs::write(folder.path().join("wider/val_bbx_gt.txt"), list).unwrap();
    let figures = awing(folder.path(), &args("detect --data wider:wider --json", &[])).with_code(0);
    let rows: serde_json::Value = serde_json::from_str(&figures.out).unwrap();
    let figures = &rows[0];
    assert_eq!((&figures["data"], &figures["detector"]), (&"wider:wider".into(), &"builtin".into()));
    assert_eq!(
        (&figures["photos"], &figures["faces"], &figures["recall"]),
        (&2.into(), &2.into(), &50.0.into())
    );
    assert_eq!((&figures["false_alarms"], &figures["average_precision"]), (&0.into(), &0.5.into()));
    let table = awing(folder.path(), &args("detect --data none:wider/images", &[])).with_code(0).out;
    assert!(table.contains("false alarms") && table.contains("recall %"), "{table}");
    let both =
        awing(folder.path(), &args("detect --data none:wider/images --detector builtin seetaface", &[]))
            .with_code(0)
            .out;
    assert_eq!(both.lines().count(), 3, "{both}");
    awing(folder.path(), &args("detect sky.png --detector builtin seetaface", &[])).one_line(2, &["--data"]);
    awing(folder.path(), &args("detect --data nothing", &[])).one_line(2, &["--data", "wider, none"]);
    awing(folder.path(), &args("eval --data wider:wider", &[]))
        .one_line(1, &["wider has no points of faces"]);
    awing(folder.path(), &args("detect", &[])).one_line(2, &["SOURCE"]);
}
