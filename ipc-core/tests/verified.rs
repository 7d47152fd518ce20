//! Handles and guards that remember the object they were made for, for all kinds of objects.

mod common;

use common::children::{become_user, child};
use common::namespace::{isolated, set_kernel};
use common::{Need, is_root, skip, until};
use ipc_core::msg::MessageQueue;
use ipc_core::sem::SemaphoreSet;
use ipc_core::shm::{Options, SharedMemory};
use ipc_core::{Error, ErrorKind, Evidence, Key, Mode, Object, RemoveOnDrop, Result, Trust, Verified};
use nix::libc;
use nix::sched::{CloneFlags, unshare};

const EVE: u32 = 4003;

/// A kind of object, as far as the tests treat them alike.
trait Sample: Object + Copy + std::fmt::Debug {
    /// The setting by which an identifier is asked for.
    const NEXT_ID: &str;
    /// Whether one can be larger than another.
    const HAS_SIZE: bool;
    fn create(key: Key, size: usize) -> Self;
    fn change_mode(self, mode: Mode) -> Result<()>;
}

impl Sample for MessageQueue {
    const NEXT_ID: &str = "msg_next_id";
    const HAS_SIZE: bool = false;

    fn create(key: Key, _: usize) -> Self {
        MessageQueue::create_new(key, Mode::PRIVATE).unwrap()
    }

    fn change_mode(self, mode: Mode) -> Result<()> {
        self.set_mode(mode)
    }
}

impl Sample for SemaphoreSet {
    const NEXT_ID: &str = "sem_next_id";
    const HAS_SIZE: bool = true;

    fn create(key: Key, size: usize) -> Self {
        SemaphoreSet::create_new(key, size, Mode::PRIVATE).unwrap()
    }

    fn change_mode(self, mode: Mode) -> Result<()> {
        self.set_mode(mode)
    }
}

impl Sample for SharedMemory {
    const NEXT_ID: &str = "shm_next_id";
    const HAS_SIZE: bool = true;

    fn create(key: Key, size: usize) -> Self {
        SharedMemory::create_new(key, size, &Options::default()).unwrap()
    }

    fn change_mode(self, mode: Mode) -> Result<()> {
        self.set_mode(mode)
    }
}

fn id(object: impl Object) -> i32 {
    object.evidence().unwrap().id()
}

/// Runs the body for each kind.
macro_rules! for_each_kind {
    ($name:ident) => {{
        // Before it enters a namespace of its own, in which every user is root.
        if !is_root() {
            skip(Need::Root, stringify!($name));
            return;
        }
        isolated(|| {
            $name::<MessageQueue>();
            $name::<SemaphoreSet>();
            $name::<SharedMemory>();
        });
    }};
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stranger {
    OfAnotherUser,
    WithAnotherKey,
    OfAnotherSize,
    Later,
    InAnotherNamespace,
}

const STRANGERS: [Stranger; 5] = [
    Stranger::OfAnotherUser,
    Stranger::WithAnotherKey,
    Stranger::OfAnotherSize,
    Stranger::Later,
    Stranger::InAnotherNamespace,
];

/// Waits for the next second of the clock that the kernel stamps objects with.
fn next_second() {
    let now = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the structure is ours.
        assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut time) }, 0);
        time.tv_sec
    };
    let before = now();
    until(|| now() > before);
}

/// Has the identifier of `old` name a stranger, as far as this thread is concerned.
fn replace<T: Sample>(old: T, key: Key, how: Stranger) -> T {
    let number = id(old).to_string();
    if how == Stranger::InAnotherNamespace {
        unshare(CloneFlags::CLONE_NEWIPC).unwrap();
    } else {
        old.remove_object().unwrap();
    }
    if how == Stranger::Later {
        next_second();
    }
    assert!(set_kernel(T::NEXT_ID, &number));
    match how {
        Stranger::OfAnotherUser => child(|| {
            become_user(EVE, EVE, &[]);
            T::create(key, 1);
        })
        .join(),
        Stranger::WithAnotherKey => drop(T::create(Key::random().unwrap(), 1)),
        Stranger::OfAnotherSize => drop(T::create(key, 2)),
        Stranger::Later | Stranger::InAnotherNamespace => drop(T::create(key, 1)),
    }
    assert_eq!(id(old).to_string(), number); // the plain handle takes the stranger
    old
}

