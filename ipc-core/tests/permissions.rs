//! Permissions, tested by becoming other users. Needs root.

mod common;

use common::children::{MSGRCV, MSGSND, become_user, child};
use common::namespace::isolated;
use common::{Need, far, is_root, skip, soon};
use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, Select};
use ipc_core::sem::{Count, Op, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory, Size};
use ipc_core::{Disposition, ErrorKind, Key, Mode, RemoveOnDrop, Trust};

const ALICE: u32 = 4001;
const BOB: u32 = 4002;
const EVE: u32 = 4003;
const TEAM: u32 = 5000;

/// Runs the test in its namespace, where other users exist.
fn with_users(name: &str, test: impl FnOnce()) {
    if !is_root() {
        skip(Need::Root, name);
        return;
    }
    isolated(test);
}

fn as_user(uid: u32, body: impl FnOnce()) {
    child(|| {
        become_user(uid, uid, &[]);
        body();
    })
    .join();
}

fn mode(bits: u16) -> Mode {
    Mode::new(bits).expect("nine bits")
}

#[test]
fn creator_and_owner_may_change_and_remove_others_may_not() {
    with_users("creator_and_owner", || {
        let key = Key::random().unwrap();
        as_user(ALICE, || {
            let queue = MessageQueue::create_new(key, mode(0o666)).unwrap();
            queue.grant(BOB).unwrap();
            let permissions = queue.stat().unwrap().permissions();
            assert_eq!((permissions.uid(), permissions.cuid()), (BOB, ALICE));
            queue.set_mode(mode(0o662)).unwrap(); // the creator still may
        });
        let anyone = Trust::anyone();
        as_user(EVE, || {
            let queue = ipc_core::list::queues().unwrap()[0].0;
            let queue = MessageQueue::from_id(queue);
            assert_eq!(queue.set_mode(mode(0o666)).unwrap_err().kind(), ErrorKind::NotOwner);
            assert_eq!(queue.stat().unwrap().permissions().cuid(), ALICE); // every user sees the record
            assert_eq!(queue.remove().unwrap_err().kind(), ErrorKind::NotOwner);
        });
        as_user(BOB, || {
            let queue = MessageQueue::open(key, &anyone).unwrap();
            queue.set_mode(mode(0o666)).unwrap(); // the owner may, though not the creator
        });
        as_user(EVE, || {
            let queue = MessageQueue::open(key, &anyone).unwrap(); // all rights in the mode,
            assert_eq!(queue.set_mode(mode(0o600)).unwrap_err().kind(), ErrorKind::NotOwner); // and none of these
            assert_eq!(queue.set_capacity_bytes(5).unwrap_err().kind(), ErrorKind::NotOwner);
            let error = queue.remove().unwrap_err();
            assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::NotOwner, Some(nix::libc::EPERM)));
            assert!(
                error.to_string().contains("only the creator, the owner or a privileged process"),
                "{error}"
            );
        });
        as_user(BOB, || MessageQueue::open(key, &anyone).unwrap().remove().unwrap());
    });
}

#[test]
fn the_default_mode_shuts_out_all_other_users() {
    with_users("the_default_mode", || {
        let keys = [1, 2, 3].map(|_| Key::random().unwrap());
        let memory = RemoveOnDrop::new(SharedMemory::create_new(keys[0], 64, &Options::default()).unwrap());
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(keys[1], 1, Mode::default()).unwrap());
        let queue = RemoveOnDrop::new(MessageQueue::create_new(keys[2], Mode::default()).unwrap());
        as_user(EVE, || {
            let denied = [
                SharedMemory::open(keys[0], Size::Any, &Trust::anyone()).unwrap_err(),
                SharedMemory::open_read_only(keys[0], Size::Any, &Trust::anyone()).unwrap_err(),
                memory.attach().unwrap_err(),
                memory.attach_read_only().unwrap_err(),
                SemaphoreSet::open(keys[1], Count::Any, &Trust::anyone()).unwrap_err(),
                set.post(0).unwrap_err(),
                set.perform(&[Op::wait_zero(0)]).unwrap_err(),
                set.value(0).unwrap_err(),
                set.set_value(0, 1).unwrap_err(),
                MessageQueue::open(keys[2], &Trust::anyone()).unwrap_err(),
                queue.try_send_bytes(MessageType::ONE, b"x").unwrap_err(),
                queue.try_receive(&mut MessageBuffer::with_capacity(8), Select::Any).unwrap_err(),
                queue.peek(&mut MessageBuffer::with_capacity(8), 0).unwrap_err(),
            ];
            for error in denied {
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
                assert_eq!(error.raw_os_error(), Some(nix::libc::EACCES), "{error}");
            }
            assert_eq!(memory.lock().unwrap_err().kind(), ErrorKind::NotOwner);
            // But every user sees that they exist, and their size.
            let (_, stat) = ipc_core::list::segments().unwrap()[0];
            assert_eq!((stat.size(), stat.permissions().key()), (64, keys[0]));
        });
    });
}

