//! Processes, as far as `/proc` shows them: which one has a number now, since when, and whether it can be the
//! one that a record refers to.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::libc;
use nix::unistd::{SysconfVar, sysconf};

use crate::sys;

/// A process or thread that exists now.
///
/// ```
/// use ipc_core::list::{Presence, presence};
///
/// let Presence::Alive(me) = presence(std::process::id()) else { panic!("this process is there") };
/// assert_eq!(me.pid, std::process::id());
/// assert!(me.started.is_some());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name: up to 15 bytes, possibly chosen by the process itself, control characters included. Empty
    /// where `/proc` does not show it.
    pub name: String,
    /// Its effective user id; `None` where `/proc` does not show it.
    pub uid: Option<u32>,
    /// The letter of its state, as proc_pid_stat(5) lists them: `R` runs, `S` sleeps, `D` sleeps and takes no
    /// signals, `T` is stopped by a signal, `t` by a debugger, `Z` has ended. `None` where `/proc` does not
    /// show it.
    pub state: Option<char>,
    /// When it started, accurate to a second or two, by the clock as it is set now; `None` where `/proc` does
    /// not show it.
    pub started: Option<SystemTime>,
}

/// The state of the process that a record names by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A process or thread has this number.
    Alive(Process),
    /// A zombie: it has ended, and its parent has not collected its status yet. It uses nothing any more.
    Zombie(Process),
    /// No process has this number.
    Gone,
    /// The number 0: the kernel has recorded none, or one in a process namespace that is not seen from here.
    NotShown,
}

/// Looks up the process with this number.
///
/// ```
/// use ipc_core::list::{Presence, presence};
///
/// assert_eq!(presence(0), Presence::NotShown);
/// assert_eq!(presence(0x7fff_fff0), Presence::Gone); // above the largest there can be
/// ```
#[must_use]
pub fn presence(pid: u32) -> Presence {
    if pid == 0 {
        return Presence::NotShown;
    }
    let (process, _) = read(pid);
    match process.state {
        Some('Z' | 'X') => Presence::Zombie(process),
        Some(_) => Presence::Alive(process),
        // /proc may hide processes of other users; this call does not. For a thread that is not a group
        // leader it fails with another error.
        None if sys::pidfd_open(pid).is_err_and(|errno| errno.0 == libc::ESRCH) => Presence::Gone,
        None => Presence::Alive(process),
    }
}

/// The process, and the kernel's flags of it.
fn read(pid: u32) -> (Process, u32) {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(name.strip_suffix(b"\n").unwrap_or(&name)).into_owned();
    // The name in this line is in parentheses and may itself contain some; the fields after it contain none.
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat).into_owned();
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let state = fields.first().and_then(|state| state.chars().next());
    let started = fields.get(19).and_then(|ticks| ticks.parse().ok()).and_then(moment);
    let flags = fields.get(6).and_then(|flags| flags.parse().ok()).unwrap_or(0);
    (Process { pid, name, uid: effective_user(pid), state, started }, flags)
}

fn effective_user(pid: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// A time in clock ticks since boot.
fn moment(ticks: u64) -> Option<SystemTime> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let per_second = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok().filter(|number| *number > 0)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(boot.checked_add(ticks / per_second)?))
}

impl<T> Look<T> {
    pub(super) fn new() -> Look<T> {
        Look { found: Vec::new(), unseen: Vec::new(), others_hidden: others_are_hidden() }
    }
}

/// Root is exempt, unless it is root only in a user namespace: then it cannot see process 1 either.
fn others_are_hidden() -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let is_exempt = nix::unistd::geteuid().is_root() && fs::read("/proc/1/stat").is_ok();
    !is_exempt && hides(&mounts)
}

/// Whether the last mount on `/proc` has the option, from lines such as
/// `proc /proc proc rw,hidepid=invisible 0 0`.
fn hides(mounts: &str) -> bool {
    let mut on_proc = mounts.lines().filter(|line| line.split(' ').nth(1) == Some("/proc"));
    let options = on_proc.next_back().and_then(|line| line.split(' ').nth(3)).unwrap_or_default();
    let value = options.split(',').find_map(|option| option.strip_prefix("hidepid="));
    value.is_some_and(|value| !["0", "off"].contains(&value))
}

/// The numbers of all processes that `/proc` lists.
pub(super) fn numbers() -> std::io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc")? {
        // A process that ends meanwhile is not an error.
        let Ok(entry) = entry else { continue };
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a process is in another IPC namespace than the caller, where the same identifiers name other
/// objects. `None` when the caller may not read it.
pub(super) fn is_elsewhere(pid: u32) -> Option<bool> {
    let theirs = fs::metadata(format!("/proc/{pid}/ns/ipc")).ok()?;
    let mine = fs::metadata("/proc/thread-self/ns/ipc").ok()?;
    Some((theirs.dev(), theirs.ino()) != (mine.dev(), mine.ino()))
}

/// A process that could not be inspected.
///
/// ```
/// let look = ipc_core::list::attached()?;
/// for unseen in look.unseen {
///     println!("process {} of user {:?} does not show what it has attached", unseen.pid, unseen.uid);
/// }
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// Its number.
    pub pid: u32,
    /// Its effective user id; `None` where `/proc` does not show it.
    pub uid: Option<u32>,
}

impl Unseen {
    /// `None` for a process that has ended meanwhile, a zombie, or a thread of the kernel: none of these uses
    /// any object.
    pub(super) fn of(pid: u32) -> Option<Unseen> {
        /// A flag of the kernel's own threads.
        const PF_KTHREAD: u32 = 0x0020_0000;
        let (process, flags) = read(pid);
        let has_ended = process.state.is_none_or(|state| matches!(state, 'Z' | 'X'));
        let uses = !has_ended && flags & PF_KTHREAD == 0;
        uses.then_some(Unseen { pid, uid: process.uid })
    }
}

/// The results of inspecting processes, and the processes that could not be inspected.
///
/// ```
/// let look = ipc_core::list::attached()?;
/// println!("{} found, {} processes not seen", look.found.len(), look.unseen.len());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look<T> {
    /// What was found.
    pub found: Vec<T>,
    /// Those that this process may not inspect.
    pub unseen: Vec<Unseen>,
    /// Whether `/proc` hides processes of other users: it is mounted with `hidepid`, and this process is not
    /// exempt. They are not among the unseen.
    pub others_hidden: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_that_hide_processes_are_known() {
        for (options, hidden) in [
            ("rw", false),
            ("rw,hidepid=0", false),
            ("rw,hidepid=off", false),
            ("rw,gid=5,hidepid=2", true),
            ("hidepid=invisible", true),
        ] {
            let mounts = format!(
                "sysfs /sys sysfs rw 0 0\nproc /proc proc {options} 0 0\nnone /dev devtmpfs rw,hidepid=2 0 0\n"
            );
            assert_eq!(hides(&mounts), hidden, "{options}");
        }
        assert!(!hides("proc /proc proc hidepid=2 0 0\nproc /proc proc rw 0 0\n"));
        assert!(!hides(""));
    }
}
