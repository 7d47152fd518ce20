//! The calling end of a channel.

use std::time::{Duration, Instant};

use super::builder::Builder;
use crate::channel::attached::Attached;
use crate::channel::builder::by_name;
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::{Seat as _, has_core};
use crate::domain::LOCK_PATIENCE;
use crate::end::call as end;
use crate::end::pair::PeerState;
use crate::error::{AttachError, AttachErrorKind, CallError};
use crate::message::Message;
use crate::ring::call::{self as ring, Mapped};

/// The calling end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it to a
/// successor.
#[derive(Debug)]
pub struct Caller<Req: Message, Rep: Message> {
    core: Core<Req, Rep>,
    ending: Ending,
}

type Core<Req, Rep> = end::Caller<Mapped<Req, Rep>, Segment, Kernel>;

impl<Req: Message, Rep: Message> Caller<Req, Rep> {
    crate::interrupter::interruptible!(core.end.host);

    by_name!(Builder<Req, Rep>: create_sender, create_new_sender, open_sender);

    pub(super) fn new(attached: Attached<Mapped<Req, Rep>>) -> Result<Self, AttachError> {
        let Attached { ring, end } = attached.attach(ring::Caller::attach)?;
        let ending = Ending::of_producer(end.is_persistent());
        Ok(Self { core: end::Caller { ring, end }, ending })
    }

    /// Asks and waits for the reply. An earlier call that is still in flight is given up first, see [the
    /// module](super).
    ///
    /// # Errors
    /// [`CallError::Closed`], [`CallError::Corrupt`]; [`CallError::PeerGone`] when the responder died or
    /// left, before or after it took the request; [`CallError::System`]. A responder that has never attached
    /// is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn call(&mut self, request: Req) -> Result<Rep, CallError> {
        self.call_until(&request, None)
    }

    /// As [`call`](Self::call), until a deadline.
    ///
    /// # Errors
    /// [`CallError::TimedOut`]; then the call may be in flight, or, if an earlier one was, it has not begun.
    /// And as [`call`](Self::call).
    pub fn call_deadline(&mut self, request: Req, deadline: Instant) -> Result<Rep, CallError> {
        self.call_until(&request, Some(deadline))
    }

    /// As [`call`](Self::call), with a timeout.
    ///
    /// # Errors
    /// As [`call_deadline`](Self::call_deadline).
    pub fn call_timeout(&mut self, request: Req, timeout: Duration) -> Result<Rep, CallError> {
        self.call_deadline(request, crate::clock::after(timeout))
    }

    #[inline(always)]
    fn call_until(&mut self, request: &Req, deadline: Option<Instant>) -> Result<Rep, CallError> {
        self.core.call(request, deadline, |core| {
            abandon(core, deadline.unwrap_or_else(|| crate::clock::after(LOCK_PATIENCE)))
        })
    }

    /// Asks without waiting for the reply; [`try_reply`](Self::try_reply) or [`wait`](Self::wait) returns it.
    ///
    /// # Errors
    /// [`CallError::Pending`], [`CallError::Closed`], [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when the responder sleeps, to wake it.
    #[inline]
    pub fn ask(&mut self, request: Req) -> Result<(), CallError> {
        self.core.ask(&request)
    }

    /// The reply to the call in flight, if it has arrived. Returned once.
    ///
    /// # Errors
    /// [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn try_reply(&mut self) -> Result<Option<Rep>, CallError> {
        self.core.end.ours()?;
        self.core.ring.try_reply().map_err(|corruption| self.core.poison(corruption))
    }

    /// Waits for the reply to the call in flight.
    ///
    /// # Errors
    /// [`CallError::NothingAsked`], and as [`call`](Self::call).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn wait(&mut self) -> Result<Rep, CallError> {
        self.wait_until(None)
    }

    /// As [`wait`](Self::wait), until a deadline.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<Rep, CallError> {
        self.wait_until(Some(deadline))
    }

    /// As [`wait`](Self::wait), with a timeout.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Rep, CallError> {
        self.wait_deadline(crate::clock::after(timeout))
    }

    #[inline(always)]
    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Rep, CallError> {
        self.core.end.ours()?;
        if !self.core.ring.awaits_reply() {
            return Err(CallError::NothingAsked);
        }
        self.core.reply(deadline)
    }

    /// Cancels the call in flight if no responder is alive. False if one is: it may be working on the
    /// request.
    ///
    /// # Errors
    /// [`CallError::Locked`], [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, which others hold for microseconds, for five seconds at most.
    pub fn abandon(&mut self) -> Result<bool, CallError> {
        abandon(&mut self.core, crate::clock::after(LOCK_PATIENCE))
    }

    /// Whether the responder is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.core.end.peer()
    }

    /// Sleeps until a responder is attached and alive, or has closed the channel, or the timeout has passed.
    /// Returns its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        self.core.end.wait_for_peer(timeout.map(crate::clock::after))
    }

    /// Number of calls since the channel was made, by this holder and its predecessors.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.core.ring.number()
    }

    /// Ends the channel: the responder learns that no more calls come. The same as dropping, except in a
    /// persistent channel.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the channel to a successor.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

/// Cancels the call in flight if no responder is alive, under the domain's lock.
fn abandon<Req: Message, Rep: Message>(core: &mut Core<Req, Rep>, until: Instant) -> Result<bool, CallError> {
    core.end.ours()?;
    let end::Caller { ring, end } = core;
    match end.without_peer(until, || ring.abandon()) {
        Ok(Some(Ok(()))) => Ok(true),
        Ok(Some(Err(corruption))) => Err(core.poison(corruption)),
        Ok(None) => Ok(false),
        Err(error) => Err(match error.into_kind() {
            AttachErrorKind::System(error) => CallError::System(error),
            _ => CallError::Locked,
        }),
    }
}

impl<Req: Message, Rep: Message> Drop for Caller<Req, Rep> {
    fn drop(&mut self) {
        pair::leave_producer(&mut self.core.end, self.ending);
    }
}

has_core!([Req: Message, Rep: Message] Caller<Req, Rep>, Core<Req, Rep>, core);
