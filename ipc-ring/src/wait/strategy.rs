//! How an end waits for the other end.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use super::late::Nap;
use super::liveness::{HEARTBEAT, LivenessCheck};
use super::signal::{CLOSED, DETACHED, POISONED};
use crate::asked::Asked;

/// How one end of a channel waits. Each end has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Poll without end. The lowest latency, at the cost of a whole CPU; for ends that own one.
    Spin,
    /// Poll for some tens of microseconds, then let other threads run between polls. Uses all CPU time that
    /// no other thread needs.
    ///
    /// If other threads do need it, a thread that yields may wait for a whole time slice; an end that detects
    /// this sleeps for 50 µs instead of yielding.
    SpinYield,
    /// Poll for up to `spin`, adapted to the length of the last waits, then sleep until woken. The default.
    SpinSleep {
        /// The longest time to poll before sleeping.
        spin: Duration,
    },
    /// Sleep at once. No CPU is used while waiting; each wait costs two system calls and a wake-up.
    Sleep,
}

impl WaitStrategy {
    /// [`SpinSleep`](Self::SpinSleep) with the usual limit of 50 µs, about five times the cost of sleeping
    /// and waking.
    pub const DEFAULT: WaitStrategy = WaitStrategy::SpinSleep { spin: Duration::from_micros(50) };
}

impl Default for WaitStrategy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The next action of a waiting end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Retry after one pause.
    Poll,
    /// Check whether the peer is alive, then continue.
    Probe,
    /// Prepare the wait and sleep, for at most this long.
    Sleep(Nap),
    /// The deadline has passed.
    TimedOut,
    /// The wait was interrupted.
    Interrupted,
}

/// An end's record of its waits, which determines the length of the polling phase.
#[derive(Debug)]
pub struct Waits {
    strategy: WaitStrategy,
    /// The current polling phase, at most the strategy's limit.
    budget: Duration,
    /// The number of coming waits for which yielding is not worth it.
    oversubscribed: u32,
    /// In the last wait that asked, the other end could not run while this one polled.
    shares_cpu: bool,
    /// Waits continue when the other end is gone without closing.
    awaits_successors: bool,
    liveness: LivenessCheck,
}

/// The shortest polling phase: long enough to detect that traffic has become dense again.
const LEAST_BUDGET: Duration = Duration::from_micros(2);
/// The first sleep of a wait whose end may come without a notification.
const FIRST_NAP: Duration = Duration::from_millis(1);
/// The clock is read once in this many polls.
const POLLS_PER_LOOK: u32 = 16;
/// A wait asks after this number of polls whether the other end can run meanwhile: an answer from another CPU
/// has arrived by then.
const POLLS_BEFORE_ASKING: u32 = 1;
/// [`WaitStrategy::SpinYield`] polls this number of times before its first yield.
const POLLS_BEFORE_YIELD: u32 = 1024;
/// A yield that took longer than this has let other threads run, which will not return the CPU soon.
const LONG_YIELD: Duration = Duration::from_micros(100);
/// The number of waits without a yield after such a yield.
const WAITS_WITHOUT_YIELD: u32 = 256;
/// The number of unsuccessful yields to an end that cannot run elsewhere, before yielding is given up.
const YIELDS_WHEN_SHARED: u32 = 2;
/// The sleep that replaces a yield. Not shorter: a thread with precise timers would be back before any other
/// has run.
const GIVE_WAY: Duration = Duration::from_micros(50);

impl Waits {
    /// An end that has not waited yet.
    #[must_use]
    pub fn new(strategy: WaitStrategy) -> Self {
        let budget = match strategy {
            WaitStrategy::SpinSleep { spin } => spin,
            _ => Duration::ZERO,
        };
        Self {
            strategy,
            budget,
            oversubscribed: 0,
            shares_cpu: false,
            awaits_successors: false,
            liveness: LivenessCheck::default(),
        }
    }

    /// The number of cheap checks, with only a pause between them, between two complete polls. With 4 checks
    /// a round trip took a twentieth longer than with 16, since the answer often comes during the work of a
    /// complete poll. With [`WaitStrategy::SpinYield`] it is `yielding`, which is fewer, since there the
    /// polls before a yield are counted.
    pub(crate) fn looks(&self, yielding: u32) -> u32 {
        if self.strategy == WaitStrategy::SpinYield { yielding } else { 16 }
    }

