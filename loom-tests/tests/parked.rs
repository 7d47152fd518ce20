//! The models of an end that sleeps on a futex; each barrier and step of it is needed.

use loom_tests::mutation::barriers;
use loom_tests::spsc::interrupted::INTERRUPT_MISTAKES;
use loom_tests::spsc::parked::{MODELS, NOT_COMPARED};
use loom_tests::{Mutation, matrix};

#[test]
fn nothing_is_lost() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn barriers_and_steps() {
    let mistakes = [NOT_COMPARED].into_iter().chain(INTERRUPT_MISTAKES).map(Mutation::Logic);
    matrix::check("Sleeping on a futex", barriers().into_iter().chain(mistakes), MODELS, &[]);
}
