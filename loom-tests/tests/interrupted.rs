//! The models of a wait that is interrupted; each barrier and step of it is needed.

use loom_tests::mutation::barriers;
use loom_tests::spsc::interrupted::{INTERRUPT_MISTAKES, MODELS};
use loom_tests::{Mutation, matrix};

#[test]
fn no_interruption_is_lost() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn barriers_and_steps() {
    let mistakes = barriers().into_iter().chain(INTERRUPT_MISTAKES.map(Mutation::Logic));
    matrix::check("Interrupting a wait", mistakes, MODELS, &[]);
}
