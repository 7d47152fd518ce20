//! Objects that are removed, and whose identifier the kernel reuses, between two system calls of one of our
//! calls.

mod common;

use common::namespace::{isolated, set_kernel};
use common::steps::held_at;
use ipc_core::sem::{SemId, SemaphoreSet};
use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop};
use nix::libc;

/// The command of a `semctl`, without the flags that some architectures add.
fn is_semctl(number: libc::c_long, arguments: [u64; 6], command: i32) -> bool {
    number == libc::SYS_semctl && arguments[2] & 0xff == command as u64
}

/// Gives the identifier of a removed set to a new one; false, loudly, where that cannot be asked for.
fn replace(old: SemId, count: usize) -> Option<RemoveOnDrop<SemaphoreSet>> {
    if !set_kernel("sem_next_id", &old.to_string()) {
        return None;
    }
    let new = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, count, Mode::PRIVATE).unwrap());
    assert_eq!(new.id(), old);
    Some(new)
}

/// GETALL and SETALL have no argument for the size of the array: the kernel uses the current set, which may
/// have become a larger one meanwhile, larger even than a later value of SEMMSL.
#[test]
fn a_set_that_is_replaced_by_a_larger_one_is_never_read_or_written_past_the_array() {
    isolated(|| {
        if !set_kernel("sem", "200000 1024000000 500 32000") {
            return;
        }
        for command in [libc::GETALL, libc::SETALL] {
            let old = SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE).unwrap();
            let held = held_at(
                || {
                    let error = match command {
                        libc::GETALL => old.values().unwrap_err(),
                        _ => old.set_values(&[7, 8]).unwrap_err(),
                    };
                    assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
                    assert!(error.to_string().contains("another set"), "{error}");
                },
                |number, arguments| is_semctl(number, arguments, command),
            );
            old.remove().unwrap();
            assert!(set_kernel("sem", "200000 1024000000 500 32000"));
            let Some(new) = replace(old.id(), 200_000) else { return };
            assert!(set_kernel("sem", "2 1024000000 500 32000"));
            held.go_on();
            // Nothing was set.
            assert_eq!((new.value(0).unwrap(), new.value(1).unwrap()), (0, 0));
        }
    });
}

/// Between two looks at the number of semaphores, where older code took its room from a limit: the bound must
/// not come from anything that can change.
#[test]
fn the_array_is_bounded_by_no_limit_that_can_be_lowered() {
    isolated(|| {
        if !set_kernel("sem", "200000 1024000000 500 32000") {
            return;
        }
        let old = SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE).unwrap();
        // Held after the count was asked for, before anything else.
        let mut asked = false;
        let asked = std::cell::Cell::from_mut(&mut asked);
        let held = held_at(
            || assert_eq!(old.values().unwrap_err().kind(), ErrorKind::Removed),
            |number, arguments| {
                let first = is_semctl(number, arguments, libc::IPC_STAT);
                (number == libc::SYS_semctl && asked.get()) || {
                    asked.set(asked.get() || first);
                    false
                }
            },
        );
        old.remove().unwrap();
        let Some(_new) = replace(old.id(), 200_000) else { return };
        assert!(set_kernel("sem", "2 1024000000 500 32000"));
        held.go_on();
    });
}

#[test]
fn a_set_that_is_replaced_by_a_smaller_one_gives_no_values_that_are_not_there() {
    isolated(|| {
        let old = SemaphoreSet::create_new(Key::PRIVATE, 5, Mode::PRIVATE).unwrap();
        let held = held_at(
            || {
                let error = old.values().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
            },
            |number, arguments| is_semctl(number, arguments, libc::GETALL),
        );
        old.remove().unwrap();
        let Some(_new) = replace(old.id(), 3) else { return };
        held.go_on();
    });
}

#[test]
fn large_sets_are_read_and_written_whole() {
    isolated(|| {
        if !set_kernel("sem", "70000 1024000000 500 32000") {
            return;
        }
        // Around the size of a page, above what an index reaches, and one.
        for count in [1, 2047, 2048, 2049, 65536, 70000] {
            let set =
                RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, count, Mode::PRIVATE).unwrap());
            let values: Vec<u16> = (0..count).map(|index| (index % 32768) as u16).collect();
            set.set_values(&values).unwrap();
            assert_eq!(set.values().unwrap(), values);
        }
    });
}