    /// Before a sleep: whether to check that the other side is alive, and how long to sleep. See
    /// [`liveness`](super::liveness).
    pub(crate) fn before_sleep(
        &mut self,
        now: Instant,
        nap: Nap,
        in_vain: bool,
        is_told: bool,
    ) -> (bool, Nap) {
        self.liveness.before_sleep(now, nap, in_vain, is_told)
    }

    /// Whether waits continue, until a successor comes, when the other end is gone without closing.
    pub(crate) fn awaits_successors(&self) -> bool {
        self.awaits_successors
    }

    /// Sets whether waits continue when the other end is gone without closing.
    pub fn set_awaits_successors(&mut self, awaits: bool) {
        self.awaits_successors = awaits;
    }

    /// Whether these state bits of the other end terminate a wait.
    pub(crate) fn is_over(&self, bits: u32) -> bool {
        let detached = if self.awaits_successors { 0 } else { DETACHED };
        bits & (CLOSED | POISONED | detached) != 0
    }

    /// Whether waits start with polling.
    pub(crate) fn polls(&self) -> bool {
        !matches!(self.strategy, WaitStrategy::Sleep)
    }

    /// Whether a wait polls before it asks whether the other end can run meanwhile: unless the last wait
    /// found that it cannot.
    pub(crate) fn polls_first(&self) -> bool {
        self.polls() && !self.shares_cpu
    }

    /// Whether waits end with sleeping.
    pub(crate) fn sleeps(&self) -> bool {
        matches!(self.strategy, WaitStrategy::Sleep | WaitStrategy::SpinSleep { .. })
    }

    /// Starts one wait for an event of which the other end always notifies.
    pub(crate) fn start(&self, deadline: Option<Instant>) -> Wait {
        Wait {
            began: None,
            deadline,
            polls: 0,
            probe_at: None,
            slept: false,
            shares_cpu: false,
            has_asked: false,
            nap: HEARTBEAT,
            oversubscribed: self.oversubscribed > 0,
            yields: 0,
        }
    }

    /// Starts one wait for an event of which the other end may not notify for a while: then the first sleeps
    /// are short.
    pub(crate) fn start_with_naps(&self, deadline: Option<Instant>) -> Wait {
        Wait { nap: FIRST_NAP, ..self.start(deadline) }
    }

    /// Learns from a wait that ended successfully.
    ///
    /// Polling for as long as a sleep costs is never worse than twice the optimum (Karlin and others, 1991).
    /// Waits that polling would have covered lengthen the phase; waits that ended long after it shorten it.
    #[inline(always)]
    pub(crate) fn finished(&mut self, wait: &Wait) {
        // Skip adaptation after short waits: they carry no information, and this is the latency-critical
        // path.
        if wait.began.is_some() || self.oversubscribed > 0 || self.shares_cpu {
            self.learn(wait);
        }
    }

    #[cold]
    #[inline(never)]
    fn learn(&mut self, wait: &Wait) {
        self.oversubscribed = match (wait.oversubscribed, self.oversubscribed) {
            (true, 0) => WAITS_WITHOUT_YIELD,
            (_, waits) => waits.saturating_sub(1),
        };
        self.shares_cpu = if wait.has_asked { wait.shares_cpu } else { self.shares_cpu };
        let (WaitStrategy::SpinSleep { spin }, Some(began)) = (self.strategy, wait.began) else { return };
        if !wait.slept {
            self.budget = self.budget.saturating_mul(2).clamp(LEAST_BUDGET.min(spin), spin);
        } else if began.elapsed() > spin.saturating_mul(4) {
            self.budget = (self.budget / 2).clamp(LEAST_BUDGET.min(spin), spin);
        } else {
            self.budget = spin;
        }
    }
}

