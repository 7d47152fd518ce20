//! The models of tasks that wait through a driver; each barrier and step of it is needed.

use loom_tests::mutation::barriers;
use loom_tests::readiness::{MISTAKES, MODELS, NOT_COUNTED};
use loom_tests::{Mutation, matrix};

#[test]
fn every_task_is_woken() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn barriers_and_steps() {
    let mistakes = barriers().into_iter().chain(MISTAKES.map(Mutation::Logic));
    let survivors =
        [(Mutation::Logic(NOT_COUNTED), "a token that nobody expects makes everybody look once too often")];
    matrix::check("Tasks and their driver", mistakes, MODELS, &survivors);
}
