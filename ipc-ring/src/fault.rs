//! For tests: killing or stopping this process, or stopping one of its threads, at a named place; and taking
//! the paths of another make of processor than this machine's. Compiled only with the `fault-injection`
//! feature.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::site::Site;

/// The environment variable that names the processor whose paths rings take.
pub const PROCESSOR: &str = "PRETENDED_PROCESSOR";

/// A make of processor, by the paths that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processor {
    /// Both ends ask for lines ahead, and lone messages are moved towards the shared cache.
    Intel,
    /// Both ends take lines before they are written again.
    Amd,
    /// None of it.
    Other,
}

impl Processor {
    /// All of them.
    pub const ALL: [Processor; 3] = [Self::Intel, Self::Amd, Self::Other];

    /// What [`PROCESSOR`] is for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intel => "intel",
            Self::Amd => "amd",
            Self::Other => "other",
        }
    }
}

/// The processor whose paths rings take in this process and its children; `None` for the machine's own.
///
/// # Panics
/// When [`PROCESSOR`] is set and not the name of one.
#[must_use]
pub fn processor() -> Option<Processor> {
    let name = std::env::var_os(PROCESSOR)?;
    let processor = Processor::ALL.into_iter().find(|processor| name == processor.name());
    assert!(processor.is_some(), "{PROCESSOR} is {name:?}, which is no processor");
    processor
}

/// The environment variable that lists hints which rings do not give, separated by commas.
pub const WITHOUT_HINTS: &str = "WITHOUT_HINTS";

/// A kind of hint to the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Prefetching lines ahead.
    Ahead,
    /// Prefetching the payload of a slot whose word is polled.
    Polled,
    /// Pushing single messages towards the shared cache.
    Demoted,
    /// Acquiring lines for the end that writes them next.
    Acquired,
    /// Waiting for batches.
    Batched,
}

impl Hint {
    /// All of them.
    pub const ALL: [Hint; 5] = [Self::Ahead, Self::Polled, Self::Demoted, Self::Acquired, Self::Batched];

    /// Its name in [`WITHOUT_HINTS`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Polled => "polled",
            Self::Demoted => "demoted",
            Self::Acquired => "acquired",
            Self::Batched => "batched",
        }
    }
}

/// The hints that rings leave out in this process and its children.
///
/// # Panics
/// When [`WITHOUT_HINTS`] is set and contains something else than names of hints.
#[must_use]
pub fn hints_left_out() -> Vec<Hint> {
    let names = std::env::var(WITHOUT_HINTS).unwrap_or_default();
    let hint = |name: &str| {
        let hint = Hint::ALL.into_iter().find(|hint| hint.name() == name);
        hint.unwrap_or_else(|| panic!("{WITHOUT_HINTS} contains {name:?}, which is no hint"))
    };
    names.split(',').filter(|name| !name.is_empty()).map(hint).collect()
}

thread_local! {
    static UNORDERED: Cell<bool> = const { Cell::new(false) };
}

/// Lets taps and producers of this thread act as where stores do not become visible in program order.
pub fn leave_stores_unordered(they_are: bool) {
    UNORDERED.set(they_are);
}

#[inline]
pub(crate) fn are_stores_unordered() -> bool {
    UNORDERED.get()
}

static ARMED: AtomicU32 = AtomicU32::new(0);
static PASSES: AtomicU64 = AtomicU64::new(0);
/// One of the constants below.
static WHAT: AtomicU32 = AtomicU32::new(KILL);
static STOPPED: AtomicBool = AtomicBool::new(false);

const KILL: u32 = 0;
const STOP_PROCESS: u32 = 1;
const STOP_THREAD: u32 = 2;

/// Arms one site: the process is killed by SIGKILL when it has passed the site `after` times and comes again.
pub fn arm(site: Site, after: u64) {
    arm_for(KILL, site, after);
}

/// As [`arm`], but the process is stopped by SIGSTOP, once.
pub fn arm_stop(site: Site, after: u64) {
    arm_for(STOP_PROCESS, site, after);
}

/// Arms one site: the thread that comes there next goes no further.
pub fn stop_at(site: Site) {
    arm_for(STOP_THREAD, site, 0);
}

/// Whether a thread stands at the site that was armed by [`stop_at`].
#[must_use]
pub fn has_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

fn arm_for(what: u32, site: Site, after: u64) {
    WHAT.store(what, Ordering::SeqCst);
    PASSES.store(after, Ordering::SeqCst);
    ARMED.store(site as u32, Ordering::SeqCst);
}

#[inline]
pub(crate) fn crash_point(site: Site) {
    if ARMED.load(Ordering::Relaxed) == site as u32 && PASSES.fetch_sub(1, Ordering::Relaxed) == 0 {
        let signal = match WHAT.load(Ordering::Relaxed) {
            KILL => Signal::SIGKILL,
            STOP_PROCESS => Signal::SIGSTOP,
            _ => {
                STOPPED.store(true, Ordering::SeqCst);
                loop {
                    std::thread::sleep(Duration::MAX);
                }
            }
        };
        // Neither can be caught, and this thread gets it itself: the call returns only when another process
        // continues this one. Sent to the process, it may be another thread that gets a stop first, while
        // this one goes on.
        let _ = nix::sys::signal::raise(signal);
    }
}
