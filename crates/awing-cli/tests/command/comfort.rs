//! Completions, manual pages, colors and the doctor.

use crate::shared::*;
use std::{fs, path::Path};

const ESCAPE: char = '\u{1b}';

/// Runs the command with variables set.
fn with(variables: &[(&str, &str)], words: &str) -> Done {
    let mut command = command(Path::new("."), &args(words, &[]));
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn pipes_get_no_colors_unless_they_are_asked_for() {
    let colored =
        ["--help", "train --help", "loss --target 1", "predict nothing.jpg --box 1,2,30,40", "nonsense"];
    for words in colored {
        let is_colored = |variables: &[(&str, &str)]| {
            let done = with(variables, words);
            done.out.contains(ESCAPE) || done.err.contains(ESCAPE)
        };
        assert!(!is_colored(&[]), "{words}");
        assert!(is_colored(&[("CLICOLOR_FORCE", "1")]), "{words}");
        assert!(!is_colored(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{words}");
    }
    let json = with(&[("CLICOLOR_FORCE", "1")], "loss --json").with_code(0);
    assert!(!json.out.contains(ESCAPE));
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = with(&[], &format!("completions {shell}")).with_code(0);
        for word in ["train-detector", "heatmaps", "doctor"] {
            assert!(done.out.contains(word), "{shell}: {word}");
        }
    }
    with(&[], "completions tcsh").one_line(2, &["tcsh", "bash"]);
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    // A second time replaces them.
    for _ in 0..2 {
        awing(folder.path(), &["man", "--out", "man1"]).with_code(0);
    }
    let written = fs::read_dir(&pages).unwrap().count();
    let page = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    assert!(written >= 15, "{written}");
    assert!(page("awing.1").contains(r"awing\-train\-detector(1)"), "{}", page("awing.1"));
    let train = page("awing-train.1");
    for text in [".TH awing-train 1", "preset", "quiet", ".SH EXAMPLES", "300w:faces/train"] {
        assert!(train.contains(text), "{text}: {train}");
    }
    assert_eq!(awing(folder.path(), &["man", "train"]).with_code(0).out.trim_end(), train.trim_end());
    // And what a verb has below it; the help of it is no page.
    let info = page("awing-data-info.1");
    assert!(info.contains(".TH awing-data-info 1") && !info.contains("EXAMPLES"), "{info}");
    assert_eq!(awing(folder.path(), &["man", "data-info"]).with_code(0).out.trim_end(), info.trim_end());
    for entry in fs::read_dir(&pages).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines().filter(|line| line.starts_with(r"awing\-") && line.ends_with("(1)")) {
            let name = line.replace('\\', "").replace("(1)", ".1");
            assert!(pages.join(&name).is_file(), "{name}");
        }
    }
    awing(folder.path(), &["man", "trian"]).one_line(2, &["`trian` is no verb", "train-detector"]);
}

#[test]
fn the_doctor_finds_this_machine_well_and_says_what_to_do_where_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |words: &str| {
        let mut command = command(folder.path(), &args("doctor", &[]));
        let output = command.args(words.split_whitespace()).env("PATH", "").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    };
    let report = &doctor("--json").with_code(0).json()[0];
    assert_eq!(report["ok"], true);
    let state = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|c| c["name"] == name).unwrap();
        assert_eq!(check["state"] == "ok", check["remedy"].is_null(), "{check}");
        check["state"].as_str().unwrap().to_owned()
    };
    for name in ["kernels", "model", "detector", "disk"] {
        assert_eq!(state(name), "ok", "{name}");
    }
    assert_eq!(state("ffmpeg"), "note");

    fs::write(folder.path().join("file"), "").unwrap();
    let done = doctor("--runs file/runs").with_code(1);
    assert!(done.out.contains("failed  disk"), "{}", done.out);
    assert!(done.out.contains("choose a folder of your own for runs and answers"), "{}", done.out);
    assert_eq!(done.troubles().len(), 1, "{}", done.err);
    assert!(fs::read_dir(folder.path()).unwrap().count() == 1, "nothing is left");
}
