//! A private IPC namespace, in a process of its own, for each test.
//!
//! The process of its own keeps the tests apart in what a process shares: attachments, which another test's
//! fork would duplicate, and the undo records reverted at its end. What a test leaves behind is removed with
//! the namespace, but is an error nevertheless.

use ipc_core::{limits, list};
use nix::sched::{CloneFlags, unshare};

use super::children::child;
use super::{Need, skip, watchdog};

/// Runs the test in a child in a namespace of its own and asserts that it leaves nothing there.
///
/// Without the right to make one directly, a user namespace is made around it; where that is forbidden too,
/// the test [cannot run](skip).
pub fn isolated(test: impl FnOnce()) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    child(|| {
        // Before the watchdog's thread: a user namespace is made by a process of one thread only.
        if !enter() {
            skip(Need::IpcNamespace, &format!("{name}: no right to make one"));
            return;
        }
        let _watchdog = watchdog(&name);
        assert_empty("before the test");
        test();
        assert_empty("after the test");
    })
    .join();
}

fn enter() -> bool {
    if unshare(CloneFlags::CLONE_NEWIPC).is_ok() {
        return true;
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWIPC).is_ok()
        && std::fs::write("/proc/self/setgroups", "deny").is_ok()
        && std::fs::write("/proc/self/uid_map", format!("0 {uid} 1")).is_ok()
        && std::fs::write("/proc/self/gid_map", format!("0 {gid} 1")).is_ok()
}

pub fn assert_empty(when: &str) {
    let segments = list::segments().expect("listing");
    let sets = list::sets().expect("listing");
    let queues = list::queues().expect("listing");
    assert!(segments.is_empty(), "segments {when}: {segments:?}");
    assert!(sets.is_empty(), "sets {when}: {sets:?}");
    assert!(queues.is_empty(), "queues {when}: {queues:?}");
    assert_eq!(limits::SharedMemoryUsage::read().expect("usage").segments, 0, "segments in use {when}");
}

/// Sets a limit of this namespace; false where that is not possible, which must be [allowed](skip).
#[track_caller]
pub fn set_kernel(name: &str, value: &str) -> bool {
    match std::fs::write(format!("/proc/sys/kernel/{name}"), value) {
        Ok(()) => true,
        Err(error) => {
            skip(Need::Sysctl, &format!("setting kernel.{name}: {error}"));
            false
        }
    }
}

/// Whether users other than this one exist here, to give objects to; false in a user namespace of one, which
/// must be [allowed](skip).
#[track_caller]
pub fn others_exist() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let users = map.split_whitespace().nth(2).and_then(|count| count.parse().ok()).unwrap_or(0_u64);
    if users <= 1 {
        skip(Need::Users, "giving an object away");
    }
    users > 1
}
