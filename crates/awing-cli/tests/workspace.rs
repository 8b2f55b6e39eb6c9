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

/// Names and versions of the crates of others that a crate links by default.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn linked_by(package: &str) -> BTreeSet<(String, String)> {
    let tree = cargo(&format!("tree --offline --locked -p {package} -e normal --prefix none --format {{p}}"));
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some((words.next()?, words.next()?))
    });
    crates.filter(|(name, _)| !name.starts_with("awing")).collect()
}

/// The numbers differ from system to system.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn the_numbers_of_dependencies_are_right() {
    let [dependencies, readme] =
        ["docs/DEPENDENCIES.md", "README.md"].map(|page| fs::read_to_string(root().join(page)).unwrap());
    let names = |package: &str| {
        linked_by(package).into_iter().map(|(name, _)| name).collect::<BTreeSet<String>>().len()
    };
    for package in ["awing-kernels", "awing", "awing-ops", "awing-train"] {
        let count = names(package);
        assert!(
            dependencies.contains(&format!("| {package} | {count} |")),
            "docs/DEPENDENCIES.md: {package} links {count} crates"
        );
    }
    let (command, library) = (linked_by("awing-cli").len(), names("awing"));
    for (page, text) in [("docs/DEPENDENCIES.md", &dependencies), ("README.md", &readme)] {
        assert!(text.contains(&format!("{command} crates")), "{page}: the command links {command} crates");
    }
    assert!(readme.contains(&format!("{library} crates")), "README.md: awing links {library} crates");
}

#[test]
fn unsafe_code_is_in_the_kernels_alone() {
    let mut files = Vec::new();
    for folder in ["crates", "examples"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100);
    let (kernels, operations) =
        (root().join("crates/awing-kernels/src"), root().join("crates/awing-ops/src"));
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let is_unsafe = |line: &str| {
            let code = line.split("//").next().unwrap();
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == "unsafe" || word == "unsafe_code")
        };
        // The operations hand their buffers to Burn.
        let may = path.starts_with(&kernels) || path == operations.join("memory.rs");
        // This test names it; another counts what is allocated, which takes an allocator.
        let names_it = path.ends_with("tests/workspace.rs") || path.ends_with("tests/hostile/memory.rs");
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
