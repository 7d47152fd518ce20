//! Every ordering and step of the ring of frames is needed: without it, a model fails.

use ipc_ring::edge::Edge;
use loom_tests::bytes::{MISTAKES, models};
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::{Mutation, matrix, pair};

#[test]
fn orderings() {
    let edges: Vec<Edge> = Edge::ALL.into_iter().filter(|edge| edge.label().starts_with('B')).collect();
    assert_eq!(edges.len(), 10);
    assert_eq!(weakenings(&edges).count(), 10, "none is relaxed already");
    matrix::check("Orderings", weakenings(&edges), models(), &[]);
}

#[test]
fn barriers_of_both_schemes() {
    matrix::check("Barriers", barriers(), models(), &[]);
}

#[test]
fn steps() {
    let mistakes = pair::MISTAKES.into_iter().chain(MISTAKES);
    matrix::check("Steps", mistakes.map(Mutation::Logic), models(), &[]);
}
