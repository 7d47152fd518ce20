//! Killing this process, or stopping one of its threads, at a named place, for crash tests. Compiled only with the `fault-injection`
//! feature.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::platform::Site;

static ARMED: AtomicU32 = AtomicU32::new(0);
static PASSES: AtomicU64 = AtomicU64::new(0);
/// The thread stops instead.
static STOPS: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Arms one site: the process is killed by SIGKILL when it has passed the site `after` times and comes again.
pub fn arm(site: Site, after: u64) {
    PASSES.store(after, Ordering::SeqCst);
    ARMED.store(site as u32, Ordering::SeqCst);
}

/// Arms one site: the thread that comes there next goes no further.
pub fn stop_at(site: Site) {
    STOPS.store(true, Ordering::SeqCst);
    arm(site, 0);
}

/// Whether a thread stands at the site that was armed by [`stop_at`].
#[must_use]
pub fn has_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

#[inline]
pub(crate) fn crash_point(site: Site) {
    if ARMED.load(Ordering::Relaxed) == site as u32 && PASSES.fetch_sub(1, Ordering::Relaxed) == 0 {
        if STOPS.load(Ordering::Relaxed) {
            STOPPED.store(true, Ordering::SeqCst);
            loop {
                std::thread::sleep(Duration::MAX);
            }
        }
        // SIGKILL cannot be caught: the call does not return, or the process was not allowed to kill itself.
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
    }
}
