//! The process that has the lock, and a check of those that wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use ipc_core::sem::{Op, SemaphoreSet};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::common::{Role, listen, say};

/// The semaphore that is the lock.
const LOCK: u16 = 0;

/// The domain's semaphores: the only ones of this namespace.
fn semaphores() -> SemaphoreSet {
    let sets = ipc_core::list::sets().unwrap();
    let mut ours = sets.into_iter().filter(|(_, stat)| stat.permissions().key() != ipc_core::Key::PRIVATE);
    SemaphoreSet::from_id(ours.next().expect("a domain").0)
}

/// The child's half.
pub fn hold() {
    semaphores().perform(&[Op::wait_zero(LOCK), Op::add(LOCK, 1).undo()]).unwrap();
    say("held");
    listen();
}

/// A stopped process with the lock. Dropping it kills that process.
pub struct Holder {
    child: Role,
    stop: Arc<AtomicBool>,
    look: JoinHandle<usize>,
}

impl Holder {
    pub fn start() -> Self {
        let mut child = Role::start("hold", &[]);
        assert_eq!(child.hear(), "held");
        let pid = Pid::from_raw(child.pid() as i32);
        kill(pid, Signal::SIGSTOP).unwrap();
        waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (set, stopped) = (semaphores(), Arc::clone(&stop));
        let look = std::thread::spawn(move || {
            let mut most = 0;
            while !stopped.load(Ordering::SeqCst) {
                most = most.max(set.waiting_for_zero(LOCK).unwrap());
                std::thread::yield_now();
            }
            most
        });
        Self { child, stop, look }
    }

    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Ends it, so that the lock is free. Returns the number of processes ever seen waiting for the lock.
    pub fn end(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        assert_eq!(semaphores().value(LOCK).unwrap(), 1, "no other process gives the lock back");
        self.child.kill();
        self.look.join().unwrap()
    }
}
