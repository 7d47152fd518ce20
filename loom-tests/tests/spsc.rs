//! The models of the spsc ring, unmutated.

use loom_tests::Model;
use loom_tests::spsc::{ending, ring, sleeping, takeover, tap, wait_set};

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
fn an_end_is_told_after_everything_before_it() {
    check(ending::MODELS);
}

#[test]
fn no_wake_up_is_lost() {
    check(sleeping::MODELS);
}

#[test]
fn a_tap_reads_no_message_that_is_overwritten() {
    check(tap::MODELS);
}

#[test]
fn a_set_misses_nothing_of_either_ring() {
    check(wait_set::MODELS);
}
