//! The models of three sleepers that are all woken; each of them fails when the walk over the sleepers skips
//! one.

use loom_tests::everybody::{MISTAKES, MODELS};
use loom_tests::{Mutation, matrix};

#[test]
fn all_sleepers_are_woken() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn none_is_passed_over() {
    for model in MODELS {
        matrix::check(model.name, MISTAKES.map(Mutation::Logic), [model], &[]);
    }
}
