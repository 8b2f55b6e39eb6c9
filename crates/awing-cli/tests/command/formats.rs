//! Photos from anywhere, answers in any form.

use crate::shared::*;
use image::{DynamicImage, imageops::flip_horizontal};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn portrait() -> DynamicImage {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/astronaut.jpg");
    awing::photo::load_image(&photo).unwrap().into()
}

/// Two photos of one name in two folders, and one of another.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a/x.jpg"));
    copy(&photo(1), &folder.path().join("b/x.jpg"));
    copy(&photo(2), &folder.path().join("z.jpg"));
    folder
}

const BOXES: &str = "--box 60,60,200,200 --box 50,50,210,210";

fn images(done: &Done) -> Vec<String> {
    done.json().iter().map(|line| line["image"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_image_on_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let words = args(&format!("predict - --whole-image --model {}", model()), &[]);
    let bytes = fs::read(photo(0)).unwrap();
    let done = awing_reads(folder.path(), &[&words[..], &args("--draw --out o", &[])[..]].concat(), &bytes);
    let line = done.with_code(0).json().remove(0);
    assert_eq!((&line["image"], &line["picture"]), (&json!("-"), &json!("o/stdin.png")));
    let photo = photo(0).display().to_string();
    let file =
        awing(folder.path(), &args(&format!("predict {photo} --whole-image --model {}", model()), &[]));
    assert_eq!(line["faces"], file.json()[0]["faces"]);
    assert!(image::open(folder.path().join("o/stdin.png")).is_ok());

    let broken = awing_reads(folder.path(), &words, &bytes[..bytes.len() / 2]).with_code(1);
    broken.tells(&["-: image: ", "cut off"]);
    assert!(broken.json()[0]["error"].is_string());
    awing_reads(folder.path(), &words, b"").with_code(1).tells(&["-: image: the file is empty"]);
}

#[test]
fn lists_of_photos() {
    let folder = photos();
    let list = "z.jpg\r\n\na/x.jpg\ngone.jpg\nz.jpg\n";
    fs::write(folder.path().join("list.txt"), list).unwrap();
    let predict = |sources: &str, input: &str| {
        let words = format!("predict {sources} --whole-image --model {}", model());
        awing_reads(folder.path(), &args(&words, &[]), input.as_bytes())
    };
    let expected = ["z.jpg", "a/x.jpg", "gone.jpg"];
    for (sources, input) in [("@list.txt", ""), ("--list list.txt", ""), ("--list -", list), ("@-", list)] {
        let done = predict(sources, input).with_code(1);
        assert_eq!(images(&done), expected, "{sources}");
        done.tells(&["gone.jpg: image: there is no such file"]);
    }
    // Beside other sources, which come first.
    assert_eq!(images(&predict("b --list list.txt", "")), ["b/x.jpg", "z.jpg", "a/x.jpg", "gone.jpg"]);
    predict("- --list -", list).one_line(2, &["standard input is one image (-) or one list (--list -)"]);
    predict("@gone.txt", "").one_line(2, &["--list: gone.txt: cannot read"]);
    predict("--list -", "").one_line(1, &["-: the list is empty"]);
}

#[test]
fn coco_results_with_a_table_of_images() {
    let folder = photos();
    let predict = |more: &str| {
        awing(folder.path(), &args(&format!("predict a z.jpg b {BOXES} --model {} {more}", model()), &[]))
    };
    predict("--format coco").one_line(2, &["--format coco", "--out", "--coco-images"]);
    let done = predict("--format coco --out o").with_code(0);
    assert_eq!(fs::read_to_string(folder.path().join("o/predictions.json")).unwrap(), done.out);
    let results: Value = serde_json::from_str(&done.out).unwrap();
    let results = results.as_array().unwrap();
    let ids: Vec<u64> = results.iter().map(|r| r["image_id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 1, 2, 2, 3, 3]);
    let lines = predict("").with_code(0).json();
    let (result, face) = (&results[1], &lines[0]["faces"][1]);
    assert_eq!(result["bbox"], json!([50.0, 50.0, 160.0, 160.0]));
    assert_eq!((&result["category_id"], &result["score"]), (&json!(1), &face["score"]));
    let keypoints = result["keypoints"].as_array().unwrap();
    assert_eq!(keypoints.len(), 3 * POINTS);
    assert_eq!((&keypoints[0], &keypoints[1]), (&face["landmarks"][0][0], &face["landmarks"][0][1]));
    let table: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("o/images.json")).unwrap()).unwrap();
    assert_eq!(table["images"][1], json!({ "id": 2, "file_name": "z.jpg", "width": 256, "height": 256 }));
    assert_eq!(table["categories"][0]["keypoints"].as_array().unwrap().len(), POINTS);
    assert_eq!((&table["images"][2]["file_name"], &table["annotations"]), (&json!("b/x.jpg"), &json!([])));

    // The ids of a data set; one photo is none of its.
    let points: Vec<String> = (0..POINTS).map(|i| i.to_string()).collect();
    let given = json!({
        "images": [{ "id": 30, "file_name": "x.jpg" }, { "id": "z", "file_name": "train/z.jpg" }, { "id": 31, "file_name": "b/x.jpg" }],
        "categories": [{ "id": 8, "keypoints": points }],
    });
    fs::write(folder.path().join("given.json"), given.to_string()).unwrap();
    fs::rename(folder.path().join("z.jpg"), folder.path().join("y.jpg")).unwrap();
    let words = format!("predict b y.jpg {BOXES} --model {} --format coco --coco-images given.json", model());
    let done = awing(folder.path(), &args(&words, &[])).with_code(1);
    done.tells(&["y.jpg: image: is none of --coco-images"]);
    let results: Value = serde_json::from_str(&done.out).unwrap();
    let ids: Vec<&Value> = results.as_array().unwrap().iter().map(|r| &r["image_id"]).collect();
    assert_eq!(ids, [31, 31]);
    assert_eq!(results[0]["category_id"], 8);
    // No face at all is an empty array.
    let words = format!("predict y.jpg {BOXES} --model {} --format coco --coco-images given.json", model());
    assert_eq!(awing(folder.path(), &args(&words, &[])).with_code(1).out, "[]\n");
    let words = words.replace("--format coco", "--format csv");
    awing(folder.path(), &args(&words, &[])).one_line(2, &["--coco-images", "--format coco"]);
}

#[test]
fn a_pts_file_for_each_face() {
    let folder = photos();
    let predict = |more: &str| {
        awing(folder.path(), &args(&format!("predict a b z.jpg {BOXES} --model {} {more}", model()), &[]))
    };
    predict("--format pts").one_line(2, &["--format pts", "--out DIR"]);
    let done = predict("--format pts --out o").with_code(0);
    let names = ["o/x.pts", "o/x-face2.pts", "o/x-2.pts", "o/x-2-face2.pts", "o/z.pts", "o/z-face2.pts"];
    assert_eq!(done.out.lines().collect::<Vec<_>>(), names);
    let mut files: Vec<String> = fs::read_dir(folder.path().join("o"))
        .unwrap()
        .map(|entry| format!("o/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    files.sort();
    let mut expected = names.map(str::to_owned).to_vec();
    expected.push("o/predictions.csv".into());
    expected.sort();
    assert_eq!(files, expected);
    let table = fs::read_to_string(folder.path().join("o/predictions.csv")).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[..4],
        ["file,image,face", "x.pts,a/x.jpg,0", "x-face2.pts,a/x.jpg,1", "x-2.pts,b/x.jpg,0"]
    );
    // 1-based, and the same points as everywhere.
    let text = fs::read_to_string(folder.path().join("o/x-face2.pts")).unwrap();
    let first: Vec<f64> = text.lines().nth(3).unwrap().split(' ').map(|v| v.parse().unwrap()).collect();
    let point = &predict("").json()[0]["faces"][1]["landmarks"][0];
    for (i, v) in first.iter().enumerate() {
        assert!((v - 1.0 - point[i].as_f64().unwrap()).abs() < 1e-3, "{first:?} {point}");
    }
    predict("--format pts --out o").one_line(1, &["o: is already there", "--out"]);
    predict("--format pts --out p --pose").one_line(2, &["--pose", "--draw"]);
}

#[test]
fn a_second_run_leaves_the_pictures_of_the_first() {
    let folder = photos();
    fs::write(folder.path().join("b/later.heic"), "").unwrap();
    let predict = |more: &str| {
        awing(folder.path(), &args(&format!("predict . {BOXES} --draw --model {} {more}", model()), &[]))
    };
    let first = predict("").with_code(0);
    for more in ["", "--out b/found", "--format pts --out pts", "--quiet"] {
        let done = predict(more).with_code(0);
        let photos = |done: &Done| done.err.lines().any(|line| line.starts_with("3 photos, "));
        assert!(more == "--quiet" || photos(&done), "{}", done.err);
        assert_eq!(
            done.out.lines().count(),
            if more.contains("pts") { 6 } else { first.out.lines().count() }
        );
        let told = |part: &str| done.err.lines().filter(|line| line.contains(part)).count();
        assert_eq!(
            told("pictures that awing drew are left out: those in ./"),
            usize::from(more != "--quiet")
        );
        assert_eq!(told("are left out: 1 heic"), usize::from(more != "--quiet"));
    }
}

#[test]
fn a_sheet_of_all_faces() {
    let folder = photos();
    let boxes: String = (0..17).map(|i| format!(" --box {0},60,{1},200", 40 + i, 190 + i)).collect();
    let words = |name: &str| format!("predict a b z.jpg{boxes} --model {} --quiet --sheet {name}", model());
    fs::write(folder.path().join("all-2.png"), "mine").unwrap();
    // 51 faces: a page of 48, and one of three that leaves alone what is there.
    awing(folder.path(), &args(&words("all.png"), &[])).with_code(0);
    let size = |name: &str| image::open(folder.path().join(name)).unwrap().to_rgb8().dimensions();
    let (full, last) = (size("all.png"), size("all-3.png"));
    assert!(full.1 > 4 * last.1 && full.0 == 2 * last.0 - 8, "{full:?} {last:?}");
    assert_eq!(fs::read(folder.path().join("all-2.png")).unwrap(), b"mine");
    awing(folder.path(), &args(&words("all.png"), &[])).one_line(2, &["--sheet: all.png is already there"]);
    awing(folder.path(), &args(&words("all.gif2"), &[])).one_line(2, &["--sheet: all.gif2", ".png"]);
}

#[test]
fn the_pose_of_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let portrait = portrait().to_rgb8();
    portrait.save(folder.path().join("eileen.png")).unwrap();
    flip_horizontal(&portrait).save(folder.path().join("mirrored.png")).unwrap();
    let words = "predict eileen.png mirrored.png --pose --quiet";
    let done = awing(folder.path(), &args(words, &["--draw", "--out", "o"])).with_code(0);
    let angles = |line: &Value| {
        ["yaw", "pitch", "roll", "misfit"].map(|key| line["faces"][0]["pose"][key].as_f64().unwrap())
    };
    let lines = done.json();
    let ([yaw, pitch, roll, misfit], mirrored) = (angles(&lines[0]), angles(&lines[1]));
    assert!((yaw + mirrored[0]).abs() < 6.0 && (roll + mirrored[2]).abs() < 4.0, "{lines:?}");
    assert!((pitch - mirrored[1]).abs() < 6.0 && misfit < 10.0, "{lines:?}");
    let table = awing(folder.path(), &args(&format!("{words} --format csv"), &[])).with_code(0).out;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][rows[0].len() - 4..], ["yaw", "pitch", "roll", "misfit"]);
    assert!((rows[1][7 + 3 * POINTS].parse::<f64>().unwrap() - yaw).abs() < 0.011);
    // The blue axis, which comes out of the face, is drawn above all.
    let drawn = image::open(folder.path().join("o/eileen.png")).unwrap().to_rgb8();
    assert!(drawn.pixels().any(|p| p.0 == [240, 60, 60]) && drawn.pixels().any(|p| p.0 == [60, 210, 80]));
}

