//! Whatever is wrong with the input: one clear line, the right exit code, and the rest goes on.

use crate::shared::*;
use std::{fs, path::Path};

/// A folder with the faces of the test set to spoil.
fn spoilt(spoil: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture().join("faces/test"), &folder.path().join("faces"));
    spoil(&folder.path().join("faces"));
    folder
}

fn eval(folder: &Path) -> Done {
    awing(folder, &args(&format!("eval --data 300w:faces --model {} --json --out out", model()), &[]))
}

fn predict(folder: &Path, sources: &str, more: &[&str]) -> Done {
    let whole = if more.iter().any(|word| word.starts_with("--box")) { "" } else { "--whole-image" };
    awing(folder, &args(&format!("predict {sources} {whole} --model {}", model()), more))
}

/// The points of a `.pts` file with one line changed.
fn change_line(path: &Path, line: usize, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> =
        text.lines().enumerate().map(|(i, l)| if i + 1 == line { to } else { l }).collect();
    fs::write(path, lines.join("\n")).unwrap();
}

#[test]
fn a_missing_image() {
    let folder = spoilt(|faces| fs::remove_file(faces.join("drawn_00002.jpg")).unwrap());
    let done = eval(folder.path()).with_code(1);
    done.tells(&["faces/drawn_00002.pts: image: ", "no image `drawn_00002`"]);
    assert_eq!((done.json()[0]["images"].as_u64(), done.json()[0]["left_out"].as_u64()), (Some(5), Some(1)));

    let done = predict(folder.path(), "faces/drawn_00002.jpg faces/drawn_00000.jpg", &[]).with_code(1);
    done.tells(&["faces/drawn_00002.jpg: image: there is no such file"]);
    let lines = done.json();
    assert_eq!(lines[0]["image"], "faces/drawn_00002.jpg");
    assert!(lines[0]["error"].as_str().unwrap().contains("no such file"));
    assert_eq!(lines[1]["faces"].as_array().unwrap().len(), 1);
}

#[test]
fn a_truncated_jpeg() {
    let cut = |faces: &Path| {
        let path = faces.join("drawn_00001.jpg");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let folder = spoilt(cut);
    let done = eval(folder.path()).with_code(1);
    done.tells(&["faces/drawn_00001.jpg: image: ", "cut off"]);
    let result = &done.json()[0];
    assert_eq!((result["images"].as_u64(), result["failed"].as_u64()), (Some(6), Some(1)));
    assert!(result["nme"].as_f64().unwrap().is_finite());

    let done = predict(folder.path(), "faces", &["--draw"]).with_code(1);
    done.tells(&["faces/drawn_00001.jpg: image: ", "cut off"]);
    let failed: Vec<bool> = done.json().iter().map(|line| line.get("error").is_some()).collect();
    assert_eq!(failed, [false, true, false, false, false, false]);
    // A table has no line for it.
    let done = predict(folder.path(), "faces", &["--format", "csv"]).with_code(1);
    assert_eq!((done.out.lines().count(), done.troubles().len()), (6, 1));

    // Training leaves the face out, says so, and goes on.
    let words = "train --data 300w:faces --preset nano --epochs 1 --json --set";
    let done = awing(folder.path(), &args(words, &[&TINY[..], &["training.batch=2"]].concat())).with_code(0);
    done.tells(&["faces/drawn_00001.jpg: image: ", "cut off"]);
    assert_eq!(done.json()[0]["left_out"], 1);
}

#[test]
fn a_file_with_67_points() {
    let folder = spoilt(|faces| {
        let path = faces.join("drawn_00003.pts");
        change_line(&path, 10, "");
        change_line(&path, 2, "n_points: 67");
    });
    let done = eval(folder.path()).with_code(1);
    done.tells(&["faces/drawn_00003.pts: points: 67 instead of 68"]);
    done.tells(&["1 left out, 5 used"]);
    assert_eq!(done.json()[0]["images"], 5);
    let words = "train --data 300w:faces --preset nano --epochs 1 --json --set";
    let done = awing(folder.path(), &args(words, &[&TINY[..], &["training.batch=2"]].concat())).with_code(0);
    done.tells(&["faces/drawn_00003.pts: points: 67 instead of 68"]);
    assert_eq!(done.json()[0]["left_out"], 1);
}

#[test]
fn coordinates_that_are_no_place_in_an_image() {
    let folder = spoilt(|faces| {
        change_line(&faces.join("drawn_00000.pts"), 5, "NaN 10");
        change_line(&faces.join("drawn_00001.pts"), 6, "10 1e9");
        change_line(&faces.join("drawn_00002.pts"), 7, "10 ten");
    });
    let done = eval(folder.path()).with_code(1);
    done.tells(&["faces/drawn_00000.pts:5: x of point 1: "]);
    done.tells(&["faces/drawn_00001.pts: point 2: ", "no place in an image"]);
    done.tells(&["faces/drawn_00002.pts:7: y of point 3: `ten` is not a number"]);
    assert_eq!(done.json()[0]["images"], 3);
}

#[test]
fn many_problems_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("faces/good.jpg"));
    copy(&photo(0).with_extension("pts"), &folder.path().join("faces/good.pts"));
    for i in 0..14 {
        fs::write(folder.path().join(format!("faces/bad{i:02}.pts")), "{\n}").unwrap();
    }
    let done = eval(folder.path()).with_code(1);
    assert_eq!(done.troubles().iter().filter(|line| line.contains("bad")).count(), 10, "{}", done.err);
    done.tells(&["and 4 more"]);
    done.tells(&["14 left out, 1 used"]);
}

