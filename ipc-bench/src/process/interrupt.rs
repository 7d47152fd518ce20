//! Ctrl-C and friends: the parent stops the run and cleans up; the kernel objects are removed on the way out.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SigSet, Signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn signals() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    set
}

/// Takes the signals out of the way of the whole process and notes them from a thread of its own. To be called first
/// in `main`, before any other thread exists. The second signal ends the process at once.
pub(crate) fn watch() {
    if signals().thread_block().is_err() {
        return;
    }
    std::thread::spawn(|| {
        while signals().wait().is_ok() {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
}

/// Undoes, in a worker, the blocking that it inherited.
pub(crate) fn unblock() {
    // A worker that stays deaf to Ctrl-C is still killed by its parent.
    let _ = signals().thread_unblock();
}

/// Whether a signal has come. Relaxed: nothing else is published by the flag.
pub(crate) fn came() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
