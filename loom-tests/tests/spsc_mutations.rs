//! Every ordering, barrier and step of the spsc ring and the sleep protocol is needed: without it, a model
//! fails.

use ipc_ring::edge::Edge;
use loom_tests::mutation::{WITHOUT_RELEASE, barriers, weakenings};
use loom_tests::spsc::{MISTAKES, models};
use loom_tests::{Mutation, matrix, pair};

/// The edges of the other rings have matrices of their own.
fn edges() -> Vec<Edge> {
    Edge::ALL
        .into_iter()
        .filter(|edge| edge.label().starts_with(['S', 'C', 'W']))
        .filter(|edge| !["W2", "W3", "W4"].contains(&edge.label()))
        .collect()
}

#[test]
fn orderings() {
    let relaxed = |edge: &Edge| weakenings(&[*edge]).next().is_none();
    assert_eq!(edges().into_iter().find(relaxed), None);
    // An end with one peer passes no wake on, so it has nothing of W3: a pool's lenders have. And it was
    // woken for what was published without a fence, so it needs nothing of W4: one of several subscribers
    // does.
    let edges = edges();
    let mutations = weakenings(&edges).filter(|mutation| *mutation != WITHOUT_RELEASE);
    matrix::check("Orderings", mutations, models(), &[]);
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
