//! A taker is killed in the very call in which it wakes a giver that sleeps: the number that it was about to
//! return goes to its successor. A caller that has not been returned a number has not taken it. And the giver
//! does not stay asleep: the death wakes it.

mod common;
mod kinds;
mod spsc_common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Role, private_namespace, role, say, unique};
use ipc_ring::platform::Site;
use ipc_ring::{Domain, WaitStrategy, fault};
use kinds::promise::{self, Promise};
use kinds::{ALL, How, Kind, Told, kind};

/// Takers that die one after the other.
const DEATHS: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(20);

/// A taker that reports what it has taken, and dies at its first wake.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let [name, domain, site] = &role[..] else { panic!("no such role: {role:?}") };
    let domain = Domain::open(domain).unwrap();
    let mut taker = (kind(name).taker)(How::new(&domain, WaitStrategy::Sleep)).unwrap();
    fault::arm(if site == "mask" { Site::WaitMaskTaken } else { Site::WakeClaimed }, 0);
    loop {
        match taker.take(PATIENCE) {
            Told::Number(number) => say(&number.to_string()),
            other => panic!("{other:?}"),
        }
    }
}

/// Gives numbers until the end, whatever happens to the takers; gives how many.
fn give_until(over: &AtomicBool, kind: Kind, domain: &Domain, giver: u64) -> u64 {
    let mut end = (kind.giver)(How::new(domain, WaitStrategy::Sleep)).unwrap();
    let mut given = 0;
    while !over.load(Ordering::SeqCst) {
        match end.give(giver << 32 | given, PATIENCE) {
            Told::Yes => given += 1,
            Told::Gone => std::thread::sleep(Duration::from_millis(1)),
            other => panic!("{other:?}"),
        }
    }
    end.leave();
    given
}

fn nothing_is_lost(kind: Kind) {
    let domain = Domain::open(&unique("waking")).unwrap();
    let _kept = promise::keeper(kind, &domain);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (over, domain) = (&over, &domain);
        let givers: Vec<_> = (0..if kind.many_givers { 6 } else { 1 })
            .map(|giver| scope.spawn(move || give_until(over, kind, domain, giver)))
            .collect();
        let mut taken: Vec<u64> = Vec::new();
        for death in 0..DEATHS {
            // Where many may sleep they are found by a mask, whose bit is taken first.
            let site = if kind.many_givers && death % 2 == 0 { "mask" } else { "signal" };
            let mut victim = Role::start(kind.name, &[domain.name(), site]);
            while let Some(said) = victim.hear_or_end() {
                taken.push(said.parse().unwrap());
            }
            victim.wait_killed();
        }
        let dead = taken.len();
        let mut taker = (kind.taker)(How::new(domain, WaitStrategy::Sleep)).unwrap();
        over.store(true, Ordering::SeqCst);
        while let Told::Number(number) = taker.take(Duration::from_secs(2)) {
            taken.push(number);
        }
        let given = givers.into_iter().map(|giver| giver.join().unwrap());
        let all: BTreeSet<u64> = given
            .enumerate()
            .flat_map(|(giver, count)| (0..count).map(move |rank| (giver as u64) << 32 | rank))
            .collect();
        let count = taken.len();
        let taken: BTreeSet<u64> = taken.into_iter().collect();
        assert_eq!(taken.len(), count, "{}: nothing comes twice", kind.name);
        let missing: Vec<_> = all.difference(&taken).collect();
        assert!(missing.is_empty(), "{}: {DEATHS} takers died and were not handed {missing:x?}", kind.name);
        assert_eq!(taken, all, "{}: nothing was taken that was not given", kind.name);
        eprintln!("{}: {count} numbers, {dead} of them handed to takers that died afterwards", kind.name);
    });
}

#[test]
fn what_was_not_handed_over_goes_to_the_successor() {
    private_namespace();
    let kinds = ALL.into_iter().filter(|kind| promise::of(*kind) == Promise::Once);
    kinds.for_each(nothing_is_lost);
}
