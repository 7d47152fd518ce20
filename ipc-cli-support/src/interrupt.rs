//! Ctrl-C and similar signals: recorded, so that a program can stop at a point where it holds nothing, and
//! clean up.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::signal::{SigSet, Signal};

/// The number of the first signal; 0 before it.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

fn signals() -> SigSet {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    set
}

/// Blocks the signals in the whole process, and records them from a dedicated thread. Call it first in
/// `main`, before any other thread exists. The second signal ends the process at once.
pub fn watch() {
    if signals().thread_block().is_err() {
        return;
    }
    std::thread::spawn(|| {
        while let Ok(signal) = signals().wait() {
            if SIGNAL.swap(signal as i32, Ordering::Relaxed) != 0 {
                std::process::exit(i32::from(exit_code()));
            }
        }
    });
}

/// Undoes, in a child, the blocking that it inherited.
pub fn unblock() {
    // A child that ignores Ctrl-C is still killed by its parent.
    let _ = signals().thread_unblock();
}

/// Whether a signal has arrived. Relaxed: nothing else is published by the flag.
#[must_use]
pub fn came() -> bool {
    SIGNAL.load(Ordering::Relaxed) != 0
}

/// The exit code of a run that the signal ended: 128 and its number.
#[must_use]
pub fn exit_code() -> u8 {
    128 + SIGNAL.load(Ordering::Relaxed) as u8
}

/// Sleeps until a point in time; false when a signal has arrived before.
#[must_use]
pub fn sleep_until(until: std::time::Instant) -> bool {
    /// Another thread records the signal, and does not end this sleep.
    const SLICE: std::time::Duration = std::time::Duration::from_millis(50);
    loop {
        if came() {
            return false;
        }
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(SLICE));
    }
}
