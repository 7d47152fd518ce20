//! What waiting costs: an end that waits long sleeps, and one that pushes makes no wake-up call unless the
//! other end sleeps.

mod common;

use std::time::{Duration, Instant};

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::spsc::{Builder, Observer, PopError, PushError};
use ipc_ring::{Domain, WaitStrategy};
use nix::sys::resource::{Usage, UsageWho, getrusage};

fn builder(domain: &str, wait: &str) -> Builder<u64> {
    let wait = match wait {
        "spin_yield" => WaitStrategy::SpinYield,
        "spin_sleep" => WaitStrategy::DEFAULT,
        "sleep" => WaitStrategy::Sleep,
        _ => panic!("no such way to wait: {wait}"),
    };
    Builder::new("channel").domain(&Domain::open(domain).unwrap()).wait(wait)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["wait-for-message", domain, wait] => {
            let mut consumer = builder(domain, wait).open_receiver().unwrap();
            measure(|| {
                let timeout = consumer.pop_timeout(Duration::from_secs(2));
                assert!(matches!(timeout, Err(PopError::TimedOut)), "{timeout:?}");
            });
        }
        ["wait-for-room", domain, wait] => {
            let mut producer = builder(domain, wait).open_sender().unwrap();
            for value in 0..producer.capacity() {
                producer.push(value).unwrap();
            }
            measure(|| {
                let timeout = producer.push_timeout(0, Duration::from_secs(2));
                assert!(matches!(timeout, Err(PushError::TimedOut(0))), "{timeout:?}");
            });
        }
        ["push", domain, wait, count, pause] => {
            let mut producer = builder(domain, wait).open_sender().unwrap();
            let pause: u64 = pause.parse().unwrap();
            for value in 0..count.parse().unwrap() {
                producer.push(value).unwrap();
                if pause > 0 {
                    std::thread::sleep(Duration::from_millis(pause));
                }
            }
            say("pushed");
            listen();
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

/// Returns the CPU time that `wait` used in this thread, in microseconds; how often the thread went to sleep;
/// and its duration in heartbeats.
fn measure(wait: impl FnOnce()) {
    let cpu = |usage: &Usage| {
        let time = usage.user_time() + usage.system_time();
        time.tv_sec() * 1_000_000 + time.tv_usec()
    };
    let (before, began) = (getrusage(UsageWho::RUSAGE_THREAD).unwrap(), Instant::now());
    wait();
    let (after, took) = (getrusage(UsageWho::RUSAGE_THREAD).unwrap(), began.elapsed());
    let sleeps = after.voluntary_context_switches() - before.voluntary_context_switches();
    let beats = took.as_millis() / ipc_ring::wait::HEARTBEAT.as_millis();
    say(&format!("{} {sleeps} {beats}", cpu(&after) - cpu(&before)));
}

fn costs_nothing(role: &str) {
    private_namespace();
    for wait in ["sleep", "spin_sleep"] {
        let domain = unique("idle");
        let builder = builder(&domain, wait).capacity(8);
        let _other_end = if role == "wait-for-room" {
            (None, Some(builder.create_receiver().unwrap()))
        } else {
            (Some(builder.create_sender().unwrap()), None)
        };
        let mut idler = Role::start(role, &[&domain, wait]);
        let numbers: Vec<i64> = idler.hear().split(' ').map(|word| word.parse().unwrap()).collect();
        let [cpu, sleeps, beats] = numbers[..] else { panic!("three numbers") };
        eprintln!("{role}, {wait}: {cpu} µs of CPU, {sleeps} sleeps in {beats} heartbeats");
        assert!(cpu < 50_000, "{cpu} µs of CPU in two idle seconds");
        // One sleep per heartbeat, and a few short ones at the beginning, when an event may come without a
        // notification.
        assert!(sleeps <= beats + 12, "{sleeps} sleeps in {beats} heartbeats");
        idler.finish();
    }
}

#[test]
fn waiting_for_a_message_costs_nothing() {
    costs_nothing("wait-for-message");
}

#[test]
fn waiting_for_room_costs_nothing() {
    costs_nothing("wait-for-room");
}

/// Lets a child push and gives the counters afterwards.
fn stream(wait: &str, count: u64, pause: u64) -> ipc_ring::spsc::Counters {
    let domain = unique("wakes");
    let mut consumer = builder(&domain, wait).capacity(64).create_receiver().unwrap();
    let observer = Observer::open_in(&Domain::open(&domain).unwrap(), "channel").unwrap();
    let mut producer = Role::start("push", &[&domain, wait, &count.to_string(), &pause.to_string()]);
    for expected in 0..count {
        assert_eq!(consumer.pop().unwrap(), expected);
    }
    assert_eq!(producer.hear(), "pushed");
    let counters = observer.counters();
    eprintln!("{wait}, {count} messages {pause} ms apart: {counters:?}");
    producer.tell("end");
    producer.finish();
    counters
}

/// A consumer is woken once for each time that the ring stops being empty; and a producer once for each time
/// that it found the ring full. One needless wake more, when the other side was stopped between a publication
/// and its check of the signal, and its message has been popped meanwhile: there can be one such publication
/// for each time. One wake more is that of a new end, for a process that waits for it.
#[test]
fn no_end_is_woken_twice_for_one_reason() {
    private_namespace();
    for (wait, count, pause) in [("sleep", 50_000, 0), ("spin_sleep", 200_000, 0), ("sleep", 60, 5)] {
        let counters = stream(wait, count, pause);
        assert!(counters.producer_wakes <= 2 * counters.found_empty + 1, "{counters:?}");
        assert!(counters.consumer_wakes <= 2 * counters.found_full + 1, "{counters:?}");
        // Even if each message finds the consumer asleep.
        assert!(counters.producer_wakes <= count + 1, "{counters:?}");
    }
}

#[test]
fn who_does_not_sleep_is_not_woken() {
    private_namespace();
    for (count, pause) in [(50_000, 0), (20, 3)] {
        let counters = stream("spin_yield", count, pause);
        assert_eq!((counters.producer_wakes, counters.consumer_wakes), (0, 0), "{counters:?}");
    }
}

/// `Duration::MAX` is how some programs say "for ever". It once made the deadline overflow.
#[test]
fn the_longest_timeout_is_for_ever() {
    private_namespace();
    let domain = unique("for-ever");
    let mut producer = builder(&domain, "sleep").capacity(1).create_sender().unwrap();
    let mut consumer = builder(&domain, "sleep").open_receiver().unwrap();
    producer.push_timeout(1, Duration::MAX).unwrap();
    let popping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        let first = consumer.pop_timeout(Duration::MAX).unwrap();
        assert_eq!(consumer.pop_timeout(Duration::MAX).unwrap(), first + 1);
        assert!(matches!(consumer.pop_timeout(Duration::MAX), Err(PopError::Closed)));
    });
    producer.push_timeout(2, Duration::MAX).unwrap();
    drop(producer);
    popping.join().unwrap();
}
