//! Every ordering and step of the pool is needed: without it, a model fails.

use loom_tests::mutation::weakenings;
use loom_tests::pool::memory::{DEATH_NOT_ACQUIRED, DEATH_NOT_RELEASED};
use loom_tests::pool::{models, reapers};
use loom_tests::{Model, Mutation, matrix};

/// The models that catch something that no faster model catches. The others would only cost time.
const SHARP: [&str; 13] = [
    "pool_send_and_receive",
    "pool_last_reader_frees",
    "pool_readers_of_one_process",
    "pool_reader_comes_again",
    "pool_sender_dies_loaned",
    "pool_sender_dies_sent",
    "pool_receiver_dies_reading",
    "pool_reader_dies_reading",
    "pool_route_of_the_same_generation",
    "pool_two_reapers",
    "pool_seat_reused_by_lender",
    "pool_seat_reused_by_receiver",
    "pool_seat_reused_by_reader",
];

fn sharp() -> impl Iterator<Item = &'static Model> {
    models().filter(|model| SHARP.contains(&model.name))
}

#[test]
fn orderings() {
    matrix::check("Orderings of the pool", weakenings(&reapers::edges()), sharp(), &[]);
}

#[test]
fn steps() {
    let mistakes = reapers::MISTAKES.into_iter().chain([DEATH_NOT_RELEASED, DEATH_NOT_ACQUIRED]);
    matrix::check("Steps of the pool", mistakes.map(Mutation::Logic), sharp(), &[]);
}
