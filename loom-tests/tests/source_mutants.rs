//! The places of the source mutants exist, and so do the models that catch them. `--example source_mutants`
//! builds them.

use std::path::Path;

use loom_tests::Model;
use loom_tests::source_mutants::all;

#[test]
fn each_mistake_has_its_place_and_its_models() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let models: Vec<&'static Model> = loom_tests::models().collect();
    for mutant in all() {
        let text = std::fs::read_to_string(root.join(mutant.file)).unwrap();
        assert_ne!(mutant.mutated(&text), text);
        assert_ne!(mutant.parts()[1], mutant.new);
        assert!(!mutant.models.is_empty());
        for name in mutant.models {
            assert!(models.iter().any(|model| model.name.starts_with(name)), "there is no model {name}");
        }
    }
}
