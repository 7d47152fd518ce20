//! Runs the models whose names begin with one of the arguments, and says how many executions each explored.
//!
//! ```text
//! cargo run --release -p loom-tests --example model -- both_sleep consumer_sleeps
//! ```

use loom_tests::Model;

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |model: &&'static Model| names.iter().any(|name| model.name.starts_with(name.as_str()));
    let chosen: Vec<_> = loom_tests::models().filter(is_wanted).collect();
    assert!(!chosen.is_empty(), "no model has such a name: {names:?}");
    for model in chosen {
        println!("checking {}", model.name);
        model.check();
    }
}
