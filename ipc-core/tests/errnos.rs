//! The errnos that have two meanings, distinguished. docs/system-v.md has the table of all.

mod common;

use common::children::{SEMOP, become_user, child};
use common::namespace::{isolated, set_kernel};
use common::sandbox::forbid;
use common::steps::held_at;
use common::{Need, is_root, skip, soon};
use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, Select};
use ipc_core::sem::{Count, Op, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory, Size};
use ipc_core::{Error, ErrorKind, Key, Limit, Mode, RemoveOnDrop, Result, Trust};
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};

const ALICE: u32 = 4001;
const EVE: u32 = 4003;

fn queue(mode: u16) -> RemoveOnDrop<MessageQueue> {
    RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::new(mode).unwrap()).unwrap())
}

fn set(mode: u16) -> RemoveOnDrop<SemaphoreSet> {
    RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::new(mode).unwrap()).unwrap())
}

fn memory(mode: u16) -> RemoveOnDrop<SharedMemory> {
    let options = Options::new().mode(Mode::new(mode).unwrap());
    RemoveOnDrop::new(SharedMemory::create_new(Key::PRIVATE, 64, &options).unwrap())
}

fn as_user(uid: u32, body: impl FnOnce()) {
    child(|| {
        become_user(uid, uid, &[]);
        body();
    })
    .join();
}

/// Runs the test in its namespace, where other users exist.
fn with_users(name: &str, test: impl FnOnce()) {
    if !is_root() {
        skip(Need::Root, name);
        return;
    }
    isolated(test);
}

/// Kind and errno.
fn of<T: std::fmt::Debug>(outcome: Result<T>) -> (ErrorKind, Option<i32>) {
    let error = outcome.unwrap_err();
    (error.kind(), error.raw_os_error())
}

/// EINVAL of `msgsnd`, and of `msgrcv` with MSG_COPY: too long, or removed.
#[test]
fn a_message_above_the_limit_is_not_a_removed_queue() {
    isolated(|| {
        let queue = queue(0o600);
        let long = vec![7; 200];
        queue.send_bytes(MessageType::ONE, &long).unwrap();
        if !set_kernel("msgmax", "100") {
            return;
        }
        let mut buffer = MessageBuffer::with_capacity(8192);
        let too_long = (ErrorKind::LimitReached(Limit::MessageBytes), Some(libc::EINVAL));
        assert_eq!(of(queue.send_bytes(MessageType::ONE, &long)), too_long);
        assert_eq!(of(queue.try_send_bytes(MessageType::ONE, &long)), too_long);
        let error = queue.peek(&mut buffer, 0).unwrap_err();
        assert!(error.to_string().contains("can still be received"), "{error}");
        assert_eq!(of::<()>(Err(error)), too_long);
        assert!(!queue.peek(&mut buffer, 1).unwrap());
        // It can.
        assert!(queue.try_receive(&mut buffer, Select::Any).unwrap());
        assert_eq!(buffer.bytes(), long);

        // Refused under the old limit, asked about under the new one: the queue is there all the same.
        let held = held_at(
            || assert_eq!(of(queue.send_bytes(MessageType::ONE, &[7; 200])), too_long),
            |number, arguments| number == libc::SYS_msgctl && arguments[1] as i32 & 0xff == libc::IPC_INFO,
        );
        assert!(set_kernel("msgmax", "8192"));
        held.go_on();

        let removed = (ErrorKind::Removed, Some(libc::EINVAL));
        queue.remove().unwrap();
        assert_eq!(of(queue.send_bytes(MessageType::ONE, b"x")), removed);
        assert_eq!(of(queue.peek(&mut buffer, 0)), removed);
    });
}

