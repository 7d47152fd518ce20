//! The models of the mpmc ring, unmutated. `LOOM_TESTS_MODEL` picks those whose name contains it.

use loom_tests::Model;
use loom_tests::mpmc::models;

fn check(picked: impl Fn(&Model) -> bool) {
    let only = std::env::var("LOOM_TESTS_MODEL").unwrap_or_default();
    for model in models().filter(|model| model.name.contains(&only) && picked(model)) {
        let start = std::time::Instant::now();
        model.check();
        println!("    {:?}", start.elapsed());
    }
}

/// In two halves that run in parallel.
const LARGE: u64 = 60_000;

#[test]
fn all_but_the_largest() {
    check(|model| model.min() < LARGE);
}

#[test]
fn the_largest() {
    check(|model| model.min() >= LARGE);
}
