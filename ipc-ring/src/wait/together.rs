//! One wait for several ends: what a set does with the ends that it is given.
//!
//! The waiting bits of all ends are set, with one semaphore; one heavy barrier follows for all of them, each
//! ring is checked once more, and only then the thread sleeps. The loop is [`park`](super::park); the steps
//! of an end are its own. Nothing changes for the ends on the other side.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::time::Instant;

use ipc_core::Error;

use super::barriers::Barriers;
use super::host::{Host, Peers};
use super::news::News;
use super::park::{Attempt, Look, Presence, Stop, Waiter, park};
use super::seated::Seated;
use super::strategy::{Wait, WaitStrategy, Waits};
use crate::platform::{Barrier, Platform};

/// One of several ends that are waited for together; `W` is what the thread sleeps on.
pub trait Member<W> {
    /// As [`Seated::news`].
    ///
    /// # Errors
    /// As [`Seated::news`].
    fn news(&mut self, probe: bool) -> Result<Option<News>, Error>;
    /// Sets the waiting bit of this end, to be woken through `wake`. Returns the barrier that must follow.
    fn set_waiting(&mut self, wake: W) -> Barrier;
    /// Clears the bit. True when a notifier was faster: then there was, or will be, a token.
    fn clear_waiting(&mut self) -> bool;
    /// Whether a process has died that may have been about to wake the end. System calls.
    fn has_peer_died(&self) -> bool;
    /// As [`Seated::is_passed_over`].
    fn is_passed_over(&mut self);
    /// As [`Seated::is_soon`].
    fn is_soon(&mut self) -> bool;
    /// Whether a token was or will be posted for what the end has to do; none is for what becomes due with
    /// time alone.
    fn is_notified(&self) -> bool;
}

impl<E: Seated> Member<<<E::Seat as Waiter>::Host as Peers>::Wake> for E {
    fn news(&mut self, probe: bool) -> Result<Option<News>, Error> {
        Seated::news(self, probe)
    }

    fn set_waiting(&mut self, wake: <<E::Seat as Waiter>::Host as Peers>::Wake) -> Barrier {
        self.is_armed();
        self.seat().arm(wake);
        self.seat().barrier()
    }

    fn clear_waiting(&mut self) -> bool {
        Seated::clear_waiting(self)
    }

    fn has_peer_died(&self) -> bool {
        self.seat().has_peer_died()
    }

    fn is_passed_over(&mut self) {
        Seated::is_passed_over(self);
    }

    fn is_soon(&mut self) -> bool {
        Seated::is_soon(self)
    }

    fn is_notified(&self) -> bool {
        true
    }
}

/// What one of the ends has to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Index of the end, counted from 0.
    pub index: usize,
    /// What it has to report.
    pub news: News,
}

/// The waits of one thread for several ends.
#[derive(Debug)]
pub struct Together<P, H> {
    host: H,
    waits: Waits,
    /// Where to start looking, so that a busy end does not hide the others.
    next: usize,
    platform: PhantomData<fn() -> P>,
}

impl<P: Platform, H: Host> Together<P, H> {
    /// Waits that sleep on what `host` does.
    #[must_use]
    pub fn new(host: H, strategy: WaitStrategy) -> Self {
        Self { host, waits: Waits::new(strategy), next: 0, platform: PhantomData }
    }

    /// What the thread sleeps on.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// What the thread sleeps on.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// Waits until one of the ends has something to report. Busy ends take turns.
    ///
    /// # Errors
    /// [`Stop`].
    #[track_caller]
    pub fn wait<M: Member<H::Wake> + ?Sized>(
        &mut self,
        ends: &mut [&mut M],
        deadline: Option<Instant>,
    ) -> Result<Event, Stop> {
        park(&mut ForAny { set: self, ends: RefCell::new(ends), found: None }, deadline)
    }

    /// What one of the ends has to report, if there is something.
    ///
    /// # Errors
    /// When that is unknown.
    pub fn look<M: Member<H::Wake> + ?Sized>(&mut self, ends: &mut [&mut M]) -> Result<Option<Event>, Error> {
        look(&mut self.next, ends, false)
    }
}

/// A wait for several ends.
struct ForAny<'a, 'b, M: ?Sized, P, H> {
    set: &'a mut Together<P, H>,
    ends: RefCell<&'a mut [&'b mut M]>,
    /// An event found by a check outside an attempt. Most events are reported only once.
    found: Option<Result<Event, Error>>,
}

impl<M: Member<H::Wake> + ?Sized, P: Platform, H: Host> ForAny<'_, '_, M, P, H> {
    /// Whether there is an event, for the next attempt.
    fn find(&mut self, probe: bool) -> bool {
        if self.found.is_none() {
            self.found = look(&mut self.set.next, self.ends.get_mut(), probe).transpose();
        }
        self.found.is_some()
    }

    /// Sets the waiting bits of all ends. Each ring is checked after the barriers.
    fn set_all_waiting(&self, wake: H::Wake) -> Barriers {
        let mut barriers = Barriers::default();
        for end in self.ends.borrow_mut().iter_mut() {
            barriers.add(end.set_waiting(wake));
        }
        barriers
    }
}

impl<M: Member<H::Wake> + ?Sized, P: Platform, H: Host> Waiter for ForAny<'_, '_, M, P, H> {
    type Platform = P;
    type Host = H;

    fn host(&self) -> &H {
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

    fn arm(&self, wake: H::Wake) {
        let _ = self.set_all_waiting(wake);
    }

    fn disarm(&self) -> usize {
        self.ends.borrow_mut().iter_mut().map(|end| usize::from(end.clear_waiting())).sum()
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
    fn prepare_wait(&self) -> Result<(), Error> {
        let barriers = self.set_all_waiting(self.set.host.wake());
        barriers.run::<P>().inspect_err(|_| self.cancel_wait())
    }
}

impl<M: Member<H::Wake> + ?Sized, P: Platform, H: Host> Attempt for ForAny<'_, '_, M, P, H> {
    type Waiter = Self;
    type Output = Event;
    type Error = Stop;

    fn waiter(&self) -> &Self {
        self
    }

    fn waiter_mut(&mut self) -> &mut Self {
        self
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<Event>, Stop> {
        self.find(false);
        match self.found.take() {
            Some(Ok(event)) => {
                self.set.waits.finished(wait);
                Ok(Some(event))
            }
            Some(Err(error)) => Err(Stop::System(error)),
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
                && self.ends.borrow()[event.index].is_notified())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<Stop>, Stop> {
        Ok(if ask && self.find(true) { Presence::Changed } else { Presence::There })
    }
}

/// Checks each end, starting with `next`, which is then set to the one after the reported end.
///
/// # Errors
/// With `probe`, when the liveness of an end is unknown.
pub(crate) fn look<W, M: Member<W> + ?Sized>(
    next: &mut usize,
    ends: &mut [&mut M],
    probe: bool,
) -> Result<Option<Event>, Error> {
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
