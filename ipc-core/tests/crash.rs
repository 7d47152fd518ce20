//! Processes that are killed at arbitrary moments.

mod common;

use std::sync::atomic::Ordering;

use common::children::{Gate, SEMOP, child};
use common::namespace::isolated;
use common::steps::held_at;
use common::{far, soon, until};
use ipc_core::liveness::{DeathWatch, ProcessToken, is_alive, kill_holder};
use ipc_core::segment::{Identity, Segment};
use ipc_core::sem::{Mutex, Op, Permit, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop};
use nix::libc;
use nix::sys::signal::Signal;

fn create(count: usize) -> RemoveOnDrop<SemaphoreSet> {
    RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, count, Mode::PRIVATE).expect("create"))
}

/// Sleeps until killed.
fn for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
fn a_permits_holder_is_killed_a_thousand_times() {
    isolated(|| {
        const PLACES: u16 = 3;
        let set = create(1);
        set.set_value(0, PLACES).unwrap();
        for round in 0..1000 {
            let wanted = 1 + round % PLACES;
            let held = Gate::new();
            let holder = child(|| {
                let _permit = Permit::acquire(*set, 0, wanted).unwrap();
                held.open();
                for_ever();
            });
            held.pass();
            assert_eq!(set.value(0).unwrap(), PLACES - wanted, "round {round}");
            // A waiter that needs them all.
            let waiter = (round % 10 == 0).then(|| {
                let waiter = child(|| Permit::acquire(*set, 0, PLACES).unwrap().release().unwrap());
                until(|| set.waiting_for_increase(0).unwrap() == 1);
                waiter
            });
            holder.kill();
            if let Some(waiter) = waiter {
                waiter.join();
            } else {
                // The kernel reverts before the killer's wait returns.
                assert_eq!(set.value(0).unwrap(), PLACES, "round {round}");
                assert!(Permit::try_acquire(*set, 0, PLACES).unwrap().is_some());
            }
        }
        assert_eq!(set.value(0).unwrap(), PLACES);
    });
}

#[test]
fn holders_killed_while_they_take_and_give_leave_the_value_right() {
    isolated(|| {
        let set = create(1);
        set.set_value(0, 2).unwrap();
        for round in 0..200_u32 {
            let busy = child(|| {
                loop {
                    let permit = Permit::acquire(*set, 0, 1).unwrap();
                    if round % 2 == 0 {
                        permit.release().unwrap();
                    }
                }
            });
            // Any moment will do.
            std::thread::sleep(std::time::Duration::from_micros(u64::from(round * 37 % 700)));
            busy.kill();
            assert_eq!(set.value(0).unwrap(), 2, "round {round}");
        }
    });
}

#[test]
fn a_killed_holder_of_a_mutex_opens_it() {
    isolated(|| {
        let set = create(1);
        let mutex = Mutex::new(*set, 0);
        for _ in 0..100 {
            let held = Gate::new();
            let holder = child(|| {
                let _guard = mutex.lock().unwrap();
                held.open();
                for_ever();
            });
            held.pass();
            assert!(mutex.try_lock().unwrap().is_none());
            let waiter = child(|| mutex.lock().unwrap().unlock().unwrap());
            waiter.until_blocked_in(&SEMOP);
            holder.kill();
            waiter.join();
        }
        assert_eq!(set.value(0).unwrap(), 0);
    });
}

#[test]
fn a_death_is_told_at_once_and_only_a_death() {
    isolated(|| {
        let set = create(8);
        let ready = Gate::new();
        let peer = child(|| {
            let _token = ProcessToken::claim(&set, 5).unwrap().expect("free");
            ready.open();
            for_ever();
        });
        ready.pass();
        assert!(is_alive(&set, 5).unwrap());
        assert!(ProcessToken::claim(&set, 5).unwrap().is_none());
        assert!(!DeathWatch::wait_deadline(&set, 5, soon(10)).unwrap());

        peer.signal(Signal::SIGSTOP);
        assert!(is_alive(&set, 5).unwrap(), "stopped is alive");
        let watcher = child(|| assert!(DeathWatch::wait_deadline(&set, 5, far()).unwrap()));
        until(|| set.waiting_for_zero(5).unwrap() == 1);
        peer.kill(); // also when stopped
        watcher.join();
        assert!(!is_alive(&set, 5).unwrap());
        assert!(ProcessToken::claim(&set, 5).unwrap().is_some());
    });
}

#[test]
fn only_the_stopped_holder_is_killed() {
    isolated(|| {
        let set = create(8);
        assert!(!kill_holder(&set, 5).unwrap(), "no process holds it");
        let ready = Gate::new();
        let claim = |index: u16| {
            let peer = child(|| {
                let _token = ProcessToken::claim(&set, index).unwrap().expect("free");
                ready.open();
                for_ever();
            });
            ready.pass();
            peer
        };
        let (peer, bystander) = (claim(5), claim(6));
        peer.signal(Signal::SIGSTOP);
        assert!(kill_holder(&set, 5).unwrap());
        DeathWatch::wait(&set, 5).unwrap();
        assert!(!kill_holder(&set, 5).unwrap());
        assert!(is_alive(&set, 6).unwrap());
        drop((peer, bystander));
    });
}

#[test]
fn a_dead_process_reads_zero_before_it_is_waited_for() {
    isolated(|| {
        let set = create(1);
        let ready = Gate::new();
        let peer = child(|| {
            let _token = ProcessToken::claim(&set, 0).unwrap().expect("free");
            ready.open();
            for_ever();
        });
        ready.pass();
        peer.signal(Signal::SIGKILL);
        DeathWatch::wait(&set, 0).unwrap(); // it is a zombie until `peer` is dropped
        drop(peer);
    });
}

