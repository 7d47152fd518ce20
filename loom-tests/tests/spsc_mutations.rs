//! Every ordering, barrier and step of the spsc ring and the sleep protocol is needed: without it, a model
//! fails.

use ipc_ring::edge::Edge;
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::spsc::{MISTAKES, models, wait_set};
use loom_tests::{Mutation, matrix, pair};

/// The edges of the other rings have matrices of their own.
fn edges() -> Vec<Edge> {
    Edge::ALL
        .into_iter()
        .filter(|edge| edge.label().starts_with(['S', 'C', 'W']) && edge.label() != "W2")
        .collect()
}

/// The ends that are already relaxed; `docs/orderings.md` gives the reasons.
const RELAXED: [Edge; 1] = [Edge::WaitWithdraw];

#[test]
fn orderings() {
    let relaxed = |edge: &Edge| weakenings(&[*edge]).next().is_none();
    assert_eq!(edges().into_iter().filter(relaxed).collect::<Vec<_>>(), RELAXED);
    matrix::check("Orderings", weakenings(&edges()), models(), &[]);
}

#[test]
fn barriers_of_both_schemes() {
    matrix::check("Barriers", barriers(), models(), &[]);
}

#[test]
fn steps() {
    let mistakes = pair::MISTAKES.into_iter().chain(wait_set::MISTAKES).chain(MISTAKES);
    matrix::check("Steps", mistakes.map(Mutation::Logic), models(), &[]);
}