#[test]
fn an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("faces")).unwrap();
    eval(folder.path()).one_line(1, &["faces: annotations: no annotated face"]);
    awing(folder.path(), &args("train --data 300w:faces", &[])).one_line(1, &["faces: annotations: "]);
    assert!(!folder.path().join("runs").exists(), "nothing was started");
    predict(folder.path(), "faces", &[]).one_line(1, &["faces: the folder holds no image"]);
    predict(folder.path(), "*.jpg", &[]).one_line(1, &["*.jpg: the pattern matches no image"]);
    // The rest goes on.
    copy(&photo(0), &folder.path().join("a.jpg"));
    let done = predict(folder.path(), "faces a.jpg", &[]).with_code(1);
    done.tells(&["faces: the folder holds no image"]);
    assert_eq!(done.json()[0]["image"], "a.jpg");
}

#[test]
fn a_box_outside_the_image() {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a.jpg"));
    let done = predict(folder.path(), "a.jpg", &["--box", "300,300,400,400"]).with_code(1);
    done.tells(&["a.jpg: box: 300 300 400 400 lies outside the image of 256 x 256 pixels"]);
    assert!(done.json()[0]["error"].as_str().unwrap().contains("lies outside"));
    // A good box beside it is answered.
    let done =
        predict(folder.path(), "a.jpg", &["--box", "300,300,400,400", "--box", "60,60,200,200"]).with_code(1);
    let line = &done.json()[0];
    assert_eq!((line["faces"].as_array().unwrap().len(), line["errors"].as_array().unwrap().len()), (1, 1));
    predict(folder.path(), "a.jpg", &["--box", "9,9,1,1"]).one_line(2, &["--box", "right of and below"]);
    predict(folder.path(), "a.jpg", &["--box", "1,2,3"]).one_line(2, &["--box", "four numbers"]);

    fs::write(folder.path().join("boxes.csv"), "image,x0,y0,x1,y1\nb.jpg,1,2,30,40\n").unwrap();
    predict(folder.path(), "a.jpg", &["--boxes", "boxes.csv"])
        .one_line(2, &["--boxes: boxes.csv: none of the photos is in it"]);
    copy(&photo(0), &folder.path().join("b.jpg"));
    copy(&photo(0), &folder.path().join("c.jpg"));
    let lines = "b.jpg,1,2,30,40\ns/c.jpg,1,2,30,40\nt/c.jpg,1,2,30,40\n";
    fs::write(folder.path().join("boxes.csv"), format!("image,x0,y0,x1,y1\n{lines}")).unwrap();
    let done = predict(folder.path(), "a.jpg b.jpg c.jpg", &["--boxes", "boxes.csv"]).with_code(1);
    assert_eq!(done.json()[0]["faces"], serde_json::json!([]));
    done.tells(&["a.jpg: no box in boxes.csv, so no face"]);
    done.tells(&["c.jpg: image: may be `s/c.jpg` or `t/c.jpg` in boxes.csv"]);
    fs::write(folder.path().join("boxes.csv"), "image,x0,y0,x1,y1\na.jpg,1,2,thirty,40\n").unwrap();
    predict(folder.path(), "a.jpg", &["--boxes", "boxes.csv"])
        .one_line(2, &["boxes.csv:2: box x1: `thirty`"]);
}