#[test]
fn classes_do_not_fall_through() {
    with_users("classes_do_not_fall_through", || {
        let queue = child_created(|| {
            MessageQueue::create_new(Key::PRIVATE, mode(0o066)).map(|queue| queue.id().as_raw())
        });
        let queue = RemoveOnDrop::new(MessageQueue::from_id(ipc_core::msg::MsgId::from_raw(queue)));
        as_user(ALICE, || {
            // Her own queue: the user bits are hers, and give nothing.
            assert_eq!(
                queue.try_send_bytes(MessageType::ONE, b"").unwrap_err().kind(),
                ErrorKind::PermissionDenied
            );
        });
        as_user(EVE, || assert!(queue.try_send_bytes(MessageType::ONE, b"").unwrap())); // a stranger gets in
    });
}

/// Runs `body` as ALICE and takes the identifier she made.
fn child_created(body: impl FnOnce() -> ipc_core::Result<i32>) -> i32 {
    let (mut reader, writer) = std::io::pipe().unwrap();
    as_user(ALICE, move || {
        use std::io::Write;
        (&writer).write_all(&body().unwrap().to_ne_bytes()).unwrap();
    });
    let mut id = [0; 4];
    std::io::Read::read_exact(&mut reader, &mut id).unwrap();
    i32::from_ne_bytes(id)
}

#[test]
fn supplementary_groups_count() {
    with_users("supplementary_groups_count", || {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, mode(0o660)).unwrap());
        set.set_owner(ALICE, TEAM).unwrap();
        as_user(BOB, || assert_eq!(set.post(0).unwrap_err().kind(), ErrorKind::PermissionDenied));
        child(|| {
            become_user(BOB, BOB, &[TEAM]);
            set.post(0).unwrap();
        })
        .join();
        assert_eq!(set.value(0).unwrap(), 1);
    });
}

#[test]
fn semaphores_ask_for_read_or_alter_by_operation() {
    with_users("read_or_alter", || {
        let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, mode(0o604)).unwrap());
        as_user(EVE, || {
            assert!(set.try_perform(&[Op::wait_zero(0)]).unwrap()); // reads
            assert!(!ipc_core::liveness::is_alive(&set, 0).unwrap());
            assert_eq!(set.value(0).unwrap(), 0);
            assert_eq!(set.post(0).unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(set.set_value(0, 1).unwrap_err().kind(), ErrorKind::PermissionDenied);
        });
        set.set_mode(mode(0o602)).unwrap();
        as_user(EVE, || {
            set.post(0).unwrap(); // alters
            assert!(!set.try_perform(&[Op::wait_zero(0), Op::add(0, 1)]).unwrap()); // mixed: alter is enough on Linux
            assert_eq!(set.perform(&[Op::wait_zero(0)]).unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(set.value(0).unwrap_err().kind(), ErrorKind::PermissionDenied);
        });
    });
}

