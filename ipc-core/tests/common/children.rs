//! Child processes that can be stopped at any point.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, setgid, setgroups, setuid};

/// A child made by fork; killed and waited for when dropped.
pub struct Child {
    pid: Pid,
    waited: bool,
}

/// Runs `body` in a child. A panic there ends it with status 101 and its message on standard error.
pub fn child(body: impl FnOnce()) -> Child {
    report_panics();
    let parent = nix::unistd::getpid();
    // SAFETY: the child runs one thread, allocates only (which the C library makes safe after fork), and
    // leaves by _exit.
    match unsafe { fork() }.expect("fork") {
        ForkResult::Parent { child } => Child { pid: child, waited: false },
        ForkResult::Child => {
            // Goes with the parent, also when that is aborted.
            let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
            if nix::unistd::getppid() != parent {
                // SAFETY: as below.
                unsafe { libc::_exit(102) };
            }
            let status = if catch_unwind(AssertUnwindSafe(body)).is_ok() { 0 } else { 101 };
            // SAFETY: ends the process without running what belongs to the parent.
            unsafe { libc::_exit(status) }
        }
    }
}

/// Makes a panic in a child print its message bypassing the harness, whose own report takes locks that
/// another thread may have held at the fork.
fn report_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let harness = std::process::id();
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::process::id() == harness {
                report(panic)
            } else {
                super::say(&format!("in a child: {panic}"))
            }
        }));
    });
}

impl Child {
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).expect("kill");
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(mut self) {
        self.signal(Signal::SIGKILL);
        self.waited = true;
        assert!(matches!(waitpid(self.pid, None), Ok(WaitStatus::Signaled(_, Signal::SIGKILL, _))));
    }

    /// Waits for the end, which must be successful.
    pub fn join(mut self) {
        self.waited = true;
        assert_eq!(waitpid(self.pid, None), Ok(WaitStatus::Exited(self.pid, 0)), "the child failed");
    }

    /// Waits until the child sleeps in one of these system calls.
    pub fn until_blocked_in(&self, calls: &[libc::c_long]) {
        until_blocked_in(&format!("/proc/{}", self.pid), calls);
    }
}

/// Newer versions of glibc make `semop` out of `semtimedop`; others have both calls.
pub const SEMOP: [libc::c_long; 2] = [libc::SYS_semop, libc::SYS_semtimedop];
pub const MSGSND: [libc::c_long; 1] = [libc::SYS_msgsnd];
pub const MSGRCV: [libc::c_long; 1] = [libc::SYS_msgrcv];

/// Waits until the task whose directory this is sleeps in one of these system calls.
pub fn until_blocked_in(task: &str, calls: &[libc::c_long]) {
    super::until(|| {
        let number = std::fs::read_to_string(format!("{task}/syscall")).unwrap_or_default();
        let state = std::fs::read_to_string(format!("{task}/stat")).unwrap_or_default();
        let sleeping = state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'));
        let number = number.split(' ').next().and_then(|number| number.parse().ok());
        sleeping && number.is_some_and(|number| calls.contains(&number))
    });
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.waited {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// One side signals to the other that it has reached this point.
pub struct Gate {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Gate {
    pub fn new() -> Gate {
        let (reader, writer) = pipe().expect("pipe");
        Gate { reader, writer }
    }

    pub fn open(&self) {
        (&self.writer).write_all(b".").expect("pipe");
    }

    pub fn pass(&self) {
        (&self.reader).read_exact(&mut [0]).expect("pipe");
    }
}

/// Becomes another user permanently; only in a child.
pub fn become_user(uid: u32, gid: u32, groups: &[u32]) {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups).expect("setgroups");
    setgid(Gid::from_raw(gid)).expect("setgid");
    setuid(Uid::from_raw(uid)).expect("setuid");
    // The kernel forgets it when the user changes.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
}

/// Has SIGUSR1 interrupt system calls without ending the process.
pub fn interruptible_by_usr1() {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
    extern "C" fn nothing(_: i32) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.expect("sigaction");
}
