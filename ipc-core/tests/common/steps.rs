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

/// Runs `body` in a child until it is about to make the first system call that `wanted` picks by number and
/// arguments. Panics when it ends before.
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
                if let Some((number, arguments)) = entered(pid)
                    && wanted(number, arguments)
                {
                    return Held { child };
                }
            }
            WaitStatus::Stopped(_, other) => signal = Some(other),
            other => panic!("the child ended before it made the call: {other:?}"),
        }
    }
}

/// `struct ptrace_syscall_info`, as far as a call that is entered fills it; the `libc` crate has it for glibc
/// only.
#[repr(C)]
#[derive(Default)]
struct SyscallInfo {
    op: u8,
    padding: [u8; 3],
    architecture: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    number: u64,
    arguments: [u64; 6],
}

/// Number and arguments of the call that the stopped process is about to make; `None` when it returns from
/// one.
fn entered(pid: Pid) -> Option<(c_long, [u64; 6])> {
    const PTRACE_GET_SYSCALL_INFO: c_long = 0x420e;
    const PTRACE_SYSCALL_INFO_ENTRY: u8 = 1;
    let mut info = SyscallInfo::default();
    let size = size_of::<SyscallInfo>();
    // SAFETY: the kernel writes at most `size` bytes to the structure, whose bit patterns are all valid.
    let answer = unsafe {
        libc::syscall(libc::SYS_ptrace, PTRACE_GET_SYSCALL_INFO, pid.as_raw(), size, &raw mut info)
    };
    assert!(answer > 0, "PTRACE_GET_SYSCALL_INFO: {}", nix::errno::Errno::last());
    (info.op == PTRACE_SYSCALL_INFO_ENTRY).then_some((info.number as c_long, info.arguments))
}

impl Held {
    /// Resumes the call and what follows, and waits for a successful exit.
    pub fn go_on(self) {
        ptrace::detach(Pid::from_raw(self.child.pid().cast_signed()), None).expect("detach");
        self.child.join();
    }

    /// Kills the child where it is stopped.
    pub fn kill(self) {
        self.child.kill();
    }
}
