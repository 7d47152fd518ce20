//! One thread that waits for any of many channels.
//!
//! An end that waits writes the number of a semaphore into its record and sets its waiting bit; the end that
//! pushes posts to that semaphore. A set lends all its ends one semaphore of its own for the time of one
//! wait: it sets all bits, issues one heavy barrier for all of them, checks every ring once more, and sleeps.
//! Nothing changes for the pushing ends.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::barriers::Barriers;
use super::kernel::Kernel;
use super::waitable::{Bell, Home, Waitable};
use crate::domain::{Domain, WakeSemaphore};
use crate::error::{AttachError, Forked, debug_as_display};
use crate::interrupter::Interrupter;
use crate::platform::{Barrier, Native};
use crate::wait::host::Host as _;
pub use crate::wait::news::News;
use crate::wait::park::{Attempt, Look, Presence, Waiter, from_stop, park};
use crate::wait::{Wait, WaitStrategy, Waits};

/// The result of [`WaitSet::wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Index of the end, counted from 0.
    pub index: usize,
    /// What it has to report.
    pub news: News,
}

debug_as_display!(WaitSetError);
from_stop!(WaitSetError);

/// Why there is no event.
#[non_exhaustive]
pub enum WaitSetError {
    /// Nothing happened before the deadline.
    TimedOut,
    /// An end belongs to another domain than the set, or was inherited by this process: its peers would post
    /// to a semaphore that the set does not sleep on.
    Foreign {
        /// Index of the end, counted from 0.
        index: usize,
    },
    /// The set was inherited through a fork; only the process that made it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// A system call failed; the semaphores were removed, for instance.
    System(ipc_core::Error),
}

impl fmt::Display for WaitSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("nothing happened before the deadline"),
            Self::Foreign { index } => write!(
                f,
                "end {index} is not of the set's domain, or of another process; make both from one Domain, in this process"
            ),
            Self::Forked => Forked.fmt(f),
            Self::Interrupted => f.write_str("the wait was interrupted"),
            Self::System(error) => write!(f, "waiting failed: {error}"),
        }
    }
}

impl std::error::Error for WaitSetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

/// Waits for any of many consuming ends, in one thread, with one semaphore.
///
/// The ends are handed over at each wait and are free in between. They must belong to the domain the set was
/// made in.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{Domain, News, WaitSet, bytes, spsc};
///
/// let domain = Domain::open("doc-example-wait-set")?;
/// let ticks = spsc::Builder::<u64>::new("ticks").domain(&domain);
/// let orders = bytes::Builder::new("orders").domain(&domain);
/// let (_ticks_in, mut ticks) = (ticks.create_producer()?, ticks.open_consumer()?);
/// let (mut orders_in, mut orders) = (orders.create_producer()?, orders.open_consumer()?);
///
/// let mut set = WaitSet::new(&domain)?;
/// orders_in.push(b"buy")?;
/// let event = set.wait(&mut [&mut ticks, &mut orders], None)?;
/// assert_eq!((event.index, event.news), (1, News::Ready));
/// assert_eq!(orders.try_pop()?, b"buy");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WaitSet {
    host: Kernel,
    waits: Waits,
    /// Where to start looking, so that a busy end does not hide the others.
    next: usize,
}

impl WaitSet {
    /// A set that polls briefly and then sleeps, as single ends do by default.
    ///
    /// # Errors
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when the domain has no wake semaphore left;
    /// [`Forked`](crate::AttachErrorKind::Forked).
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn new(domain: &Domain) -> Result<Self, AttachError> {
        Self::with_strategy(domain, WaitStrategy::DEFAULT)
    }

    /// A set with this wait strategy.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_strategy(domain: &Domain, strategy: WaitStrategy) -> Result<Self, AttachError> {
        let bell = domain.locked(|locked| locked.claim_bell())?;
        Ok(Self {
            host: Kernel::new(Arc::clone(domain.member()), bell),
            waits: Waits::new(strategy),
            next: 0,
        })
    }

    /// A handle with which another thread, or a signal handler, ends the waits of this set with
    /// [`WaitSetError::Interrupted`]. The handles of its ends affect only their own waits.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.host.interrupter()
    }

    /// Whether a signal whose handler has run in the waiting thread ends the wait with
    /// [`WaitSetError::Interrupted`]. By default the wait goes on, whatever `SA_RESTART` says.
    ///
    /// A signal that comes while the thread polls, or just before it goes to sleep, is not noticed: have the
    /// handler call [`Interrupter::interrupt`] for signals that must not be missed, and for sets that only
    /// poll.
    pub fn set_interruptible(&mut self, by_signals: bool) {
        self.host.set_interruptible(by_signals);
    }

    /// Waits until one of the ends has something to report. Busy ends take turns.
    ///
    /// An end whose stream has [ended](News::Ended) reports that once, and then nothing more: it may stay
    /// among the ends. A wait for no ends at all lasts until the deadline.
    ///
    /// # Errors
    /// [`WaitSetError`].
    ///
    /// # Blocking
    /// By the set's wait strategy, until the deadline if there is one.
    pub fn wait(
        &mut self,
        ends: &mut [&mut dyn Waitable],
        deadline: Option<Instant>,
    ) -> Result<Event, WaitSetError> {
        if !self.host.member.is_ours() {
            return Err(WaitSetError::Forked);
        }
        let home = Home(&self.host.member);
        if let Some(index) = ends.iter().position(|end| !end.is_at(&home)) {
            return Err(WaitSetError::Foreign { index });
        }
        park(&mut Together { set: self, ends: RefCell::new(ends), found: None }, deadline)
    }

    /// Whether one of the ends has something to report, by a check of each that takes no system call. Never
    /// in a child process that inherited the set, or one of the ends, through a fork.
    pub fn try_wait(&mut self, ends: &mut [&mut dyn Waitable]) -> Option<Event> {
        let home = Home(&self.host.member);
        if !ends.iter().all(|end| end.is_at(&home)) {
            return None;
        }
        self.look(ends, false).ok().flatten()
    }

    fn look(
        &mut self,
        ends: &mut [&mut dyn Waitable],
        probe: bool,
    ) -> Result<Option<Event>, ipc_core::Error> {
        look(&mut self.next, ends, probe)
    }
}

