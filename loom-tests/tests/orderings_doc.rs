//! The labels of edges are the same in the code's comments, in `Edge` and in `docs/orderings.md`, and the
//! models that the page names fail without the edge.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ipc_ring::edge::Edge;
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::{
    Model, Mutation, Verdict, broadcast, bytes, call, latest, leaving, mpmc, payloads, pool, spsc,
};

/// On the page and in the code, but not in `Edge`: the page gives the reason.
const NOT_MODELLED: [&str; 2] = ["E1", "R1"];

/// Every model that the page may name.
fn models() -> Vec<&'static Model> {
    spsc::models()
        .chain(bytes::models())
        .chain(mpmc::models())
        .chain(broadcast::models())
        .chain(latest::models())
        .chain(call::models())
        .chain(pool::models())
        .chain(payloads::models())
        .chain(leaving::MODELS)
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The cells of each row of the table under a heading, keyed by the first one.
fn table(heading: &str) -> BTreeMap<String, Vec<String>> {
    let page = std::fs::read_to_string(root().join("docs/orderings.md")).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).expect("the heading");
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells: Vec<String> =
                line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            (cells[0].clone(), cells)
        })
        .collect()
}

/// The names in backticks in the last cell.
fn named(cells: &[String]) -> Vec<&str> {
    cells.last().expect("cells").split('`').skip(1).step_by(2).collect()
}

/// Each source file of ipc-ring, by its lines.
fn sources() -> Vec<(PathBuf, Vec<String>)> {
    let mut folders = vec![root().join("ipc-ring/src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text.lines().map(str::to_owned).collect()));
            }
        }
    }
    assert!(!files.is_empty());
    files
}

/// The labels in a line's comment: `[X1]`, or `\[X1\]` in documentation.
fn labels(line: &str) -> Vec<String> {
    let Some((_, comment)) = line.split_once("//") else { return Vec::new() };
    let is_label = |text: &&str| matches!(text.as_bytes(), [letter, digit] if letter.is_ascii_uppercase() && digit.is_ascii_digit());
    comment
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split_once(']').map(|(label, _)| label.trim_end_matches('\\')))
        .filter(is_label)
        .map(str::to_owned)
        .collect()
}

#[test]
fn code_edges_and_page_carry_the_same_labels() {
    let page: BTreeSet<String> = table("Edges").into_keys().collect();
    let code: BTreeSet<String> =
        sources().iter().flat_map(|(_, lines)| lines).flat_map(|line| labels(line)).collect();
    let edges: BTreeSet<String> =
        Edge::ALL.iter().map(|edge| edge.label()).chain(NOT_MODELLED).map(str::to_owned).collect();
    assert_eq!(code, page, "comments in ipc-ring/src on the left, docs/orderings.md on the right");
    assert_eq!(edges, page, "Edge::ALL on the left, docs/orderings.md on the right");
}

#[test]
fn every_use_of_an_edge_has_its_label_in_a_comment() {
    let mut uses = BTreeMap::new();
    for (path, lines) in sources() {
        if path.ends_with("edge.rs") || path.ends_with("edge/all.rs") {
            continue;
        }
        for (number, line) in lines.iter().enumerate() {
            for edge in Edge::ALL {
                let name = format!("Edge::{edge:?}");
                let after = line.split_once(&name).map(|(_, after)| after);
                if after.is_none_or(|after| after.starts_with(|c: char| c.is_alphanumeric())) {
                    continue;
                }
                *uses.entry(format!("{edge:?}")).or_insert(0) += 1;
                // An edge that is handed to another function is commented there.
                let direct = line.contains("ordering(Edge::");
                let near = if direct { &lines[number.saturating_sub(8)..=number] } else { &lines[..] };
                assert!(
                    near.iter().flat_map(|line| labels(line)).any(|label| label == edge.label()),
                    "{}:{}: {edge:?} without [{}]",
                    path.display(),
                    number + 1,
                    edge.label()
                );
            }
        }
    }
    for edge in Edge::ALL {
        assert!(uses.contains_key(&format!("{edge:?}")), "{edge:?} is not used");
    }
}

/// Whether one of the models named in a row fails under this mistake.
fn caught(row: &[String], mutation: Mutation) -> bool {
    let models = models();
    let names = named(row);
    assert!(!names.is_empty(), "{}: no model is named", row[0]);
    names.iter().any(|name| {
        let model = models.iter().find(|model| model.name == *name);
        let model = model.unwrap_or_else(|| panic!("{}: there is no model {name}", row[0]));
        matches!(model.check_with(mutation), Verdict::Caught { .. })
    })
}

#[test]
fn the_models_named_fail_without_their_edge() {
    let rows = table("Edges");
    for label in NOT_MODELLED {
        assert!(named(&rows[label]).is_empty(), "{label} has a model: take it off the list");
    }
    for edge in Edge::ALL {
        for mutation in weakenings(&[edge]) {
            assert!(caught(&rows[edge.label()], mutation), "{mutation}");
        }
    }
}

#[test]
fn the_models_named_fail_without_their_barrier() {
    let rows = table("Barriers");
    for mutation in barriers() {
        let (Mutation::NoLight(scheme) | Mutation::NoHeavy(scheme)) = mutation else { unreachable!() };
        assert!(caught(&rows[&format!("`{scheme:?}`")], mutation), "{mutation}");
    }
}
