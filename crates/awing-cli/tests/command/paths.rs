//! What a stranger's files name stays in their folder, and what is written in the folder for it.

use crate::shared::*;
use std::{fs, path::Path};

/// Five points on the first test photo; `name` is what the annotation calls it.
fn five(name: &str) -> String {
    let points: String = (0..5).map(|i| format!(",x{i},y{i}")).collect();
    format!("image{points}\n{name},80,90,170,90,125,130,95,170,155,170\n")
}

#[test]
fn an_annotation_names_no_file_outside_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    copy(&photo(0), &folder.path().join("outside.jpg"));
    let absolute = folder.path().join("outside.jpg").display().to_string();
    for name in [
        "../outside.jpg",
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../outside.jpg",
        r"..\outside.jpg",
        r"C:\a.jpg",
        r"\\host\a.jpg",
        absolute.as_str(),
    ] {
        fs::write(folder.path().join("data/five.csv"), five(name)).unwrap();
        let words = "train --data csv:data/five.csv --preset nano --epochs 1";
        let done = awing(folder.path(), &args(words, &[])).with_code(1);
        assert!(done.err.contains("leads out") || done.err.contains("is an absolute path"), "{}", done.err);
        assert!(!folder.path().join("runs").exists());
    }
    // The user may say where they are.
    let text = |name: &str| {
        format!("{}{}", five(name), five(name).lines().nth(1).unwrap().replace("80,90", "81,91"))
    };
    fs::write(folder.path().join("data/five.csv"), text(&absolute)).unwrap();
    let images = folder.path().display().to_string();
    let words = "train --data csv:data/five.csv --preset nano --epochs 1 --json";
    let set = [&["--images", images.as_str(), "--set"][..], &TINY, &["training.batch=2"]].concat();
    let done = awing(folder.path(), &args(words, &set)).with_code(0);
    assert_eq!(done.json()[0]["left_out"], 0, "{}", done.err);
    let elsewhere = folder.path().join("data").display().to_string();
    let done = awing(folder.path(), &args(words, &["--images", &elsewhere])).with_code(1);
    assert!(done.err.contains("is an absolute path"), "{}", done.err);
    // So may whoever only looks at them.
    for verb in [
        "data info",
        "data check",
        "data preview --out look.png",
        "data convert --to csv:copy",
        "data split --out parts",
    ] {
        let words = format!("{verb} csv:data/five.csv");
        let told = |images: &str| awing(folder.path(), &args(&words, &["--images", images]));
        told("gone").one_line(2, &["--images: gone: is no folder"]);
        let done = told(&images);
        assert!(!done.err.contains("is an absolute path"), "{verb}: {}", done.err);
    }
}

/// Everything below the folder, as text.
fn below(folder: &Path) -> Vec<String> {
    let files = snapshot(folder).into_keys();
    files.map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

#[cfg(unix)]
#[test]
fn pictures_stay_in_their_folder_whatever_the_photos_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let photos = folder.path().join("photos");
    let long = format!("{}.jpg", "x".repeat(245));
    let names = [
        "...jpg",
        "..jpg",
        "a b;touch x.jpg",
        "$(touch y).jpg",
        "-rf.jpg",
        "a\nb.jpg",
        "~.jpg",
        "con.jpg",
        "%2e%2e%2fz.jpg",
        long.as_str(),
    ];
    for name in names {
        copy(&photo(0), &photos.join(name));
    }
    let words = "predict photos --whole-image --draw --out out --heatmaps maps --model";
    let done = awing(folder.path(), &args(words, &[&model()])).with_code(0);
    assert_eq!(done.json().len(), names.len(), "{}", done.err);
    let written = below(folder.path());
    let pictures = written.iter().filter(|name| name.ends_with(".png") && name.starts_with("out/")).count();
    assert_eq!(pictures, names.len(), "{written:?}");
    let outside = |name: &&String| !["photos/", "out/", "maps/"].iter().any(|place| name.starts_with(place));
    assert_eq!(written.iter().find(outside), None);
    assert!(written.iter().all(|name| name.matches('/').count() == 1), "{written:?}");
}

#[test]
fn the_name_of_a_run_leads_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let before = snapshot(folder.path());
    for name in ["../up", "a/b", "..", ".", "", "/tmp/x"] {
        let words = format!("train --data {} --name", faces("train"));
        awing(folder.path(), &args(&words, &[name])).one_line(2, &["--name: "]);
        let words = format!("ablate --data {0} --val {0} --test {0} --name", faces("val"));
        awing(folder.path(), &args(&words, &[name])).one_line(2, &["--name: "]);
    }
    assert_eq!(snapshot(folder.path()), before);
}

#[cfg(unix)]
#[test]
fn a_detector_program_is_started_by_no_shell() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a;touch b.jpg"));
    let program = folder.path().join("find; touch c");
    // It prints its arguments: one, the path of a picture.
    let lines = "#!/bin/sh\ntest $# = 1 && test -s \"$1\" && echo '[{\"box\": [60, 60, 200, 200]}]'\n";
    fs::write(&program, lines).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let predict = |detector: &str| {
        let words = args("predict", &["a;touch b.jpg", "--model", &model(), "--detector", detector]);
        awing(folder.path(), &words)
    };
    let done = predict(&format!("exec:{}", program.display())).with_code(0);
    assert_eq!(done.json()[0]["faces"].as_array().unwrap().len(), 1);
    for detector in ["exec:echo [] ; touch d", "exec:$(touch d)", "exec:|touch d", "exec:sh -c 'touch d'"] {
        assert!(predict(detector).with_code(1).err.contains("cannot be started"), "{detector}");
    }
    let mut there = below(folder.path());
    there.sort();
    assert_eq!(there, ["a;touch b.jpg", "find; touch c"]);
}

#[cfg(unix)]
#[test]
fn what_a_detector_program_prints_is_not_believed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    copy(&photo(0), &folder.path().join("a.jpg"));
    let program = folder.path().join("find");
    for (answer, expected) in [
        (r#"echo '[{"box": [NaN, 0, 9, 9]}]'"#, "did not print"),
        (r#"echo '[{"box": [1e999, 0, 9, 9]}]'"#, "did not print"),
        (r#"echo '[{"box": [-1e308, 0, 1e308, 9]}]'"#, "has no room or is not finite"),
        (r#"echo '[{"box": [0, 0, 1e300, 1e300]}]'"#, "face box"),
        (r#"echo '[{"box": [9, 9, 99, 99], "score": 1e39}]'"#, "out of range"),
        (
            r#"printf '['; yes '{"box":[9,9,99,99]},' | head -n 500000; echo '{"box":[9,9,99,99]}]'"#,
            "500001 in one photo",
        ),
        ("printf '['; yes '[' | head -n 100000", "did not print"),
    ] {
        fs::write(&program, format!("#!/bin/sh\n{answer}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let words = format!("predict a.jpg --model {} --detector exec:{}", model(), program.display());
        let done = awing(folder.path(), &args(&words, &[])).with_code(1);
        assert!(done.err.contains(expected), "{answer}: {}", done.err);
        assert!(done.json()[0]["error"].is_string(), "{}", done.out);
        assert!(!done.out.contains("NaN") && !done.out.contains("null"), "{}", done.out);
    }
}
