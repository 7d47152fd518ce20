//! A process that is run one instruction at a time, by ptrace, and killed.
//!
//! The victim is a fork of this process, so that a trial costs no program start. It brings itself to its
//! mark, a SIGSTOP, and is stepped from there to its second mark, an instruction that does not exist: there
//! is no system call between the end of the operation and that point, so a process stopped before one is
//! still in the operation.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

/// The two bytes of the `syscall` instruction of x86_64.
const SYSCALL: u64 = 0x050f;
/// The debug registers for the address of a breakpoint, and for its use: on execution, of this process.
const ADDRESS: usize = std::mem::offset_of!(nix::libc::user, u_debugreg);
const CONTROL: usize = ADDRESS + 7 * size_of::<u64>();
const ON_EXECUTION: i64 = 1;
/// A victim seen asleep in the kernel this number of times in a row, at short intervals, is asleep.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_micros(150);

/// A process under way, stopped between two instructions.
#[derive(Debug)]
pub struct Victim {
    pid: Pid,
}

/// Whether a child may be traced here; some containers do not allow it.
pub fn is_possible() -> bool {
    // SAFETY: as for victims.
    match unsafe { fork() }.unwrap() {
        // SAFETY: ends the process at once, as for victims.
        ForkResult::Child => unsafe { nix::libc::_exit(i32::from(ptrace::traceme().is_err())) },
        ForkResult::Parent { child } => waitpid(child, None) == Ok(WaitStatus::Exited(child, 0)),
    }
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is stopped at its next instruction.
    Done,
    /// It is stopped at its second mark: the operation is over.
    Over,
    /// It sleeps inside a system call.
    Asleep,
}

