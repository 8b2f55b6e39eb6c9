//! What the workspace promises of itself: the documents are right, and `unsafe` stays where it belongs.

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
    let for_tests = page.split("\n\n").find(|text| text.starts_with("For tests alone")).unwrap();
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
    for package in ["awing-kernels", "awing", "awing-render", "awing-ops", "awing-train"] {
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

/// Links of the documents lead to files, and the tests that docs/ARCHITECTURE.md names are there.
#[test]
fn the_documents_name_what_is_there() {
    let mut documents = Vec::new();
    let crates = ["", "-render", "-train", "-ops", "-cli"].map(|name| format!("crates/awing{name}"));
    for folder in [".", "docs"].map(str::to_owned).into_iter().chain(crates) {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        documents.extend(entries.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    assert!(documents.len() > 12);
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            let there = link.is_empty()
                || link.starts_with("https://")
                || document.parent().unwrap().join(link).exists();
            assert!(there, "{}: {link} is not there", document.display());
        }
    }
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    let code: String = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    // Nothing else there has a name of so many words.
    let is_test = |word: &&str| word.matches('_').count() >= 3 && !word.contains(['/', ' ', ':', '(']);
    let tests: Vec<&str> = page.split('`').filter(is_test).collect();
    assert!(tests.len() > 20);
    for test in tests {
        assert!(code.contains(&format!("fn {test}(")), "docs/ARCHITECTURE.md: there is no test {test}");
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
