//! While nobody sleeps, pushing and popping make no system call and allocate nothing. Both are made impossible: a seccomp
//! filter kills the process at its first system call, and an allocator counts.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use common::{private_namespace, role, unique};
use ipc_ring::spsc::{Builder, Consumer, PopError, Producer, PushError};
use ipc_ring::{Barrier, Domain, Message, WaitStrategy};
use nix::libc;

struct Counting;

thread_local! {
    /// Allocations of this thread.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, with a count beside it that allocates nothing itself.
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
fn forbid_system_calls() {
    const NUMBER: u32 = 0; // Of the call, in the data a filter looks at.
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

/// Ends the process at once, without letting go of anything: that would be system calls.
fn end(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Exit codes of the child, which may not say anything any more.
const GOOD: i32 = 40;
const WRONG_ANSWER: i32 = 41;
const ALLOCATED: i32 = 42;

#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    let arguments: Vec<&str> = role.iter().map(String::as_str).collect();
    match arguments[..] {
        ["work", size, barrier] => match size {
            "8" => work::<[u64; 1]>(barrier),
            "56" => work::<[u64; 7]>(barrier),
            "129" => work::<[u8; 129]>(barrier),
            "1024" => work::<[u64; 128]>(barrier),
            "65536" => work::<[u64; 8192]>(barrier),
            _ => panic!("no such size: {size}"),
        },
        ["call"] => {
            forbid_system_calls();
            let pid = nix::unistd::getppid();
            end(pid.as_raw());
        }
        ["allocate"] => {
            let before = ALLOCATIONS.get();
            drop(std::hint::black_box(Box::new(1)));
            end(if ALLOCATIONS.get() == before { GOOD } else { ALLOCATED });
        }
        _ => panic!("no such role: {arguments:?}"),
    }
}

fn work<T: Message>(barrier: &str) {
    let barrier = if barrier == "fence" { Barrier::Fence } else { Barrier::Asymmetric };
    let domain = Domain::open(&unique("hot")).unwrap();
    let builder = Builder::<T>::new("channel").domain(&domain).barrier(barrier).wait(WaitStrategy::DEFAULT);
    let mut producer = builder.clone().capacity(16).create_producer().unwrap();
    let mut consumer = builder.open_consumer().unwrap();
    // The first laps touch pages, which is no system call, and resolve symbols, which may be some.
    once_through_everything(&mut producer, &mut consumer);
    once_through_everything(&mut producer, &mut consumer);
    forbid_system_calls();
    let before = ALLOCATIONS.get();
    let mut messages = 0;
    while messages < 100_000 {
        messages += once_through_everything(&mut producer, &mut consumer);
    }
    end(if ALLOCATIONS.get() == before { GOOD } else { ALLOCATED });
}

/// Ends the process when an answer is not as it must be: a panic would be system calls.
fn must(good: bool) {
    if !good {
        end(WRONG_ANSWER);
    }
}

/// Every call that does not have to wait, at every fill level of the ring. Gives the number of messages that went through.
fn once_through_everything<T: Message>(producer: &mut Producer<T>, consumer: &mut Consumer<T>) -> u64 {
    // SAFETY: every bit pattern is a value of a message type.
    let item: T = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut batch = [item; 3];
    let before = consumer.popped();
    must(matches!(consumer.try_pop(), Err(PopError::Empty)));
    for _ in 0..8 {
        must(producer.push(item).is_ok());
        must(producer.try_push(item).is_ok());
    }
    must(matches!(producer.try_push(item), Err(PushError::Full(_))));
    for _ in 0..8 {
        must(consumer.pop().is_ok());
        must(consumer.try_pop().is_ok());
    }
    for _ in 0..5 {
        must(matches!(producer.try_push_slice(&batch), Ok(3)));
    }
    for _ in 0..5 {
        must(matches!(consumer.try_pop_slice(&mut batch), Ok(3)));
    }
    for _ in 0..20 {
        must(producer.try_claim().is_ok());
        match producer.try_claim() {
            Ok(mut claim) => {
                claim.write(&item);
                must(claim.commit().is_ok());
            }
            Err(_) => must(false),
        }
        match consumer.try_view() {
            Ok(view) => {
                std::hint::black_box(view.read());
                view.release();
            }
            Err(_) => must(false),
        }
    }
    must(matches!(consumer.try_view(), Err(PopError::Empty)));
    must(consumer.popped() == producer.pushed());
    consumer.popped() - before
}

/// Runs the child to its end. `Ok` for its exit code, `Err` for the signal that killed it.
fn outcome(arguments: &[&str]) -> Result<i32, i32> {
    private_namespace();
    // Not through pipes: this child says nothing.
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plays_a_role", "--nocapture", "--test-threads=1", "--quiet"])
        .env(common::ROLE, arguments.join("\x1f"))
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    status.code().ok_or_else(|| status.signal().unwrap())
}

#[test]
fn the_filter_kills_at_a_system_call_and_the_allocator_counts() {
    assert_eq!(outcome(&["call"]), Err(libc::SIGSYS));
    assert_eq!(outcome(&["allocate"]), Ok(ALLOCATED));
}

#[test]
fn pushing_and_popping_make_no_system_call_and_allocate_nothing() {
    for size in ["8", "56", "129", "1024", "65536"] {
        for barrier in ["fence", "membarrier"] {
            assert_eq!(outcome(&["work", size, barrier]), Ok(GOOD), "{size} bytes, {barrier}");
        }
    }
}
