//! `ipcr watch` tells of processes, channels and ends as they come, die and go.

mod common;

use std::io::{BufRead as _, BufReader};

use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::{command, end, lines, run};
use ipc_ring::{Domain, spsc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

#[test]
fn what_comes_dies_and_goes_is_told() {
    isolated(|| {
        let domain = Domain::open("default").unwrap();
        let mut watching = command("watch --interval 5ms --json").spawn().unwrap();
        let mut output = BufReader::new(watching.stdout.take().unwrap()).lines();
        let mut next = |event: &str, what: &str| {
            // An end that is just attaching is reported in several parts; the one looked for comes soon.
            loop {
                let line = output.next().expect("it goes on").unwrap();
                let told: Value = lines(&line).remove(0);
                let is_about = match what {
                    "process" => told["channel"].is_null(),
                    "channel" => told["channel"] == "numbers" && told["role"].is_null(),
                    role => told["role"] == role,
                };
                if is_about && told["event"] == event {
                    return told["pid"].as_u64();
                }
            }
        };
        assert_eq!(next("present", "process"), Some(u64::from(std::process::id())));
        let gate = Gate::new();
        let producer = child(|| {
            let _producer = spsc::Producer::<u64>::create("numbers").unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let pid = Some(u64::from(producer.pid()));
        assert_eq!(next("came", "producer"), pid);
        let consumer = spsc::Builder::<u64>::new("numbers").domain(&domain).open_receiver().unwrap();
        assert_eq!(next("came", "consumer"), Some(u64::from(std::process::id())));
        producer.kill();
        assert_eq!(next("died", "producer"), pid);
        drop(consumer);
        next("gone", "channel");
        // `ipcr watch` itself has not joined the domain.
        assert_eq!(domain.list().unwrap().processes.len(), 2);
        kill(Pid::from_raw(watching.id().cast_signed()), Signal::SIGINT).unwrap();
        while output.next().is_some() {}
        assert_eq!(end(watching).code, Some(130));
        assert_eq!(run("watch --domain nope").code, Some(3));
    });
}
