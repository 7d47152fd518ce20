//! Killing this process at a named place, for crash tests. Compiled only with the `fault-injection` feature.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::platform::Site;

static ARMED: AtomicU32 = AtomicU32::new(0);
static PASSES: AtomicU64 = AtomicU64::new(0);

/// Arms one site: the process is killed by SIGKILL when it has passed the site `after` times and comes again.
pub fn arm(site: Site, after: u64) {
    PASSES.store(after, Ordering::SeqCst);
    ARMED.store(site as u32, Ordering::SeqCst);
}

#[inline]
pub(crate) fn crash_point(site: Site) {
    if ARMED.load(Ordering::Relaxed) == site as u32 && PASSES.fetch_sub(1, Ordering::Relaxed) == 0 {
        // SIGKILL cannot be caught: the call does not return, or the process was not allowed to kill itself.
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGKILL);
    }
}
