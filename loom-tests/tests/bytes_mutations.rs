//! Every ordering and step of the ring of frames is needed: without it, a model fails.

use ipc_ring::edge::Edge;
use loom_tests::bytes::{
    CLEARED_LATE, NO_HEAD, NOT_CLEARED, NOT_CONSUMED, NOT_SAID, TAKEN_EARLY, TAKEN_LATE, ends, models,
};
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::{Mutation, matrix};

#[test]
fn orderings() {
    let edges: Vec<Edge> = Edge::ALL.into_iter().filter(|edge| edge.label().starts_with('B')).collect();
    assert_eq!(edges.len(), 6);
    assert_eq!(weakenings(&edges).count(), 6, "none is relaxed already");
    matrix::check("Orderings", weakenings(&edges), models(), &[]);
}

#[test]
fn barriers_of_both_schemes() {
    matrix::check("Barriers", barriers(), models(), &[]);
}

#[test]
fn steps() {
    let mistakes = ends::MISTAKES.into_iter().chain([
        NOT_CLEARED,
        CLEARED_LATE,
        NO_HEAD,
        NOT_CONSUMED,
        NOT_SAID,
        TAKEN_EARLY,
        TAKEN_LATE,
    ]);
    matrix::check("Steps", mistakes.map(Mutation::Logic), models(), &[]);
}
