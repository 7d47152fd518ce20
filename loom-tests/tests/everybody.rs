//! The models of three sleepers that are all woken; each of them fails when one of them gets no token.
//!
//! Mistakes in the walk over the sleepers are among the [source mutants](loom_tests::source_mutants).

use loom_tests::everybody::MODELS;
use loom_tests::{Mutation, kernel, matrix};

#[test]
fn all_sleepers_are_woken() {
    for model in MODELS {
        model.check();
    }
}

#[test]
fn none_is_passed_over() {
    for model in MODELS {
        matrix::check(model.name, [Mutation::Logic(kernel::NO_TOKEN)], [model], &[]);
    }
}