#[test]
fn a_verified_handle_refuses_every_stranger() {
    fn refuses<T: Sample>() {
        for how in STRANGERS {
            if how == Stranger::OfAnotherSize && !T::HAS_SIZE {
                continue;
            }
            // A child, as it may leave the namespace.
            child(|| {
                let key = Key::random().unwrap();
                let trust = Trust::same_user();
                let handle = Verified::new(T::create(key, 1), &trust).unwrap();
                handle.get().unwrap();
                let stored = handle.evidence().to_string();
                let stranger = replace(handle.get().unwrap(), key, how);
                let stored: Evidence = stored.parse().unwrap();
                let refusals: [Error; 2] = [
                    handle.get().unwrap_err(),
                    Verified::<T>::from_evidence(&stored, &trust.allow_uid(EVE)).unwrap_err(),
                ];
                for error in refusals {
                    // A later one of the same user could be the same, changed.
                    let kind = if how == Stranger::Later { ErrorKind::Untrusted } else { ErrorKind::Removed };
                    assert_eq!(error.kind(), kind, "{how:?}: {error}");
                    assert!(error.to_string().contains("found is"), "{error}");
                }
                stranger.remove_object().unwrap();
                assert_eq!(handle.get().unwrap_err().kind(), ErrorKind::Removed);
            })
            .join();
            if how == Stranger::InAnotherNamespace {
                remove_all();
            }
        }
    }
    for_each_kind!(refuses);
}

fn remove_all() {
    for (id, _) in ipc_core::list::segments().unwrap() {
        SharedMemory::from_id(id).remove().unwrap();
    }
    for (id, _) in ipc_core::list::sets().unwrap() {
        SemaphoreSet::from_id(id).remove().unwrap();
    }
    for (id, _) in ipc_core::list::queues().unwrap() {
        MessageQueue::from_id(id).remove().unwrap();
    }
}

#[test]
fn changes_by_others_are_noticed_and_ones_own_are_remembered() {
    fn notices<T: Sample>() {
        let object = RemoveOnDrop::new(T::create(Key::PRIVATE, 1));
        let mut handle = Verified::new(*object, &Trust::same_user()).unwrap();
        next_second();
        handle.change(|object| object.change_mode(Mode::PRIVATE.group_read())).unwrap();
        handle.get().unwrap();
        next_second();
        object.change_mode(Mode::PRIVATE).unwrap();
        assert_eq!(handle.get().unwrap_err().kind(), ErrorKind::Untrusted);
        assert_eq!(handle.change(|_| Ok(())).unwrap_err().kind(), ErrorKind::Untrusted);
        Verified::new(*object, &Trust::same_user()).unwrap().get().unwrap();
        // Another process's is not taken at all.
        let error =
            Verified::new(*object, &Trust::same_user().mode_at_most(Mode::new(0).unwrap())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted);
    }
    for_each_kind!(notices);
}

#[test]
fn use_does_not_count_as_a_change() {
    isolated(|| {
        let set = RemoveOnDrop::new(SemaphoreSet::create(Key::PRIVATE, 1));
        let queue = RemoveOnDrop::new(MessageQueue::create(Key::PRIVATE, 1));
        let memory = SharedMemory::create(Key::random().unwrap(), 1);
        let trust = Trust::same_user();
        let (sets, queues, memories) = (
            Verified::new(*set, &trust).unwrap(),
            Verified::new(*queue, &trust).unwrap(),
            Verified::new(memory, &trust).unwrap(),
        );
        next_second();
        sets.get().unwrap().post(0).unwrap();
        queues.get().unwrap().send_bytes(ipc_core::msg::MessageType::ONE, b"x").unwrap();
        let attached = memories.attach().unwrap();
        memories.get().unwrap().remove().unwrap(); // loses its key, and stays
        memories.attach_read_only().unwrap();
        sets.get().unwrap();
        queues.get().unwrap();
        drop(attached);
        assert_eq!(memories.attach().unwrap_err().kind(), ErrorKind::Removed);
    });
}

#[test]
fn a_guard_removes_its_own_object_only() {
    fn removes<T: Sample>() {
        for how in STRANGERS {
            // The guard cannot distinguish a later object of the same user from one that was changed.
            if (how == Stranger::OfAnotherSize && !T::HAS_SIZE) || how == Stranger::Later {
                continue;
            }
            child(|| {
                let key = Key::random().unwrap();
                let guard = RemoveOnDrop::new(T::create(key, 1));
                let stranger = replace(*guard, key, how);
                drop(guard);
                assert!(stranger.evidence().is_ok(), "{how:?}");
                stranger.remove_object().unwrap();
            })
            .join();
            if how == Stranger::InAnotherNamespace {
                remove_all();
            }
        }
        let guard = RemoveOnDrop::new(T::create(Key::PRIVATE, 1));
        let object = *guard;
        next_second();
        object.change_mode(Mode::PRIVATE.group_read()).unwrap();
        drop(guard);
        assert_eq!(object.evidence().unwrap_err().kind(), ErrorKind::Removed); // changed, and removed
        drop(RemoveOnDrop::new(object)); // nothing to remove
    }
    for_each_kind!(removes);
}
