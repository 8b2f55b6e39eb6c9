//! Looking at data: what is in it, what is wrong, other formats, parts.

use crate::shared::*;
use serde_json::Value;
use std::{fs, path::Path};

/// 30 drawn faces in `faces`.
fn drawn() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    awing_train::dataset::write_drawn(&folder.path().join("faces"), 30, 4).unwrap();
    folder
}

fn data(folder: &Path, words: &str) -> Done {
    awing(folder, &args(&format!("data {words}"), &[]))
}

/// The numbers of a line of a .pts file.
fn point(path: &Path, line: usize) -> [f64; 2] {
    let text = fs::read_to_string(path).unwrap();
    let numbers: Vec<f64> =
        text.lines().nth(line).unwrap().split_whitespace().map(|v| v.parse().unwrap()).collect();
    [numbers[0], numbers[1]]
}

#[test]
fn info_counts_and_draws() {
    let folder = drawn();
    let done = data(folder.path(), "info 300w:faces").with_code(0);
    for part in ["300w-68 (68 points)", "image width, px", "inter-ocular distance, px", "roll, degrees"] {
        assert!(done.out.contains(part), "{}", done.out);
    }
    let done = data(folder.path(), "info 300w:faces --json --out info").with_code(0);
    let found = &done.json()[0];
    assert_eq!((&found["images"], &found["faces"], &found["missing"]), (&30.into(), &30.into(), &0.into()));
    assert_eq!(found["image_width"]["median"], 256.0);
    assert!(found["distance"]["median"].as_f64().unwrap() > 30.0);
    for file in ["info.json", "info.svg", "info.png"] {
        assert!(folder.path().join("info").join(file).is_file(), "{file}");
    }
    data(folder.path(), "info 300w:faces --out info").one_line(1, &["info: is already there"]);
    data(folder.path(), "info 300w:nowhere").one_line(1, &["nowhere: cannot read"]);
    data(folder.path(), "info faces").one_line(2, &["does not say its format"]);
}

#[test]
fn check_finds_what_was_planted_and_draws_it() {
    let folder = drawn();
    let done = data(folder.path(), "check 300w:faces").with_code(0);
    assert_eq!(done.out, "30 faces: nothing found\n");

    let pts = folder.path().join("faces/drawn_00002.pts");
    let text = fs::read_to_string(&pts).unwrap();
    let swapped: Vec<String> = text
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((x, y)) if x.parse::<f64>().is_ok() => format!("{y} {x}"),
            _ => line.to_owned(),
        })
        .collect();
    fs::write(&pts, swapped.join("\n")).unwrap();
    let photo = folder.path().join("faces/drawn_00004.jpg");
    let bytes = fs::read(&photo).unwrap();
    fs::write(&photo, &bytes[..bytes.len() / 2]).unwrap();
    let done = data(folder.path(), "check 300w:faces").with_code(1);
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", done.out);
    assert!(lines[0].starts_with("faces/drawn_00004.pts: drawn_00004.jpg: "), "{}", lines[0]);
    assert!(
        lines[1].starts_with("faces/drawn_00002.pts: drawn_00002.jpg: x and y are exchanged"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "30 faces, 2 findings: broken images 1, x and y exchanged 1");
    let done = data(folder.path(), "check 300w:faces --json --out found").with_code(1);
    let answer = &done.json()[0];
    assert_eq!((&answer["faces"], &answer["scheme"]), (&30.into(), &"300w-68".into()));
    let finding = &answer["findings"][1];
    assert_eq!(
        (&finding["kind"], &finding["file"]),
        (&"swapped-coordinates".into(), &"faces/drawn_00002.pts".into())
    );
    assert!(finding["mend"].as_str().unwrap().contains("exchange x and y"));
    assert!(image::open(folder.path().join("found/findings.png")).is_ok());
}

#[test]
fn check_names_the_line_where_there_is_one() {
    let folder = drawn();
    data(folder.path(), "convert 300w:faces --to csv:table").with_code(0);
    let table = folder.path().join("table/faces.csv");
    let mut lines: Vec<String> = fs::read_to_string(&table).unwrap().lines().map(str::to_owned).collect();
    // image, four of the box, then x, y, v of each point: the outer corners of the eyes.
    let mut cells: Vec<&str> = lines[8].split(',').collect();
    for i in 0..2 {
        cells.swap(5 + 3 * 36 + i, 5 + 3 * 45 + i);
    }
    lines[8] = cells.join(",");
    fs::write(&table, lines.join("\n")).unwrap();
    let done = data(folder.path(), "check csv:table").with_code(1);
    let first = done.out.lines().next().unwrap();
    assert!(
        first.starts_with("table/faces.csv:9: drawn_00007.jpg: points 36 (left eye 1) and 45 (right eye 4)"),
        "{first}"
    );
}

