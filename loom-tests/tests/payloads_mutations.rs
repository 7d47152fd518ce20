//! Every ordering and step between a ring and the pool whose handles it carries is needed: without it, a
//! model fails.

use ipc_ring::edge::Edge;
use loom_tests::broadcast::memory::{NO_CURSOR, NO_FLOOR};
use loom_tests::mutation::weakenings;
use loom_tests::payloads::ends::MISTAKES;
use loom_tests::payloads::models;
use loom_tests::{Mutation, matrix};

/// The edges by which ring and pool depend on each other: a place is given up before its block is withdrawn,
/// and readers are done before it is lent again. The others belong to ring or pool alone, whose own models
/// cover them.
const EDGES: [Edge; 3] = [Edge::BroadcastGiveUp, Edge::BroadcastValidate, Edge::PoolLeave];

#[test]
fn orderings() {
    matrix::check("Orderings of payloads in a broadcast ring", weakenings(&EDGES), models(), &[]);
}

#[test]
fn steps() {
    let mistakes = MISTAKES.into_iter().chain([NO_FLOOR, NO_CURSOR]);
    matrix::check("Steps of payloads in a broadcast ring", mistakes.map(Mutation::Logic), models(), &[]);
}