/// A wait for several ends.
struct Together<'a, 'b> {
    set: &'a mut WaitSet,
    ends: RefCell<&'a mut [&'b mut dyn Waitable]>,
    /// An event found by a check outside an attempt. Most events are reported only once.
    found: Option<Result<Event, ipc_core::Error>>,
}

impl Together<'_, '_> {
    /// Whether there is an event, for the next attempt.
    fn find(&mut self, probe: bool) -> bool {
        if self.found.is_none() {
            self.found = look(&mut self.set.next, self.ends.get_mut(), probe).transpose();
        }
        self.found.is_some()
    }
}

impl Waiter for Together<'_, '_> {
    type Platform = Native;
    type Host = Kernel;

    fn host(&self) -> &Kernel {
        &self.set.host
    }

    fn waits(&self) -> &Waits {
        &self.set.waits
    }

    fn waits_mut(&mut self) -> &mut Waits {
        &mut self.set.waits
    }

    /// A set has no barrier of its own.
    fn barrier(&self) -> Barrier {
        Barrier::Fence
    }

    fn arm(&self, wake: WakeSemaphore) {
        let _ = mark_all(&mut self.ends.borrow_mut(), Bell(wake));
    }

    fn disarm(&self) -> usize {
        self.ends.borrow_mut().iter_mut().map(|end| usize::from(end.unmark())).sum()
    }

    fn shares_cpu(&self) -> bool {
        false
    }

    fn is_told_of_death(&self) -> bool {
        false
    }

    fn has_peer_died(&self) -> bool {
        let Some(Ok(event)) = &self.found else { return false };
        self.ends.borrow()[event.index].has_peer_died()
    }

    /// One barrier for all ends of a scheme: each bit is set before it, each ring is checked after it.
    fn prepare_wait(&self) -> Result<(), ipc_core::Error> {
        let barriers = mark_all(&mut self.ends.borrow_mut(), Bell(self.set.host.wake()));
        barriers.run().inspect_err(|_| self.cancel_wait())
    }
}

impl Attempt for Together<'_, '_> {
    type Waiter = Self;
    type Output = Event;
    type Error = WaitSetError;

    fn waiter(&self) -> &Self {
        self
    }

    fn waiter_mut(&mut self) -> &mut Self {
        self
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<Event>, WaitSetError> {
        self.find(false);
        match self.found.take() {
            Some(Ok(event)) => {
                self.set.waits.finished(wait);
                Ok(Some(event))
            }
            Some(Err(error)) => Err(WaitSetError::System(error)),
            None => Ok(None),
        }
    }

    fn look(&mut self) -> Look {
        if self.find(false) {
            Look::Ready
        } else if self.ends.get_mut().iter_mut().any(|end| end.is_soon()) {
            Look::Soon
        } else {
            Look::Nothing
        }
    }

    fn is_owed(&mut self) -> bool {
        self.find(false)
            && matches!(&self.found, Some(Ok(event)) if event.news != News::PeerGone
                && self.ends.borrow()[event.index].is_announced())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<WaitSetError>, WaitSetError> {
        Ok(if ask && self.find(true) { Presence::Changed } else { Presence::There })
    }
}

/// Sets the waiting bits of all ends, with one semaphore. Each ring is checked after the barriers.
#[must_use]
fn mark_all(ends: &mut [&mut dyn Waitable], bell: Bell) -> Barriers {
    let mut barriers = Barriers::default();
    for end in ends.iter_mut() {
        barriers.add(end.mark(bell));
    }
    barriers
}

/// Checks each end, starting with `next`, which is then set to the one after the reported end.
///
/// # Errors
/// With `probe`, when the liveness of an end is unknown.
pub(crate) fn look(
    next: &mut usize,
    ends: &mut [&mut dyn Waitable],
    probe: bool,
) -> Result<Option<Event>, ipc_core::Error> {
    let count = ends.len();
    for step in 0..count {
        let index = (*next + step) % count;
        if let Some(news) = ends[index].news(probe)? {
            *next = (index + 1) % count;
            for (other, end) in ends.iter_mut().enumerate() {
                if other != index {
                    end.is_passed_over();
                }
            }
            return Ok(Some(Event { index, news }));
        }
    }
    Ok(None)
}

impl Drop for WaitSet {
    fn drop(&mut self) {
        if self.host.member.is_ours() {
            self.host.member.free_wake(self.host.wake());
        }
    }
}
