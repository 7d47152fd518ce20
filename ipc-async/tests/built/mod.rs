//! What cargo has built of the examples.

use std::path::PathBuf;

/// The path of an example, or of a library among them.
pub fn built(file: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join(file)
}
