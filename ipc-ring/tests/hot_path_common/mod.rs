//! Proves that a path makes no system call and allocates nothing: both are made impossible in a child. A
//! seccomp filter kills it at its first system call, and an allocator counts.
#![allow(dead_code, reason = "each test file uses a part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use nix::libc;

use crate::common::{self, private_namespace};

struct Counting;

thread_local! {
    /// Allocations of this thread.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, with a counter that allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// From here on any system call of this thread but `exit_group` kills the process with SIGSYS.
pub fn forbid_system_calls() {
    const NUMBER: u32 = 0; // Offset of the call's number in the data that a filter examines.
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, NUMBER),
        libc::sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_exit_group as u32)
        },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_KILL_PROCESS),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs().unwrap();
    // SAFETY: the program is a valid one of this length, and is copied by the call.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::c_long::from(libc::SECCOMP_MODE_FILTER as i32),
            &raw const program,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// Ends the process at once, without releasing anything: that would make system calls.
pub fn end(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Allocations of this thread so far, and releases.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// Exit codes of the child, which cannot report anything any more.
pub const GOOD: i32 = 40;
pub const WRONG_ANSWER: i32 = 41;
pub const ALLOCATED: i32 = 42;

/// Ends the process on a wrong result: a panic would make system calls.
pub fn must(good: bool) {
    if !good {
        end(WRONG_ANSWER);
    }
}

/// Runs the child to its end. `Ok` for its exit code, `Err` for the signal that killed it.
pub fn outcome(arguments: &[&str]) -> Result<i32, i32> {
    private_namespace();
    // Not through pipes: this child reports nothing.
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plays_a_role", "--nocapture", "--test-threads=1", "--quiet"])
        .env(common::ROLE, arguments.join("\x1f"))
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    status.code().ok_or_else(|| status.signal().unwrap())
}
