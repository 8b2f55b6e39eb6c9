//! Looking at data: what is in it, what is wrong, other formats, parts.

use crate::shared::*;
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

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

fn image_of(path: &Path) -> image::RgbImage {
    awing::photo::load_image(path).unwrap()
}

#[cfg(unix)]
#[test]
fn a_rendering_that_is_stopped_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    awing_render::write_drawn_head(&folder.path().join("head")).unwrap();
    let words = "data render --head head --size 128 --count 1000000 --to csv:faces --json";
    let mut rendering = command(folder.path(), &args(words, &[]));
    let child = rendering.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Until the first chunk is written.
    let begun = Instant::now();
    let rendered = || {
        let folders = fs::read_dir(folder.path().join("faces")).into_iter().flatten().flatten();
        folders.filter_map(|entry| fs::read_dir(entry.path()).ok()).flatten().count()
    };
    while rendered() < 40 {
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing is rendered");
        sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let done = done(child.wait_with_output().unwrap()).with_code(1);
    let answer = &done.json()[0];
    assert_eq!(answer["interrupted"], true);
    done.tells(&["stopped after", "of 1000000"]);
    let info = data(folder.path(), "info csv:faces --json").with_code(0).json().remove(0);
    assert_eq!(info["faces"], answer["faces"]);
    let lines = fs::read_to_string(folder.path().join("faces/rendered.jsonl")).unwrap().lines().count();
    assert_eq!(answer["faces"], lines);
}

#[test]
fn rendered_faces_are_a_dataset_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    awing_render::write_drawn_head(&at("head")).unwrap();
    let render = |words: &str| data(folder.path(), &format!("render --head head --size 64 {words}"));
    let done = render("--count 5 --seed 3 --to 300w:faces --json").with_code(0);
    let answer = &done.json()[0];
    assert_eq!((&answer["faces"], &answer["interrupted"]), (&5.into(), &false.into()));
    let info = data(folder.path(), "info 300w:faces --json").with_code(0).json().remove(0);
    assert_eq!((&info["faces"], &info["image_width"]["median"]), (&5.into(), &64.0.into()));

    // What no format can say stands beside, and agrees with it.
    let text = fs::read_to_string(at("faces/rendered.jsonl")).unwrap();
    let details: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(details.len(), 5);
    for face in &details {
        let points = face["points"].as_array().unwrap();
        assert_eq!(points.len(), 68);
        let name = Path::new(face["image"].as_str().unwrap()).with_extension("pts");
        // The tip of the nose is marked where its vertex is; a .pts file counts from 1 and begins with three lines.
        let [x, y] = point(&at("faces").join(name), 33);
        let vertex = &points[30]["vertex"];
        let apart = (x - 1.0 - vertex[0].as_f64().unwrap()).hypot(y - 1.0 - vertex[1].as_f64().unwrap());
        assert!(apart < 0.02, "{apart}");
        assert!(["seen", "hidden", "covered"].contains(&points[30]["seen"].as_str().unwrap()));
    }

    // Another format says which points are hidden; the faces are the same, byte for byte, also behind a longer list.
    render("--count 7 --seed 3 --to csv:again").with_code(0);
    let bytes = |path: &str| fs::read(at(path)).unwrap();
    assert_eq!(bytes("faces/face_000004.jpg"), bytes("again/face_000004.jpg"));
    assert_ne!(bytes("again/face_000005.jpg"), bytes("again/face_000006.jpg"));
    let table = fs::read_to_string(at("again/faces.csv")).unwrap();
    let hidden = table.lines().nth(1).unwrap().split(',').filter(|cell| *cell == "1").count();
    let said =
        details[0]["points"].as_array().unwrap().iter().filter(|point| point["seen"] != "seen").count();
    assert_eq!(hidden, said);

    // Photos behind the heads.
    image::RgbImage::from_pixel(90, 60, image::Rgb([0, 200, 0])).save(at("lawn.png")).unwrap();
    render("--count 7 --seed 3 --backgrounds lawn.png --to csv:outdoors").with_code(0);
    let green = |folder: &str| {
        let photos = (0..7).map(|i| image_of(&at(folder).join(format!("face_{i:06}.jpg"))));
        let is_green = |p: &&image::Rgb<u8>| p[1] > 90 && u16::from(p[1]) > 2 * u16::from(p[0].max(p[2]));
        photos.map(|photo| photo.pixels().filter(is_green).count()).sum::<usize>()
    };
    assert!(green("outdoors") > green("again") + 2000, "{} {}", green("outdoors"), green("again"));

    // Photos of anything else.
    let told = render("--count 4 --seed 3 --to none:empty").with_code(0).out;
    assert!(told.starts_with("empty: 0 faces in 4 images"), "{told}");
    assert_eq!(fs::read_dir(at("empty")).unwrap().count(), 4);

    // Points of one's own: the tip of the nose and the corners of the mouth.
    let points = fs::read_to_string(at("head/face_model.json")).unwrap();
    let points: Value = serde_json::from_str(&points).unwrap();
    let [nose, right, left] = [30, 48, 54].map(|i| points["landmarks68"][i].as_u64().unwrap());
    let scheme = |head: &str| {
        let text =
            format!("name = \"three\"\npoints = [\"nose\", \"right\", \"left\"]\nmirror = [[1, 2]]\n{head}");
        fs::write(at("three.toml"), text).unwrap();
    };
    scheme(&format!("[head]\nvertices = [{nose}, {right}, {left}]\n"));
    render("--count 3 --seed 3 --scheme three.toml --to csv:three").with_code(0);
    // A folder that holds a file that is still being written, and the one where the command runs.
    fs::create_dir(at("here")).unwrap();
    fs::write(at("here/.tmp123"), "").unwrap();
    let here = awing(&at("here"), &args("data render --head ../head --size 32 --count 1 --to csv:.", &[]));
    assert!(here.with_code(0).out.contains("1 faces in 1 images"));
    let row = |path: &str| fs::read_to_string(at(path)).unwrap().lines().nth(2).unwrap().to_owned();
    let (own, all) = (row("three/faces.csv"), row("again/faces.csv"));
    // x, y and visibility of each point behind the photo's name and a box.
    let (own, all): (Vec<&str>, Vec<&str>) = (own.split(',').collect(), all.split(',').collect());
    assert_eq!((own.len(), &own[5..8], &own[8..11]), (14, &all[95..98], &all[149..152]));

    let wrong = |words: &str, code: i32, parts: &[&str]| render(words).one_line(code, parts);
    wrong("--count 1 --to csv:new/list.csv", 2, &["--to: new/list.csv is the name of a file; name a folder"]);
    wrong("--count 1 --scheme cofw-29 --to cofw:new", 2, &["--to: cofw has names of its own for images"]);
    wrong("--count 1 --to none:empty", 1, &["empty: is already there and is not changed"]);
    // Its own name does not make a scheme the head's own.
    let three = fs::read_to_string(at("three.toml")).unwrap();
    fs::write(at("three.toml"), three.replace("\"three\"", "\"300w-68\"")).unwrap();
    render("--count 1 --seed 3 --scheme three.toml --to csv:renamed").with_code(0);
    let cells =
        fs::read_to_string(at("renamed/faces.csv")).unwrap().lines().nth(1).unwrap().split(',').count();
    assert_eq!(cells, 14);
    wrong(
        "--count 1 --to 300w:faces",
        1,
        &["faces: is already there and is not changed; choose another folder"],
    );
    wrong("--count 1 --to wider:new", 2, &["--to: format: wider is only read"]);
    wrong("--count 1 --to csv:new --scheme mtfl-5", 2, &["--scheme: mtfl-5 says not which vertices"]);
    wrong(
        "--count 1 --to csv:new --scheme wflw-98",
        2,
        &["--scheme: wflw-98 names vertices of ICT-FaceKit's head, and head is another"],
    );
    scheme("[head]\nvertices = [1, 2, 99999]\n");
    wrong("--count 1 --to csv:new --scheme three.toml", 2, &["--scheme: head.vertices: names vertex 99999"]);
    scheme("[head]\nvertices = [1, 2]\n");
    wrong("--count 1 --to csv:new --scheme three.toml", 2, &["head.vertices", "has 2 entries for 3 points"]);
    wrong("--count 1 --to csv:new --backgrounds gone", 1, &["gone: image: there is no such file"]);
    data(folder.path(), "render --head gone --to csv:new").one_line(1, &["gone"]);
    assert!(!at("new").exists());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[test]
