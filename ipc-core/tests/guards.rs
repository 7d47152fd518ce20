//! Guards whose process no longer holds what they stand for: they answer with an error and change nothing.

mod common;

use common::children::child;
use common::namespace::{isolated, set_kernel};
use common::until;
use ipc_core::liveness::ProcessToken;
use ipc_core::sem::{MAX_VALUE, Mutex, MutexGuard, Op, Permit, SemId, SemaphoreSet};
use ipc_core::{Error, ErrorKind, Key, Mode, RemoveOnDrop};
use nix::sched::{CloneFlags, unshare};

/// Permits are of this semaphore, which has three places; locks and tokens of the others.
const PLACES: u16 = 3;
const MINE: [u16; 3] = [PLACES - 2, 1, 1];
const FREE: [u16; 3] = [PLACES, 0, 0];

fn create() -> RemoveOnDrop<SemaphoreSet> {
    let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 3, Mode::PRIVATE).unwrap());
    set.set_value(0, PLACES).unwrap();
    set
}

struct Guards {
    permit: Permit,
    lock: MutexGuard,
    token: ProcessToken,
}

impl Guards {
    fn take(set: SemaphoreSet) -> Guards {
        Guards {
            permit: Permit::acquire(set, 0, 2).unwrap(),
            lock: Mutex::new(set, 1).lock().unwrap(),
            token: ProcessToken::claim(&set, 2).unwrap().unwrap(),
        }
    }

    fn release(self) -> [Result<(), Error>; 3] {
        [self.permit.release(), self.lock.unlock(), self.token.release()]
    }
}

fn assert_not_held(outcomes: [Result<(), Error>; 3]) {
    for (place, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotHeld, "{place}");
    }
}

/// What is done to a process that holds all three, after which it holds nothing.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// `unshare(CLONE_SYSVSEM)`: the kernel gives everything back at once.
    UndoListLeft,
    /// `unshare(CLONE_NEWIPC)`: as before, and the identifier names nothing, or what the new namespace has
    /// under it.
    NamespaceLeft { occupied: bool },
    /// The semaphores are reset, which makes the kernel discard what is held.
    Reset,
    /// The set is removed, and its identifier given to another one.
    Replaced,
}

const LOSSES: [Loss; 5] = [
    Loss::UndoListLeft,
    Loss::NamespaceLeft { occupied: false },
    Loss::NamespaceLeft { occupied: true },
    Loss::Reset,
    Loss::Replaced,
];

/// Causes the loss, in a child; the set that the guards' identifier names then, if any, with the values that
/// it is to keep.
fn lose(loss: Loss, set: SemaphoreSet) -> Option<(SemaphoreSet, [u16; 3])> {
    let another = || {
        assert!(set_kernel("sem_next_id", &set.id().to_string()));
        let other = SemaphoreSet::create_new(Key::PRIVATE, 3, Mode::PRIVATE).unwrap();
        assert_eq!(other.id(), set.id());
        // In use, by others.
        other.set_values(&MINE).unwrap();
        Some((other, MINE))
    };
    match loss {
        Loss::UndoListLeft => {
            unshare(CloneFlags::CLONE_SYSVSEM).unwrap();
            assert_eq!(set.values().unwrap(), FREE); // given back by the kernel
            // And taken by others since; theirs must not be released.
            set.set_values(&MINE).unwrap();
            Some((set, MINE))
        }
        Loss::NamespaceLeft { occupied } => {
            unshare(CloneFlags::CLONE_NEWIPC).unwrap();
            if occupied { another() } else { None }
        }
        Loss::Reset => {
            set.set_values(&MINE).unwrap();
            Some((set, MINE))
        }
        Loss::Replaced => {
            set.remove().unwrap();
            another()
        }
    }
}

#[test]
fn what_is_no_longer_held_is_not_given_back_and_says_so() {
    isolated(|| {
        for loss in LOSSES {
            for by_drop in [false, true] {
                let set = create();
                let id: SemId = set.id();
                child(|| {
                    let set = SemaphoreSet::from_id(id);
                    let guards = Guards::take(set);
                    assert_eq!(set.values().unwrap(), MINE);
                    let now = lose(loss, set);
                    if by_drop {
                        drop((guards.permit, guards.lock, guards.token));
                    } else if now.is_some() {
                        assert_not_held(guards.release());
                    } else {
                        let removed = guards.release().map(|outcome| outcome.unwrap_err().kind());
                        assert_eq!(removed, [ErrorKind::Removed; 3], "{loss:?}");
                    }
                    if let Some((set, values)) = now {
                        assert_eq!(set.values().unwrap(), values, "{loss:?}, by drop: {by_drop}");
                        if !matches!(loss, Loss::UndoListLeft | Loss::Reset) {
                            set.remove().unwrap();
                        }
                    }
                })
                .join();
            }
        }
    });
}

