//! Every ordering and step of the pool is needed: without it, a model fails.

use ipc_ring::edge::Edge;
use loom_tests::kernel::{DEATH_IS_SILENT, NO_TOKEN};
use loom_tests::mutation::{WITHOUT_RELEASE, barriers, weakenings};
use loom_tests::participants::NOT_PUT_BACK;
use loom_tests::pool::memory::{DEATH_NOT_ACQUIRED, DEATH_NOT_RELEASED};
use loom_tests::pool::{models, reapers};
use loom_tests::{Model, Mutation, matrix};

/// The models that catch something that no faster model catches. The others would only cost time.
const SHARP: [&str; 22] = [
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
    "pool_lender_sleeps_fence",
    "pool_lender_sleeps_asymmetric",
    "pool_lender_passed_over",
    "pool_lender_leaves",
    "pool_lender_dies_about_to_sleep",
    "pool_giver_dies_with_the_mask",
    "pool_giver_dies_with_the_bit",
    "pool_tap_lent_again",
    "pool_tap_sent",
];

fn sharp() -> impl Iterator<Item = &'static Model> {
    models().filter(|model| SHARP.contains(&model.name))
}

#[test]
fn orderings() {
    let edges = reapers::edges();
    let passed_on = weakenings(&[Edge::ClearWaiting]).chain([WITHOUT_RELEASE]).collect::<Vec<_>>();
    matrix::check("Orderings of the pool", weakenings(&edges).chain(passed_on), sharp(), &[]);
}

/// Of these, [`sharp`] has both schemes.
#[test]
fn barriers_of_lenders() {
    matrix::check("Barriers of a pool's lenders", barriers(), sharp(), &[]);
}

#[test]
fn steps() {
    let mistakes = reapers::MISTAKES.into_iter().chain([DEATH_NOT_RELEASED, DEATH_NOT_ACQUIRED]);
    let mistakes = mistakes.chain([NO_TOKEN, DEATH_IS_SILENT, NOT_PUT_BACK]);
    matrix::check("Steps of the pool", mistakes.map(Mutation::Logic), sharp(), &[]);
}
