//! One thread that waits for any of many channels.
//!
//! An end that waits writes the number of a semaphore into its record and sets its waiting bit; the end that
//! pushes posts to that semaphore. A set lends all its ends one semaphore of its own for the time of one
//! wait: it sets all bits, issues one heavy barrier for all of them, checks every ring once more, and sleeps.
//! Nothing changes for the pushing ends.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::kernel::Kernel;
use super::waitable::{Await, Bell, Home, Waitable};
use crate::domain::{Domain, WakeSemaphore};
use crate::error::{AttachError, Forked, debug_as_display};
use crate::interrupter::Interrupter;
use crate::platform::{Barrier, Native};
use crate::wait::WaitStrategy;
use crate::wait::host::Host as _;
pub use crate::wait::news::News;
use crate::wait::park::from_stop;
pub use crate::wait::together::Event;
use crate::wait::together::{Member, Together};

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
/// let (_ticks_in, mut ticks) = (ticks.create_sender()?, ticks.open_receiver()?);
/// let (mut orders_in, mut orders) = (orders.create_sender()?, orders.open_receiver()?);
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
    together: Together<Native, Kernel>,
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
        let kernel = Kernel::new(Arc::clone(domain.member()), bell);
        Ok(Self { together: Together::new(kernel, strategy) })
    }

    /// A handle with which another thread, or a signal handler, ends the waits of this set with
    /// [`WaitSetError::Interrupted`]. The handles of its ends affect only their own waits.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.together.host().interrupter()
    }

    /// Whether a signal whose handler has run in the waiting thread ends the wait with
    /// [`WaitSetError::Interrupted`]. By default the wait goes on, whatever `SA_RESTART` says.
    ///
    /// A signal that comes while the thread polls, or just before it goes to sleep, is not noticed: have the
    /// handler call [`Interrupter::interrupt`] for signals that must not be missed, and for sets that only
    /// poll.
    pub fn set_interruptible(&mut self, by_signals: bool) {
        self.together.host_mut().set_interruptible(by_signals);
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
        let member = &self.together.host().member;
        if !member.is_ours() {
            return Err(WaitSetError::Forked);
        }
        let home = Home(member);
        if let Some(index) = ends.iter().position(|end| !end.is_at(&home)) {
            return Err(WaitSetError::Foreign { index });
        }
        Ok(self.together.wait(ends, deadline)?)
    }

    /// Whether one of the ends has something to report, by a check of each that takes no system call. Never
    /// in a child process that inherited the set, or one of the ends, through a fork.
    pub fn try_wait(&mut self, ends: &mut [&mut dyn Waitable]) -> Option<Event> {
        let home = Home(&self.together.host().member);
        if !ends.iter().all(|end| end.is_at(&home)) {
            return None;
        }
        self.together.look(ends).ok().flatten()
    }
}

impl Member<WakeSemaphore> for dyn Waitable + '_ {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        Await::news(self, probe)
    }

    fn set_waiting(&mut self, wake: WakeSemaphore) -> Barrier {
        Await::set_waiting(self, Bell(wake))
    }

    fn clear_waiting(&mut self) -> bool {
        Await::clear_waiting(self)
    }

    fn has_peer_died(&self) -> bool {
        Await::has_peer_died(self)
    }

    fn is_passed_over(&mut self) {
        Await::is_passed_over(self);
    }

    fn is_soon(&mut self) -> bool {
        Await::is_soon(self)
    }

    fn is_notified(&self) -> bool {
        Await::is_notified(self)
    }
}

impl Drop for WaitSet {
    fn drop(&mut self) {
        let host = self.together.host();
        if host.member.is_ours() {
            host.member.free_wake(host.wake());
        }
    }
}
