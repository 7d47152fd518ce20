//! Processes killed at each named place of a pool: their blocks are recovered, and what they had sent
//! arrives.

mod common;

use common::{Role, kernel_objects, listen, private_namespace, role, say, unique};
use ipc_ring::platform::Site;
use ipc_ring::pool::{Builder, Handle, MAX_MEMBERS, Pool, ReceiveError, Refused};
use ipc_ring::{Domain, PeerExit, fault, spsc};

const BLOCKS: u64 = 4;

fn pool(domain: &Domain) -> Builder {
    Builder::new("pool").domain(domain)
}

fn ring(domain: &Domain) -> spsc::Builder<Handle> {
    spsc::Builder::new("handles").domain(domain).capacity(8)
}

fn site(name: &str) -> Site {
    *Site::ALL.iter().find(|site| format!("{site:?}") == name).unwrap()
}

/// The children's half.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let role: Vec<&str> = role.iter().map(String::as_str).collect();
    let [what, domain, place, after] = role[..] else { panic!("{role:?}") };
    let domain = Domain::open(domain).unwrap();
    let (place, after) = (site(place), after.parse().unwrap());
    if what == "open" {
        fault::arm(place, after);
        drop(pool(&domain).open());
        return;
    }
    let members = pool(&domain).open().unwrap();
    match what {
        "send" => {
            let mut producer = ring(&domain).create_sender().unwrap();
            fault::arm(place, after);
            for number in 0..u8::MAX {
                let mut loan = members.loan(9).unwrap();
                loan.fill(number).unwrap();
                loan.send(&mut producer).unwrap();
            }
        }
        "receive" => {
            let mut consumer = ring(&domain).open_receiver().unwrap();
            fault::arm(place, after);
            while let Ok(view) = members.receive(&mut consumer) {
                assert_eq!(view.len(), 9);
            }
        }
        "hold" => {
            // Holds everything that can be held: one written, one received, one shared.
            let mut consumer = ring(&domain).open_receiver().unwrap();
            let _held = (
                members.loan(1).unwrap(),
                members.receive(&mut consumer).unwrap(),
                members.receive(&mut consumer),
            );
            say("holding");
            listen();
        }
        "recover" => {
            fault::arm(place, after);
            let report = members.recover().unwrap();
            panic!("it lives, with {report:?}");
        }
        other => panic!("no such role: {other}"),
    }
    unreachable!("it was to be killed at {place:?}");
}

fn killed(what: &str, domain: &str, place: Site, after: u64) {
    let place = format!("{place:?}");
    Role::start(what, &[domain, &place, &after.to_string()]).wait_killed();
}

/// Nothing is in use, and all blocks can be lent.
fn is_sound(pool: &Pool) {
    assert_eq!(pool.stats().in_use(), 0, "{}", pool.stats());
    let loans: Vec<_> = (0..BLOCKS).map(|_| pool.try_loan(64).expect("a block is lost")).collect();
    assert!(pool.try_loan(64).is_err());
    drop(loans);
}

