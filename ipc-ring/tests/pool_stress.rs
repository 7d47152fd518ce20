//! Senders and receivers of a pool that are continuously killed and replaced. No block ever has two owners,
//! no payload is torn, and at the end every block is free.
//!
//! It runs for two seconds. `POOL_STRESS_SECONDS=600` lets it run for ten minutes; `TEST_WATCHDOG` has to be
//! raised with it.

mod common;
mod spsc_common;

use std::time::{Duration, Instant};

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_ring::Domain;
use ipc_ring::mpmc::{self, PopError, PushError};
use ipc_ring::pool::{Builder, Handle, Loan, LoanError, Pool, ReceiveError, Refused, View};
use spsc_common::Random;

const CLASSES: [(usize, u64); 3] = [(64, 8), (1024, 6), (8192, 4)];
const SENDERS: usize = 3;
const RECEIVERS: usize = 3;

fn pool(domain: &Domain) -> Pool {
    CLASSES
        .iter()
        .fold(Builder::new("pool").domain(domain), |builder, (size, count)| builder.class(*size, *count))
        .create()
        .unwrap()
}

fn ring(domain: &Domain) -> mpmc::Builder<Handle> {
    mpmc::Builder::new("handles").domain(domain).capacity(16)
}

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let [what, domain, seed] = &role[..] else { panic!("{role:?}") };
    let domain = Domain::open(domain).unwrap();
    let random = Random::new(seed.parse().unwrap());
    say("here");
    match what.as_str() {
        "send" => send(&domain, random),
        "receive" => receive(&domain, random),
        other => panic!("no such role: {other}"),
    }
}

/// Fills a block with one word.
fn stamp(loan: &mut Loan, word: u64) {
    let value = word.to_le_bytes();
    for offset in (0..loan.len()).step_by(8) {
        let len = value.len().min(loan.len() - offset);
        loan.write_at(offset, &value[..len]).unwrap();
    }
}

/// Whether a block holds one word, and still does after a while.
fn check(bytes: impl Fn() -> Vec<u8>, random: &mut Random) {
    let word: [u8; 8] = *bytes().first_chunk().expect("a payload has 8 bytes at least");
    for _ in 0..2 {
        let bytes = bytes();
        assert!(
            bytes.chunks(8).all(|chunk| *chunk == word[..chunk.len()]),
            "torn, or written while it is held: {bytes:x?}"
        );
        pause(random);
    }
}