/// Without the right to read, the capacity is still determined, since for such a message the kernel would
/// wait forever.
#[test]
fn a_writer_who_may_not_read_is_told_that_a_message_never_fits() {
    with_users("a_writer_who_may_not_read", || {
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, mode(0o602)).unwrap());
        queue.set_capacity_bytes(10).unwrap();
        as_user(EVE, || {
            let mut whole = MessageBuffer::with_capacity(11);
            whole.set(MessageType::ONE, &[0; 11]).unwrap();
            for round in ["an empty queue", "a full one"] {
                let outcomes = [
                    queue.send(&whole),
                    queue.send_bytes(MessageType::ONE, &[0; 11]),
                    queue.send_interruptible(&whole),
                    queue.send_deadline(&whole, far()).map(drop),
                    queue.send_bytes_deadline(MessageType::ONE, &[0; 11], far()).map(drop),
                    queue.try_send(&whole).map(drop),
                    queue.try_send_bytes(MessageType::ONE, &[0; 11]).map(drop),
                ];
                for (place, outcome) in outcomes.into_iter().enumerate() {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::MessageTooLargeForQueue, "{place}, {round}: {error}");
                }
                let fits = queue.try_send_bytes(MessageType::ONE, &[0; 10]).unwrap();
                assert_eq!(fits, round == "an empty queue");
            }
            // No room now, but some day.
            assert!(!queue.send_bytes_deadline(MessageType::ONE, &[0; 10], soon(0)).unwrap());
            let refused = queue.try_receive(&mut whole, Select::Any).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        });
    });
}

/// What C's get calls open, is opened here: for reading, for writing, for both.
#[test]
fn queues_and_sets_are_opened_for_reading_writing_or_both() {
    with_users("opened_for", || {
        as_user(ALICE, || {
            for bits in [0o000, 0o200, 0o400, 0o600] {
                let keys = [1, 2].map(|_| Key::random().unwrap());
                let trust = Trust::same_user();
                let queue = MessageQueue::create_new(keys[0], mode(bits)).unwrap();
                let set = SemaphoreSet::create_new(keys[1], 1, mode(bits)).unwrap();
                let (read, write) = (bits & 0o400 != 0, bits & 0o200 != 0);
                let opened = [
                    (read, MessageQueue::open_read_only(keys[0], &trust).map(drop)),
                    (write, MessageQueue::open_write_only(keys[0], &trust).map(drop)),
                    (read && write, MessageQueue::open(keys[0], &trust).map(drop)),
                    (read, SemaphoreSet::open_read_only(keys[1], Count::Exact(1), &trust).map(drop)),
                    (write, SemaphoreSet::open_write_only(keys[1], Count::Exact(1), &trust).map(drop)),
                    (read && write, SemaphoreSet::open(keys[1], Count::Exact(1), &trust).map(drop)),
                ];
                for (place, (allowed, outcome)) in opened.into_iter().enumerate() {
                    match outcome {
                        Ok(()) => assert!(allowed, "{place} of {bits:o}"),
                        Err(error) => {
                            assert!(!allowed, "{place} of {bits:o}: {error}");
                            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
                        }
                    }
                }
                // The policy holds for them too, and so does the count.
                if read {
                    let error = SemaphoreSet::open_read_only(keys[1], Count::Exact(2), &trust).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::SizeMismatch);
                }
                if write {
                    let strict = Trust::same_user().mode_at_most(mode(0));
                    let error = MessageQueue::open_write_only(keys[0], &strict).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Untrusted);
                }
                queue.remove().unwrap();
                set.remove().unwrap();
            }
        });
    });
}

/// The owner of an object can remove it by its key, whatever rights its mode gives.
#[test]
fn an_owner_finds_an_object_whatever_its_mode() {
    with_users("an_owner_finds", || {
        let keys = [1, 2, 3].map(|_| Key::random().unwrap());
        for bits in [0o000, 0o200, 0o400, 0o600, 0o700, 0o066, 0o777] {
            as_user(ALICE, || {
                SharedMemory::create_new(keys[0], 64, &Options::new().mode(mode(bits))).unwrap();
                SemaphoreSet::create_new(keys[1], 1, mode(bits)).unwrap();
                MessageQueue::create_new(keys[2], mode(bits)).unwrap();
            });
            as_user(EVE, || {
                // Found, but not ours, and not to be removed.
                let error = SharedMemory::find(keys[0], Size::Any, &Trust::same_user()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Untrusted);
                let error = MessageQueue::find(keys[2], &Trust::anyone()).unwrap().remove().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotOwner);
            });
            as_user(ALICE, || {
                let ours = Trust::same_user().mode_at_most(mode(0o777));
                let error = SharedMemory::find(keys[0], Size::Exact(65), &ours).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::SizeMismatch);
                SharedMemory::find(keys[0], Size::Exact(64), &ours).unwrap().remove().unwrap();
                SemaphoreSet::find(keys[1], Count::Exact(1), &ours).unwrap().remove().unwrap();
                MessageQueue::find(keys[2], &ours).unwrap().remove().unwrap();
                let error = MessageQueue::find(keys[2], &ours).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
            });
        }
    });
}

