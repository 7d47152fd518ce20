//! The models of hand-overs without a common lock; each ordering and step of them is needed.

use ipc_ring::edge::Edge;
use loom_tests::leaving::{MISTAKES, MODELS};
use loom_tests::mutation::weakenings;
use loom_tests::{Mutation, matrix};

#[test]
fn no_note_is_forgotten() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn orderings_and_steps() {
    let edges: Vec<Edge> =
        Edge::ALL.into_iter().filter(|edge| ["G1", "G2", "G3"].contains(&edge.label())).collect();
    let mistakes = weakenings(&edges).chain(MISTAKES.map(Mutation::Logic));
    matrix::check("Leaving without the lock", mistakes, MODELS, &[]);
}
