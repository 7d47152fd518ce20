//! What the checks in `tests/` have in common: the workspace's sources, and the exceptions that a check
//! allows.
//!
//! Each exception stands in a file beside the check's test, with a number that may only fall: a check fails
//! on what is worse than its entry, and on an entry that is no longer needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub mod modules;

/// The workspace's folder.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The workspace's files that end in `.extension`, by path from its root, without what a build left behind.
///
/// # Panics
///
/// When a folder cannot be read.
#[must_use]
pub fn files(extension: &str) -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            if path.is_dir() {
                if !(name.starts_with('.') || name == "target" || name.starts_with("target-")) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.strip_prefix(&root).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file of the workspace.
///
/// # Panics
///
/// When it cannot be read.
#[must_use]
pub fn text(path: &Path) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The exceptions in `tests/NAME.txt`: lines of `number what`; lines that begin with `#` and empty ones say
/// nothing.
///
/// # Panics
///
/// When the file cannot be read or a line has another form.
#[must_use]
pub fn exceptions(name: &str) -> BTreeMap<String, usize> {
    let path = PathBuf::from(format!("ipc-house/tests/{name}.txt"));
    text(&path)
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (number, what) =
                line.split_once(' ').unwrap_or_else(|| panic!("{}: {line:?}", path.display()));
            let number =
                number.parse().unwrap_or_else(|error| panic!("{}: {line:?}: {error}", path.display()));
            (what.trim().to_owned(), number)
        })
        .collect()
}

/// Compares what was counted with the exceptions of this name. Gives a line for each difference, none when
/// all is well.
///
/// Worse than allowed is a difference, and so is an exception for what has come down to `free` or less. With
/// `BLESS` in the environment the file is written anew instead, with what was counted: to be used after the
/// numbers have fallen.
///
/// # Panics
///
/// When the file of exceptions cannot be read or written.
#[must_use]
pub fn differences(name: &str, counted: &BTreeMap<String, usize>, free: usize) -> Vec<String> {
    if std::env::var_os("BLESS").is_some() {
        bless(name, counted, free);
    }
    let allowed = exceptions(name);
    let mut lines = Vec::new();
    for (what, &count) in counted {
        let most = allowed.get(what).copied().unwrap_or(free);
        if count > most.max(free) {
            lines.push(format!("{what}: {count}, at most {most} allowed"));
        }
    }
    for what in allowed.keys() {
        if counted.get(what).copied().unwrap_or(0) <= free {
            lines.push(format!("{what}: needs no exception any more; remove its line from tests/{name}.txt"));
        }
    }
    lines
}

fn bless(name: &str, counted: &BTreeMap<String, usize>, free: usize) {
    let path = root().join(format!("ipc-house/tests/{name}.txt"));
    let mut lines = String::from("# Exceptions, each with a number that may only fall.\n");
    for (what, count) in counted.iter().filter(|(_, count)| **count > free) {
        lines.push_str(&format!("{count} {what}\n"));
    }
    std::fs::write(&path, lines).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