#[test]
fn an_image_of_one_pixel() {
    let folder = tempfile::tempdir().unwrap();
    image::RgbImage::new(1, 1).save(folder.path().join("dot.png")).unwrap();
    copy(&photo(0), &folder.path().join("face.jpg"));
    let done = predict(folder.path(), "dot.png face.jpg", &["--draw"]).with_code(1);
    done.tells(&["dot.png: face box: ", "of at least 2 pixels on its larger side"]);
    let lines = done.json();
    assert!(lines[0]["error"].is_string() && lines[1]["faces"].is_array());

    // With a box and annotation of its own it is measured like any other: black all around.
    let folder = spoilt(|faces| {
        awing_train::report::save_picture(&faces.join("drawn_00004.jpg"), &image::RgbImage::new(1, 1))
            .unwrap()
    });
    let done = eval(folder.path()).with_code(1);
    done.tells(&["drawn_00004.jpg", "lies outside the image of 1 x 1 pixels"]);
    assert_eq!(done.json()[0]["failed"], 1);
}

#[test]
fn two_annotations_for_one_image() {
    let folder = spoilt(|faces| {
        // On file systems that tell capitals apart these are two files.
        fs::write(faces.join("drawn_00000.PTS"), fs::read(faces.join("drawn_00000.pts")).unwrap()).unwrap();
        copy(&faces.join("drawn_00001.jpg"), &faces.join("drawn_00001.png"));
    });
    let done = eval(folder.path()).with_code(1);
    if cfg!(target_os = "linux") {
        done.tells(&["drawn_00000", "2 annotation files for `drawn_00000`"]);
    }
    done.tells(&["drawn_00001.pts: image: 2 images for one annotation"]);

    let points: String = (0..5).map(|i| format!(",x{i},y{i}")).collect();
    let line = "drawn_00000.jpg,80,90,170,90,125,130,95,170,155,170\n";
    let csv = format!("image{points}\n{line}{line}");
    fs::write(folder.path().join("faces/five.csv"), csv).unwrap();
    let words = "train --data csv:faces/five.csv --preset nano --epochs 1 --json --set";
    let done = awing(folder.path(), &args(words, &[&TINY[..], &["training.batch=2"]].concat()));
    done.tells(&["five.csv:3: image: ", "already annotated"]);
}

#[test]
fn a_model_folder_that_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a.jpg"));
    let spoil = |name: &str, from: &str, to: &str| {
        copy(Path::new(&model()), &folder.path().join(name));
        let config = folder.path().join(name).join("config.toml");
        let text = fs::read_to_string(&config).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(config, text.replacen(from, to, 1)).unwrap();
        awing(folder.path(), &args(&format!("predict a.jpg --whole-image --model {name}"), &[]))
    };
    spoil("shape", "width = 8", "width = 16").one_line(1, &["shape/model.safetensors: "]);
    spoil("version", "version = 1", "version = 9").one_line(1, &["version/config.toml: version: is 9"]);
    spoil("odd", "width = 8", "width = 9").one_line(1, &["odd/config.toml: network", "width"]);
    spoil("broken", "version = 1", "version = = 1").one_line(1, &["broken/config.toml: file: "]);
    copy(Path::new(&model()), &folder.path().join("bare"));
    fs::remove_file(folder.path().join("bare/model.safetensors")).unwrap();
    let predict = |model: &str| awing(folder.path(), &args(&format!("predict a.jpg --model {model}"), &[]));
    predict("bare").one_line(1, &["bare/model.safetensors: cannot read"]);
    copy(Path::new(&model()), &folder.path().join("cut"));
    let weights = folder.path().join("cut/model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    predict("cut").one_line(1, &["cut/model.safetensors: "]);
    predict("nowhere").one_line(1, &["nowhere: folder: is not there"]);
    let eval = format!("eval --data {} --model nowhere", faces("test"));
    awing(folder.path(), &args(&eval, &[])).one_line(1, &["nowhere: folder: is not there"]);
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn a_run_that_is_there_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture().join("runs"), &folder.path().join("runs"));
    let before = snapshot(folder.path());
    let words = format!("train --data {} --preset nano --name tiny", faces("train"));
    awing(folder.path(), &args(&words, &[]))
        .one_line(1, &["runs/train/tiny: is already there", "--name", "--resume"]);
    assert_eq!(snapshot(folder.path()), before);
    for name in ["../up", "a/b", "..", "", "/tmp/x"] {
        let words = args(&format!("train --data {} --name", faces("train")), &[name]);
        awing(folder.path(), &words).one_line(2, &["--name: ", "plain word"]);
    }
    let words = format!("train --data {} --resume --name other", faces("train"));
    awing(folder.path(), &args(&words, &[])).one_line(1, &["runs/train/other/config.toml: cannot read"]);
    assert_eq!(snapshot(folder.path()), before);
}

