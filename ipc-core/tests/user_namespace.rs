//! Users that have no number in a user namespace, where all of them look like one. Needs root, to be other
//! users.

mod common;

use std::fs;

use common::children::{Child, Gate, become_user, child};
use common::namespace::isolated;
use common::{Need, is_root, skip};
use ipc_core::mapping::Mapping;
use ipc_core::msg::MessageQueue;
use ipc_core::sem::{Count, SemaphoreSet};
use ipc_core::shm::{Options, SharedMemory, Size};
use ipc_core::{Error, ErrorKind, Key, Mode, Trust, list};
use nix::sched::{CloneFlags, unshare};

const ALICE: u32 = 4001;
const EVE: u32 = 4003;
/// What the kernel shows in place of a user without a number.
const OVERFLOW: u32 = 65534;

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

/// A child of this user in a user namespace of its own, mapped as said once it is there; an empty map leaves
/// it without a number.
fn in_user_namespace(uid: u32, map: &str, body: impl FnOnce()) {
    let (there, mapped) = (Gate::new(), Gate::new());
    let inside: Child = child(|| {
        become_user(uid, uid, &[]);
        // The files in /proc that describe it belong to root otherwise.
        nix::sys::prctl::set_dumpable(true).unwrap();
        unshare(CloneFlags::CLONE_NEWUSER).unwrap();
        there.open();
        mapped.pass();
        body();
    });
    there.pass();
    if !map.is_empty() {
        for file in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{}/{file}", inside.pid()), map).unwrap();
        }
    }
    mapped.open();
    inside.join();
}

fn remove_all() {
    for (id, _) in list::segments().unwrap() {
        SharedMemory::from_id(id).remove().unwrap();
    }
    for (id, _) in list::sets().unwrap() {
        SemaphoreSet::from_id(id).remove().unwrap();
    }
    for (id, _) in list::queues().unwrap() {
        MessageQueue::from_id(id).remove().unwrap();
    }
}

/// EVE takes the keys and makes ALICE the owner, so that the mode lets her in and need not be wider
/// than 0600. Owner, creator and caller all have no number then.
#[test]
fn who_has_no_number_does_not_trust_all_others_that_have_none() {
    with_users("no_number", || {
        let keys = [1, 2, 3].map(|_| Key::random().unwrap());
        let file = std::env::temp_dir().join(format!("ipc-core-no-number-{}", std::process::id()));
        as_user(EVE, || {
            let private = Options::default();
            SharedMemory::create_new(keys[0], 64, &private).unwrap().grant(ALICE).unwrap();
            SemaphoreSet::create_new(keys[1], 1, Mode::PRIVATE).unwrap().grant(ALICE).unwrap();
            MessageQueue::create_new(keys[2], Mode::PRIVATE).unwrap().grant(ALICE).unwrap();
            drop(Mapping::create_file(&file, 64, Mode::new(0o644).unwrap()).unwrap());
        });
        let open_all = |trust: &Trust| -> Vec<Result<(), Error>> {
            vec![
                SharedMemory::open(keys[0], Size::Any, trust).map(drop),
                SharedMemory::open_read_only(keys[0], Size::Any, trust).map(drop),
                SharedMemory::open_or_create(keys[0], 64, &Options::default(), trust).map(drop),
                SemaphoreSet::open(keys[1], Count::Any, trust).map(drop),
                SemaphoreSet::open_or_create(keys[1], 1, Mode::PRIVATE, trust).map(drop),
                MessageQueue::open(keys[2], trust).map(drop),
                MessageQueue::open_or_create(keys[2], Mode::PRIVATE, trust).map(drop),
                Mapping::open_file_read_only(
                    &file,
                    Size::Any,
                    &trust.clone().mode_at_most(Mode::new(0o644).unwrap()),
                )
                .map(drop),
            ]
        };
        // Without a number, and with one that leaves EVE without.
        for map in ["", &format!("{OVERFLOW} {ALICE} 1"), &format!("0 {ALICE} 1")] {
            in_user_namespace(ALICE, map, || {
                if map != format!("0 {ALICE} 1") {
                    assert_eq!(nix::unistd::geteuid().as_raw(), OVERFLOW);
                }
                for (place, outcome) in open_all(&Trust::same_user()).into_iter().enumerate() {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Untrusted, "{place} with {map:?}: {error}");
                    let named = format!(
                        "user {OVERFLOW}, which here is every user that this user namespace has no number for"
                    );
                    assert!(error.to_string().contains(&named), "{error}");
                }
                // This policy accepts all of them.
                for (place, outcome) in
                    open_all(&Trust::same_user().allow_uid(OVERFLOW).allow_uid(0)).into_iter().enumerate()
                {
                    assert!(outcome.is_ok(), "{place} with {map:?}: {outcome:?}");
                }
                assert!(open_all(&Trust::anyone()).into_iter().all(|outcome| outcome.is_ok()));
            });
        }
        fs::remove_file(&file).unwrap();
        remove_all();
    });
}

