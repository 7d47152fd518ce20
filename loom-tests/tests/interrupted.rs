//! The models of a wait that is interrupted; each barrier and step of it is needed.

use loom_tests::interrupted::{MISTAKES, MODELS};
use loom_tests::mutation::barriers;
use loom_tests::spsc::interrupted as parked;
use loom_tests::{Mutation, matrix};

#[test]
fn no_interruption_is_lost() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn barriers_and_steps() {
    let mistakes = barriers().into_iter().chain(MISTAKES.map(Mutation::Logic));
    matrix::check("Interrupting a wait", mistakes, MODELS, &[]);
}

#[test]
fn no_interruption_of_a_parked_end_is_lost() {
    for model in parked::MODELS {
        model.check();
    }
}

#[test]
fn barriers_and_steps_of_a_parked_end() {
    let mistakes = barriers().into_iter().chain(parked::INTERRUPT_MISTAKES.map(Mutation::Logic));
    matrix::check("Interrupting a parked end", mistakes, parked::MODELS, &[]);
}
