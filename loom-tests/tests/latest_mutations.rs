//! Every ordering and step of the table of latest values is needed: without it, a model fails.

use ipc_ring::edge::Edge;
use loom_tests::latest::{MISTAKES, models};
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::{Mutation, matrix};

#[test]
fn orderings() {
    let edges: Vec<Edge> = Edge::ALL.into_iter().filter(|edge| edge.label().starts_with('L')).collect();
    assert_eq!(weakenings(&edges).count(), 8, "none is relaxed already");
    matrix::check("Orderings of the table of latest values", weakenings(&edges), models(), &[]);
}

#[test]
fn barriers_of_both_schemes() {
    matrix::check("Barriers of the table of latest values", barriers(), models(), &[]);
}

#[test]
fn steps() {
    matrix::check("Steps of the table of latest values", MISTAKES.map(Mutation::Logic), models(), &[]);
}