#[test]
fn a_child_is_told_that_it_holds_nothing() {
    isolated(|| {
        let set = create();
        let guards = std::cell::RefCell::new(Some(Guards::take(*set)));
        child(|| {
            let inherited = guards.take().unwrap();
            assert_not_held(inherited.release());
            assert_eq!(set.values().unwrap(), MINE);
        })
        .join();
        let outcomes = guards.take().unwrap().release();
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(set.values().unwrap(), FREE);
    });
}

/// The list of adjustments belongs to the threads that share it.
#[test]
fn a_thread_that_left_the_list_of_its_process_gives_nothing_back() {
    isolated(|| {
        let set = create();
        let guards = Guards::take(*set);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                unshare(CloneFlags::CLONE_SYSVSEM).unwrap();
                assert_not_held(guards.release());
            });
        });
        assert_eq!(set.values().unwrap(), MINE); // still held by the process, until its end
    });
}

/// The check needs room in the value that the release itself does not need; it must work at any value.
#[test]
fn permits_are_given_back_at_any_value() {
    isolated(|| {
        let set = create();
        let half = 1 << 14;
        for n in [1, 2, half - 1, half, half + 1, MAX_VALUE - 1, MAX_VALUE] {
            for others in [0, 1, half - 1, half, half + 1, MAX_VALUE - 1, MAX_VALUE] {
                if u32::from(n) + u32::from(others) > u32::from(MAX_VALUE) {
                    continue;
                }
                set.set_value(0, n + others).unwrap();
                let permit = Permit::acquire(*set, 0, n).unwrap();
                assert_eq!(set.value(0).unwrap(), others);
                permit.release().unwrap_or_else(|error| panic!("{n} of {}: {error}", n + others));
                assert_eq!(set.value(0).unwrap(), n + others);
            }
        }
        // A process adds without having taken, and there is no room left.
        set.set_value(0, 5).unwrap();
        let permit = Permit::acquire(*set, 0, 5).unwrap();
        set.perform(&[Op::add(0, MAX_VALUE - 4)]).unwrap();
        assert_eq!(permit.release().unwrap_err().kind(), ErrorKind::OutOfRange);
        assert_eq!(set.value(0).unwrap(), MAX_VALUE - 4);
    });
}

#[test]
fn several_permits_are_each_given_back_once_and_leave_nothing_to_undo() {
    isolated(|| {
        let set = create();
        let id = set.id();
        set.set_value(0, 10).unwrap();
        child(|| {
            let set = SemaphoreSet::from_id(id);
            let permits = [1, 2, 3].map(|n| Permit::acquire(set, 0, n).unwrap());
            assert_eq!(set.value(0).unwrap(), 4);
            for permit in permits {
                permit.release().unwrap();
            }
            let lock = Mutex::new(set, 1).lock().unwrap();
            lock.unlock().unwrap();
            assert_eq!(set.values().unwrap(), [10, 0, 0]);
        })
        .join();
        assert_eq!(set.values().unwrap(), [10, 0, 0]); // its end corrected nothing
    });
}

/// While others continuously change the value, across the middle of its range too, every release succeeds.
#[test]
fn permits_are_given_back_while_the_value_moves() {
    isolated(|| {
        let set = create();
        let (middle, step) = (1 << 14, 1 << 13);
        set.set_value(0, middle).unwrap();
        let mover = child(|| {
            loop {
                set.perform(&[Op::add(0, step)]).unwrap();
                set.perform(&[Op::take(0, step)]).unwrap();
                set.perform(&[Op::take(0, step)]).unwrap();
                set.perform(&[Op::add(0, step)]).unwrap();
            }
        });
        until(|| set.value(0).unwrap() != middle);
        for _ in 0..20_000 {
            Permit::acquire(*set, 0, 3).unwrap().release().unwrap();
        }
        mover.kill();
    });
}
