//! What the workspace promises of itself: the page of dependencies is right, and `unsafe` stays where it belongs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cargo(words: &str) -> String {
    let cargo =
        Command::new(env!("CARGO")).current_dir(root()).args(words.split_whitespace()).output().unwrap();
    assert!(cargo.status.success(), "cargo {words}: {}", String::from_utf8_lossy(&cargo.stderr));
    String::from_utf8(cargo.stdout).unwrap()
}

/// Who asks for what of others: for building if `building`, else for tests.
fn asked_for(building: bool) -> BTreeMap<String, BTreeSet<String>> {
    let metadata: Value =
        serde_json::from_str(&cargo("metadata --no-deps --offline --format-version 1")).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let of_others = |d: &&Value| d["path"].is_null() && (d["kind"] == "dev") != building;
        for dependency in package["dependencies"].as_array().unwrap().iter().filter(of_others) {
            let by = package["name"].as_str().unwrap().to_owned();
            found.entry(dependency["name"].as_str().unwrap().to_owned()).or_default().insert(by);
        }
    }
    found
}

#[test]
fn the_page_of_dependencies_is_right() {
    let page = fs::read_to_string(root().join("docs/DEPENDENCIES.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert!(!cells[3].is_empty(), "no reason: {line}");
        let by = cells[2].split(", ").filter(|word| !word.starts_with("with "));
        rows.insert(cells[1].trim_matches('`').to_owned(), by.map(str::to_owned).collect());
    }
    assert_eq!(rows, asked_for(true), "left: docs/DEPENDENCIES.md, right: the manifests");
    let for_tests = page.lines().find(|line| line.starts_with("For tests alone")).unwrap();
    let named: BTreeSet<String> = for_tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(
        named,
        asked_for(false).into_keys().collect(),
        "left: docs/DEPENDENCIES.md, right: the manifests"
    );
}

/// The number differs from system to system.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_number_of_dependencies_is_right() {
    let tree = cargo("tree --offline --locked -p awing-cli -e normal --prefix none --format {p}");
    let others: BTreeSet<Vec<&str>> = tree
        .lines()
        .map(|line| line.split_whitespace().take(2).collect())
        .filter(|of: &Vec<&str>| of.first().is_some_and(|name| !name.starts_with("awing")))
        .collect();
    for page in ["docs/DEPENDENCIES.md", "README.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let count = others.len();
        assert!(text.contains(&format!("{count} crates")), "{page}: the command links {count} crates");
    }
}

#[test]
fn unsafe_code_is_in_the_kernels_alone() {
    let mut files = Vec::new();
    for folder in ["crates", "examples"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100);
    let crates = root().join("crates");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let is_unsafe = |line: &str| {
            let code = line.split("//").next().unwrap();
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == "unsafe" || word == "unsafe_code")
        };
        // Beside the kernels, what hands their memory to Burn.
        let file = path.strip_prefix(&crates).unwrap_or(&path);
        let may = file.starts_with("awing-kernels") || file == Path::new("awing-ops/src/memory.rs");
        // This test names it; another counts what is allocated, which takes an allocator; an example has names that a host calls by.
        let others = ["tests/workspace.rs", "tests/hostile/memory.rs", "examples/wasm/src/lib.rs"];
        let names_it = others.iter().any(|other| path.ends_with(other));
        if !may && !names_it {
            assert!(!text.lines().any(is_unsafe), "{}: unsafe code outside of the kernels", path.display());
        }
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}
