//! The paths of another make of processor, or without some hints, are taken where a test asks for them.

mod common;

use std::process::Command;

use common::private_namespace;
use ipc_ring::ring::spsc::{Mapped, Memory as _};
use ipc_ring::{Barrier, Region};

/// Prints the paths that this process takes, for the test below.
#[test]
fn paths_of_this_process() {
    private_namespace();
    let ring = Mapped::<u64>::make(Region::heap(1 << 16), 8, Barrier::Fence, 0).unwrap();
    println!("paths: {} {}", ring.acquires_read(), ring.asks_ahead());
}

/// `.ci/processors` runs the rings' suites on the paths of each make of processor, and without any hint.
#[test]
fn the_paths_are_those_of_the_processor_that_is_pretended_but_for_what_is_left_out() {
    for (processor, without, acquires, asks) in [
        ("amd", "", true, false),
        ("intel", "", false, true),
        ("other", "", false, false),
        ("amd", "ahead,polled,demoted,batched", true, false),
        ("amd", "acquired", false, false),
        ("intel", "polled,demoted,acquired,batched", false, true),
        ("intel", "ahead", false, false),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "paths_of_this_process", "--nocapture"])
            .env("PRETENDED_PROCESSOR", processor)
            .env("WITHOUT_HINTS", without)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let expected = format!("paths: {acquires} {asks}");
        assert!(said.contains(&expected), "{processor} without {without:?}: {expected} in {said}");
    }
}
