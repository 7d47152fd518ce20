//! That every public call with a time in it is tried.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The algorithms by themselves: ends call them with the times that they are given.
const INSIDE: [&str; 3] = ["end", "ring", "wait"];

/// The sources in a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The public functions that are given a duration or a point in time, and where.
fn timed_functions(source: &Path) -> BTreeMap<String, String> {
    let mut files = Vec::new();
    sources(source, &mut files);
    let mut functions = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(source).unwrap().components().next().unwrap();
        if INSIDE.iter().any(|directory| inside.as_os_str() == *directory) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for function in text.split("\n").enumerate().filter(|(_, line)| line.trim().starts_with("pub fn ")) {
            let rest: String = text.split("\n").skip(function.0).take(12).collect();
            let signature = rest.split([';', '{']).next().unwrap();
            let arguments = signature.split("->").next().unwrap();
            let name = arguments.trim().trim_start_matches("pub fn ").split(['(', '<']).next().unwrap();
            if arguments.contains("Duration") || arguments.contains("Instant") {
                functions.insert(name.to_owned(), file.display().to_string());
            }
        }
    }
    functions
}

#[test]
fn every_call_with_a_time_is_tried() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let functions = timed_functions(&home.join("src"));
    assert!(functions.len() > 50, "the source is not read as it is written: {functions:?}");
    let mut files = Vec::new();
    for directory in ["tests/extremes", "tests/kinds"] {
        sources(&home.join(directory), &mut files);
    }
    let tests: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let is_tried = |name: &str| {
        [format!(".{name}("), format!("::{name}("), format!(".{name}::<")]
            .iter()
            .any(|call| tests.contains(call.as_str()))
    };
    let missing: Vec<_> = functions.iter().filter(|(name, _)| !is_tried(name)).collect();
    assert!(missing.is_empty(), "with a time, and not here: {missing:?}");
}
