//! Two processes under load with random pauses, every byte checked; and one that is killed and replaced again
//! and again.
//!
//! Each case runs for about a second. `STRESS_MESSAGES=10000000` lets each case run for that many messages
//! instead; `TEST_WATCHDOG` has to be raised with it, and `STRESS_WAIT=spin_sleep` leaves the other
//! strategies out, as in `bytes_stress` and `mpmc_stress`. In a build with optimisation ten million take
//! minutes.

mod common;
mod spsc_common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Role, private_namespace, role, say, unique};
use ipc_ring::spsc::{Builder, PopError, PushError};
use ipc_ring::{Domain, Message, PeerExit};
use spsc_common::{Amount, Random, WAITS, check, payload, strategy, waits};

/// Crosses cache lines at every other place.
type Item = [u8; 129];

fn builder<T: Message>(domain: &str, channel: &str, wait: &str) -> Builder<T> {
    Builder::new(channel).domain(&Domain::open(domain).unwrap()).wait(strategy(wait))
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["push", domain, wait] => push_until_enough(domain, wait),
        ["relay", domain, wait] => relay(domain, wait),
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn push_until_enough(domain: &str, wait: &str) {
    let mut producer = builder::<Item>(domain, "channel", wait).open_sender().unwrap();
    let amount = Amount::of_one_in(1);
    let mut random = Random::new(u64::from(std::process::id()));
    let mut next = 0;
    while amount.has(next) {
        if random.below(8) == 0 {
            let count = random.below(6);
            let items: Vec<Item> = (next..next + count).map(payload).collect();
            producer.push_slice(&items).unwrap();
            next += count;
        } else {
            producer.push(payload(next)).unwrap();
            next += 1;
        }
        random.pause();
    }
    say(&next.to_string());
}

fn everything_arrives(capacity: u64) {
    for wait in waits(&WAITS) {
        everything_arrives_by(&wait, capacity);
    }
}

fn everything_arrives_by(wait: &str, capacity: u64) {
    private_namespace();
    let domain = unique("stress");
    let mut consumer =
        builder::<Item>(&domain, "channel", wait).capacity(capacity).create_receiver().unwrap();
    let began = Instant::now();
    let mut producer = Role::start("push", &[&domain, wait]);
    let mut random = Random::new(capacity);
    let mut batch = [[0; 129]; 5];
    let mut expected = 0;
    loop {
        let count = match random.below(8) {
            0 => consumer.try_pop_slice(&mut batch),
            _ => consumer.pop().map(|item| {
                batch[0] = item;
                1
            }),
        };
        match count {
            Ok(count) => {
                for item in &batch[..count] {
                    check(item, expected);
                    expected += 1;
                }
            }
            Err(PopError::Empty) => {}
            Err(PopError::Closed) => break,
            Err(other) => panic!("{wait}, capacity {capacity}: {other}"),
        }
        random.pause();
    }
    assert_eq!(producer.hear(), expected.to_string());
    producer.finish();
    eprintln!("{wait}, capacity {capacity}: {expected} messages in {:?}", began.elapsed());
    assert!(expected > 0, "{wait}, capacity {capacity}: {expected} messages");
}

#[test]
fn nothing_is_lost_doubled_torn_or_reordered_at_capacity_1() {
    everything_arrives(1);
}

#[test]
fn nothing_is_lost_doubled_torn_or_reordered_at_capacity_2() {
    everything_arrives(2);
}

#[test]
fn nothing_is_lost_doubled_torn_or_reordered_at_capacity_1024() {
    everything_arrives(1024);
}

/// Moves messages from one channel to another: the consumer of the one, the producer of the other.
fn relay(domain: &str, wait: &str) {
    let mut from = builder::<Item>(domain, "in", wait).open_receiver().unwrap();
    let mut to = builder::<Item>(domain, "out", wait).open_sender().unwrap();
    say("ready");
    let mut random = Random::new(u64::from(std::process::id()));
    while let Ok(item) = from.pop() {
        to.push(item).unwrap();
        random.pause();
    }
    assert_eq!(from.peer().unwrap(), ipc_ring::PeerState::Closed);
}

/// A process that holds the consuming end of one channel and the producing end of another is killed at
/// arbitrary moments, fifty times. A message that it had popped and not pushed yet is lost with it: one at
/// most. Nothing else is lost.
#[test]
fn a_relay_that_is_killed_fifty_times_loses_one_message_each_time_at_most() {
    const ROUNDS: u64 = 50;
    private_namespace();
    let domain = unique("relay");
    let mut producer = builder::<Item>(&domain, "in", "spin_sleep").capacity(16).create_sender().unwrap();
    let mut consumer = builder::<Item>(&domain, "out", "spin_sleep").capacity(4).create_receiver().unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let pushing = std::thread::spawn({
        let enough = Arc::clone(&enough);
        move || {
            let mut random = Random::new(1);
            let mut next = 0;
            while !enough.load(Ordering::Relaxed) {
                match producer.push(payload(next)) {
                    Ok(()) => next += 1,
                    Err(PushError::PeerGone(_, PeerExit::Died { .. })) => std::thread::yield_now(),
                    Err(other) => panic!("{other}"),
                }
                random.pause();
            }
            next
        }
    });
    let mut random = Random::new(2);
    let (mut next, mut lost) = (0, 0);
    let mut take = |item: &Item, next: &mut u64| {
        let number = u64::from_le_bytes(*item.first_chunk().unwrap());
        check(item, number);
        assert!(number >= *next, "{number} came after {}", *next - 1);
        lost += number - *next;
        *next = number + 1;
    };
    for round in 0..ROUNDS {
        let wait = ["spin_sleep", "sleep", "spin_yield"][round as usize % 3];
        let mut victim = Role::start("relay", &[&domain, wait]);
        assert_eq!(victim.hear(), "ready");
        let pause = Duration::from_micros(random.below(20_000));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(pause);
            victim.kill();
        });
        loop {
            match consumer.pop() {
                Ok(item) => take(&item, &mut next),
                Err(PopError::PeerGone(PeerExit::Died { .. })) => break,
                Err(other) => panic!("round {round}: {other}"),
            }
        }
        killer.join().unwrap();
    }
    let last = Role::start("relay", &[&domain, "spin_sleep"]);
    // Until it has joined, the dead one is reported.
    while let Err(PopError::PeerGone(_)) = consumer.pop().map(|item| take(&item, &mut next)) {
        std::thread::yield_now();
    }
    enough.store(true, Ordering::Relaxed);
    loop {
        match consumer.pop() {
            Ok(item) => take(&item, &mut next),
            Err(PopError::Closed) => break,
            Err(other) => panic!("{other}"),
        }
    }
    last.finish();
    let pushed = pushing.join().unwrap();
    eprintln!("{pushed} messages through {ROUNDS} deaths, {lost} of them lost in a dead relay's hands");
    assert_eq!(next, pushed);
    assert!(lost <= ROUNDS, "{lost} messages are lost");
    assert!(pushed > ROUNDS);
}
