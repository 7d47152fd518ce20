//! The answering end of a channel.

use std::time::{Duration, Instant};

use super::builder::Builder;
use crate::channel::attached::Attached;
use crate::channel::builder::by_name;
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::successor::{self, Follower};
use crate::end::call as end;
use crate::end::pair::PeerState;
use crate::error::{AttachError, CallError, PopError};
use crate::message::Message;
use crate::ring::call::{self as ring, Mapped, Taken};

type Core<Req, Rep> = end::Responder<Mapped<Req, Rep>, Segment, Kernel>;

/// The answering end: one holder at a time, in one thread at a time.
///
/// Dropping it leaves the channel to a successor, which is given a request that has no reply;
/// [`close`](Self::close) ends it.
#[derive(Debug)]
pub struct Responder<Req: Message, Rep: Message> {
    core: Core<Req, Rep>,
    ending: Ending,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder<Req, Rep>>>,
}

/// A request that was taken. [`reply`](Self::reply) answers it; dropping it leaves it to be taken again.
#[derive(Debug)]
#[must_use]
pub struct Request<'a, Req: Message, Rep: Message> {
    responder: &'a mut Responder<Req, Rep>,
    taken: Taken<Req>,
}

impl<Req: Message, Rep: Message> Responder<Req, Rep> {
    crate::interrupter::interruptible!(core.end.host);

    by_name!(Builder<Req, Rep>: create_receiver, create_new_receiver, open_receiver);

    pub(super) fn new(attached: Attached<Mapped<Req, Rep>>) -> Result<Self, AttachError> {
        let Attached { ring, end } = attached.attach(ring::Responder::attach)?;
        Ok(Self { core: end::Responder { ring, end }, ending: Ending::Detach, origin: None })
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(super) fn of(mut self, builder: &Builder<Req, Rep>) -> Self {
        if self.core.end.is_open() {
            self.origin = Some(Box::new(builder.kept()));
        }
        self
    }

    /// Continues at the ring that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    fn follow(&mut self) -> bool {
        successor::follow(self)
    }

    /// Whether there is a request to take.
    ///
    /// # Errors
    /// As [`try_take`](Self::try_take).
    ///
    /// # Blocking
    /// Never.
    pub fn has_request(&mut self) -> Result<bool, CallError> {
        self.core.end.ours()?;
        match self.poll() {
            Ok(()) => Ok(true),
            Err(PopError::Empty) => Ok(false),
            Err(error) => Err(CallError::from_wait(error)),
        }
    }

    /// Takes the waiting request; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError::Closed`] and [`CallError::PeerGone`] when none will come from this caller;
    /// [`CallError::Corrupt`].
    ///
    /// # Blocking
    /// Never.
    pub fn try_take(&mut self) -> Result<Option<Request<'_, Req, Rep>>, CallError> {
        self.core.end.ours()?;
        match self.poll() {
            Ok(()) => {}
            Err(PopError::Empty) => return Ok(None),
            Err(error) => return Err(CallError::from_wait(error)),
        }
        self.take_ready().map(Some)
    }

    /// Takes the next request, waiting for it.
    ///
    /// # Errors
    /// As [`try_take`](Self::try_take), and [`CallError::System`]. A caller that has never attached is waited
    /// for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn take(&mut self) -> Result<Request<'_, Req, Rep>, CallError> {
        self.take_until(None)
    }

    /// As [`take`](Self::take), until a deadline.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], and as [`take`](Self::take).
    pub fn take_deadline(&mut self, deadline: Instant) -> Result<Request<'_, Req, Rep>, CallError> {
        self.take_until(Some(deadline))
    }

    /// As [`take`](Self::take), with a timeout.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], and as [`take`](Self::take).
    pub fn take_timeout(&mut self, timeout: Duration) -> Result<Request<'_, Req, Rep>, CallError> {
        self.take_deadline(crate::clock::after(timeout))
    }

    #[inline(always)]
    fn take_until(&mut self, deadline: Option<Instant>) -> Result<Request<'_, Req, Rep>, CallError> {
        self.core.end.ours()?;
        if !self.core.ring.has_request() {
            self.wait_for_request(deadline).map_err(CallError::from_wait)?;
        }
        self.take_ready()
    }

    /// Takes the request, copying it once, to its destination.
    #[inline(always)]
    fn take_ready(&mut self) -> Result<Request<'_, Req, Rep>, CallError> {
        match self.core.ring.take() {
            Ok(taken) => Ok(Request { responder: self, taken }),
            Err(corruption) => Err(self.core.poison(corruption)),
        }
    }

    /// Waits until there is a request.
    #[cold]
    #[inline(never)]
    fn wait_for_request(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        loop {
            match self.core.wait_for_request(deadline) {
                Err(PopError::Closed) if self.follow() => {}
                result => return result,
            }
        }
    }

    /// Whether there is a request. A channel that continues elsewhere is not closed, but empty.
    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        match self.core.poll() {
            Err(PopError::Closed) if self.follow() => Err(PopError::Empty),
            result => result,
        }
    }

    /// Answers the request that was taken last, if its [`Request`] was dropped without a reply. False when
    /// there is none, and in a forked child that inherited the end.
    ///
    /// # Blocking
    /// Never. One system call when the caller sleeps, to wake it.
    #[inline(always)]
    pub fn reply(&mut self, reply: Rep) -> bool {
        self.core.reply(&reply)
    }

    /// Answers each request with the result of `f`, called with the request and the number of earlier
    /// attempts, until the caller closes.
    ///
    /// # Errors
    /// As [`take`](Self::take), except that closing is a normal end.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn serve_all(&mut self, mut f: impl FnMut(Req, u8) -> Rep) -> Result<(), CallError> {
        loop {
            match self.take() {
                Ok(request) => {
                    let reply = f(request.value(), request.attempt());
                    request.reply(reply);
                }
                Err(CallError::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the caller is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        Ok(self.core.end.unless_replaced(self.core.end.peer()?))
    }

    /// Sleeps until a caller is attached and alive, or has closed the channel, or the timeout has passed.
    /// Returns its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_peer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        let deadline = timeout.map(crate::clock::after);
        loop {
            match self.core.end.wait_for_peer(deadline)? {
                PeerState::Closed if self.follow() => {}
                state => return Ok(state),
            }
        }
    }

    /// Ends the channel: the caller learns that no more replies come.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }
}

impl<Req: Message, Rep: Message> Request<'_, Req, Rep> {
    /// The request itself.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Req {
        self.taken.request
    }

    /// How often the request was taken before without a reply, at most 255: by responders that died or
    /// detached, or by this one. It is unknown whether they executed it.
    #[must_use]
    pub fn attempt(&self) -> u8 {
        self.taken.attempt
    }

    /// The number of the call since the channel was made, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.taken.number
    }

    /// Answers the request.
    ///
    /// # Blocking
    /// Never. One system call when the caller sleeps, to wake it.
    #[inline]
    pub fn reply(self, reply: Rep) {
        self.responder.reply(reply);
    }
}

impl<Req: Message, Rep: Message> Follower for Responder<Req, Rep> {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_receiver().ok()
    }
}

impl<Req: Message, Rep: Message> Drop for Responder<Req, Rep> {
    fn drop(&mut self) {
        let has_item = self.core.end.is_ours() && self.core.ring.has_request();
        pair::leave_consumer(&mut self.core.end, self.ending, has_item);
    }
}

has_core!([Req: Message, Rep: Message] Responder<Req, Rep>, Core<Req, Rep>, core);
