//! The models of the ring of frames, unmutated.

use loom_tests::Model;
use loom_tests::bytes::{ending, ring, sleeping, takeover, tap};

fn check(models: &[Model]) {
    for model in models {
        model.check();
    }
}

#[test]
fn the_ring_alone() {
    check(ring::MODELS);
}

#[test]
fn a_successor_continues_where_a_dead_end_stopped() {
    check(takeover::MODELS);
}

#[test]
fn a_tap_reads_no_frame_that_is_overwritten() {
    check(tap::MODELS);
}

#[test]
fn closing_and_detaching() {
    check(ending::MODELS);
}

#[test]
fn waiting_asleep() {
    check(sleeping::MODELS);
}