/// Often nothing, sometimes a yield, now and then a sleep.
fn pause(random: &mut Random) {
    match random.below(16) {
        0 => std::thread::sleep(Duration::from_micros(random.below(200))),
        1..4 => std::thread::yield_now(),
        _ => {}
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

fn send(domain: &Domain, mut random: Random) {
    let pool = pool(domain);
    let mut producer = ring(domain).create_sender().unwrap();
    let mut kept: Vec<View> = Vec::new();
    let mut number = u64::from(std::process::id()) << 32;
    loop {
        number += 1;
        let (largest, _) = CLASSES[random.below(3) as usize];
        let len = 8 + random.below(largest as u64 - 7) as usize;
        let mut loan = match pool.loan(len) {
            Ok(loan) => loan,
            Err(LoanError::Exhausted { .. }) => {
                kept.clear();
                pause(&mut random);
                continue;
            }
            Err(other) => panic!("{other}"),
        };
        stamp(&mut loan, number);
        pause(&mut random);
        check(|| loan.to_vec().unwrap(), &mut random);
        if random.below(4) == 0 {
            let (view, handle) = loan.share();
            for _ in 0..1 + random.below(3) {
                match producer.push_deadline(handle, soon()) {
                    Ok(()) | Err(PushError::TimedOut(_) | PushError::PeerGone(..)) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            kept.push(view);
            if kept.len() > 2 {
                let oldest = kept.remove(0);
                check(|| oldest.to_vec().unwrap(), &mut random);
            }
        } else {
            let route = producer.route();
            match loan.send_with(route, |handle| producer.push_deadline(handle, soon())) {
                Ok(()) => {}
                Err(refused) => match refused.error {
                    PushError::TimedOut(_) | PushError::PeerGone(..) => {
                        check(|| refused.loan.to_vec().unwrap(), &mut random)
                    }
                    other => panic!("{other}"),
                },
            }
        }
    }
}

fn receive(domain: &Domain, mut random: Random) {
    let pool = pool(domain);
    let mut consumer = ring(domain).create_receiver().unwrap();
    let mut producer = ring(domain).create_sender().unwrap();
    loop {
        let view = match pool.receive_deadline(&mut consumer, soon()) {
            Ok(view) => view,
            Err(error) => {
                acceptable(&error);
                continue;
            }
        };
        check(|| view.to_vec().unwrap(), &mut random);
        if random.below(4) > 0 {
            continue;
        }
        // Changed in place, and sent once more.
        if let Ok(mut loan) = view.into_loan() {
            stamp(&mut loan, u64::from(std::process::id()) << 32 | 1 << 31);
            pause(&mut random);
            check(|| loan.to_vec().unwrap(), &mut random);
            let route = producer.route();
            if let Err(refused) = loan.send_with(route, |handle| producer.try_push(handle)) {
                assert!(
                    matches!(refused.error, PushError::Full(_) | PushError::Busy(..)),
                    "{:?}",
                    refused.error
                );
            }
        }
    }
}

/// The possible results of receiving while others are killed.
fn acceptable(error: &ReceiveError<PopError>) {
    match error {
        ReceiveError::Channel(PopError::TimedOut | PopError::PeerGone(_) | PopError::Empty)
        | ReceiveError::Channel(PopError::Busy { .. })
        | ReceiveError::Refused(Refused::Stale { .. } | Refused::Doubled { .. }) => {}
        other => panic!("{other}"),
    }
}

#[test]
fn blocks_survive_kills_of_all_members() {
    private_namespace();
    let seconds = std::env::var("POOL_STRESS_SECONDS").map_or(2, |text| text.parse().unwrap());
    let before = kernel_objects();
    let name = unique("stress");
    {
        let domain = Domain::open(&name).unwrap();
        let pool = pool(&domain);
        let mut random = Random::new(seconds + 7);
        let mut seed = 0;
        let mut start = |number: usize| {
            seed += 1;
            let what = if number < SENDERS { "send" } else { "receive" };
            let mut role = Role::start(what, &[&name, &seed.to_string()]);
            assert_eq!(role.hear(), "here");
            role
        };
        let mut roles: Vec<Role> = (0..SENDERS + RECEIVERS).map(&mut start).collect();
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut kills = 0;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_micros(random.below(20_000)));
            let victim = random.below(roles.len() as u64) as usize;
            assert!(!roles[victim].has_ended(), "a child has ended by itself");
            roles[victim].kill();
            kills += 1;
            roles[victim] = start(victim);
            if random.below(16) == 0 {
                let report = pool.recover().unwrap();
                assert!(report.seats <= 32, "{report:?}");
            }
        }
        for role in &mut roles {
            assert!(!role.has_ended(), "a child has ended by itself");
            role.kill();
        }
        // What was sent is still there, if the ring is.
        let mut consumer = ring(&domain).create_receiver().unwrap();
        let mut left = 0;
        loop {
            match pool.try_receive(&mut consumer) {
                Ok(view) => {
                    check(|| view.to_vec().unwrap(), &mut random);
                    left += 1;
                }
                Err(ReceiveError::Channel(PopError::Empty | PopError::PeerGone(_))) => break,
                Err(error) => acceptable(&error),
            }
        }
        drop(consumer);
        pool.recover().unwrap();
        let stats = pool.stats();
        eprintln!("{kills} kills in {seconds} s; {left} payloads were left\n{stats}");
        assert_eq!(stats.in_use(), 0, "blocks are lost");
        for (size, count) in CLASSES {
            let all: Vec<_> = (0..count).map(|_| pool.try_loan(size).expect("a block is lost")).collect();
            assert!(pool.try_loan(size).is_err());
            drop(all);
        }
        assert!(stats.classes.iter().all(|class| class.loans > 10), "{stats}");
        assert!(kills > 10 && stats.classes.iter().any(|class| class.reclaimed > 0), "{stats}");
    }
    assert_eq!(kernel_objects(), before);
}