/// In a namespace that maps all users, the number is an ordinary user's, and a service may run as that user.
#[test]
fn a_real_user_of_that_number_is_the_same_user() {
    with_users("a_real_user", || {
        let key = Key::random().unwrap();
        as_user(OVERFLOW, || {
            MessageQueue::create_new(key, Mode::PRIVATE).unwrap();
            MessageQueue::open(key, &Trust::same_user()).unwrap().remove().unwrap();
        });
    });
}

/// The record is read and written back whole, so an owner without a number would be written back as user
/// 65534, if the namespace has one.
#[test]
fn a_change_does_not_give_an_object_to_the_user_that_stands_for_the_unknown() {
    with_users("a_change", || {
        as_user(ALICE, || {
            SharedMemory::create_new(Key::PRIVATE, 64, &Options::default()).unwrap();
            SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE).unwrap();
            MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE).unwrap();
        });
        let memory = SharedMemory::from_id(list::segments().unwrap()[0].0);
        let set = SemaphoreSet::from_id(list::sets().unwrap()[0].0);
        let queue = MessageQueue::from_id(list::queues().unwrap()[0].0);
        let owners = || {
            [
                memory.stat().unwrap().permissions(),
                set.stat().unwrap().permissions(),
                queue.stat().unwrap().permissions(),
            ]
            .map(|permissions| (permissions.uid(), permissions.gid()))
        };
        // An owner or group without a number there. ALICE is the creator, and may change everything.
        for (uid, gid) in [(EVE, ALICE), (ALICE, EVE), (EVE, EVE)] {
            memory.set_owner(uid, gid).unwrap();
            set.set_owner(uid, gid).unwrap();
            queue.set_owner(uid, gid).unwrap();
            let map = format!("0 {ALICE} 1\n{OVERFLOW} 100000 1");
            in_user_namespace(ALICE, &map, || {
                let mode = Mode::PRIVATE.group_read();
                let mut outcomes = vec![
                    memory.set_mode(mode),
                    set.set_mode(mode),
                    queue.set_mode(mode),
                    queue.set_capacity_bytes(9),
                ];
                if gid == EVE {
                    outcomes.extend([memory.grant(0), set.grant(0), queue.grant(0)]);
                }
                for (place, outcome) in outcomes.into_iter().enumerate() {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Invalid, "{place}: {error}");
                    assert!(error.to_string().contains("has no number in this user namespace"), "{error}");
                }
            });
            assert_eq!(owners(), [(uid, gid); 3]);
        }
        // Said in full it is done.
        in_user_namespace(ALICE, &format!("0 {ALICE} 1"), || {
            memory.set_owner(0, 0).unwrap();
            set.set_owner(0, 0).unwrap();
            queue.set_owner(0, 0).unwrap();
            memory.set_mode(Mode::PRIVATE).unwrap();
        });
        assert_eq!(owners(), [(ALICE, ALICE); 3]);
        remove_all();
    });
}
