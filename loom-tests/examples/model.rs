//! Runs the models whose names begin with one of the arguments, and says how many executions each explored.
//!
//! ```text
//! cargo run --release -p loom-tests --example model -- both_sleep consumer_sleeps
//! ```

use loom_tests::{Model, broadcast, bytes, call, everybody, latest, mpmc, payloads, pool, spsc};

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let all: Vec<&'static Model> = spsc::models()
        .chain(bytes::models())
        .chain(mpmc::models())
        .chain(broadcast::models())
        .chain(latest::models())
        .chain(call::models())
        .chain(pool::models())
        .chain(payloads::models())
        .chain(everybody::models())
        .collect();
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|model| names.iter().any(|name| model.name.starts_with(name.as_str())))
        .collect();
    assert!(!chosen.is_empty(), "no model has such a name: {names:?}");
    for model in chosen {
        model.check();
    }
}