fn turned_faces_are_a_dataset_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    awing_render::write_drawn_head(&at("head")).unwrap();
    data(folder.path(), "render --head head --size 128 --count 6 --seed 3 --to csv:faces").with_code(0);
    let turn = |words: &str| data(folder.path(), &format!("turn csv:faces --head head {words}"));
    let answer = turn("--count 2 --misfit 20 --to csv:turned --json").with_code(0).json().remove(0);
    assert_eq!((&answer["faces"], &answer["images"]), (&12.into(), &12.into()), "{answer}");
    let info = data(folder.path(), "info csv:turned --json").with_code(0).json().remove(0);
    assert_eq!(info["faces"], 12);

    let lines = |path: &str| -> Vec<Value> {
        let text = fs::read_to_string(at(path)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let yaw = |face: &Value| face["pose"][0].as_f64().unwrap();
    let before = lines("faces/rendered.jsonl");
    for face in lines("turned/rendered.jsonl") {
        let from = before.iter().find(|b| b["image"] == face["from"]).unwrap();
        // Farther to the same side, but for heads that look into the camera.
        let farther = yaw(&face).abs() >= yaw(from).abs() - 5.0 && yaw(&face).abs() <= 90.0;
        let same_side = yaw(from).abs() < 15.0 || yaw(from) * yaw(&face) > 0.0;
        assert!(farther && same_side, "{} {}", yaw(from), yaw(&face));
        assert!(at("turned").join(face["image"].as_str().unwrap()).is_file());
        assert_eq!(face["eyes_closed"], serde_json::json!([null, null]));
    }
    // The same again, other turns by another seed, nothing of faces that are small or fit badly.
    turn("--count 2 --misfit 20 --to csv:again").with_code(0);
    turn("--count 2 --misfit 20 --seed 2 --to csv:other").with_code(0);
    let table = |path: &str| fs::read_to_string(at(path).join("faces.csv")).unwrap();
    assert_eq!(table("turned"), table("again"));
    assert_ne!(table("turned"), table("other"));
    let none = turn("--misfit 0 --to csv:new").with_code(1);
    none.tells(&["6 of 6 faces are left out: small, or no head fits their landmarks well"]);
    none.tells(&["no face was made"]);
    turn("--least-side 1000 --to csv:new").with_code(1).tells(&["no face was made"]);
    assert!(!at("new").exists());
}
