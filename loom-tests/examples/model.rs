//! Runs the models whose names begin with one of the arguments, and says how many executions each explored.
//! With a mistake of `loom_tests::source_mutants` in place, one of their assertions must fail: their bounds
//! on the number of executions and the states that they must reach are not checked.
//!
//! ```text
//! cargo run --release -p loom-tests --example model -- both_sleep consumer_sleeps
//! ```

use loom_tests::source_mutants::VARIABLE;
use loom_tests::{Model, Mutation, Verdict};

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |model: &&'static Model| names.iter().any(|name| model.name.starts_with(name.as_str()));
    let chosen: Vec<_> = loom_tests::models().filter(is_wanted).collect();
    assert!(!chosen.is_empty(), "no model has such a name: {names:?}");
    let is_mistaken = std::env::var_os(VARIABLE).is_some();
    for model in chosen {
        println!("checking {}", model.name);
        if !is_mistaken {
            model.check();
        } else if let Verdict::Caught { why, .. } = model.check_with(Mutation::Logic("one in the source")) {
            panic!("{why}");
        }
    }
}