#[test]
fn preview_draws_faces_with_and_without_their_targets() {
    let folder = drawn();
    let size = |name: &str| {
        let picture = image::open(folder.path().join(name)).unwrap();
        (picture.width(), picture.height())
    };
    let done = data(folder.path(), "preview 300w:faces --count 5 --tile 128").with_code(0);
    assert_eq!(done.out, "preview.png\n");
    assert_eq!(size("preview.png").0, 8 + 3 * 136);
    data(folder.path(), "preview 300w:faces").one_line(1, &["preview.png: is already there", "--out"]);
    data(folder.path(), "preview 300w:faces --targets --tile 128 --face drawn_00003.jpg --out one.png")
        .with_code(0);
    assert_eq!(size("one.png").0, 8 + 3 * 136);
    let random = |seed: &str, out: &str| {
        data(folder.path(), &format!("preview 300w:faces --count 2 --tile 128 --seed {seed} --out {out}"))
            .with_code(0);
        fs::read(folder.path().join(out)).unwrap()
    };
    assert_eq!(random("1", "a.png"), random("1", "b.png"));
    assert_ne!(random("1", "c.png"), random("2", "d.png"));
    data(folder.path(), "preview 300w:faces --face drawn_3.jpg --out e.png")
        .one_line(2, &["--face", "none is called `drawn_3.jpg`"]);
    for name in ["e.txt", "e.gif"] {
        data(folder.path(), &format!("preview 300w:faces --out {name}")).one_line(2, &[name, "name it .png"]);
    }
}

#[test]
fn convert_goes_to_every_format_and_back() {
    let folder = drawn();
    let first = point(&folder.path().join("faces/drawn_00000.pts"), 3);
    for format in ["wflw", "cofw", "aflw", "ytf", "mtfl", "lspet", "dlib", "coco", "csv"] {
        let done = data(folder.path(), &format!("convert 300w:faces --to {format}:{format}")).with_code(0);
        assert!(done.out.ends_with(": 30 faces in 30 images\n"), "{}", done.out);
        let words =
            format!("convert {format}:{format} --scheme 300w-68 --to 300w:{format}-back --image-files link");
        data(folder.path(), &words).with_code(0);
        let name = if format == "cofw" { "IsTr/0001.pts" } else { "drawn_00000.pts" };
        let back = point(&folder.path().join(format!("{format}-back")).join(name), 3);
        assert!((back[0] - first[0]).abs() < 1e-5 && (back[1] - first[1]).abs() < 1e-5, "{format}: {back:?}");
    }
    let before = snapshot(&folder.path().join("coco"));
    data(folder.path(), "convert 300w:faces --to coco:coco").one_line(1, &["target: coco is not empty"]);
    assert_eq!(snapshot(&folder.path().join("coco")), before);

    let done = data(folder.path(), "convert aflw:aflw --scheme 300w-68 --to ytf:y --json").with_code(0);
    done.tells(&[
        "boxes of 30 faces are left out: ytf has none",
        "own boxes of 30 faces are left out: ytf has none",
    ]);
    let answer = &done.json()[0];
    assert_eq!((&answer["faces"], &answer["changes"][0]["kind"]), (&30.into(), &"boxes-left-out".into()));
    data(folder.path(), "convert 300w:faces --to ytf:z --to-scheme mtfl-5")
        .one_line(2, &["--to-scheme", "`300w-68` has no point \"left eye centre\" of `mtfl-5`"]);
    let done =
        data(folder.path(), "convert 300w:faces --to csv:bare/faces.csv --image-files leave").with_code(0);
    done.tells(&["30 of 30 images are not where a reader looks"]);
    data(folder.path(), "convert 300w:faces --to faces").one_line(2, &["--to", "does not say its format"]);
    data(folder.path(), "convert 300w:faces --to dlib:d/a.txt").one_line(1, &["target: d/a.txt is no name"]);
    let done = data(folder.path(), "convert 300w:faces --to ytf:again --quiet").with_code(0);
    assert_eq!(done.err, "");
}

#[test]
fn nothing_is_written_into_the_dataset_itself() {
    let folder = drawn();
    let before = snapshot(&folder.path().join("faces"));
    for words in ["convert 300w:faces --to 300w:faces/sub", "split 300w:faces --out faces/parts"] {
        data(folder.path(), words).one_line(1, &["target: faces/", "would hold the faces twice", "outside"]);
    }
    assert_eq!(snapshot(&folder.path().join("faces")), before);
    assert!(!folder.path().join("faces/parts").exists());
    data(folder.path(), "convert 300w:faces --to csv:faces/faces.csv --image-files leave").with_code(0);
}

