//! What sleeping and waking cost: ten sleepers use no CPU, and a sleeper is woken once for each time that the
//! ring stops being empty, never once for each message. The calls are counted by ptrace, from outside.
#![cfg(target_arch = "x86_64")]

mod common;
#[allow(dead_code, reason = "this file uses a part")]
#[path = "kill_at_any_instruction/stepping.rs"]
mod stepping;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{Role, private_namespace, role, say, unique};
use ipc_ring::{Domain, WaitStrategy, bytes, mpmc, spsc};
use nix::libc;
use stepping::Victim;

/// Room for everything that a test pushes.
const CAPACITY: u64 = 4096;

fn spsc(domain: &str) -> spsc::Builder<u64> {
    spsc::Builder::new("spsc")
        .domain(&Domain::open(domain).unwrap())
        .capacity(CAPACITY)
        .wait(WaitStrategy::Sleep)
}

fn mpmc(domain: &str) -> mpmc::Builder<u64> {
    mpmc::Builder::new("mpmc")
        .domain(&Domain::open(domain).unwrap())
        .capacity(CAPACITY)
        .wait(WaitStrategy::Sleep)
}

fn bytes(domain: &str) -> bytes::Builder {
    bytes::Builder::new("bytes")
        .domain(&Domain::open(domain).unwrap())
        .capacity(CAPACITY * 32)
        .wait(WaitStrategy::Sleep)
}

type Push = Box<dyn FnMut(&[u64])>;
type Pop = Box<dyn FnMut() + Send>;

/// A function that pushes a batch, of one or more.
fn producer(ring: &str, domain: &str) -> Push {
    match ring {
        "spsc" => {
            let mut producer = spsc(domain).create_sender().unwrap();
            Box::new(move |numbers| producer.push_slice(numbers).unwrap())
        }
        "mpmc" => {
            let mut producer = mpmc(domain).create_sender().unwrap();
            Box::new(move |numbers| assert_eq!(producer.try_push_slice(numbers).unwrap(), numbers.len()))
        }
        _ => {
            let mut producer = bytes(domain).create_sender().unwrap();
            Box::new(move |numbers| {
                producer
                    .push_batch(&numbers.iter().map(|number| number.to_le_bytes()).collect::<Vec<_>>())
                    .unwrap();
            })
        }
    }
}

/// A function that waits for a message.
fn consumer(ring: &str, domain: &str) -> Pop {
    match ring {
        "spsc" => {
            let mut consumer = spsc(domain).create_receiver().unwrap();
            Box::new(move || assert!(consumer.pop().is_ok()))
        }
        "mpmc" => {
            let mut consumer = mpmc(domain).create_receiver().unwrap();
            Box::new(move || assert!(consumer.pop().is_ok()))
        }
        _ => {
            let mut consumer = bytes(domain).create_receiver().unwrap();
            Box::new(move || assert!(consumer.pop().is_ok()))
        }
    }
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["sleep", domain] => {
            let mut consumer = mpmc(domain).create_receiver().unwrap();
            say("ready");
            assert!(matches!(consumer.pop(), Err(mpmc::PopError::PeerGone(_))));
        }
        ["pop", domain] => {
            let mut consumer = mpmc(domain).create_receiver().unwrap();
            say("ready");
            while consumer.pop().is_ok() {}
        }
        ["count-three"] => {
            private_namespace();
            if stepping::is_possible() {
                counts_three();
            } else {
                common::skip(common::Need::Ptrace, "system calls are counted");
            }
        }
        ["count", ring] => {
            private_namespace();
            if stepping::is_possible() {
                counts(ring);
            } else {
                common::skip(common::Need::Ptrace, "system calls are counted");
            }
        }
        ref other => panic!("no such role: {other:?}"),
    }
}

/// Clock ticks that a process has used, of the user's time and the system's.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn ten_sleepers_use_no_cpu() {
    private_namespace();
    let domain = unique("ten");
    // An end to wait for.
    let producer = mpmc(&domain).create_sender().unwrap();
    let mut sleepers: Vec<Role> = (0..10).map(|_| Role::start("sleep", &[&domain])).collect();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.hear(), "ready");
    }
    std::thread::sleep(Duration::from_millis(300));
    let used = |sleepers: &[Role]| sleepers.iter().map(|sleeper| ticks(sleeper.pid())).sum::<u64>();
    let before = used(&sleepers);
    std::thread::sleep(Duration::from_secs(2));
    let used = used(&sleepers) - before;
    eprintln!("ten idle consumers used {used} clock ticks in two seconds");
    // One that polled would use two hundred. Each checks ten times a second whether all others are alive.
    assert!(used <= 20, "{used} ticks");
    drop(producer);
    sleepers.into_iter().for_each(Role::finish);
}