/// What `IPC_SET` changes, it changes in the record that `IPC_STAT` shows, and that needs the right to read.
/// Owners may do without.
#[test]
fn an_owner_without_the_right_to_read_may_change_everything() {
    with_users("an_owner_without_read", || {
        as_user(ALICE, || {
            for bits in [0o000, 0o200, 0o400, 0o066] {
                let options = Options::new().mode(mode(bits));
                let memory = SharedMemory::create_new(Key::PRIVATE, 64, &options).unwrap();
                let set = SemaphoreSet::create_new(Key::PRIVATE, 1, mode(bits)).unwrap();
                let queue = MessageQueue::create_new(Key::PRIVATE, mode(bits)).unwrap();
                let trust = Trust::same_user().mode_at_most(mode(bits));
                memory.verify(Size::Exact(64), &trust).unwrap();
                set.verify(Count::Exact(1), &trust).unwrap();
                queue.verify(&trust).unwrap();
                memory.grant(BOB).unwrap();
                set.grant(BOB).unwrap();
                queue.grant(BOB).unwrap();
                queue.set_capacity_bytes(5).unwrap();
                memory.set_owner(ALICE, ALICE).unwrap();
                set.set_owner(ALICE, ALICE).unwrap();
                queue.set_owner(ALICE, ALICE).unwrap();
                assert_eq!(queue.stat().unwrap().capacity_bytes(), 5);
                memory.set_mode(mode(0o600)).unwrap();
                set.set_mode(mode(0o600)).unwrap();
                queue.set_mode(mode(0o600)).unwrap();
                memory.attach().unwrap();
                set.post(0).unwrap();
                queue.send_bytes(MessageType::ONE, b"12345").unwrap();
                memory.remove().unwrap();
                set.remove().unwrap();
                queue.remove().unwrap();
            }
        });
    });
}

/// The second call must find the object of the first, whatever mode it was made with.
#[test]
fn what_open_or_create_made_it_opens() {
    with_users("what_open_or_create_made", || {
        as_user(ALICE, || {
            for bits in [0o600, 0o640, 0o666, 0o400, 0o200, 0o000, 0o700, 0o066] {
                let (mode, trust, options) =
                    (mode(bits), Trust::same_user(), Options::new().mode(mode(bits)));
                let keys = [1, 2, 3].map(|_| Key::random().unwrap());
                let made = |how| assert_eq!(how, Disposition::Created, "{bits:o}");
                let found = |how| assert_eq!(how, Disposition::Opened, "{bits:o}");
                let (memory, how) = SharedMemory::open_or_create(keys[0], 64, &options, &trust).unwrap();
                made(how);
                found(SharedMemory::open_or_create(keys[0], 64, &options, &trust).unwrap().1);
                let (set, how) = SemaphoreSet::open_or_create(keys[1], 1, mode, &trust).unwrap();
                made(how);
                found(SemaphoreSet::open_or_create(keys[1], 1, mode, &trust).unwrap().1);
                let (queue, how) = MessageQueue::open_or_create(keys[2], mode, &trust).unwrap();
                made(how);
                found(MessageQueue::open_or_create(keys[2], mode, &trust).unwrap().1);
                // A wider one than was asked for is not ours.
                queue.set_mode(Mode::new(bits | 0o002).unwrap()).unwrap();
                if bits & 0o002 == 0 {
                    let error = MessageQueue::open_or_create(keys[2], mode, &trust).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Untrusted, "{bits:o}: {error}");
                }
                memory.remove().unwrap();
                set.remove().unwrap();
                queue.remove().unwrap();
            }
        });
    });
}

