//! The calling end of a channel.

use std::time::{Duration, Instant};

use super::builder::{Attached, Builder};
use super::error::CallError;
use crate::channel::end::{End, PeerState, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::wait_set::News;
use crate::channel::wait_set::sealed::{Await, Bell, Home, Waiting};
use crate::domain::LOCK_PATIENCE;
use crate::end::item::{self, Poll, ended};
use crate::error::{AttachError, AttachErrorKind, PopError};
use crate::message::Message;
use crate::platform::{Barrier, Native, Platform as _};
use crate::ring::call::{self as ring, Mapped, Refused};
use crate::wait::park::Waiter as _;
use crate::wait::signal::{CLOSED, POISONED};

/// The calling end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it to a
/// successor.
#[derive(Debug)]
pub struct Caller<Req: Message, Rep: Message> {
    ring: ring::Caller<Mapped<Req, Rep>>,
    end: End,
    ending: Ending,
}

/// Waiting for the reply.
struct Replies<'a, Req: Message, Rep: Message>(&'a mut Caller<Req, Rep>);

/// Waiting until no call is in flight.
struct Quiet<'a, Req: Message, Rep: Message>(&'a mut Caller<Req, Rep>);

impl<Req: Message, Rep: Message> Caller<Req, Rep> {
    crate::interrupter::interruptible!(end);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the caller's end.
    ///
    /// # Errors
    /// [`AttachError`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_caller()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_caller()
    }

    pub(super) fn new(attached: Attached<Req, Rep>) -> Result<Self, AttachError> {
        let Attached { ring, mut end } = attached;
        match ring::Caller::attach(ring) {
            Ok(ring) => {
                let ending = Ending::of_producer(end.is_persistent());
                Ok(Self { ring, end, ending })
            }
            Err(corruption) => {
                end.give_up(false);
                Err(corruption.into())
            }
        }
    }

    /// Asks and waits for the reply. An earlier call that is still in flight is given up first, see [the
    /// module](super).
    ///
    /// # Errors
    /// [`CallError::Closed`], [`CallError::Corrupt`]; [`CallError::PeerGone`] when the responder died or
    /// left, before or after it took the request; [`CallError::System`]. A responder that has never come is
    /// waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn call(&mut self, request: Req) -> Result<Rep, CallError> {
        self.call_until(&request, None)
    }

    /// As [`call`](Self::call), until a point in time.
    ///
    /// # Errors
    /// [`CallError::TimedOut`]; then the call may be in flight, or, if an earlier one was, not begun. And as
    /// [`call`](Self::call).
    pub fn call_deadline(&mut self, request: Req, deadline: Instant) -> Result<Rep, CallError> {
        self.call_until(&request, Some(deadline))
    }

    /// As [`call`](Self::call), for a length of time.
    ///
    /// # Errors
    /// As [`call_deadline`](Self::call_deadline).
    pub fn call_timeout(&mut self, request: Req, timeout: Duration) -> Result<Rep, CallError> {
        self.call_deadline(request, crate::clock::after(timeout))
    }

    #[inline(always)]
    fn call_until(&mut self, request: &Req, deadline: Option<Instant>) -> Result<Rep, CallError> {
        self.end.ours()?;
        match self.ring.try_ask(request) {
            Ok(0) => {}
            Ok(signal) => self.asked(signal)?,
            Err(refused) => self.ask_slowly(request, refused, deadline)?,
        }
        self.reply_until(deadline)
    }

    /// Waits for the reply, then copies it once, to where it is wanted.
    #[inline(always)]
    fn reply_until(&mut self, deadline: Option<Instant>) -> Result<Rep, CallError> {
        if !self.ring.has_reply() {
            item::wait_and_pop(&mut Replies(self), deadline).map_err(CallError::from_wait)?;
        }
        self.ring.reply().map_err(|corruption| self.poison(corruption))
    }

    /// Asks without waiting for the reply; [`try_reply`](Self::try_reply) or [`wait`](Self::wait) gives it.
    ///
    /// # Errors
    /// [`CallError::Pending`], [`CallError::Closed`], [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when the responder sleeps, to wake it.
    #[inline]
    pub fn ask(&mut self, request: Req) -> Result<(), CallError> {
        self.end.ours()?;
        match self.ring.try_ask(&request) {
            Ok(signal) => self.asked(signal),
            Err(Refused::Pending) => Err(CallError::Pending),
            Err(Refused::Corrupt(corruption)) => Err(self.poison(corruption)),
        }
    }

    /// The reply to the call in flight, if it is there. Given once.
    ///
    /// # Errors
    /// [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn try_reply(&mut self) -> Result<Option<Rep>, CallError> {
        self.end.ours()?;
        self.ring.try_reply().map_err(|corruption| self.poison(corruption))
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

    /// As [`wait`](Self::wait), until a point in time.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<Rep, CallError> {
        self.wait_until(Some(deadline))
    }

    /// As [`wait`](Self::wait), for a length of time.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Rep, CallError> {
        self.wait_deadline(crate::clock::after(timeout))
    }

    #[inline(always)]
    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Rep, CallError> {
        self.end.ours()?;
        if !self.ring.awaits_reply() {
            return Err(CallError::NothingAsked);
        }
        self.reply_until(deadline)
    }

    /// Takes the call in flight back, if no responder lives. False when one does: then it may be at work on
    /// it.
    ///
    /// # Errors
    /// [`CallError::Locked`], [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, which others hold for microseconds, for five seconds at most.
    pub fn abandon(&mut self) -> Result<bool, CallError> {
        self.abandon_until(crate::clock::after(LOCK_PATIENCE))
    }

    fn abandon_until(&mut self, until: Instant) -> Result<bool, CallError> {
        self.end.ours()?;
        let ring = &mut self.ring;
        match self.end.without_peer(until, || ring.abandon()) {
            Ok(Some(Ok(()))) => Ok(true),
            Ok(Some(Err(corruption))) => Err(self.poison(corruption)),
            Ok(None) => Ok(false),
            Err(error) => Err(match error.into_kind() {
                AttachErrorKind::System(error) => CallError::System(error),
                _ => CallError::Locked,
            }),
        }
    }

    /// An earlier call is in flight: gives it up, then asks.
    #[cold]
    #[inline(never)]
    fn ask_slowly(
        &mut self,
        request: &Req,
        mut refused: Refused,
        deadline: Option<Instant>,
    ) -> Result<(), CallError> {
        loop {
            match refused {
                Refused::Corrupt(corruption) => return Err(self.poison(corruption)),
                Refused::Pending => {
                    let until = deadline.unwrap_or_else(|| crate::clock::after(LOCK_PATIENCE));
                    if !self.abandon_until(until)? {
                        match item::wait_and_pop(&mut Quiet(self), deadline) {
                            Ok(()) | Err(PopError::PeerGone(_)) => {}
                            Err(error) => return Err(CallError::from_wait(error)),
                        }
                    }
                }
            }
            match self.ring.try_ask(request) {
                Ok(signal) => return self.asked(signal),
                Err(other) => refused = other,
            }
        }
    }

    /// The request is in the line, and the responder's signal may not be zero.
    #[inline(always)]
    fn asked(&mut self, signal: u32) -> Result<(), CallError> {
        if signal == 0 { Ok(()) } else { self.heed(signal) }
    }

    #[cold]
    fn heed(&mut self, signal: u32) -> Result<(), CallError> {
        let woken = self.end.wake_peer(signal);
        if signal & POISONED != 0 {
            return Err(CallError::Corrupt(ring::Corruption::told(self.ring.number(), signal)));
        }
        if signal & CLOSED != 0 { Err(CallError::Closed) } else { woken.map_err(CallError::NotWoken) }
    }

    #[cold]
    fn poison(&mut self, corruption: ring::Corruption) -> CallError {
        self.end.poison();
        CallError::Corrupt(corruption)
    }

    /// Whether the responder is there. One system call when it is attached.
    ///
    /// # Errors
    /// When it cannot be known whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn responder(&self) -> Result<PeerState, ipc_core::Error> {
        self.end.peer()
    }

    /// Sleeps until a responder is attached and alive, or has closed the channel; for so long at most. Gives
    /// its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_responder(&self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        self.end.wait_for_peer(timeout.map(crate::clock::after))
    }

    /// Number of calls since the channel was made, by this holder and those before it.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.ring.number()
    }

    /// Ends the channel: the responder is told. The same as dropping, but for a persistent channel.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Lets go and leaves the channel to a successor.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

