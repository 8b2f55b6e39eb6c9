use crate::shared::awing;

const TINY: [&str; 10] = ["--stacks", "1", "--width", "8", "--input", "64", "--batch", "2", "--seconds", "0"];

#[test]
fn each_work_is_a_row_measured_in_a_process_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let works = ["bench", "loss", "train-step", "startup", "--json", "--threads", "1"];
    let done = awing(folder.path(), &[&works[..], &TINY[..]].concat()).with_code(0);
    let [object] = done.json().try_into().unwrap();
    let rows = object["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["work"].as_str().unwrap()).collect();
    assert_eq!(names, ["loss", "train-step", "startup"]);
    for row in rows {
        assert_eq!((&row["threads"], &row["network"]["width"]), (&1.into(), &8.into()));
        assert!(row["median_ms"].as_f64().unwrap() > 0.0 && row["repeats"].as_u64().unwrap() >= 3, "{row}");
    }
    assert!(object["machine"]["cpu"].is_string() && object["scale"].as_array().unwrap().is_empty());
}

#[test]
fn people_get_a_table_and_plain_errors() {
    let folder = tempfile::tempdir().unwrap();
    let done = awing(folder.path(), &[&["bench", "copy"][..], &TINY[..]].concat()).with_code(0);
    assert!(done.out.starts_with("awing ") && done.out.contains("1 x 8 wide, 64 px"), "{}", done.out);
    awing(folder.path(), &["bench", "steps"]).one_line(2, &["`steps` is unknown", "train-step"]);
    awing(folder.path(), &["bench", "--input", "100"]).one_line(2, &["network.input: 100"]);
    let done = awing(folder.path(), &["bench", "train-step", "--batch", "1"]).with_code(1);
    assert!(done.err.contains("train-step: training.batch: 1 must be"), "{}", done.err);
}

#[test]
fn the_files_of_the_works_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    awing(folder.path(), &["bench", "--files", "kept", "--stacks", "1", "--width", "8"]).with_code(0);
    for name in ["photos/00.jpg", "photos/15.csv", "model/model.safetensors"] {
        assert!(folder.path().join("kept").join(name).is_file(), "{name}");
    }
}
