//! The models of an end that sleeps on a futex; each barrier and step of it is needed.

use loom_tests::mutation::barriers;
use loom_tests::parked::{MODELS, NOT_COMPARED, WOKEN_FIRST};
use loom_tests::{Mutation, matrix};

#[test]
fn no_wake_up_is_lost() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn barriers_and_steps() {
    let mistakes = barriers().into_iter().chain([WOKEN_FIRST, NOT_COMPARED].map(Mutation::Logic));
    matrix::check("Sleeping on a futex", mistakes, MODELS, &[]);
}
