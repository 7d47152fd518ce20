//! The models of the spsc ring, as production is.

use loom_tests::spsc::models;

#[test]
fn all() {
    for model in models() {
        let start = std::time::Instant::now();
        model.check();
        println!("    {:?}", start.elapsed());
    }
}
