//! All processes are killed at once, a hundred times in a row, for every kind of channel. No data stays in
//! the kernel, and the next ones work at once.

mod common;
mod kinds;
mod spsc_common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Role, kernel_objects, private_namespace, role, unique};
use ipc_core::Key;
use ipc_core::shm::{Attachment, Options, SharedMemory};
use ipc_ring::{Domain, WaitStrategy};
use kinds::{How, Kind, Told, kind};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

const ROUNDS: u64 = 100;
/// Numbers that each process handles before all are killed.
const ENOUGH: u64 = 3;

/// The rounds take place in processes of their own, whose only thread can fork.
#[test]
fn plays_a_role() {
    let Some(role) = role() else { return };
    private_namespace();
    everybody_killed(kind(&role[0]));
}

/// How much each process has done, in memory that outlives them.
struct Tally(Attachment);

impl Tally {
    fn new() -> Self {
        let segment = SharedMemory::create_new(Key::PRIVATE, 4096, &Options::default()).unwrap();
        let memory = segment.attach();
        segment.remove().unwrap();
        Self(memory.unwrap())
    }

    fn of(&self, life: usize) -> &AtomicU64 {
        self.0.atomic_u64(life * 8).unwrap()
    }
}

/// A process's life, until it is killed.
fn live(kind: &Kind, domain: &str, gives: bool, round: u64, done: &AtomicU64) {
    let domain = Domain::open(domain).unwrap();
    let wait = if round.is_multiple_of(2) { WaitStrategy::Sleep } else { WaitStrategy::DEFAULT };
    let how = How::new(&domain, wait);
    let patience = Duration::from_secs(100);
    let count = || done.fetch_add(1, Ordering::SeqCst);
    if gives {
        let mut giver = (kind.giver)(how).unwrap();
        let mut number = 1;
        loop {
            match giver.give(number, patience) {
                Told::Yes => number = 2 + count(),
                // The first victim is seen by the others, for a moment; and so is a process that has not
                // joined yet.
                Told::Gone => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let mut taker = (kind.taker)(how).unwrap();
    let mut last = 0;
    loop {
        match taker.take(patience) {
            Told::Number(number) => {
                assert!(kind.many_givers || number > last, "{number} after {last}");
                last = number;
                count();
            }
            Told::Gone => {}
            other => panic!("{other:?}"),
        }
    }
}

fn born(life: impl FnOnce()) -> Pid {
    // SAFETY: the calling thread is the only one at work in this process; the watchdog sleeps, and holds
    // nothing.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life));
            // SAFETY: ends the process at once; nothing that it inherited from the parent is released.
            unsafe { nix::libc::_exit(101) }
        }
    }
}

fn everybody_killed(kind: Kind) {
    let tally = Tally::new();
    let before = kernel_objects();
    let domain = unique("everybody");
    let (givers, takers) = (1 + usize::from(kind.many_givers), 1 + usize::from(kind.many_takers));
    for round in 0..ROUNDS {
        let lives: Vec<Pid> = (0..givers + takers)
            .map(|life| {
                tally.of(life).store(0, Ordering::SeqCst);
                born(|| live(&kind, &domain, life < givers, round, tally.of(life)))
            })
            .collect();
        while (0..lives.len()).any(|life| tally.of(life).load(Ordering::SeqCst) < ENOUGH) {
            for life in &lives {
                let status = waitpid(*life, Some(WaitPidFlag::WNOHANG)).unwrap();
                assert_eq!(status, WaitStatus::StillAlive, "{} in round {round}", kind.name);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        lives.iter().for_each(|life| kill(*life, Signal::SIGKILL).unwrap());
        for life in lives {
            assert_eq!(waitpid(life, None).unwrap(), WaitStatus::Signaled(life, Signal::SIGKILL, false));
        }
        // The domain's own, under its key; data is private.
        let data = |objects: &[String]| objects.iter().filter(|object| object.starts_with("0 ")).count();
        let after = kernel_objects();
        assert_eq!(data(&after.0), data(&before.0), "round {round}: {after:?}");
        assert_eq!(after.1.len(), before.1.len() + 1, "round {round}: {after:?}");
    }
    drop(Domain::open(&domain).unwrap());
    assert_eq!(kernel_objects(), before, "who leaves last takes the domain away");
}

macro_rules! everybody_is_killed {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            Role::start(stringify!($name), &[]).finish();
        })*

        /// No kind is forgotten.
        #[test]
        fn all_kinds_are_here() {
            let all: Vec<&str> = kinds::all().map(|kind| kind.name).collect();
            assert_eq!(all, [$(stringify!($name)),*]);
        }
    };
}

everybody_is_killed!(spsc, bytes, mpmc, broadcast, frames, payloads, latest, pool, call, lender);
