//! The models of tasks that wait through a driver; each barrier and step of it is needed.

use ipc_ring::edge::Edge;
use loom_tests::mutation::{WITHOUT_RELEASE, barriers, weakenings};
use loom_tests::readiness::{MISTAKES, MODELS, NOT_COUNTED};
use loom_tests::{Mutation, matrix};

#[test]
fn every_task_is_woken() {
    for model in MODELS {
        model.check();
    }
}

/// The edges on which these models depend.
const EDGES: [Edge; 4] = [Edge::SetWaiting, Edge::ClaimWake, Edge::CloseSet, Edge::CloseLoad];

#[test]
fn orderings_barriers_and_steps() {
    // A task passes no wake on here, so it has nothing of W3: a pool's lenders have.
    let weakenings = weakenings(&EDGES).filter(|mutation| *mutation != WITHOUT_RELEASE);
    let mistakes = weakenings.chain(barriers()).chain(MISTAKES.map(Mutation::Logic));
    let survivors =
        [(Mutation::Logic(NOT_COUNTED), "an unexpected token makes every task look once more than needed")];
    matrix::check("Tasks and their driver", mistakes, MODELS, &survivors);
}
