//! What docs/JSON.md says is what the command prints, and the reverse.

use crate::shared::*;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

const DOCUMENTATION: &str = include_str!("../../../../docs/JSON.md");

/// Keys of a section's tables.
fn documented(section: &str) -> Vec<String> {
    let (_, text) = DOCUMENTATION
        .split_once(&format!("## `{section}`\n"))
        .unwrap_or_else(|| panic!("no section for {section}"));
    let text = text.split("\n## ").next().unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    let keys = rows.flat_map(|(keys, _)| {
        keys.split(", ").map(|key| key.trim_matches('`').to_owned()).collect::<Vec<_>>()
    });
    keys.collect()
}

/// The paths of all keys: `faces[].box`.
fn keys(value: &Value, before: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let path = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
                keys(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(elements) => {
            elements.iter().filter(|e| e.is_object()).for_each(|e| keys(e, &format!("{before}[]"), found));
        }
        _ => {}
    }
}

/// Whether a documented path means a printed one: `*` is any part, `…` any rest.
fn means(documented: &str, printed: &str) -> bool {
    let mut parts = printed.split('.');
    for part in documented.split('.') {
        match (part, parts.next()) {
            ("…", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(other)) if part == other => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// Compares a section with all objects that its verb printed.
#[track_caller]
fn agrees(section: &str, printed: &[Value]) {
    let (rows, mut found) = (documented(section), BTreeSet::new());
    assert!(!rows.is_empty(), "no table for {section}");
    printed.iter().for_each(|value| keys(value, "", &mut found));
    for key in &found {
        assert!(rows.iter().any(|row| means(row, key)), "{section}: `{key}` is printed and not documented");
    }
    for row in rows {
        // A table of sizes takes minutes.
        let measured = !(row.starts_with("scale[]") && section == "awing bench");
        // Not every file system has names that are no UTF-8.
        let measured = measured && (row != "image_bytes" || cfg!(target_os = "linux"));
        assert!(
            !measured || found.iter().any(|key| means(&row, key)),
            "{section}: `{row}` is documented and was not printed"
        );
    }
}

/// The lines that a command printed, each JSON; arrays are taken apart.
fn printed(folder: &Path, words: &str, code: i32) -> Vec<Value> {
    let lines = awing(folder, &args(words, &[])).with_code(code).json();
    lines
        .into_iter()
        .flat_map(|line| match line {
            Value::Array(elements) => elements,
            line => vec![line],
        })
        .collect()
}

#[test]
fn predictions() {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a.jpg"));
    let mut lines = printed(
        folder.path(),
        "predict a.jpg gone.jpg --json --pose --draw --box 60,60,200,200 --box 300,300,400,400",
        1,
    );
    assert_eq!(lines.len(), 2);
    std::fs::write(folder.path().join("list.txt"), b"caf\xe9.jpg").unwrap();
    lines.extend(printed(folder.path(), "predict @list.txt", 1));
    if cfg!(target_os = "linux") {
        assert_eq!(lines[2]["image"], "caf\u{fffd}.jpg");
        assert_eq!(lines[2]["image_bytes"], "636166e92e6a7067");
    }
    agrees("awing predict", &lines);
    // Without options only what is always there.
    lines = printed(folder.path(), &format!("predict a.jpg --whole-image --model {}", model()), 0);
    let mut found = BTreeSet::new();
    keys(&lines[0], "", &mut found);
    let always = [
        "faces",
        "faces[].box",
        "faces[].landmarks",
        "faces[].score",
        "faces[].scores",
        "height",
        "image",
        "width",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), always);
}

#[test]
fn detection() {
    let folder = tempfile::tempdir().unwrap();
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg");
    copy(&portrait, &folder.path().join("eileen.jpg"));
    agrees("awing detect SOURCE", &printed(folder.path(), "detect eileen.jpg --json", 0));
    agrees("awing detect --data", &printed(folder.path(), "detect --data none:eileen.jpg --json", 0));
}

#[test]
fn evaluation_and_calibration() {
    let folder = tempfile::tempdir().unwrap();
    // A path that names a subset.
    copy(&fixture().join("faces/test"), &folder.path().join("faces/helen/testset"));
    let eval = printed(folder.path(), "eval --data 300w:faces --threshold 5 --json", 0);
    assert!(eval[0]["subsets"]["common"]["nme"].is_number(), "{eval:?}");
    agrees("awing eval", &eval);
    copy(Path::new(&model()), &folder.path().join("tiny"));
    agrees("awing calibrate", &printed(folder.path(), "calibrate --model tiny --data 300w:faces --json", 0));
}

#[test]
fn models_from_place_to_place() {
    let folder = tempfile::tempdir().unwrap();
    let export = format!("export --model {} --format safetensors --out a.safetensors --json", model());
    agrees("awing export", &printed(folder.path(), &export, 0));
    let import = "import a.safetensors --out again --input 64 --json";
    agrees("awing import", &printed(folder.path(), import, 0));
}

#[test]
fn training() {
    let folder = tempfile::tempdir().unwrap();
    let settings = TINY.join(" ");
    let (train, val, test) = (faces("train"), faces("val"), faces("test"));
    let words = format!("train --data {train} --preset nano --epochs 1 --json --set {settings}");
    agrees("awing train", &printed(folder.path(), &words, 0));
    let words = format!(
        "ablate --data {train} --val {val} --test {test} --epochs 1 --seeds 1 --rows mse --json --set {settings}"
    );
    agrees("awing ablate", &printed(folder.path(), &words, 0));

    image::RgbImage::from_pixel(200, 200, image::Rgb([90, 120, 60]))
        .save(folder.path().join("lawn.png"))
        .unwrap();
    let detector = format!(
        "train-detector --data {train} --backgrounds lawn.png --json --set network.input=64 network.width=8 training.batch=2"
    );
    let mut outcomes = printed(folder.path(), &format!("{detector} --steps 2"), 0);
    outcomes.extend(printed(folder.path(), &format!("{detector} --preview scenes.png"), 0));
    agrees("awing train-detector", &outcomes);
}

#[test]
fn figures_without_data() {
    let folder = tempfile::tempdir().unwrap();
    agrees("awing loss", &printed(folder.path(), "loss --json", 0));
    agrees("awing models", &printed(folder.path(), "models --json", 0));
    let bench = "bench loss --stacks 1 --width 8 --input 64 --batch 2 --seconds 0 --json";
    agrees("awing bench", &printed(folder.path(), bench, 0));
    let demo = printed(folder.path(), "demo --minutes 0.02 --json", 0);
    agrees("awing demo", &demo);
    for picture in demo[0]["pictures"].as_array().unwrap() {
        assert!(folder.path().join(picture.as_str().unwrap()).is_file(), "{picture}");
    }
}

#[test]
fn rendered_faces() {
    let folder = tempfile::tempdir().unwrap();
    awing_render::write_drawn_head(&folder.path().join("head")).unwrap();
    let words = "data render --head head --count 2 --size 32 --json --to";
    // A format without hidden points changes something.
    let outcomes =
        ["csv:a", "300w:b"].map(|to| printed(folder.path(), &format!("{words} {to}"), 0).remove(0));
    let turned =
        printed(folder.path(), "data turn csv:a --head head --misfit 90 --least-side 1 --json --to csv:c", 0);
    agrees("awing data render`, `awing data turn", &[&outcomes[..], &turned].concat());
    let lines = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let text = lines("a/rendered.jsonl") + &lines("c/rendered.jsonl");
    let faces: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    agrees("rendered.jsonl", &faces);
}

#[test]
fn every_verb_with_json_has_a_section() {
    let folder = tempfile::tempdir().unwrap();
    let help = awing(folder.path(), &["--help"]).with_code(0).out;
    let verbs = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let verbs: Vec<&str> = verbs
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.contains(&"predict") && verbs.contains(&"loss"), "{verbs:?}");
    for verb in verbs.into_iter().filter(|verb| *verb != "help") {
        let json = awing(folder.path(), &[verb, "--help"]).with_code(0).out.contains("--json");
        let section = DOCUMENTATION.contains(&format!("\n## `awing {verb}"));
        assert_eq!(json, section, "awing {verb}: --json and a section of docs/JSON.md");
    }
}

/// Notes of every kind: folders, runs, what comes next.
#[test]
fn quiet_silences_every_note() {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a.jpg"));
    copy(&photo(1), &folder.path().join("b.jpg"));
    copy(&fixture().join("faces/test"), &folder.path().join("faces"));
    copy(Path::new(&model()), &folder.path().join("tiny"));
    image::RgbImage::from_pixel(200, 200, image::Rgb([90, 120, 60]))
        .save(folder.path().join("lawn.png"))
        .unwrap();
    let set = format!("--epochs 1 --set {} training.batch=2", TINY.join(" "));
    for words in [
        "predict a.jpg b.jpg --whole-image --model tiny --draw --heatmaps maps --sheet all.png --quiet",
        "predict lawn.png --quiet",
        "detect lawn.png --quiet",
        "detect --data none:lawn.png --quiet",
        "eval --data 300w:faces --model tiny --quiet",
        "calibrate --model tiny --data 300w:faces --quiet",
        "export --model tiny --format safetensors --out a.safetensors --quiet",
        "import a.safetensors --out again --input 64 --quiet",
        &format!("train --data 300w:faces --preset nano --quiet {set}"),
        &format!(
            "ablate --data 300w:faces --val 300w:faces --test 300w:faces --seeds 1 --rows mse --quiet {set}"
        ),
        "train-detector --data 300w:faces --backgrounds lawn.png --steps 2 --quiet --set network.input=64 network.width=8 training.batch=2",
        "loss --out charts --quiet",
        "bench loss --stacks 1 --width 8 --input 64 --batch 2 --seconds 0 --quiet",
        "demo --minutes 0.02 --quiet",
    ] {
        let done = awing(folder.path(), &args(words, &[])).with_code(0);
        assert_eq!(done.err, "", "{words}");
        assert_ne!(done.out, "", "{words}");
    }
}
