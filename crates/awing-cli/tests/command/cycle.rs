//! Train, go on, evaluate, predict.

use crate::shared::*;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_run_leaves_its_files() {
    let run = fixture().join("runs/train/tiny");
    let expected =
        ["best", "config.toml", "curve.png", "curve.svg", "last", "metrics.csv", "previous", "run.lock"];
    assert_eq!(files(&run), expected);
    assert_eq!(files(&run.join("best")), ["README.md", "config.toml", "model.safetensors", "progress.toml"]);
    let metrics = fs::read_to_string(run.join("metrics.csv")).unwrap();
    let rows: Vec<&str> = metrics.lines().collect();
    assert_eq!(rows[0], "step,epoch,seconds,learning_rate,loss,val_nme,faces_per_second");
    assert!(
        rows.len() == 3 && rows[1].starts_with("3,1.000,") && rows[2].starts_with("6,2.000,"),
        "{metrics}"
    );
    let card = fs::read_to_string(run.join("best/README.md")).unwrap();
    assert!(
        card.contains("- Training data: 300w:faces/train\n- Validation data: 300w:faces/val\n"),
        "{card}"
    );
    assert!(card.contains("- Command: `awing train --data 300w:faces/train --val"), "{card}");
    assert!(card.contains(&format!("- Made with awing {}", env!("CARGO_PKG_VERSION"))), "{card}");
}

#[test]
fn a_run_goes_on_where_it_ended_and_only_its_length_may_change() {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture().join("runs"), &folder.path().join("runs"));
    let (train, val) = (faces("train"), faces("val"));
    let resume = |more: &[&str]| {
        let words = args("train --resume --name tiny --json --val", &[&val, "--data", &train]);
        awing(folder.path(), &[words, more.iter().map(|s| s.to_string()).collect()].concat())
    };
    let done = resume(&["--epochs", "3"]).with_code(0);
    assert!(done.err.contains("going on in runs/train/tiny from step 6, 3 steps an epoch"), "{}", done.err);
    let outcome = &done.json()[0];
    assert_eq!((&outcome["steps"], &outcome["interrupted"]), (&Value::from(9), &Value::from(false)));
    assert_eq!(outcome["folder"], "runs/train/tiny");
    assert_eq!(outcome["model"], "runs/train/tiny/best");
    assert!(outcome["best_nme"].as_f64().unwrap().is_finite() && outcome["seconds"].as_f64().unwrap() > 0.0);
    let metrics = fs::read_to_string(folder.path().join("runs/train/tiny/metrics.csv")).unwrap();
    assert_eq!(metrics.lines().count(), 4);
    resume(&["--set", "loss.kind=mse"]).one_line(2, &["--resume", "--set"]);
    resume(&["--name", "other"]).one_line(2, &["--name"]);
}

#[test]
fn runs_without_a_name_are_numbered() {
    let folder = tempfile::tempdir().unwrap();
    let words = format!("train --data {} --preset nano --epochs 1 --quiet --set", faces("train"));
    for name in ["nano", "nano-2"] {
        let done = awing(folder.path(), &args(&words, &TINY)).with_code(0);
        assert!(done.out.starts_with(&format!("runs/train/{name}: 3 steps in ")), "{}", done.out);
        assert_eq!(done.err, "");
    }
    let words = format!("train --data {} --runs mine --epochs 1 --config {}", faces("train"), "cat.toml");
    let config = "preset = 'nano'\n[network]\ninput = 64\nwidth = 8\n[training]\nseed = 4\n";
    fs::write(folder.path().join("cat.toml"), config).unwrap();
    awing(folder.path(), &args(&words, &["--seed", "7"])).with_code(0);
    let written = fs::read_to_string(folder.path().join("mine/train/cat/config.toml")).unwrap();
    assert!(written.contains("seed = 7") && written.contains("epochs = 1"), "{written}");
}

