//! Every ordering, barrier and step of the broadcast ring is needed: without it, a model fails.

use ipc_ring::edge::Edge;
use ipc_ring::platform::Barrier;
use loom_tests::broadcast::memory::{NO_CURSOR, NO_DROP, NO_FLOOR, NO_RISING};
use loom_tests::broadcast::models;
use loom_tests::kernel::{DEATH_IS_SILENT, NO_TOKEN};
use loom_tests::mutation::{barriers, weakenings};
use loom_tests::pair::{NO_SECOND_LOOK, SILENT_FLAGS, SILENT_SEAT};
use loom_tests::{Model, Mutation, matrix};

const EDGES: [Edge; 9] = [
    Edge::FencesBegin,
    Edge::BroadcastPublish,
    Edge::BroadcastObserve,
    Edge::BroadcastGiveUp,
    Edge::BroadcastValidate,
    Edge::BroadcastConsume,
    Edge::BroadcastReclaim,
    Edge::BroadcastTail,
    Edge::BroadcastTailSeen,
];

/// Only these models, so that it takes a few seconds; the others catch nothing that these do not.
fn quick() -> impl Iterator<Item = &'static Model> {
    models().filter(|model| model.min() < 40_000)
}

#[test]
fn orderings() {
    matrix::check("Orderings of the broadcast ring", weakenings(&EDGES), quick(), &[]);
}

fn named(part: &str) -> impl Iterator<Item = &'static Model> {
    models().filter(move |model| model.name.contains(part))
}

/// Each use of the barriers by itself.
#[test]
fn barriers_of_joining_and_sleeping() {
    matrix::check("Barriers of joining a gated broadcast ring", barriers(), named("gated_join"), &[]);
    matrix::check("Barriers of sleeping at a broadcast ring", barriers(), named("sleep"), &[]);
    let fences = [Mutation::NoLight(Barrier::Fence), Mutation::NoHeavy(Barrier::Fence)];
    matrix::check("Fences of a publisher and of subscribers that rely on them", fences, named("fences"), &[]);
}

#[test]
fn steps() {
    let mistakes = [
        NO_FLOOR,
        NO_RISING,
        NO_CURSOR,
        NO_DROP,
        NO_SECOND_LOOK,
        NO_TOKEN,
        SILENT_FLAGS,
        SILENT_SEAT,
        DEATH_IS_SILENT,
    ];
    matrix::check("Steps of the broadcast ring", mistakes.map(Mutation::Logic), quick(), &[]);
}
