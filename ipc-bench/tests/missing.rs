//! A mechanism that the kernel refuses is a row with its reason, and no reason to stop.

mod common;

use common::{json, rows, run};
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

const SHORT: &str = "--reps 2 --duration 20 --warm-up 5";

#[test]
fn a_missing_mechanism_is_a_row_with_its_reason() {
    // Message queues are taken away from this test's own name space only.
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWIPC) {
        eprintln!("SKIPPED: unshare(CLONE_NEWIPC): {errno}");
        return;
    }
    std::fs::write("/proc/sys/kernel/msgmni", "0").expect("the limit of the own name space is changed");

    let (results, code) = json(&format!("pingpong -m sysv-msg,pipe {SHORT}"));
    assert_eq!(code, 0, "the rest was measured: {results}");
    let [missing, there] = &rows(&results)[..] else { panic!("{results}") };
    assert_eq!(missing["unavailable"], true, "{missing}");
    assert!(missing["error"].as_str().is_some_and(|error| error.contains("ENOSPC")), "{missing}");
    assert!(missing["one_way_ns"].is_null() && there["one_way_ns"].is_object(), "{results}");

    assert_eq!(run(&format!("pingpong -m sysv-msg -q {SHORT}")).status.code(), Some(5), "the only one");

    let listed: Value = serde_json::from_slice(&run("list --json").stdout).expect("JSON");
    let entry = |name: &str| {
        let entries = listed.as_array().expect("an array");
        entries.iter().find(|entry| entry["mechanism"] == name).expect("listed")["missing"].clone()
    };
    assert!(entry("sysv-msg").as_str().is_some_and(|reason| reason.contains("ENOSPC")));
    assert!(entry("pipe").is_null());
}
