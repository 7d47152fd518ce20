//! Many ends asleep on one channel. Every event that concerns all of them wakes all of them, and so does the
//! end of the channel.
//!
//! A sleeper that is missed loses nothing: it checks by itself, a tenth of a second later. That is a late
//! sleep, at which [`common`] ends the process. Between two publications there is time for that, so that the
//! next one cannot cover it up.

mod common;
mod kinds;
mod spsc_common;

use std::time::Duration;

use common::{Role, listen, private_namespace, role, say, unique};
use ipc_ring::{Domain, News, WaitSet, WaitStrategy, broadcast, latest, mpmc};
use kinds::promise::{self, Promise};
use kinds::{How, Kind, Told, every};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the takers are left asleep: two and a half of their own check intervals.
const ASLEEP: Duration = Duration::from_millis(250);
/// Publications for which all sleep.
const ROUNDS: u64 = 4;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["take", kind, domain] => take(kinds::kind(kind), domain),
        ["wait", kind, domain] => wait(kind, domain),
        ref other => panic!("no such role: {other:?}"),
    }
}

fn how(domain: &Domain) -> How<'_> {
    How::new(domain, WaitStrategy::Sleep)
}

/// Takes until the channel is closed; reports the count and the number of the last.
fn take(kind: Kind, domain: &str) {
    let domain = Domain::open(domain).unwrap();
    let mut taker = (kind.taker)(how(&domain)).unwrap();
    say("ready");
    let (mut count, mut last) = (0, 0);
    loop {
        match taker.take(PATIENCE) {
            Told::Number(number) => {
                assert!(number > last, "{number} after {last}");
                (count, last) = (count + 1, number);
            }
            Told::Closed => break,
            other => panic!("{other:?}"),
        }
    }
    say(&format!("{count} {last}"));
    assert_eq!(listen(), "end");
}

fn start(sleepers: usize, role: &str, arguments: &[&str]) -> Vec<Role> {
    let mut children: Vec<Role> = (0..sleepers).map(|_| Role::start(role, arguments)).collect();
    for child in &mut children {
        assert_eq!(child.hear(), "ready");
    }
    children
}

/// The sum of what the children took, and what each took last.
fn finish(children: Vec<Role>) -> (u64, Vec<u64>) {
    let (mut count, mut last) = (0, Vec::new());
    for mut child in children {
        let said = child.hear();
        let (taken, number) = said.split_once(' ').unwrap();
        count += taken.parse::<u64>().unwrap();
        last.push(number.parse().unwrap());
        child.tell("end");
        child.finish();
    }
    (count, last)
}

/// Lets this number of takers of each kind sleep, publishes for all of them, and lets them sleep again; then
/// closes.
fn all_kinds(sleepers: usize) {
    private_namespace();
    for kind in every().filter(|kind| kind.many_takers) {
        let domain_name = unique("many");
        let domain = Domain::open(&domain_name).unwrap();
        let mut giver = (kind.giver)(how(&domain)).unwrap();
        let children = start(sleepers, "take", &[kind.name, &domain_name]);
        // Each message of this kind goes to one taker only, so there is one for each.
        let shared = promise::of(kind) == Promise::Once;
        let together = if shared { sleepers as u64 } else { 1 };
        let mut number = 0;
        for _ in 0..ROUNDS {
            std::thread::sleep(ASLEEP);
            for _ in 0..together {
                number += 1;
                assert_eq!(giver.give(number, PATIENCE), Told::Yes, "{}", kind.name);
            }
        }
        std::thread::sleep(ASLEEP);
        giver.close();
        let (count, last) = finish(children);
        if shared {
            assert_eq!((count, last.into_iter().max()), (number, Some(number)), "{}", kind.name);
        } else {
            assert!(last.iter().all(|last| *last == number), "{}: {last:?}", kind.name);
            // A value may be replaced before it is seen; the ring has room for all these messages.
            let is_value = ["latest", "table"].contains(&kind.name);
            assert!(is_value || count == number * sleepers as u64, "{}: {count}", kind.name);
        }
    }
}

#[test]
fn three_sleepers_are_all_woken() {
    all_kinds(3);
}

#[test]
fn six_sleepers_are_all_woken() {
    all_kinds(6);
}

#[test]
fn sixteen_sleepers_are_all_woken() {
    all_kinds(16);
}

fn lossy(domain: &Domain) -> broadcast::Builder<u64> {
    broadcast::Builder::new("lossy").domain(domain)
}

fn table(domain: &Domain) -> latest::TableBuilder<u64> {
    latest::TableBuilder::new("table").domain(domain).keys(3)
}

fn queue(domain: &Domain) -> mpmc::Builder<u64> {
    mpmc::Builder::new("queue").domain(domain)
}

/// Waits in a set for one channel, together with another on which nothing happens, until it is closed.
fn wait(kind: &str, domain: &str) {
    let domain = Domain::open(domain).unwrap();
    let mut set = WaitSet::with_strategy(&domain, WaitStrategy::Sleep).unwrap();
    let mut quiet = queue(&domain).type_name("quiet").create_receiver().unwrap();
    let (mut count, mut last) = (0, 0);
    let mut took = |number: u64| (count, last) = (count + 1, number.max(last));
    match kind {
        "broadcast" => {
            let mut subscriber = lossy(&domain).create_receiver().unwrap();
            say("ready");
            loop {
                let event = set.wait(&mut [&mut quiet, &mut subscriber], None).unwrap();
                assert!(event.index == 1 && event.news != News::PeerGone, "{event:?}");
                match subscriber.try_pop() {
                    Ok(number) => took(number),
                    Err(broadcast::PopError::Closed) => break,
                    Err(other) => panic!("{other}"),
                }
            }
        }
        _ => {
            let mut reader = table(&domain).create_receiver().unwrap();
            say("ready");
            loop {
                let event = set.wait(&mut [&mut quiet, &mut reader], None).unwrap();
                assert!(event.index == 1 && event.news != News::PeerGone, "{event:?}");
                match reader.changed().unwrap() {
                    Some(key) => took(reader.get_newer(key).unwrap().unwrap().value),
                    None => break,
                }
            }
        }
    }
    say(&format!("{count} {last}"));
    assert_eq!(listen(), "end");
}

#[test]
fn sets_that_sleep_are_all_woken() {
    private_namespace();
    for (kind, sleepers) in [("broadcast", 3), ("broadcast", 16), ("latest", 3), ("latest", 16)] {
        let name = unique("sets");
        let domain = Domain::open(&name).unwrap();
        // A push to the quiet channel is possible at any time.
        let quiet = queue(&domain).type_name("quiet").create_sender().unwrap();
        let mut publish: Box<dyn FnMut(u64)> = if kind == "broadcast" {
            let mut publisher = lossy(&domain).create_sender().unwrap();
            Box::new(move |number| publisher.push(number).unwrap())
        } else {
            let mut writer = table(&domain).create_sender().unwrap();
            Box::new(move |number| _ = writer.publish(number as u32 % 3, number).unwrap())
        };
        let children = start(sleepers, "wait", &[kind, &name]);
        for number in 1..=ROUNDS {
            std::thread::sleep(ASLEEP);
            publish(number);
        }
        std::thread::sleep(ASLEEP);
        drop(publish);
        let (count, last) = finish(children);
        assert_eq!(count, ROUNDS * sleepers as u64, "{kind}");
        assert!(last.iter().all(|last| *last == ROUNDS), "{kind}: {last:?}");
        drop(quiet);
    }
}