#[test]
fn an_evaluation_is_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let words = format!("eval --data {} --model {} --json --threshold 5 30", faces("test"), model());
    let done = awing(folder.path(), &args(&words, &[])).with_code(0);
    assert!(done.err.contains("written to runs/eval/300w-test\n"), "{}", done.err);
    let [result] = &done.json()[..] else { panic!("{}", done.out) };
    assert_eq!((&result["images"], &result["failed"]), (&Value::from(6), &Value::from(0)));
    assert_eq!((&result["boxes"], &result["normaliser"]), (&Value::from("gt"), &Value::from("inter-ocular")));
    let number = |key: &str| result[key].as_f64().unwrap_or_else(|| panic!("{key} in {result}"));
    // Drawn faces after six steps: far from good, but a number.
    assert!(number("nme") > 0.0 && number("nme") < 500.0, "{result}");
    for (key, most) in [("fr8", 100.0), ("fr10", 100.0), ("auc8", 1.0), ("auc10", 1.0)] {
        assert!((0.0..=most).contains(&number(key)), "{key} in {result}");
    }
    let ends: Vec<f64> = result["nme_ci"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert!(ends[0] <= number("nme") && number("nme") <= ends[1], "{result}");
    assert_eq!(result["thresholds"].as_array().unwrap().len(), 2);
    assert_eq!(result["thresholds"][1]["at"], 30.0);
    assert_eq!(result["subsets"], serde_json::json!({}));
    assert_eq!(result["model"], model());
    assert_eq!((&result["left_out"], &result["unscorable"]), (&Value::from(0), &Value::from(0)));

    let out = folder.path().join("runs/eval/300w-test");
    let expected =
        ["ced.png", "ced.svg", "config.toml", "faces.csv", "results.json", "sample.png", "worst.png"];
    assert_eq!(files(&out), expected);
    let saved: Value = serde_json::from_str(&fs::read_to_string(out.join("results.json")).unwrap()).unwrap();
    assert_eq!(&saved, result);
    assert_eq!(fs::read_to_string(out.join("faces.csv")).unwrap().lines().count(), 7);
    let before = snapshot(&out);
    let done = awing(folder.path(), &args(&words, &[])).with_code(0);
    assert!(done.err.contains("written to runs/eval/300w-test-2\n"), "{}", done.err);
    assert_eq!(snapshot(&out), before);
    awing(folder.path(), &args(&words, &["--out", "runs/eval/300w-test"]))
        .one_line(1, &["runs/eval/300w-test: ", "--out"]);
}

#[test]
fn an_evaluation_says_how_it_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let boxes = folder.path().join("boxes.csv");
    let lines: String = (0..6).map(|i| format!("drawn_{i:05}.jpg,60,60,200,200\n")).collect();
    fs::write(&boxes, format!("image,x0,y0,x1,y1\n{lines}")).unwrap();
    let words =
        format!("eval --data {} --model {} --norm box --boxes boxes.csv --out o", faces("test"), model());
    let done = awing(folder.path(), &args(&words, &["--batch", "4"])).with_code(0);
    for line in ["boxes       boxes.csv", "normalizer  box", "failed      0 of 6 faces"] {
        assert!(done.out.lines().any(|l| l == line), "{line} in {}", done.out);
    }
    assert!(done.out.contains("NME %") && done.out.contains("\nall "), "{}", done.out);
    // The second box is gone: that face counts as failed, the others are measured.
    fs::write(&boxes, format!("image,x0,y0,x1,y1\n{}", lines.replacen("drawn_00001", "other", 1))).unwrap();
    let done = awing(folder.path(), &args(&words.replace("--out o", "--out p --json"), &[])).with_code(1);
    done.tells(&["drawn_00001.jpg", "there is none for this image in the file"]);
    assert_eq!(done.json()[0]["failed"], 1);
}

