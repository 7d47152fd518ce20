//! A table of newest values in a set: a wait for one key alone before does not confine the set to that key.

mod common;

use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{private_namespace, unique};
use ipc_ring::latest::{ReadError, TableBuilder, TableReader, TableWriter};
use ipc_ring::readiness::{Armed, PollSet};
use ipc_ring::{Domain, News, WaitSet, WaitStrategy};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const KEYS: u32 = 8;
const ROUNDS: u32 = 20;

/// Key of round `number`, and the one waited for alone before it.
fn keys(number: u32) -> (u32, u32) {
    (number % KEYS, (number + 3) % KEYS)
}

fn ends(domain: &Domain) -> (TableWriter<u32>, TableReader<u32>) {
    let table = TableBuilder::<u32>::new("table").domain(domain).keys(KEYS).wait(WaitStrategy::Sleep);
    (table.create_sender().unwrap(), table.open_receiver().unwrap())
}

/// Sleeps for a key that is not published in this round.
fn sleep_for_another(reader: &mut TableReader<u32>, number: u32) {
    let slept = reader.wait_timeout(keys(number).1, Duration::from_millis(5));
    assert!(matches!(slept, Err(ReadError::TimedOut)), "{slept:?}");
}

/// Publishes in each round when the reader has been given a moment to fall asleep.
fn publish(mut writer: TableWriter<u32>, begun: &Receiver<u32>) {
    for number in begun {
        std::thread::sleep(Duration::from_millis(20));
        writer.publish(keys(number).0, number).unwrap();
    }
}

#[test]
fn a_set_sleeps_for_every_key() {
    private_namespace(); // Ends the program at a sleep that no token ended although one was owed.
    let domain = Domain::open(&unique("set-keys")).unwrap();
    let (writer, mut reader) = ends(&domain);
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    std::thread::scope(|scope| {
        let (begin, begun) = channel();
        scope.spawn(move || publish(writer, &begun));
        for number in 0..ROUNDS {
            sleep_for_another(&mut reader, number);
            begin.send(number).unwrap();
            assert_eq!(set.wait(&mut [&mut reader], None).unwrap().news, News::Ready);
            assert_eq!(reader.changed().unwrap(), Some(keys(number).0));
            assert_eq!(reader.get_newer(keys(number).0).unwrap().unwrap().value, number);
        }
        drop(begin);
    });
}

#[test]
fn a_descriptor_becomes_readable_for_every_key() {
    private_namespace();
    let domain = Domain::open(&unique("descriptor-keys")).unwrap();
    let (writer, mut reader) = ends(&domain);
    let mut set = PollSet::new(&domain).unwrap();
    std::thread::scope(|scope| {
        let (begin, begun) = channel();
        scope.spawn(move || publish(writer, &begun));
        for number in 0..ROUNDS {
            sleep_for_another(&mut reader, number);
            assert_eq!(set.arm(&mut [&mut reader]).unwrap(), Armed::Waiting);
            begin.send(number).unwrap();
            poll(&mut [PollFd::new(set.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE).unwrap();
            let event = set.disarm(&mut [&mut reader]).unwrap().expect("a value");
            assert_eq!(event.news, News::Ready);
            assert_eq!(reader.changed().unwrap(), Some(keys(number).0));
            assert_eq!(reader.get_newer(keys(number).0).unwrap().unwrap().value, number);
        }
        drop(begin);
    });
}
