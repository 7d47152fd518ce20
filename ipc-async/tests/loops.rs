//! A channel in the event loops of others: mio's, asyncio's, libuv's, GLib's. A loop receives the numbers
//! that a process pushes, waits for a timer of its own in between, and learns of the close, or of the death,
//! of that process.

#[path = "../../ipc-ring/tests/common/mod.rs"]
mod common;

mod built;

use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use built::built;
use common::{Need, Role, listen, private_namespace, role, say, unique};
use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::{Domain, Event, News, PopError, WaitSetError, spsc};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

const CHANNEL: &str = "numbers";
const NUMBERS: u64 = 100;
/// How a producer ends, and what a loop reports then.
const ENDINGS: [(&str, &str); 2] = [("close", "closed"), ("die", "the producer is gone")];

/// The producing process.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let domain = Domain::open(&role[1]).unwrap();
    let mut producer = spsc::Builder::new(CHANNEL).domain(&domain).create_sender().unwrap();
    for number in 0..NUMBERS {
        producer.push(number).unwrap();
        if number % 10 == 0 {
            std::thread::sleep(Duration::from_millis(10)); // The loop waits then.
        }
    }
    say("pushed");
    if listen() == "close" {
        producer.close();
    } else {
        std::thread::sleep(Duration::MAX);
    }
}

/// Runs a producing process to its end while a loop receives.
fn produce(domain: &str, ending: &str) {
    let mut producer = Role::start("produce", &[domain]);
    assert_eq!(producer.hear(), "pushed");
    std::thread::sleep(Duration::from_millis(10)); // The loop waits then, too.
    if ending == "die" {
        producer.kill();
    } else {
        producer.tell(ending);
        producer.finish();
    }
}

/// The first Python interpreter of this machine that has a module.
fn python_with(module: &str) -> Option<&'static str> {
    let imports = |python: &&str| {
        let mut command = Command::new(python);
        let output = command.args(["-c", &format!("import {module}")]).output();
        output.is_ok_and(|output| output.status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(imports)
}

/// A Python program that waits for the channel, after it has said that it is ready, with the name of its
/// loop.
fn start(python: &str, script: &str, domain: &str, arguments: &[&str], its_loop: &str) -> Child {
    let script = format!("{}/examples/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command.arg("-B").arg(script).arg(built("libnumbers_library.so")).args([domain, CHANNEL]).args(arguments);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = Vec::new();
    let mut said = child.stdout.take().unwrap();
    // Byte by byte: the rest stays in the pipe.
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        assert_eq!(said.read(&mut byte).unwrap(), 1, "the program has ended");
        line.push(byte[0]);
    }
    let line = String::from_utf8(line).unwrap();
    assert!(line.starts_with("ready ") && line.contains(its_loop), "{line}");
    child.stdout = Some(said);
    child
}

fn in_python(module: &str, script: &str, arguments: &[&str], its_loop: &str) {
    private_namespace();
    let Some(python) = python_with(module) else {
        return common::skip(Need::Python, &format!("an event loop of Python's module {module} waits"));
    };
    for (ending, told) in ENDINGS {
        let domain = unique("loop");
        let child = start(python, script, &domain, arguments, its_loop);
        produce(&domain, ending);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let expected = format!("100 numbers, sum 4950, some waits, some periods of the timer: {told}\n");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
}

#[test]
fn asyncio_waits_for_a_channel() {
    in_python("asyncio", "asyncio_numbers.py", &[], "asyncio");
}

#[test]
fn libuv_waits_for_a_channel() {
    in_python("uvloop", "asyncio_numbers.py", &["uvloop"], "uvloop");
}

#[test]
fn glib_waits_for_a_channel() {
    in_python("gi.repository.GLib", "glib_numbers.py", &[], "glib");
}

/// What mio's loop waits for.
struct Receiver {
    consumer: spsc::Consumer<u64>,
    set: PollSet,
    popped: u64,
    event: Option<Event>,
}

impl Receiver {
    /// Pops what is there, and arms the end for the next time. `Some` when no more will come.
    fn pop_and_arm(&mut self) -> Option<&'static str> {
        loop {
            match self.consumer.try_pop() {
                Ok(number) => {
                    assert_eq!(number, self.popped, "in order, none lost");
                    self.popped += 1;
                }
                Err(PopError::Closed) => return Some("closed"),
                Err(PopError::Empty) => {
                    if self.event.is_some_and(|event| event.news == News::PeerGone) {
                        return Some("the producer is gone");
                    }
                    match self.set.arm(&mut [&mut self.consumer]).unwrap() {
                        Armed::Waiting => return None,
                        Armed::Event(event) => self.event = Some(event),
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn readable(&mut self) -> Result<Option<&'static str>, WaitSetError> {
        self.event = self.set.disarm(&mut [&mut self.consumer])?;
        Ok(self.pop_and_arm())
    }
}

#[test]
fn mio_waits_for_a_channel() {
    private_namespace();
    for (ending, told) in ENDINGS {
        let name = unique("mio");
        let domain = Domain::open(&name).unwrap();
        let consumer = spsc::Builder::new(CHANNEL).domain(&domain).create_receiver().unwrap();
        let mut receiver = Receiver { consumer, set: PollSet::new(&domain).unwrap(), popped: 0, event: None };
        let producing = std::thread::spawn(move || produce(&name, ending));
        let mut poll = Poll::new().unwrap();
        let descriptor = receiver.set.as_raw_fd();
        poll.registry().register(&mut SourceFd(&descriptor), Token(7), Interest::READABLE).unwrap();
        let (mut events, mut waits) = (Events::with_capacity(8), 0);
        let mut ended = receiver.pop_and_arm();
        while ended.is_none() {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                assert!(event.token() == Token(7) && event.is_readable());
                waits += 1;
                ended = receiver.readable().unwrap();
            }
        }
        assert_eq!((ended, receiver.popped), (Some(told), NUMBERS));
        assert!(waits > 3, "it waited {waits} times only");
        producing.join().unwrap();
    }
}
