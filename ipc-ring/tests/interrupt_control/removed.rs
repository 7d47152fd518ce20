//! The kernel objects of the domain are removed under each call: it ends, without being interrupted.

use std::time::Duration;

use ipc_core::ErrorKind;
use ipc_core::msg::MessageQueue;
use ipc_core::sem::{Op, SemaphoreSet};
use ipc_core::shm::SharedMemory;
use ipc_ring::Domain;

use crate::calls::table;
use crate::common::{private_namespace, unique};
use crate::{LOCK, semaphores};

/// What the call itself removes meanwhile, as it ends, is removed.
fn or_was_removed(result: Result<(), ipc_core::Error>) {
    if let Err(error) = result {
        assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
    }
}

/// As `ipcrm -a` does, and logind at the end of a user's last session.
fn remove_everything() {
    for (id, _) in ipc_core::list::sets().unwrap() {
        or_was_removed(SemaphoreSet::from_id(id).remove());
    }
    for (id, _) in ipc_core::list::queues().unwrap() {
        or_was_removed(MessageQueue::from_id(id).remove());
    }
    for (id, _) in ipc_core::list::segments().unwrap() {
        // One that is attached and marked already is gone with its last user.
        or_was_removed(SharedMemory::from_id(id).remove());
    }
}

#[test]
fn every_call_ends_when_the_objects_are_removed() {
    private_namespace();
    for row in table() {
        // Before it waits, and while it does.
        for pause in [Duration::ZERO, Duration::from_millis(20)] {
            let domain = Domain::open(&unique("removed")).unwrap();
            let (_interrupter, call) = (row.start)(&domain, false);
            if row.locked {
                semaphores().perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1)]).unwrap();
            }
            eprintln!("{:?}", row.names);
            let waiting = std::thread::spawn(call);
            std::thread::sleep(pause);
            remove_everything();
            assert!(!waiting.join().unwrap(), "{:?} was interrupted by no one", row.names);
        }
    }
}
