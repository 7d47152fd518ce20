//! The models of the call ring: unmutated, and with each ordering and step left out.

use ipc_ring::edge::Edge;
use loom_tests::call::{MISTAKES, models};
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::{Mutation, matrix};

#[test]
fn calls_deaths_and_successors() {
    for model in models() {
        model.check();
    }
}

#[test]
fn orderings() {
    let edges: Vec<Edge> = Edge::ALL.into_iter().filter(|edge| edge.label().starts_with('Q')).collect();
    assert_eq!(weakenings(&edges).count(), 4, "none is relaxed already");
    matrix::check("Orderings of the call ring", weakenings(&edges), models(), &[]);
}

#[test]
fn barriers_of_both_schemes() {
    matrix::check("Barriers of the call ring", barriers(), models(), &[]);
}

#[test]
fn steps() {
    matrix::check("Steps of the call ring", MISTAKES.map(Mutation::Logic), models(), &[]);
}
