//! Each edge of docs/orderings.md has its litmus test in docs/litmus, which `.ci/litmus` runs.

use std::collections::BTreeSet;
use std::path::Path;

/// Tests of barriers, which are no edges.
const BARRIERS: [&str; 3] = ["behind-another", "passed-on", "sleep"];

#[test]
fn every_edge_has_a_litmus_test() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let read = |path: &str| std::fs::read_to_string(docs.join(path)).unwrap();
    let page = read("orderings.md");
    let edges = page.split("\n## ").find(|section| section.starts_with("Edges\n")).unwrap();
    let labels = edges.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let labels = labels.filter(|label| label.len() == 2);
    let expected: BTreeSet<String> = labels.chain(BARRIERS).map(str::to_owned).collect();
    assert!(expected.len() > 40, "{expected:?}");
    let files = std::fs::read_dir(docs.join("litmus/edges")).unwrap();
    let found: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap().replace(".litmus", "")).collect();
    assert_eq!(found, expected, "docs/litmus/edges on the left, docs/orderings.md on the right");
    let shapes = read("litmus/README.md");
    for label in &found {
        let text = read(&format!("litmus/edges/{label}.litmus"));
        assert!(text.starts_with(&format!("C {label}\n")), "{label} has another name inside");
        assert!(shapes.contains(label.as_str()) || label.len() == 2, "{label} is in no row of the README");
    }
}