/// Lets a traced process push batches while a consumer pops one message after another; returns the number of
/// calls of the kernel's semaphores. With `pause`, the consumer does nothing between its first message and
/// the end of the pushing.
fn calls(ring: &'static str, batches: u64, size: u64, interval: Duration, pause: bool) -> u64 {
    let domain = unique("count");
    let mut pop = consumer(ring, &domain);
    let (finish, finished) = mpsc::channel::<()>();
    let mut popping = None;
    let victim = Victim::start(
        |mark| {
            let mut push = producer(ring, &domain);
            std::thread::sleep(Duration::from_millis(20));
            mark();
            for batch in 0..batches {
                push(&(batch * size..(batch + 1) * size).collect::<Vec<_>>());
                if !interval.is_zero() {
                    std::thread::sleep(interval);
                }
            }
            mark();
        },
        || {
            popping = Some(std::thread::spawn(move || {
                pop();
                if pause {
                    finished.recv().unwrap();
                }
                (1..batches * size).for_each(|_| pop());
            }));
        },
    );
    let calls = victim.count_calls(&[libc::SYS_semop, libc::SYS_semtimedop]);
    let _ = finish.send(()); // There is no listener when there is no pause.
    popping.unwrap().join().unwrap();
    victim.kill();
    calls
}

/// A wake is one call, and one more for the first wake of a sleeper, which arranges that the waker's death
/// wakes it.
fn counts(ring: &str) {
    let ring = ["spsc", "bytes", "mpmc"].into_iter().find(|known| *known == ring).unwrap();
    let stream = calls(ring, 3000, 1, Duration::ZERO, true);
    say(&format!("{ring}: {stream} calls for 3000 messages to a consumer that was asleep at the first"));
    // It may wake up without a message just before, and sleep again.
    assert!((1..=3).contains(&stream), "{stream}");
    let batches = calls(ring, 40, 64, Duration::from_millis(3), false);
    say(&format!("{ring}: {batches} calls for 40 batches of 64 to a consumer that sleeps in between"));
    assert!((1..=42).contains(&batches), "{batches}");
    let sparse = calls(ring, 200, 1, Duration::from_millis(1), false);
    say(&format!("{ring}: {sparse} calls for 200 messages, a thousand a second"));
    assert!((1..=202).contains(&sparse), "{sparse}");
}

/// With three consumers asleep a wake is one call as well, except for at most one liveness check in a tenth
/// of a second: whether the one that was woken is alive, or another one must be.
fn counts_three() {
    const MESSAGES: u64 = 300;
    let domain = unique("three");
    let mut sleepers: Vec<Role> = (0..3).map(|_| Role::start("pop", &[&domain])).collect();
    for sleeper in &mut sleepers {
        assert_eq!(sleeper.hear(), "ready");
    }
    let mut began = None;
    let victim = Victim::start(
        |mark| {
            let mut producer = mpmc(&domain).create_sender().unwrap();
            std::thread::sleep(Duration::from_millis(20));
            mark();
            for number in 0..MESSAGES {
                producer.push(number).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
            mark();
            producer.close();
        },
        || began = Some(Instant::now()),
    );
    let calls = victim.count_calls(&[libc::SYS_semop, libc::SYS_semtimedop]);
    let elapsed = began.unwrap().elapsed();
    victim.kill();
    say(&format!("mpmc: {calls} calls for {MESSAGES} messages, a thousand a second, to three consumers"));
    // One of each sleeper's first wakes arranges that the producer's death wakes it.
    let questions = elapsed.as_millis() as u64 / 100 + 2;
    assert!((1..=MESSAGES + 3 + questions).contains(&calls), "{calls} in {elapsed:?}");
    drop(sleepers); // They are killed.
}

fn counted(ring: &str) {
    counted_by("count", &[ring]);
}

fn counted_by(role: &str, arguments: &[&str]) {
    let mut counter = Role::start(role, arguments);
    while let Some(said) = counter.hear_or_end() {
        eprintln!("{said}");
    }
    counter.finish();
}

#[test]
fn spsc_wakes_once() {
    counted("spsc");
}

#[test]
fn bytes_wakes_once() {
    counted("bytes");
}

#[test]
fn one_of_three_sleepers_is_woken_by_one_call() {
    counted_by("count-three", &[]);
}

#[test]
fn mpmc_wakes_once() {
    counted("mpmc");
}