/// One wait in progress.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// When the clock was first read; the first polls do not read it.
    began: Option<Instant>,
    deadline: Option<Instant>,
    polls: u32,
    probe_at: Option<Instant>,
    slept: bool,
    /// The other end cannot run while this one polls.
    shares_cpu: bool,
    /// Whether that was asked.
    has_asked: bool,
    /// The longest time to sleep before the next check.
    nap: Duration,
    /// Other threads want this CPU.
    oversubscribed: bool,
    /// Yields so far.
    yields: u32,
}

impl Wait {
    /// What to do after the last check found nothing. `is_interrupted` is
    /// [`Host::is_interrupted`](super::host::Host::is_interrupted). `shares_cpu` is called once, after the
    /// first poll, or before it if the last wait found so: whether the other end was last seen on the CPU
    /// this thread runs on, where polling keeps it from running.
    #[inline]
    pub(crate) fn next(
        &mut self,
        waits: &Waits,
        is_interrupted: impl Fn(bool) -> bool,
        shares_cpu: impl FnOnce() -> bool,
    ) -> Step {
        self.polls = self.polls.wrapping_add(1);
        let polls = NonZeroU32::new(self.polls % POLLS_PER_LOOK);
        let is_due =
            self.polls > POLLS_BEFORE_ASKING || waits.shares_cpu || waits.strategy == WaitStrategy::Sleep;
        if is_due && !self.has_asked {
            self.has_asked = true;
            self.shares_cpu =
                !matches!(waits.strategy, WaitStrategy::Spin) && (shares_cpu() || only_one_cpu());
        }
        match waits.strategy {
            WaitStrategy::Sleep => self.look_at_clock(waits, is_interrupted),
            _ if polls.is_some() && !self.slept && !self.shares_cpu => Step::Poll,
            _ => self.look_at_clock(waits, is_interrupted),
        }
    }

    /// Whether this wait has slept.
    #[must_use]
    pub fn has_slept(&self) -> bool {
        self.slept
    }

    /// Lets other threads run.
    fn give_way(&mut self, now: Instant) {
        if self.oversubscribed {
            std::thread::sleep(GIVE_WAY);
            return;
        }
        std::thread::yield_now();
        self.yields += 1;
        // The scheduler may return the CPU at once, to the thread that has had less of it: then yielding does
        // not advance the peers waited for, which cannot run elsewhere.
        self.oversubscribed =
            now.elapsed() > LONG_YIELD || (self.shares_cpu && self.yields > YIELDS_WHEN_SHARED);
    }

    #[cold]
    fn look_at_clock(&mut self, waits: &Waits, is_interrupted: impl Fn(bool) -> bool) -> Step {
        let now = Instant::now();
        let began = *self.began.get_or_insert(now);
        if is_interrupted(false) {
            return Step::Interrupted;
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return Step::TimedOut;
        }
        let probe_at = *self.probe_at.get_or_insert(now + HEARTBEAT);
        match waits.strategy {
            WaitStrategy::Spin | WaitStrategy::SpinYield => {
                if now >= probe_at {
                    self.probe_at = Some(now + HEARTBEAT);
                    return Step::Probe;
                }
                if waits.strategy == WaitStrategy::SpinYield
                    && (self.shares_cpu || self.polls >= POLLS_BEFORE_YIELD)
                {
                    self.give_way(now);
                }
                Step::Poll
            }
            WaitStrategy::SpinSleep { .. } | WaitStrategy::Sleep => {
                if !self.slept && !self.shares_cpu && now.duration_since(began) < waits.budget {
                    if now >= probe_at {
                        self.probe_at = Some(now + HEARTBEAT);
                        return Step::Probe;
                    }
                    return Step::Poll;
                }
                if is_interrupted(true) {
                    return Step::Interrupted;
                }
                self.slept = true;
                let until = now + self.nap;
                self.nap = (self.nap * 2).min(HEARTBEAT);
                Step::Sleep(Nap::new(until, self.deadline))
            }
        }
    }
}

/// Whether the machine has only one CPU. Determined once: CPUs rarely come and go.
fn only_one_cpu() -> bool {
    static ONLY_ONE: Asked = Asked::new();
    let is_only_one =
        || nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN).is_ok_and(|cpus| cpus == Some(1));
    ONLY_ONE.or_ask(|| u8::from(is_only_one())) != 0
}

#[cfg(test)]
mod tests;