impl Victim {
    /// Forks a process that runs `life`, which calls its argument once before the operation and once after
    /// it; meanwhile runs `born` here. The process is then stopped at the first mark.
    pub fn start(life: impl FnOnce(&dyn Fn()), born: impl FnOnce()) -> Self {
        // SAFETY: the calling thread is the only one that makes victims, the others of this process wait or
        // do not exist; the child uses nothing that they could have locked but the allocator, which the C
        // library prepares for a fork.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => live(life),
            ForkResult::Parent { child } => {
                let victim = Self { pid: child };
                born();
                assert_eq!(victim.await_stop(), Step::Over, "the victim came to its first mark");
                // If this process dies, the victim does.
                ptrace::setoptions(child, Options::PTRACE_O_EXITKILL | Options::PTRACE_O_TRACESYSGOOD)
                    .unwrap();
                victim
            }
        }
    }

    /// The address of the next instruction.
    pub fn address(&self) -> u64 {
        ptrace::getregs(self.pid).unwrap().rip
    }

    /// Whether the instruction at this address enters the kernel.
    pub fn is_call(&self, address: u64) -> bool {
        ptrace::read(self.pid, address as ptrace::AddressType).unwrap().cast_unsigned() & 0xffff == SYSCALL
    }

    /// Whether the next instruction enters the kernel.
    pub fn is_at_call(&self) -> bool {
        self.is_call(self.address())
    }

    /// Runs until it has reached an instruction this number of times.
    pub fn run_to(&self, address: u64, times: usize) -> Step {
        self.set(ADDRESS, address.cast_signed());
        self.set(CONTROL, ON_EXECUTION);
        for _ in 0..times {
            ptrace::cont(self.pid, None).unwrap();
            if self.await_stop() == Step::Over {
                return Step::Over;
            }
        }
        self.set(CONTROL, 0);
        Step::Done
    }

    fn set(&self, register: usize, value: i64) {
        ptrace::write_user(self.pid, register as ptrace::AddressType, value).unwrap();
    }

    /// Runs one instruction. A system call is one. Only a system call can sleep, and this is checked only
    /// where `may_sleep` says so: then [`go_on`](Self::go_on) must be called.
    pub fn step(&self, may_sleep: bool) -> Step {
        ptrace::step(self.pid, None).unwrap();
        if may_sleep { self.await_stop_or_sleep() } else { self.await_stop() }
    }

    /// Runs to the next system call and through it.
    pub fn call(&self, may_sleep: bool) -> Step {
        ptrace::syscall(self.pid, None).unwrap();
        if self.await_stop() == Step::Over {
            return Step::Over;
        }
        ptrace::syscall(self.pid, None).unwrap();
        if may_sleep { self.await_stop_or_sleep() } else { self.await_stop() }
    }

    /// Runs to the next system call, and stops before it.
    #[allow(dead_code, reason = "for another test program")]
    pub fn run_to_call(&self) -> Step {
        ptrace::syscall(self.pid, None).unwrap();
        self.await_stop()
    }

    /// Runs to the second mark; returns how often it made one of these system calls.
    #[allow(dead_code, reason = "for another test program")]
    pub fn count_calls(&self, wanted: &[i64]) -> u64 {
        let mut count = 0;
        loop {
            ptrace::syscall(self.pid, None).unwrap();
            if self.await_stop() == Step::Over {
                return count;
            }
            count += u64::from(wanted.contains(&ptrace::getregs(self.pid).unwrap().orig_rax.cast_signed()));
            ptrace::syscall(self.pid, None).unwrap();
            if self.await_stop() == Step::Over {
                return count;
            }
        }
    }

    /// Waits for the end of a system call that was seen asleep, after something was done about it.
    pub fn go_on(&self) -> Step {
        self.await_stop()
    }

    fn await_stop(&self) -> Step {
        self.understand(waitpid(self.pid, None).unwrap())
    }

    fn await_stop_or_sleep(&self) -> Step {
        let mut asleep = 0;
        loop {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)).unwrap() {
                WaitStatus::StillAlive => {}
                status => return self.understand(status),
            }
            asleep = if self.sleeps() { asleep + 1 } else { 0 };
            if asleep == LOOKS {
                return Step::Asleep;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn sleeps(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('S'))
    }

    fn understand(&self, status: WaitStatus) -> Step {
        match status {
            WaitStatus::Stopped(_, Signal::SIGTRAP) | WaitStatus::PtraceSyscall(_) => Step::Done,
            WaitStatus::Stopped(_, Signal::SIGSTOP | Signal::SIGILL) => Step::Over,
            other => panic!("the victim did not stop: {other:?}"),
        }
    }

    /// Lets it run on, until it kills itself at a place it has chosen.
    pub fn dies_by_itself(self) {
        ptrace::cont(self.pid, None).unwrap();
        assert!(matches!(waitpid(self.pid, None).unwrap(), WaitStatus::Signaled(_, Signal::SIGKILL, _)));
        std::mem::forget(self);
    }

    /// SIGKILL, and wait until the kernel has taken the process down.
    pub fn kill(self) {
        kill(self.pid, Signal::SIGKILL).unwrap();
        loop {
            match waitpid(self.pid, None).unwrap() {
                WaitStatus::Signaled(_, Signal::SIGKILL, _) => break,
                WaitStatus::Stopped(..) | WaitStatus::PtraceSyscall(_) | WaitStatus::PtraceEvent(..) => {}
                other => panic!("the victim ended otherwise: {other:?}"),
            }
        }
        std::mem::forget(self);
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGKILL);
        let _ = waitpid(self.pid, None);
    }
}

/// The child's whole life. It never returns into the test program.
fn live(life: impl FnOnce(&dyn Fn())) -> ! {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        ptrace::traceme().unwrap();
        let first = Cell::new(true);
        life(&|| {
            if first.replace(false) {
                raise(Signal::SIGSTOP).unwrap();
            } else {
                // SAFETY: the tracer sees the signal and does not let this process run again.
                unsafe { std::arch::asm!("ud2") };
            }
        });
    }));
    let code = if outcome.is_ok() { 0 } else { 101 };
    // SAFETY: ends the process at once; nothing that it inherited from the parent is released.
    unsafe { nix::libc::_exit(code) }
}