#[test]
fn who_loses_the_right_while_waiting_is_told() {
    with_users("who_loses_the_right", || {
        let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, mode(0o666)).unwrap());
        queue.set_capacity_bytes(1).unwrap();
        queue.send_bytes(MessageType::ONE, b"x").unwrap();
        let sender = child(|| {
            become_user(EVE, EVE, &[]);
            assert_eq!(
                queue.send_bytes(MessageType::ONE, b"y").unwrap_err().kind(),
                ErrorKind::PermissionDenied
            );
        });
        let receiver = child(|| {
            become_user(EVE, EVE, &[]);
            let other = Select::Type(MessageType::new(2).unwrap());
            let error = queue.receive(&mut MessageBuffer::with_capacity(8), other).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        });
        sender.until_blocked_in(&MSGSND);
        receiver.until_blocked_in(&MSGRCV);
        queue.set_mode(mode(0o600)).unwrap();
        receiver.join(); // at once
        sender.until_blocked_in(&MSGSND); // not while its message does not fit
        assert!(queue.try_receive(&mut MessageBuffer::with_capacity(8), Select::Any).unwrap());
        sender.join();
        assert_eq!(queue.stat().unwrap().messages(), 0);
    });
}

#[test]
fn a_squatter_is_recognised_whatever_he_gives_away() {
    with_users("a_squatter", || {
        let key = Key::random().unwrap();
        // EVE makes it first, gives every user access, and passes on the ownership.
        as_user(EVE, || {
            SharedMemory::create_new(key, 4096, &Options::new().mode(mode(0o666)))
                .unwrap()
                .grant(ALICE)
                .unwrap();
        });
        as_user(ALICE, || {
            SharedMemory::from_id(ipc_core::list::segments().unwrap()[0].0).set_mode(Mode::PRIVATE).unwrap();
            let error = SharedMemory::open(key, Size::Exact(4096), &Trust::same_user()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Untrusted);
            let text = format!("its creator is user {EVE}, allowed is user {ALICE} with a mode within 0600");
            assert!(error.to_string().contains(&text), "{error}");
            let create = SharedMemory::open_or_create(key, 4096, &Options::default(), &Trust::same_user());
            assert_eq!(create.unwrap_err().kind(), ErrorKind::Untrusted); // and is not deleted and created again
            SharedMemory::open(key, Size::Exact(4096), &Trust::same_user().allow_uid(EVE)).unwrap();
        });
        as_user(BOB, || {
            let error = SharedMemory::open(key, Size::Any, &Trust::same_user()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("perhaps another user took the key"), "{error}");
        });
        SharedMemory::open(key, Size::Any, &Trust::anyone()).unwrap().remove().unwrap();
    });
}

#[test]
fn granting_makes_a_channel_for_exactly_two_users() {
    with_users("granting", || {
        let id = child_created(|| {
            let queue = MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?;
            queue.grant(BOB)?;
            Ok(queue.id().as_raw())
        });
        let queue = RemoveOnDrop::new(MessageQueue::from_id(ipc_core::msg::MsgId::from_raw(id)));
        as_user(ALICE, || queue.send_bytes(MessageType::ONE, b"for Bob").unwrap());
        as_user(EVE, || {
            let stolen = queue.try_receive(&mut MessageBuffer::with_capacity(8), Select::Any);
            assert_eq!(stolen.unwrap_err().kind(), ErrorKind::PermissionDenied);
        });
        as_user(BOB, || {
            assert!(queue.verify(&Trust::same_user()).is_err());
            queue.verify(&Trust::same_user().allow_uid(ALICE)).unwrap();
            assert!(queue.try_receive(&mut MessageBuffer::with_capacity(8), Select::Any).unwrap());
        });
    });
}

#[test]
fn a_key_without_a_searchable_path_is_an_error_and_an_unreadable_file_is_not() {
    with_users("ftok", || {
        use std::os::unix::fs::PermissionsExt;
        let id = std::num::NonZeroU8::new(b'k').unwrap();
        let folder = std::env::temp_dir().join(format!("ipc-core-ftok-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("file");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
        as_user(EVE, || assert!(Key::ftok(&file, id).is_ok()));
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        as_user(EVE, || assert_eq!(Key::ftok(&file, id).unwrap_err().kind(), ErrorKind::PermissionDenied));
        std::fs::remove_dir_all(&folder).unwrap();
    });
}