/// EINVAL of `IPC_SET`: no such user, or removed after the record was read.
#[test]
fn an_object_removed_while_it_is_changed_is_removed() {
    isolated(|| {
        let is_set = |number: libc::c_long, arguments: [u64; 6]| {
            let command = match number {
                libc::SYS_msgctl | libc::SYS_shmctl => arguments[1],
                libc::SYS_semctl => arguments[2],
                _ => return false,
            };
            command as i32 & 0xff == libc::IPC_SET
        };
        let mode = Mode::PRIVATE.group_read();
        for which in 0..10 {
            let (queue, set, memory) = (queue(0o600), set(0o600), memory(0o600));
            let held = held_at(
                || {
                    let outcome = match which {
                        0 => queue.set_mode(mode),
                        1 => queue.set_owner(0, 0),
                        2 => queue.grant(0),
                        3 => queue.set_capacity_bytes(9),
                        4 => set.set_mode(mode),
                        5 => set.set_owner(0, 0),
                        6 => set.grant(0),
                        7 => memory.set_mode(mode),
                        8 => memory.set_owner(0, 0),
                        _ => memory.grant(0),
                    };
                    assert_eq!(of(outcome), (ErrorKind::Removed, Some(libc::EINVAL)), "{which}");
                },
                is_set,
            );
            (queue.remove()).unwrap();
            (set.remove()).unwrap();
            (memory.remove()).unwrap();
            held.go_on();
        }
        // −1 is no user, in every user namespace.
        let (queue, set, memory) = (queue(0o600), set(0o600), memory(0o600));
        let outcomes = [
            queue.set_owner(u32::MAX, 0),
            queue.grant(u32::MAX),
            set.set_owner(0, u32::MAX),
            set.grant(u32::MAX),
            memory.set_owner(u32::MAX, u32::MAX),
            memory.grant(u32::MAX),
        ];
        for outcome in outcomes {
            assert_eq!(of(outcome), (ErrorKind::Invalid, Some(libc::EINVAL)));
        }
    });
}

/// EINVAL of `semctl` and of `semop`: no such semaphore, no operations, or removed; whatever the caller may
/// read.
#[test]
fn an_index_beyond_the_set_is_not_a_removed_set() {
    with_users("an_index_beyond", || {
        let set = set(0o602);
        let none = (ErrorKind::NoSuchSemaphore, Some(libc::EINVAL));
        assert_eq!(of(set.value(2)), none);
        as_user(EVE, || {
            assert_eq!(of(set.set_value(2, 1)), none); // may alter, not read
            assert_eq!(of(set.post(2)), (ErrorKind::NoSuchSemaphore, Some(libc::EFBIG)));
            assert_eq!(of(set.value(0)), (ErrorKind::PermissionDenied, Some(libc::EACCES)));
        });
        assert_eq!(of(set.perform(&[])), (ErrorKind::Invalid, Some(libc::EINVAL)));
        set.remove().unwrap();
        let removed = (ErrorKind::Removed, Some(libc::EINVAL));
        assert_eq!(of(set.value(2)), removed);
        assert_eq!(of(set.set_value(0, 1)), removed);
        assert_eq!(of(set.post(0)), removed);
    });
}

/// EPERM of `IPC_SET`: above MSGMNB, or not the owner.
#[test]
fn a_stranger_is_told_of_his_rights_and_an_owner_of_the_limit() {
    with_users("a_stranger_is_told", || {
        let queue = queue(0o666);
        queue.set_owner(ALICE, ALICE).unwrap();
        let not_owner = (ErrorKind::NotOwner, Some(libc::EPERM));
        let limit = (ErrorKind::LimitReached(Limit::QueueBytes), Some(libc::EPERM));
        as_user(EVE, || {
            assert_eq!(of(queue.set_capacity_bytes(1 << 30)), not_owner);
            assert_eq!(of(queue.set_capacity_bytes(1)), not_owner);
            assert_eq!(of(queue.set_mode(Mode::PRIVATE)), not_owner);
            assert_eq!(of(queue.remove()), not_owner);
        });
        as_user(ALICE, || assert_eq!(of(queue.set_capacity_bytes(1 << 30)), limit));
        // A queue that is above the limit already.
        if set_kernel("msgmnb", "100") {
            as_user(EVE, || assert_eq!(of(queue.set_mode(Mode::PRIVATE)), not_owner));
            as_user(ALICE, || assert_eq!(of(queue.set_mode(Mode::PRIVATE)), limit));
        }
    });
}

/// EPERM of `SHM_LOCK`: a limit of zero, or not the owner; of `SHM_UNLOCK` the latter only.
#[test]
fn locking_blames_the_limit_where_it_is_the_limit() {
    with_users("locking_blames", || {
        // What its owner may not read.
        for mode in [0o666, 0o000] {
            let memory = memory(mode);
            memory.set_owner(ALICE, ALICE).unwrap();
            for (limit, kind) in
                [(0, ErrorKind::LimitReached(Limit::LockedBytes)), (1 << 20, ErrorKind::NotOwner)]
            {
                as_user(EVE, || {
                    setrlimit(Resource::RLIMIT_MEMLOCK, limit, limit).unwrap();
                    assert_eq!(of(memory.lock()), (ErrorKind::NotOwner, Some(libc::EPERM)));
                    assert_eq!(of(memory.unlock()), (ErrorKind::NotOwner, Some(libc::EPERM)));
                });
                as_user(ALICE, || {
                    setrlimit(Resource::RLIMIT_MEMLOCK, limit, limit).unwrap();
                    match memory.lock() {
                        Ok(()) => assert_eq!(limit, 1 << 20),
                        Err(error) => assert_eq!((error.kind(), limit), (kind, 0), "{error}"),
                    }
                    memory.unlock().unwrap();
                });
            }
        }
    });
}

