//! Which threads sleep in a call on a queue or a set, from `/proc/PID/task/TID/syscall`.

use std::fs;

use nix::libc;

use super::processes::{Look, Unseen, is_elsewhere, numbers};
use crate::error::{Error, Result};
use crate::msg::MsgId;
use crate::sem::SemId;

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsIn {
    /// For a message of a queue, in `msgrcv`.
    Receive(MsgId),
    /// For room in a queue, in `msgsnd`.
    Send(MsgId),
    /// For a semaphore of a set, in `semop` or `semtimedop`. The set counts the waiting threads of each
    /// semaphore, see [`waiting_for_increase`](crate::sem::SemaphoreSet::waiting_for_increase).
    Operate(SemId),
}

/// A thread that sleeps in a call on a queue or a set.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asleep {
    /// Its process.
    pub pid: u32,
    /// The thread; the process's own number for its first one.
    pub tid: u32,
    /// In which call.
    pub waits_in: WaitsIn,
}

/// Which threads sleep in a call on a queue or a set now. The kernel shows it to those who may trace a
/// process: root, and the same user unless the Yama security module is stricter
/// (`/proc/sys/kernel/yama/ptrace_scope`). Not a snapshot.
///
/// Processes in other IPC namespaces are omitted: identifiers name other objects there.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound): no `/proc`.
///
/// ```
/// for thread in ipc_core::list::asleep()?.found {
///     println!("thread {} of process {}: {:?}", thread.tid, thread.pid, thread.waits_in);
/// }
/// # Ok::<(), ipc_core::Error>(())
/// ```
///
/// # References
/// proc_pid_syscall(5)
pub fn asleep() -> Result<Look<Asleep>> {
    let pids = numbers().map_err(|error| Error::io("read", "/proc".to_owned(), error))?;
    let mut look = Look::new();
    for pid in pids {
        let elsewhere = is_elsewhere(pid);
        if elsewhere == Some(true) {
            continue;
        }
        match of_process(pid) {
            Some(found) if elsewhere.is_some() => look.found.extend(found),
            _ => look.unseen.extend(Unseen::of(pid)),
        }
    }
    Ok(look)
}

/// `None` when one of its threads may not be inspected.
fn of_process(pid: u32) -> Option<Vec<Asleep>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let Some(tid) = task.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        match fs::read_to_string(task.path().join("syscall")) {
            Ok(line) => found.extend(call(&line).map(|waits_in| Asleep { pid, tid, waits_in })),
            // A thread that has ended meanwhile.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    || error.raw_os_error() == Some(libc::ESRCH) => {}
            Err(_) if is_elsewhere_asleep(pid, tid) => {}
            Err(_) => return None,
        }
    }
    Some(found)
}

/// Whether a thread whose call is not shown is known not to sleep in a queue or a set: the kernel function in
/// which it sleeps is shown to more processes, to all that may see its memory.
fn is_elsewhere_asleep(pid: u32, tid: u32) -> bool {
    // Where that is not allowed, the function is shown as 0, as for a running thread.
    let may_see = fs::File::open(format!("/proc/{pid}/maps")).is_ok();
    may_see
        && fs::read_to_string(format!("/proc/{pid}/task/{tid}/wchan"))
            .is_ok_and(|function| !is_ipc(&function))
}

/// `do_msgrcv`, `do_msgsnd`, `__do_semtimedop` and their names in other versions.
fn is_ipc(function: &str) -> bool {
    function.contains("msg") || function.contains("sem")
}

/// The call of a line such as `70 0x5 0x7ffe1da20570 …`: its number and arguments. A running thread shows
/// `running` there.
fn call(line: &str) -> Option<WaitsIn> {
    let mut fields = line.split_ascii_whitespace();
    let number: libc::c_long = fields.next()?.parse().ok()?;
    let first = fields.next()?.strip_prefix("0x")?;
    // The register may hold more than the 32 bits that the call takes.
    let id = u64::from_str_radix(first, 16).ok()? as u32;
    let id = id.cast_signed();
    match number {
        libc::SYS_msgrcv => Some(WaitsIn::Receive(MsgId::from_raw(id))),
        libc::SYS_msgsnd => Some(WaitsIn::Send(MsgId::from_raw(id))),
        libc::SYS_semop | libc::SYS_semtimedop => Some(WaitsIn::Operate(SemId::from_raw(id))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_queues_and_sets_are_known() {
        let shown = ["do_msgrcv", "do_msgsnd", "do_semtimedop", "__do_semtimedop"];
        assert!(shown.into_iter().all(is_ipc));
        assert!(
            !["0", "futex_wait_queue", "hrtimer_nanosleep", "poll_schedule_timeout"].into_iter().any(is_ipc)
        );
    }

    #[test]
    fn calls_are_told_by_their_numbers() {
        let line = |number: libc::c_long| format!("{number} 0xffffffff00000005 0x7ffe1da20570 0x0 0x0\n");
        assert_eq!(call(&line(libc::SYS_msgrcv)), Some(WaitsIn::Receive(MsgId::from_raw(5))));
        assert_eq!(call(&line(libc::SYS_msgsnd)), Some(WaitsIn::Send(MsgId::from_raw(5))));
        assert_eq!(call(&line(libc::SYS_semtimedop)), Some(WaitsIn::Operate(SemId::from_raw(5))));
        for line in ["running\n", "-1 0x0 0x0\n", "", "0 0x5\n", "70\n", "70 5\n"] {
            assert_eq!(call(line), None, "{line}");
        }
    }
}