#[test]
fn what_is_left_out_shows_in_the_exit_code_and_check_opens_what_nobody_else_can() {
    let folder = drawn();
    fs::write(folder.path().join("faces/drawn_00001.pts"), "{\n1 2\n}").unwrap();
    for words in ["info 300w:faces", "preview 300w:faces --count 1", "convert 300w:faces --to csv:c"] {
        let done = data(folder.path(), words).with_code(1);
        done.tells(&["drawn_00001.pts: points: 1 instead of 68"]);
        assert_ne!(done.out, "", "{words}");
    }
    let photos = folder.path().join("bad");
    copy(&folder.path().join("faces/drawn_00001.jpg"), &photos.join("a.jpg"));
    copy(&folder.path().join("faces/drawn_00002.jpg"), &photos.join("b.jpg"));
    fs::write(photos.join("a.pts"), "{\n1 2\n}").unwrap();
    fs::write(photos.join("b.pts"), "no points").unwrap();
    let done = data(folder.path(), "check 300w:bad").with_code(1);
    assert_eq!(done.out.lines().last(), Some("0 faces, 2 findings: unusable annotations 2"));
    let answer = &data(folder.path(), "check 300w:bad --json").with_code(1).json()[0];
    let files: Vec<&Value> = answer["findings"].as_array().unwrap().iter().map(|f| &f["file"]).collect();
    assert_eq!(files, ["bad/a.pts", "bad/b.pts"]);
    data(folder.path(), "info 300w:bad").one_line(1, &["no usable face; the first of 2 problems"]);
}

#[test]
fn split_keeps_groups_together_and_says_where_all_went() {
    let folder = drawn();
    let list = |out: &str| fs::read_to_string(folder.path().join(out).join("split.csv")).unwrap();
    let words =
        r"split 300w:faces --parts train=0.6,val=0.2,test=0.2 --group-by ^drawn_(\d+)\d --seed 3 --out";
    let done = awing(folder.path(), &args(&format!("data {words} parts --json"), &[])).with_code(0);
    let answer = done.json().remove(0);
    let faces: Vec<&Value> = answer["parts"].as_array().unwrap().iter().map(|p| &p["faces"]).collect();
    // Three groups of ten.
    assert_eq!(faces.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 30);
    assert!(faces.iter().all(|n| n.as_u64().unwrap() == 10), "{answer}");
    let rows: Vec<String> = list("parts").lines().map(str::to_owned).collect();
    assert_eq!((rows[0].as_str(), rows.len()), ("image,group,part", 31));
    for part in ["train", "val", "test"] {
        let groups: std::collections::BTreeSet<&str> = rows
            .iter()
            .filter(|row| row.ends_with(&format!(",{part}")))
            .map(|row| row.split(',').nth(1).unwrap())
            .collect();
        assert_eq!(groups.len(), 1);
    }
    // The list is a table of groups as well.
    let words = "data split 300w:faces --parts a=0.6,b=0.4 --group parts/split.csv --to csv --image-files link --out again";
    let done = awing(folder.path(), &args(words, &[])).with_code(0);
    assert!(done.out.lines().next().unwrap().starts_with("part"), "{}", done.out);
    let info = data(folder.path(), "info csv:again/a --json").with_code(0).json().remove(0);
    assert_eq!(info["faces"].as_u64().unwrap() % 10, 0);

    let wrong = |words: &str, code: i32, parts: &[&str]| {
        awing(folder.path(), &args(&format!("data split 300w:faces --out new {words}"), &[]))
            .one_line(code, parts);
    };
    wrong("--parts a=0.5,b=0.6", 2, &["--parts: the shares add up to 1.1, not to 1"]);
    wrong("--parts a=0.5,a=0.5", 2, &["--parts: `a` comes twice"]);
    wrong("--parts a", 2, &["`a` is not NAME=SHARE"]);
    wrong("--parts ../a=0.5,b=0.5", 2, &["--parts: `../a` is no plain word"]);
    wrong("--group persons.csv", 2, &["--group: `persons.csv` is neither image, nor folder, nor a file"]);
    wrong("--group folder", 1, &["`drawn_00000.jpg` lies in no folder"]);
    wrong("--group-by (", 2, &["--group-by", "`(` is no regular expression"]);
    assert!(!folder.path().join("new").exists());
}
