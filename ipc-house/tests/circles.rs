//! No module uses another one that uses it back: a reader can begin somewhere.

use std::collections::BTreeMap;
use std::path::Path;

use ipc_house::modules::{circles, uses_of};

#[test]
fn modules_form_no_circles() {
    let mut counted = BTreeMap::new();
    for manifest in ipc_house::files("toml") {
        let Some(folder) = manifest.parent().filter(|_| manifest.ends_with("Cargo.toml")) else { continue };
        let source = folder.join("src");
        if ipc_house::root().join(&source).is_dir() {
            for circle in circles(&uses_of(Path::new(&source))) {
                let names: Vec<&str> = circle.iter().map(String::as_str).collect();
                counted.insert(format!("{} {}", folder.display(), names.join(" ")), circle.len());
            }
        }
    }
    let differences = ipc_house::differences("circles", &counted, 1);
    assert!(differences.is_empty(), "circles of modules:\n{}", differences.join("\n"));
}
