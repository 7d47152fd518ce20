//! That what is tested here is what ships: with the crash sites this file does not compile.

#![allow(unused_imports, reason = "names are resolved, no more")]

mod here {
    /// As a library with crash sites has it. Two globs with one name are ambiguous where it is used.
    pub mod fault {}
}

use here::*;
use ipc_ring::*;

use fault as only_here;

#[test]
fn there_are_no_crash_sites() {
    let checks = std::hint::black_box(cfg!(debug_assertions));
    assert!(!checks, "run by .ci/release, with --release");
}