impl<Req: Message, Rep: Message> Caller<Req, Rep> {
    /// What a poll that found nothing makes of the responder's signal. `again` looks once more.
    fn nothing(&mut self, is_there: impl FnOnce(&Self) -> bool) -> Result<(), PopError> {
        let Some(error) = ended(&self.end, self.ring.number()) else {
            // Polls that come too fast take the line away from who writes it.
            Native::relax();
            Native::relax();
            return Err(PopError::Empty);
        };
        if is_there(self) { Ok(()) } else { Err(error) }
    }
}

impl<Req: Message, Rep: Message> Poll for Replies<'_, Req, Rep> {
    type Words = Segment;
    type Host = Kernel;
    /// That it is there.
    type Item = ();

    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        if self.has_item() { Ok(()) } else { self.0.nothing(|caller| caller.ring.has_reply()) }
    }

    fn has_item(&self) -> bool {
        self.0.ring.has_reply()
    }

    fn end_mut(&mut self) -> &mut End {
        &mut self.0.end
    }

    fn end(&self) -> &End {
        &self.0.end
    }
}

impl<Req: Message, Rep: Message> Poll for Quiet<'_, Req, Rep> {
    type Words = Segment;
    type Host = Kernel;
    type Item = ();

    fn poll(&mut self) -> Result<(), PopError> {
        if self.0.ring.is_pending() { self.0.nothing(|caller| !caller.ring.is_pending()) } else { Ok(()) }
    }

    fn has_item(&self) -> bool {
        !self.0.ring.is_pending()
    }

    fn end_mut(&mut self) -> &mut End {
        &mut self.0.end
    }

    fn end(&self) -> &End {
        &self.0.end
    }
}

impl<Req: Message, Rep: Message> Drop for Caller<Req, Rep> {
    fn drop(&mut self) {
        pair::leave_producer(&mut self.end, self.ending);
    }
}

impl<Req: Message, Rep: Message> Await for Caller<Req, Rep> {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.ring.has_reply() { Ok(Some(News::Ready)) } else { self.end.news(probe) }
    }

    fn mark(&mut self, bell: Bell) -> Barrier {
        self.end.arm_for(bell)
    }

    fn has_peer_died(&self) -> bool {
        self.end.has_peer_died()
    }

    fn unmark(&mut self) -> bool {
        self.end.withdraw()
    }

    fn awaits_successors(&self) -> bool {
        self.end.waits.awaits_successors()
    }

    fn home(&self) -> Home<'_> {
        self.end.home()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.end.waiting()
    }
}
