//! The examples run, and say what they should.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ipc_ring::{Domain, spsc};

/// Where cargo has put what it built of an example.
fn built(file: &str) -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join(file)
}

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

#[test]
fn asyncio_waits_for_a_channel_and_a_timer() {
    common::private_namespace();
    let name = common::unique("asyncio");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/asyncio_numbers.py");
    let mut python = Command::new("python3");
    python.arg(script).arg(built("libasyncio_numbers.so")).args([&*name, "numbers"]).stdout(Stdio::piped());
    let Ok(mut python) = python.spawn() else {
        return common::skip(common::Need::Python, "an event loop in another language waits");
    };
    let mut said = BufReader::new(python.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let domain = Domain::open(&name).unwrap();
    let mut producer = spsc::Builder::new("numbers").domain(&domain).create_producer().unwrap();
    for number in 0..100_u64 {
        producer.push(number).unwrap();
        if number % 10 == 0 {
            std::thread::sleep(Duration::from_millis(10)); // The loop waits then.
        }
    }
    producer.close();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(python.wait().unwrap().success());
    assert_eq!(rest, "100 numbers, sum 4950, some periods of the timer\n");
}