#[test]
fn predictions_are_a_line_a_photo_in_order() {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("b/x.jpg"));
    copy(&photo(1), &folder.path().join("a/x.jpg"));
    copy(&photo(2), &folder.path().join("z.jpg"));
    let words =
        format!("predict z.jpg b * --model {} --box 60,60,200,200 --box 50,50,210,210 --batch 4", model());
    let done = awing(folder.path(), &args(&words, &["--draw", "--heatmaps", "maps"])).with_code(0);
    let lines = done.json();
    let names: Vec<&str> = lines.iter().map(|l| l["image"].as_str().unwrap()).collect();
    assert_eq!(names, ["z.jpg", "b/x.jpg", "a/x.jpg"]);
    for line in &lines {
        assert_eq!((&line["width"], &line["height"]), (&Value::from(256), &Value::from(256)));
        let faces = line["faces"].as_array().unwrap();
        assert_eq!(faces.len(), 2);
        assert_eq!(faces[1]["box"], serde_json::json!([50.0, 50.0, 210.0, 210.0]));
        for face in faces {
            let (points, scores) =
                (face["landmarks"].as_array().unwrap(), face["scores"].as_array().unwrap());
            assert_eq!((points.len(), scores.len()), (POINTS, POINTS));
            assert!(points.iter().all(|p| p[0].as_f64().unwrap().is_finite() && p[1].as_f64().is_some()));
            assert!(scores.iter().all(|s| (0.0..=1.0).contains(&s.as_f64().unwrap())));
            assert!(face["score"].as_f64().is_some());
        }
    }
    let out = folder.path().join("runs/predict/z");
    assert_eq!(files(&out), ["predictions.jsonl", "x-2.png", "x.png", "z.png"]);
    assert_eq!(fs::read_to_string(out.join("predictions.jsonl")).unwrap(), done.out);
    assert_eq!(lines[1]["picture"], "runs/predict/z/x.png");
    let drawn = image::open(out.join("x.png")).unwrap().to_rgb8();
    let plain = awing::photo::load_image(&photo(0)).unwrap();
    assert_eq!(drawn.dimensions(), plain.dimensions());
    let changed = drawn.pixels().zip(plain.pixels()).filter(|(a, b)| a != b).count();
    assert!(changed > 500, "{changed} pixels drawn");

    let maps = folder.path().join("maps");
    assert_eq!(files(&maps).len(), 12);
    let bytes = fs::read(maps.join("z-face2.npy")).unwrap();
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    assert!(header.contains("'<f4'") && header.contains("(69, 16, 16"), "{header}");
    assert!(image::open(maps.join("z-face2.png")).unwrap().width() > 3 * 200);

    // Another run goes beside it; the maps' folder is not written again.
    let again = awing(folder.path(), &args(&words, &["--draw"])).with_code(0);
    assert!(again.err.contains("written to runs/predict/z-2\n"), "{}", again.err);
    awing(folder.path(), &args(&words, &["--heatmaps", "maps"])).one_line(1, &["maps: ", "--heatmaps"]);
}

#[test]
fn predictions_as_a_table_agree_with_json() {
    let folder = tempfile::tempdir().unwrap();
    let words = format!(
        "predict {} {} --whole-image --model {} --quiet",
        photo(0).display(),
        photo(3).display(),
        model()
    );
    let json = awing(folder.path(), &args(&words, &["--json"])).with_code(0).json();
    assert_eq!(json[0]["faces"][0]["box"], serde_json::json!([-0.5, -0.5, 255.5, 255.5]));
    let table = awing(folder.path(), &args(&words, &["--format", "csv", "--out", "o"])).with_code(0);
    assert_eq!(table.err, "");
    assert_eq!(fs::read_to_string(folder.path().join("o/predictions.csv")).unwrap(), table.out);
    let rows: Vec<Vec<&str>> = table.out.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows[0][..10],
        ["image", "face", "box_x0", "box_y0", "box_x1", "box_y1", "score", "x0", "y0", "s0"]
    );
    assert!(rows.iter().all(|row| row.len() == 7 + 3 * POINTS));
    for (row, line) in rows[1..].iter().zip(&json) {
        assert_eq!((row[0], row[1]), (line["image"].as_str().unwrap(), "0"));
        let x = line["faces"][0]["landmarks"][67][0].as_f64().unwrap();
        assert!((row[7 + 3 * 67].parse::<f64>().unwrap() - x).abs() < 1e-6);
    }
}

#[test]
fn a_reader_may_leave_early() {
    let words = format!("predict {} --whole-image --model {}", fixture().join("faces").display(), model());
    let mut child =
        command(fixture(), &args(&words, &[])).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        first.starts_with("{\"image\":") && !err.contains("panicked") && !err.contains("awing: "),
        "{err}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_demonstration_leaves_pictures_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("demo")).unwrap();
    fs::write(folder.path().join("demo/mine.txt"), "mine").unwrap();
    let done = awing(folder.path(), &args("demo --minutes 0.02", &[])).with_code(0);
    assert!(done.out.contains("300w:demo-2/faces/test") && done.out.contains("NME %"), "{}", done.out);
    for line in done.out.lines().filter_map(|line| line.trim().split_once(".png ")) {
        let picture = folder.path().join(format!("{}.png", line.0));
        assert!(image::open(&picture).is_ok(), "{}", picture.display());
    }
    assert_eq!(done.out.matches(".png ").count(), 5);
    assert_eq!(files(&folder.path().join("demo")), ["mine.txt"]);
    assert_eq!(
        files(&folder.path().join("demo-2")),
        ["boxes.csv", "eval", "faces", "heatmaps", "predict", "train"]
    );
}