/// EINVAL of `shmget`: above SHMMAX, or above what any segment can have.
#[test]
fn a_size_that_no_limit_allows_is_not_blamed_on_the_limit() {
    isolated(|| {
        let create = |size| of(SharedMemory::create_new(Key::PRIVATE, size, &Options::default()));
        for size in [1 << 63, (1 << 63) + 4096, usize::MAX - (1 << 25)] {
            assert_eq!(create(size), (ErrorKind::Invalid, Some(libc::EINVAL)), "{size:x}");
        }
        assert_eq!(create(usize::MAX).0, ErrorKind::LimitReached(Limit::SegmentBytes));
        if set_kernel("shmmax", "4096") {
            for size in [4097, 1 << 63] {
                assert_eq!(create(size).0, ErrorKind::LimitReached(Limit::SegmentBytes), "{size:x}");
            }
        }
    });
}

/// EPERM of every call: a sandbox.
#[test]
fn what_a_sandbox_forbids_is_called_so() {
    isolated(|| {
        let (queue, set, memory) = (queue(0o600), set(0o600), memory(0o600));
        let key = Key::random().unwrap();
        let in_sandbox = |calls: &[libc::c_long], body: &dyn Fn() -> Vec<Result<()>>| {
            child(|| {
                forbid(calls);
                for (place, outcome) in body().into_iter().enumerate() {
                    let error: Error = outcome.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{calls:?} {place}: {error}");
                    assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}");
                    assert!(error.to_string().contains("a sandbox forbids it"), "{error}");
                }
            })
            .join();
        };
        let (trust, mode, options) = (Trust::same_user(), Mode::PRIVATE, Options::default());
        in_sandbox(&[libc::SYS_msgget, libc::SYS_semget, libc::SYS_shmget], &|| {
            vec![
                MessageQueue::create_new(key, mode).map(drop),
                MessageQueue::open(key, &trust).map(drop),
                SemaphoreSet::create_new(key, 1, mode).map(drop),
                SemaphoreSet::open(key, Count::Any, &trust).map(drop),
                SharedMemory::create_new(key, 64, &options).map(drop),
                SharedMemory::open(key, Size::Any, &trust).map(drop),
            ]
        });
        in_sandbox(&[libc::SYS_msgsnd, libc::SYS_msgrcv], &|| {
            let mut buffer = MessageBuffer::with_capacity(8);
            vec![
                queue.send(&buffer),
                queue.try_send(&buffer).map(drop),
                queue.send_unchecked(&buffer),
                queue.send_deadline(&buffer, soon(0)).map(drop),
                queue.receive(&mut buffer, Select::Any),
                queue.try_receive(&mut buffer, Select::Any).map(drop),
                queue.peek(&mut buffer, 0).map(drop),
            ]
        });
        in_sandbox(&SEMOP, &|| {
            vec![
                set.post(0),
                set.try_wait(0).map(drop),
                set.perform_deadline(&[Op::add(0, 1)], soon(0)).map(drop),
                set.perform_deadline_interruptible(&[Op::add(0, 1)], soon(0)).map(drop),
                ipc_core::liveness::is_alive(&set, 0).map(drop),
            ]
        });
        in_sandbox(&[libc::SYS_msgctl, libc::SYS_semctl, libc::SYS_shmctl], &|| {
            vec![
                queue.stat().map(drop),
                queue.remove(),
                queue.set_mode(mode),
                queue.set_capacity_bytes(1),
                set.stat().map(drop),
                set.remove(),
                set.grant(0),
                set.value(0).map(drop),
                set.values().map(drop),
                set.set_value(0, 1),
                memory.stat().map(drop),
                memory.remove(),
                memory.set_owner(0, 0),
                memory.unlock(),
                memory.attach().map(drop), // of which the size is asked
            ]
        });
        in_sandbox(&[libc::SYS_shmat], &|| {
            vec![memory.attach().map(drop), memory.attach_read_only().map(drop)]
        });
        let attached = std::cell::Cell::new(Some(memory.attach().unwrap()));
        in_sandbox(&[libc::SYS_shmdt], &|| vec![attached.take().unwrap().detach()]);
        drop(attached.take());
    });
}