#[test]
fn a_wrong_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test, model) = (faces("train"), faces("test"), model());
    let wrong = |words: &str, parts: &[&str]| awing(folder.path(), &args(words, &[])).one_line(2, parts);
    wrong(&format!("train --data {train} --set training.bach=3"), &["settings: ", "unknown field `bach`"]);
    wrong(&format!("train --data {train} --set training.batch"), &["--set: ", "not key=value"]);
    wrong(&format!("train --data {train} --set training.batch=1"), &["training.batch: 1 must be"]);
    wrong(&format!("train --data {train} --preset huge"), &["preset: `huge` is unknown", "paper, base"]);
    wrong(&format!("train --data {train} --epochs 0"), &["training.epochs: 0 must be"]);
    wrong(&format!("train --data {train} --minutes -1"), &["minutes"]);
    wrong(&format!("train --data {train} --minutes 1 --epochs 1"), &["--minutes", "--epochs"]);
    wrong(&format!("train --data {train} --scheme cats"), &["--scheme: ", "`cats` is neither"]);
    wrong(&format!("train --data {train} --resume"), &["--name"]);
    wrong("train --data faces", &["--data", "does not say its format", "300w, wflw"]);
    wrong("train --data 300x:faces", &["--data", "`300x` is not a format", "300w, wflw"]);
    wrong("train", &["--data"]);
    wrong(
        &format!("eval --data {test} --model {model} --norm knees"),
        &["--norm: `knees` is unknown", "inter-ocular"],
    );
    wrong(
        &format!("eval --data {test} --model {model} --boxes nobody"),
        &["--boxes: `nobody` is neither gt"],
    );
    wrong(&format!("eval --data {test} --model {model} --threshold -3"), &["--threshold", "-3"]);
    wrong(&format!("eval --data {test} --model {model} --device tpu"), &["--device", "tpu", "cpu, wgpu"]);
    wrong(&format!("eval --data {test} --model {model} --batch 0"), &["--batch", "1..=1024"]);
    wrong(&format!("predict a.jpg --model {model} --format xml"), &["--format", "xml", "jsonl, csv"]);
    wrong(&format!("predict --model {model}"), &["SOURCE"]);
    wrong("demo --minutes 0", &["--minutes: 0 must be"]);
    wrong("dance", &["dance"]);
    if cfg!(not(feature = "wgpu")) {
        wrong(&format!("predict a.jpg --model {model} --device wgpu"), &["--device wgpu", "--features wgpu"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was started");
    let done =
        awing(folder.path(), &args(&format!("eval --data {test} --model {model} --boxes detector"), &[]));
    done.one_line(1, &["no face comes with a detector's box", "--boxes gt"]);
}

#[test]
fn help_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    for words in ["--help", "--version", "train --help", "eval -h", "predict --help", "demo --help"] {
        let done = awing(folder.path(), &args(words, &[])).with_code(0);
        assert!(done.out.contains("awing") && done.err.is_empty(), "{words}");
    }
    let done = awing::<&str>(folder.path(), &[]).with_code(2);
    assert!(done.err.contains("demo"), "{}", done.err);
}
