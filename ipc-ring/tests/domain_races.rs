//! Domains under load: many processes join, make channels, leave and are killed at once.

mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Role, kernel_objects, private_namespace, role, say, unique};
use ipc_ring::spsc::Builder;
use ipc_ring::{AttachErrorKind, Domain};

/// The children's roles. Without a role it checks that an unknown one fails.
#[test]
fn plays_a_role() {
    let Some(role) = role() else {
        let mut child = Role::start("nonsense", &[]);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child.hear())).is_err());
        return;
    };
    match role.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["come-and-go", domain, times, seed] => {
            come_and_go(domain, times.parse().unwrap(), seed.parse().unwrap())
        }
        ref other => panic!("no such role: {other:?}"),
    }
    say("done");
}

/// A small random number generator, irregular enough.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Joins, takes some end of some channel, uses it, and leaves; again and again.
fn come_and_go(domain: &str, times: u32, mut seed: u64) {
    for _ in 0..times {
        let domain = Domain::open(domain).unwrap();
        assert!(domain.is_alive(domain.me()).unwrap());
        let channel =
            Builder::<u64>::new(&format!("channel-{}", next(&mut seed) % 3)).domain(&domain).capacity(8);
        if next(&mut seed).is_multiple_of(2) {
            match channel.create_sender() {
                Ok(mut producer) => drop(producer.try_push(next(&mut seed))),
                Err(error) if matches!(error.kind(), AttachErrorKind::EndTaken { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        } else {
            match channel.create_receiver() {
                Ok(mut consumer) => drop(consumer.try_pop()),
                Err(error) if matches!(error.kind(), AttachErrorKind::EndTaken { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn processes_that_join_and_leave_leave_nothing_behind() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("join-and-leave");
    let children: Vec<Role> =
        (1..=6).map(|seed| Role::start("come-and-go", &[&domain, "150", &seed.to_string()])).collect();
    for mut child in children {
        assert_eq!(child.hear(), "done");
        child.finish();
    }
    assert_eq!(kernel_objects(), before);
}

#[test]
fn processes_that_are_killed_leave_a_domain_that_works() {
    private_namespace();
    let before = kernel_objects();
    let domain = unique("join-and-die");
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    let end = Instant::now() + Duration::from_secs(3);
    let mut kills = 0;
    let mut children: Vec<Role> = Vec::new();
    while Instant::now() < end {
        while children.len() < 4 {
            children
                .push(Role::start("come-and-go", &[&domain, "1000000", &(next(&mut seed) | 1).to_string()]));
        }
        std::thread::sleep(Duration::from_millis(next(&mut seed) % 25));
        let victim = next(&mut seed) as usize % children.len();
        children.swap_remove(victim).kill();
        kills += 1;
    }
    for mut child in children {
        child.kill();
    }
    assert!(kills > 20, "{kills}");
    // The domain's own two objects at most, whatever was going on, and a channel's segment if the last to be
    // killed was just making it: the next one to take the lock finds that.
    let left = kernel_objects();
    assert!(left.0.len() <= before.0.len() + 2 && left.1.len() <= before.1.len() + 1, "{left:?}");
    come_and_go(&domain, 100, 7);
    assert_eq!(kernel_objects(), before, "the last one to leave takes everything away");
}

#[test]
fn a_segment_that_does_not_fit_a_note_belongs_to_another_program() {
    private_namespace();
    let name = unique("maker");
    let domain = Domain::open(&name).unwrap();
    // What a killed maker leaves: a note in the domain's table, and a matching segment.
    let table = ipc_core::list::segments()
        .unwrap()
        .into_iter()
        .find(|(_, stat)| stat.permissions().key() != ipc_core::Key::PRIVATE && stat.attachments() > 0)
        .map(|(id, _)| ipc_core::shm::SharedMemory::from_id(id).attach().unwrap())
        .unwrap();
    const COUNT: usize = 0x2c;
    const NOTE: usize = 0x1f100;
    let note = |key: ipc_core::Key, size: u64| {
        table.atomic_u32(NOTE).unwrap().store(key.as_raw() as u32, Ordering::SeqCst);
        table.atomic_u64(NOTE + 8).unwrap().store(size, Ordering::SeqCst);
        table.atomic_u32(NOTE + 16).unwrap().store(nix::unistd::geteuid().as_raw(), Ordering::SeqCst);
        table.atomic_u32(NOTE + 4).unwrap().store(2, Ordering::SeqCst);
        table.atomic_u32(COUNT).unwrap().store(1, Ordering::SeqCst);
    };
    let dealt_with = || table.atomic_u32(COUNT).unwrap().load(Ordering::SeqCst) == 0;
    let lock_once = || drop(Builder::<u64>::new("any").domain(&domain).create_sender().unwrap());
    let make = || {
        let key = ipc_core::Key::random().unwrap();
        let options = ipc_core::shm::Options::default();
        (key, ipc_core::shm::SharedMemory::create_new(key, 12_345, &options).unwrap())
    };

    let (key, segment) = make();
    note(key, 12_345);
    lock_once();
    assert!(segment.stat().is_err() && dealt_with(), "it fits the note, so it is removed");

    // An object of another size belongs to another program.
    let (key, segment) = make();
    note(key, 12_346);
    lock_once();
    segment.stat().unwrap();
    assert!(dealt_with());

    // A process has it attached: it may be in use, and is checked again later.
    note(key, 12_345);
    let attached = segment.attach().unwrap();
    lock_once();
    segment.stat().unwrap();
    assert!(!dealt_with());
    drop(attached);
    lock_once();
    assert!(segment.stat().is_err() && dealt_with());

    // Nothing was made.
    note(ipc_core::Key::random().unwrap(), 12_345);
    lock_once();
    assert!(dealt_with());
    note(ipc_core::Key::PRIVATE, 12_345);
    lock_once();
    assert!(dealt_with());
}