#[test]
fn a_sender_dies_at_each_place() {
    private_namespace();
    let before = kernel_objects();
    for place in [Site::PoolLoaned, Site::PoolOffered, Site::PoolPushed, Site::PoolSent] {
        for after in 0..2 {
            for recover_first in [false, true] {
                let name = unique("sender");
                let domain = Domain::open(&name).unwrap();
                let pool = pool(&domain).class(64, BLOCKS).create_new().unwrap();
                let mut consumer = ring(&domain).create_receiver().unwrap();
                killed("send", &name, place, after);
                let case = format!("{place:?} after {after}, recovered first: {recover_first}");
                if recover_first {
                    let report = pool.recover().unwrap();
                    let held = u64::from(place != Site::PoolSent);
                    assert_eq!((report.seats, report.blocks, report.lost), (1, held, 0), "{case}");
                }
                let mut got = Vec::new();
                let mut refused = 0;
                loop {
                    match pool.receive(&mut consumer) {
                        Ok(view) => {
                            let bytes = view.to_vec().unwrap();
                            assert_eq!(bytes, [bytes[0]; 9], "{case}");
                            got.push(bytes[0]);
                        }
                        Err(ReceiveError::Refused(Refused::Stale { .. })) => refused += 1,
                        Err(ReceiveError::Channel(spsc::PopError::PeerGone(PeerExit::Died { .. }))) => break,
                        Err(other) => panic!("{case}: {other}"),
                    }
                }
                // Every message whose `send` had returned has arrived, whichever process died. The one under
                // way, maybe.
                let arrived = match place {
                    Site::PoolSent => after + 1,
                    Site::PoolPushed if !recover_first => after + 1,
                    _ => after,
                };
                assert_eq!(got, (0..arrived as u8).collect::<Vec<_>>(), "{case}");
                assert_eq!(refused, u64::from(place == Site::PoolPushed && recover_first), "{case}");
                pool.recover().unwrap();
                is_sound(&pool);
            }
        }
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_receiver_dies_at_each_place() {
    private_namespace();
    let before = kernel_objects();
    for (place, payloads) in [(Site::PoolTaken, 1), (Site::PoolReleased, 1), (Site::PoolJoined, 1)] {
        for after in 0..2 {
            let name = unique("receiver");
            let domain = Domain::open(&name).unwrap();
            let pool = pool(&domain).class(64, BLOCKS).create_new().unwrap();
            let mut producer = ring(&domain).create_sender().unwrap();
            let mut kept = Vec::new();
            for _ in 0..after + payloads + 1 {
                let loan = pool.loan(9).unwrap();
                if place == Site::PoolJoined {
                    let (view, handle) = loan.share();
                    kept.push(view);
                    producer.push(handle).unwrap();
                } else {
                    loan.send(&mut producer).unwrap();
                }
            }
            killed("receive", &name, place, after);
            let mut consumer = ring(&domain).open_receiver().unwrap();
            // The handle of a payload that was taken is still there; the payload is not.
            match (place, pool.receive(&mut consumer)) {
                (Site::PoolTaken, Err(ReceiveError::Refused(Refused::Doubled { .. }))) => {}
                (Site::PoolReleased | Site::PoolJoined, Ok(view)) => assert_eq!(view.len(), 9),
                (_, other) => panic!("{place:?} after {after}: {other:?}"),
            }
            let report = pool.recover().unwrap();
            let held = u64::from(place != Site::PoolReleased);
            assert_eq!((report.seats, report.blocks), (1, held), "{place:?} after {after}");
            while pool.try_receive(&mut consumer).is_ok() {}
            drop(kept);
            is_sound(&pool);
        }
    }
    assert_eq!(kernel_objects(), before);
}

/// A process that holds blocks of every kind is killed; recoveries are killed at each place, and the last one
/// finishes.
#[test]
fn recoveries_die_too() {
    private_namespace();
    let before = kernel_objects();
    for place in [Site::PoolRepaired, Site::PoolSwept] {
        let name = unique("reaper");
        let domain = Domain::open(&name).unwrap();
        let pool = pool(&domain).class(64, BLOCKS).create_new().unwrap();
        let mut producer = ring(&domain).create_sender().unwrap();
        pool.loan(9).unwrap().send(&mut producer).unwrap();
        let (kept, handle) = pool.loan(9).unwrap().share();
        producer.push(handle).unwrap();
        let mut holder = Role::start("hold", &[&name, "PoolSeated", "0"]);
        assert_eq!(holder.hear(), "holding");
        assert_eq!(pool.stats().in_use(), 3);
        // Two recoverers, opened before the death that they are to find; opening sweeps too.
        holder.kill();
        let mut deaths = 0;
        while deaths < 2 && pool.stats().in_use() > 1 {
            killed("open", &name, place, 0);
            deaths += 1;
        }
        pool.recover().unwrap();
        assert_eq!(pool.stats().in_use(), 1);
        drop(kept);
        is_sound(&pool);
        let reclaimed: u64 = pool.stats().classes.iter().map(|class| class.reclaimed).sum();
        assert!(reclaimed <= 3, "{reclaimed}");
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn a_newcomer_dies_in_its_seat() {
    private_namespace();
    let name = unique("newcomer");
    let domain = Domain::open(&name).unwrap();
    let pool = pool(&domain).class(64, BLOCKS).create_new().unwrap();
    const DEATHS: u32 = 40;
    for _ in 0..DEATHS {
        killed("open", &name, Site::PoolSeated, 0);
    }
    // All seats but this process's own.
    let seats = u32::from(MAX_MEMBERS) - 1;
    assert_eq!(pool.recover().unwrap().seats, DEATHS - seats, "one that finds no seat sweeps all before it");
    is_sound(&pool);
}

#[test]
fn who_takes_back_what_was_lost_dies() {
    private_namespace();
    let name = unique("lost");
    let domain = Domain::open(&name).unwrap();
    let pool = pool(&domain).class(64, BLOCKS).create_new().unwrap();
    let mut producer = ring(&domain).create_sender().unwrap();
    for _ in 0..3 {
        pool.loan(9).unwrap().send(&mut producer).unwrap();
    }
    drop(producer);
    killed("recover", &name, Site::PoolReclaimed, 1);
    assert_eq!(pool.stats().in_use(), 1);
    let report = pool.recover().unwrap();
    assert_eq!((report.lost, report.seats), (1, 1));
    is_sound(&pool);
}

/// Every process that uses a ring is killed, with payloads in it. The kernel frees the ring; the pool's other
/// users have its payloads back.
#[test]
fn a_channel_dies_with_all_its_processes() {
    private_namespace();
    let name = unique("channel");
    let domain = Domain::open(&name).unwrap();
    let pool = pool(&domain).class(64, BLOCKS).create_new().unwrap();
    killed("send", &name, Site::PoolLoaned, 3);
    assert_eq!(pool.stats().classes[0].sent, 3);
    assert_eq!(pool.stats().classes[0].loaned, 1);
    // The next to need a block gets one.
    let loan = pool.loan(1).unwrap();
    assert_eq!(pool.stats().in_use(), 1);
    assert_eq!((pool.stats().classes[0].lost, pool.stats().classes[0].reclaimed), (3, 1));
    drop(loan);
    is_sound(&pool);
}
