//! The methods of the ends, as the source has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Methods of `Sender` or `Receiver`, each with the kinds that have it.
pub type Methods = BTreeMap<(&'static str, String), BTreeSet<&'static str>>;

/// The modules of the kinds, and the files that are theirs: those of the longest name that fits.
const FOLDERS: [(&str, Option<&str>); 6] = [
    ("broadcast/frames", Some("broadcast::frames")),
    ("broadcast/payloads", None), // Its ends have a pool, and are no `Sender` and `Receiver`.
    ("broadcast", Some("broadcast")),
    ("bytes", Some("bytes")),
    ("mpmc", Some("mpmc")),
    ("spsc", Some("spsc")),
];

/// The kinds: the modules that give a type its parts.
pub fn kinds() -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    for (file, text) in files() {
        if text.lines().any(|line| line.starts_with("impl") && line.contains(" Parts for ")) {
            let kind = kind_of(&file);
            kinds.insert(
                kind.unwrap_or_else(|| panic!("{}: the parts of a kind unknown here", file.display())),
            );
        }
    }
    kinds
}

/// All methods, except those that users are not shown.
pub fn methods() -> Methods {
    let mut methods = Methods::new();
    for (file, text) in files() {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if !line.starts_with("impl") {
                continue;
            }
            let mut header = line.to_owned();
            while !header.ends_with('{') {
                let Some(line) = lines.next() else { break };
                header = header + " " + line.trim();
            }
            let Some((end, kinds)) = subject(&file, &header) else { continue };
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
            for name in shown(&body) {
                methods.entry((end, name)).or_default().extend(&kinds);
            }
        }
    }
    methods
}

/// The end and the kinds that a block of methods is for.
fn subject(file: &Path, header: &str) -> Option<(&'static str, Vec<&'static str>)> {
    // A trait's methods are those of the trait; and opening ends by name is the builder's matter.
    if header.contains(" for ") || header.contains("Channel<") {
        return None;
    }
    let own = |end| Some((end, vec![kind_of(file)?]));
    let of = |name: &str| header.contains(&format!(" {name} {{")) || header.contains(&format!(" {name}<"));
    match header {
        _ if of("Sender") || of("Receiver") => {
            let end = if of("Sender") { "Sender" } else { "Receiver" };
            let kinds = match header {
                _ if header.contains("<K: Kind>") => {
                    vec!["spsc", "mpmc", "bytes", "broadcast", "broadcast::frames"]
                }
                _ if header.contains("<K: Elements>") => vec!["spsc", "mpmc", "broadcast"],
                _ if header.contains("<K: OneToOne>") => vec!["spsc", "bytes"],
                _ if header.contains("<K: Lends>") => vec!["spsc", "mpmc", "bytes"],
                _ if header.contains("Receiving: Peered") => {
                    vec!["spsc", "bytes", "broadcast", "broadcast::frames"]
                }
                _ => panic!("{}: methods behind a bound unknown here: {header}", file.display()),
            };
            Some((end, kinds))
        }
        _ if of("Producer") || of("Publisher") => own("Sender"),
        _ if of("Consumer") || of("Subscriber") => own("Receiver"),
        _ => None,
    }
}

/// The public methods of a block, without functions that have no `self`.
fn shown(body: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, line) in body.iter().enumerate() {
        let Some(rest) = line.strip_prefix("    pub fn ") else { continue };
        let before = body[..at].iter().rev().take_while(|line| !line.is_empty());
        let is_hidden = before.into_iter().any(|line| line.trim() == "#[doc(hidden)]");
        let signature = body[at..].iter().take_while(|line| !line.trim().is_empty()).take(3);
        let has_self = signature.into_iter().any(|line| line.contains("self"));
        if has_self && !is_hidden {
            let end = rest.find(['(', '<']).expect("a name, then its parameters");
            names.push(rest[..end].to_owned());
        }
    }
    names
}

fn kind_of(file: &Path) -> Option<&'static str> {
    let file = file.to_str()?;
    let (_, kind) = FOLDERS.iter().find(|(folder, _)| {
        file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    })?;
    *kind
}

/// The files about channels, by their places in that folder, with their text.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/channel");
    let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found
}
