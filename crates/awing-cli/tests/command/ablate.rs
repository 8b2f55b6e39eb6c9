//! The ablation: every row trained, tested, reported, and not twice.

use crate::shared::*;
use std::fs;

#[test]
fn rows_are_trained_once_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let ablate_epochs = |epochs: usize, more: &str| {
        let data = format!("--data {} --val {} --test {}", faces("train"), faces("val"), faces("test"));
        awing(folder.path(), &args(&format!("ablate {data} --epochs {epochs} {more} --set"), &TINY))
    };
    let ablate = |more: &str| ablate_epochs(1, more);
    let done = ablate("--seeds 2 --rows mse aw aw-moved-20 --report docs/ABLATION.md").with_code(0);
    assert_eq!(done.out, "docs/ABLATION.md\n");
    assert_eq!(done.err.matches("run ").count(), 6, "{}", done.err);
    let report = fs::read_to_string(folder.path().join("docs/ABLATION.md")).unwrap();
    for part in
        ["| MSE | 2 | ", "| Adaptive Wing | 2 | ", "| 0 % moved |", "points", "the targets themselves"]
    {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    assert!(folder.path().join("docs/ablation-peaks.svg").exists());
    // The same study again: all is there, so nothing is trained, and more rows are trained alone.
    let again = ablate("--seeds 2 --rows mse aw-map --json").with_code(0);
    assert_eq!(again.err.matches("run ").count(), 2, "{}", again.err);
    let runs = again.json()[0]["runs"].as_array().unwrap().clone();
    let names: Vec<&str> = runs.iter().map(|run| run["variant"].as_str().unwrap()).collect();
    assert_eq!(names, ["mse", "aw-map", "mse", "aw-map"]);
    assert_eq!(again.json()[0]["report"], "runs/ablate/ablation/ABLATION.md");
    ablate("--rows all-of-it").one_line(2, &["--rows", "`all-of-it`", "aw-map-boundary"]);
    ablate_epochs(2, "").one_line(1, &["study.toml", "choose another name"]);
}
