//! The examples run, and say what they should.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

mod built;

use std::process::Command;

use built::built;

/// Runs an example, which cargo has built for the tests; gives what it printed.
fn run(name: &str) -> String {
    common::private_namespace();
    let output = Command::new(built(name)).output().unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn tokio_waits_for_a_channel_a_socket_and_a_timer() {
    let said = run("tokio_select");
    assert!(said.starts_with("20 prices, "), "{said}");
}

#[test]
fn epoll_waits_for_channels_and_a_timer() {
    let said = run("epoll");
    assert!(said.starts_with("50 ticks, 5 orders, "), "{said}");
}

#[test]
fn smol_serves_a_stream_of_bytes() {
    assert_eq!(run("smol_echo"), "FIRST LINE, SECOND LINE\n");
}