#[test]
fn a_photo_that_lies_on_its_side() {
    let folder = tempfile::tempdir().unwrap();
    let upright = portrait();
    upright.to_rgb8().save(folder.path().join("upright.png")).unwrap();
    // Turned to the left; EXIF orientation 6 says to turn it to the right.
    let lying = folder.path().join("lying.jpg");
    awing_train::report::save_picture(&lying, &upright.rotate270().to_rgb8()).unwrap();
    let jpeg = fs::read(&lying).unwrap();
    let tiff = [b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    let exif = [&[0xff, 0xe1, 0, 34][..], b"Exif\0\0", &tiff].concat();
    fs::write(&lying, [&jpeg[..2], &exif, &jpeg[2..]].concat()).unwrap();
    let done = awing(folder.path(), &args("predict upright.png lying.jpg --draw --out o --quiet", &[]));
    let lines = done.with_code(0).json();
    let point =
        |line: &Value, i: usize| [0, 1].map(|k| line["faces"][0]["landmarks"][i][k].as_f64().unwrap());
    for i in 0..POINTS {
        let ([x, y], [u, v]) = (point(&lines[0], i), point(&lines[1], i));
        assert!((x - u).hypot(y - v) < 4.0, "point {i}: {x} {y} and {u} {v}");
    }
    let drawn = image::open(folder.path().join("o/lying.png")).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (512, 512));
}
