//! The models of the pool, unmutated. `LOOM_TESTS_MODEL` picks those whose name contains it.

use loom_tests::pool::models;

#[test]
fn all() {
    let only = std::env::var("LOOM_TESTS_MODEL").unwrap_or_default();
    for model in models().filter(|model| model.name.contains(&only)) {
        let start = std::time::Instant::now();
        model.check();
        println!("    {:?}", start.elapsed());
    }
}
