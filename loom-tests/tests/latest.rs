//! The models of the table of latest values, unmutated.

use loom_tests::Model;
use loom_tests::latest::{ring, sleeping, takeover};

fn check(models: &[Model]) {
    for model in models {
        model.check();
    }
}

#[test]
fn readers_beside_a_writer() {
    check(ring::MODELS);
}

#[test]
fn a_successor_continues_where_a_dead_writer_stopped() {
    check(takeover::MODELS);
}

#[test]
fn readers_that_sleep() {
    check(sleeping::MODELS);
}
