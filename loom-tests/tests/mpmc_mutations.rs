//! Every ordering and step of the mpmc ring is needed: without it, a model fails.

use ipc_ring::platform::Barrier;
use loom_tests::kernel::{DEATH_IS_SILENT, NO_TOKEN};
use loom_tests::mpmc::memory::{
    DEATH_NOT_ACQUIRED, DEATH_NOT_RELEASED, NO_BATON, NO_GENERATION, POP_WAKES_NO_PRODUCER,
};
use loom_tests::mpmc::ring::OVERWRITTEN;
use loom_tests::mpmc::special::HINT_BEFORE_CLAIM;
use loom_tests::mpmc::{models, reapers};
use loom_tests::mutation::weakenings;
use loom_tests::pair::NO_SECOND_LOOK;
use loom_tests::participants::NOT_PUT_BACK;
use loom_tests::{Model, Mutation, matrix};

/// The models that catch something that no faster model catches. The others would only cost time.
const SHARP: [&str; 25] = [
    "mpmc_tap_overwritten",
    "mpmc_tap_returned",
    "mpmc_tap_producer_dies",
    "mpmc_notifier_dies_with_the_mask",
    "mpmc_one_pop_frees_a_sleeper",
    "mpmc_end_behind_dead_hands_taken",
    "mpmc_chain_begun_before",
    "mpmc_laps_wrap",
    "mpmc_laps_wrap_for_a_consumer",
    "mpmc_never_empty",
    "mpmc_never_full",
    "mpmc_consumer_dies_taken_1",
    "mpmc_producer_dies_written_1",
    "mpmc_number_reused_by_producer",
    "mpmc_number_reused_by_consumer",
    "mpmc_reaper_dies_repaired",
    "mpmc_reaper_dies_swept",
    "mpmc_two_reapers",
    "mpmc_consumer_dies_popped",
    "mpmc_producer_dies_pushed",
    "mpmc_orphan_handed_over",
    "mpmc_empty_is_exact",
    "mpmc_bit_taken",
    "mpmc_one_wake_for_two",
    "mpmc_polled_line_taken",
];

fn sharp() -> impl Iterator<Item = &'static Model> {
    models().filter(|model| SHARP.contains(&model.name))
}

#[test]
fn orderings() {
    matrix::check("Orderings of the mpmc ring", weakenings(&reapers::edges()), sharp(), &[]);
}

#[test]
fn steps() {
    let mistakes = reapers::MISTAKES.into_iter().chain([
        NO_GENERATION,
        DEATH_NOT_RELEASED,
        DEATH_NOT_ACQUIRED,
        HINT_BEFORE_CLAIM,
        OVERWRITTEN,
        NO_SECOND_LOOK,
        NO_TOKEN,
        NO_BATON,
        DEATH_IS_SILENT,
        NOT_PUT_BACK,
        POP_WAKES_NO_PRODUCER,
    ]);
    // The fence of a consumer that was woken and looks for more, in models whose sleepers use the other
    // barrier.
    let fence = Mutation::NoHeavy(Barrier::Fence);
    matrix::check("Steps of the mpmc ring", mistakes.map(Mutation::Logic).chain([fence]), sharp(), &[]);
}
