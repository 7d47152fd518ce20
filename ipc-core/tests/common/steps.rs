//! A child that is held at the entry of a system call, so that a race is run in the order that a test wants.

use nix::libc::{self, c_long};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::children::{Child, child};

/// A child that has entered a system call and not begun it.
pub struct Held {
    child: Child,
}

/// Runs `body` in a child until it is about to make the first system call that `wanted` picks by number and arguments. Panics when it ends before.
pub fn held_at(body: impl FnOnce(), wanted: impl Fn(c_long, [u64; 6]) -> bool) -> Held {
    let child = child(|| {
        ptrace::traceme().expect("traceme");
        raise(Signal::SIGSTOP).expect("raise");
        body();
    });
    let pid = Pid::from_raw(child.pid().cast_signed());
    assert_eq!(waitpid(pid, None), Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)));
    ptrace::setoptions(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).expect("setoptions");
    let mut signal = None;
    loop {
        ptrace::syscall(pid, signal.take()).expect("ptrace");
        match waitpid(pid, None).expect("waitpid") {
            WaitStatus::PtraceSyscall(_) => {
                let info = ptrace::syscall_info(pid).expect("syscall_info");
                if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
                    // SAFETY: at an entry the kernel has filled this member.
                    let entry = unsafe { info.u.entry };
                    if wanted(entry.nr as c_long, entry.args) {
                        return Held { child };
                    }
                }
            }
            WaitStatus::Stopped(_, other) => signal = Some(other),
            other => panic!("the child ended before it made the call: {other:?}"),
        }
    }
}

impl Held {
    /// Lets the call and what follows go on, and waits for the end, which must be a good one.
    pub fn go_on(self) {
        ptrace::detach(Pid::from_raw(self.child.pid().cast_signed()), None).expect("detach");
        self.child.join();
    }

    /// Kills the child where it stands.
    pub fn kill(self) {
        self.child.kill();
    }
}