#[test]
fn a_token_is_not_inherited_by_fork_and_survives_exec() {
    isolated(|| {
        let set = create(1);
        let ready = Gate::new();
        let parent = child(|| {
            let _token = ProcessToken::claim(&set, 0).unwrap().expect("free");
            let grandchild = child(|| for_ever());
            std::mem::forget(grandchild);
            ready.open();
            for_ever();
        });
        ready.pass();
        assert!(is_alive(&set, 0).unwrap());
        parent.kill();
        assert!(!is_alive(&set, 0).unwrap(), "though its child may live");

        let executed = child(|| {
            let token = ProcessToken::claim(&set, 0).unwrap().expect("free");
            std::mem::forget(token);
            let error =
                std::os::unix::process::CommandExt::exec(std::process::Command::new("sleep").arg("600"));
            panic!("{error}");
        });
        let command = format!("/proc/{}/comm", executed.pid());
        until(|| std::fs::read_to_string(&command).is_ok_and(|name| name == "sleep\n"));
        assert!(is_alive(&set, 0).unwrap());
        executed.kill();
        assert!(!is_alive(&set, 0).unwrap());
    });
}

#[test]
fn a_removed_set_is_an_error_and_not_a_death() {
    isolated(|| {
        let set = create(1);
        let token = ProcessToken::claim(&set, 0).unwrap().expect("free");
        let gone = *set;
        drop(set);
        assert_eq!(is_alive(&gone, 0).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(DeathWatch::wait(&gone, 0).unwrap_err().kind(), ErrorKind::Removed);
        assert_eq!(token.release().unwrap_err().kind(), ErrorKind::Removed);
    });
}

#[test]
fn tokens_can_be_claimed_and_released_for_ever() {
    isolated(|| {
        let set = create(1);
        // More often than a semaphore, or the sum that is to be undone, can count.
        for _ in 0..40_000 {
            ProcessToken::claim(&set, 0).unwrap().expect("free").release().unwrap();
        }
        assert_eq!(set.value(0).unwrap(), 0);
        set.perform(&[Op::wait_zero(0)]).unwrap();
    });
}

#[test]
fn an_ephemeral_segment_is_gone_when_all_users_were_killed() {
    isolated(|| {
        let ready = Gate::new();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let creator = child(|| {
            let (segment, _) = Segment::ephemeral(4096, &Options::default()).unwrap();
            segment.atomic_u64(0).unwrap().store(7, Ordering::Release);
            let Identity::SystemV(id) = segment.identity() else { unreachable!() };
            std::io::Write::write_all(&mut &writer, &id.as_raw().to_ne_bytes()).unwrap();
            for_ever();
        });
        let mut id = [0; 4];
        std::io::Read::read_exact(&mut reader, &mut id).unwrap();
        let memory = SharedMemory::from_id(ipc_core::shm::ShmId::from_raw(i32::from_ne_bytes(id)));
        let user = child(|| {
            let segment = Segment::from(memory.attach().unwrap());
            assert_eq!(segment.load_u64(0, Ordering::Acquire), Some(7));
            ready.open();
            for_ever();
        });
        ready.pass();
        creator.kill();
        assert_eq!(memory.stat().unwrap().attachments(), 1); // lives on with its user
        user.kill();
        assert_eq!(memory.stat().unwrap_err().kind(), ErrorKind::Removed);
    });
}

/// Between the calls that make the segment, attach it and mark it for removal a kill leaves it behind, and it
/// is found by its properties.
#[test]
fn a_segment_that_was_not_yet_marked_is_found_and_others_are_not() {
    isolated(|| {
        let found = || -> Vec<_> {
            let found = ipc_core::list::abandoned_segments().unwrap();
            found.into_iter().map(|segment| SharedMemory::from_id(segment.id)).collect()
        };
        // Not attached yet; attached, and not yet marked.
        for call in [libc::SYS_shmat, libc::SYS_shmctl] {
            let maker = held_at(
                || drop(Segment::ephemeral(1 << 20, &Options::default()).unwrap()),
                |number, arguments| {
                    number == call
                        && (call == libc::SYS_shmat || arguments[1] as i32 & 0xff == libc::IPC_RMID)
                },
            );
            assert_eq!(found(), [], "while its maker lives");
            maker.kill();
            let left = found();
            assert_eq!(left.len(), 1, "{left:?}");
            assert_eq!(left[0].stat().unwrap().size(), 1 << 20);
            // A process that was given its identifier could still use it.
            let attached = left[0].attach().unwrap();
            assert_eq!(found(), []);
            drop(attached);
            assert_eq!(found(), left);
            left[0].remove().unwrap();
        }
        // A segment that holds data, one with a key, one marked for removal, and one whose maker is alive.
        let key = Key::random().unwrap();
        child(|| {
            let memory = SharedMemory::create_new(Key::PRIVATE, 4096, &Options::default()).unwrap();
            memory.attach().unwrap().copy_to(0, b"x").unwrap();
            SharedMemory::create_new(key, 4096, &Options::default()).unwrap();
        })
        .join();
        let marked = child(|| {
            let _memory = Segment::ephemeral(4096, &Options::default()).unwrap();
            for_ever();
        });
        until(|| ipc_core::list::segments().unwrap().iter().any(|(_, stat)| stat.is_marked_for_removal()));
        let _living =
            RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 4096, &Options::default()).unwrap());
        assert_eq!(found(), []);
        marked.kill();
        for (id, stat) in ipc_core::list::segments().unwrap() {
            if stat.creator_pid() != Some(std::process::id()) {
                SharedMemory::from_id(id).remove().unwrap();
            }
        }
    });
}
