//! The hidden `tally` command: a worker under ptrace(2), whose system calls are counted.
//!
//! The calls of each thread between its last two readings of its own usage (getrusage) are counted: every
//! workload reads it where its measured part begins and where it ends. A traced call takes several
//! microseconds longer, so nothing else is measured in such a round.

use std::collections::HashMap;
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::gate::say;
use super::protocol::Reply;
use ipc_cli_support::interrupt;

/// One thread of the worker.
#[derive(Debug, Default)]
struct Calls {
    made: u64,
    /// The newest two readings of its usage, as numbers of calls.
    begin: Option<u64>,
    end: Option<u64>,
}

impl Calls {
    fn note(&mut self, marks: bool) {
        self.made += 1;
        if marks {
            self.begin = self.end;
            self.end = Some(self.made);
        }
    }

    /// The calls between the marks, the marks themselves not among them.
    fn between(&self) -> Option<u64> {
        self.begin.zip(self.end).map(|(begin, end)| end - begin - 1)
    }
}

/// Runs a worker on the same input and output; afterwards reports the number of calls it made.
pub(crate) fn run() -> ExitCode {
    interrupt::unblock();
    // As for a worker: it would outlive a killed parent.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let child = std::env::current_exe().and_then(|program| Command::new(program).arg("worker").spawn());
    let reply = match child {
        Ok(mut child) => match i32::try_from(child.id()).map(|id| follow(Pid::from_raw(id))) {
            Ok(Ok(calls)) => Reply::Calls(calls),
            Ok(Err(errno)) => {
                // Not traced: it would run on, uncounted.
                let _ = child.kill();
                let _ = child.wait();
                Reply::Uncounted(format!("ptrace: {errno}"))
            }
            Err(error) => Reply::Uncounted(error.to_string()),
        },
        Err(error) => Reply::Uncounted(format!("starting a worker process: {error}")),
    };
    match say(0, &reply) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Lets the process run to its end; gives the calls of its threads between their marks.
fn follow(process: Pid) -> Result<Option<u64>, Errno> {
    let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::seize(process, options)?;
    ptrace::interrupt(process)?;
    let mut threads: HashMap<Pid, Calls> = HashMap::new();
    loop {
        // A thread that is gone need not be resumed.
        let _ = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(thread)) => {
                if let Some(number) = entered(thread) {
                    threads.entry(thread).or_default().note(number == libc::SYS_getrusage as u64);
                }
                ptrace::syscall(thread, None)
            }
            Ok(WaitStatus::PtraceEvent(thread, ..)) => ptrace::syscall(thread, None),
            Ok(WaitStatus::Stopped(thread, signal)) => ptrace::syscall(thread, signal),
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(_) => break,
        };
    }
    let counted: Vec<_> = threads.values().filter_map(Calls::between).collect();
    Ok((!counted.is_empty()).then(|| counted.iter().sum()))
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

/// The number of the call that the stopped thread is about to make; none when it returns from one.
///
/// # References
/// ptrace(2), PTRACE_GET_SYSCALL_INFO
fn entered(thread: Pid) -> Option<u64> {
    const PTRACE_GET_SYSCALL_INFO: libc::c_long = 0x420e;
    const PTRACE_SYSCALL_INFO_ENTRY: u8 = 1;
    let mut info = SyscallInfo::default();
    let size = size_of::<SyscallInfo>();
    // SAFETY: the kernel writes at most `size` bytes to the structure, whose bit patterns are all valid.
    let answer = unsafe {
        libc::syscall(libc::SYS_ptrace, PTRACE_GET_SYSCALL_INFO, thread.as_raw(), size, &raw mut info)
    };
    (answer > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY).then_some(info.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_count_between_the_last_two_marks() {
        let mut calls = Calls::default();
        assert_eq!(calls.between(), None);
        for marks in [false, true, false, false, true, false, false, false, true, false] {
            calls.note(marks);
        }
        assert_eq!(calls.between(), Some(3));
    }

    #[test]
    fn one_mark_is_not_enough() {
        let mut calls = Calls::default();
        calls.note(true);
        calls.note(false);
        assert_eq!(calls.between(), None);
    }
}
