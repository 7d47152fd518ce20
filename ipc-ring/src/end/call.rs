//! The two ends of a channel of calls: one caller, one responder.
//!
//! The ring is [`ring::call`](crate::ring::call). Here are the steps around it. A wait reports only *that*
//! there is something; the payload is then copied once, from the line to its destination.

use std::time::Instant;

use super::item::{Poll, ended, wait_and_pop};
use super::pair::{Endpoint, Words};
use crate::error::{CallError, PopError};
use crate::ring::call::{self as ring, Corruption, Memory, Refused};
use crate::wait::host::Host;
use crate::wait::signal::{CLOSED, POISONED};
use crate::wait::{between_polls, pause};

/// The calling end.
#[derive(Debug)]
pub struct Caller<M: Memory, W: Words, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Caller<M>,
    /// Its seat.
    pub end: Endpoint<W, H>,
}

/// Waiting for the reply.
struct Replies<'a, M: Memory, W: Words, H: Host>(&'a mut Caller<M, W, H>);

/// Waiting until no call is in flight.
struct Quiet<'a, M: Memory, W: Words, H: Host>(&'a mut Caller<M, W, H>);

/// Polling too fast takes the cache line away from the end that writes it.
fn leave_the_line() {
    pause();
    pause();
}

impl<M: Memory, W: Words, H: Host> Caller<M, W, H> {
    /// Asks and waits for the reply. `give_up` cancels an earlier call still in flight if no responder is
    /// alive; false if one is.
    ///
    /// # Errors
    /// [`CallError`], except [`CallError::Pending`] and [`CallError::NothingAsked`].
    #[inline(always)]
    pub fn call(
        &mut self,
        request: &M::Request,
        deadline: Option<Instant>,
        give_up: impl FnMut(&mut Self) -> Result<bool, CallError>,
    ) -> Result<M::Reply, CallError> {
        self.end.ours()?;
        match self.ring.try_ask(request) {
            Ok(0) => {}
            Ok(signal) => self.asked(signal)?,
            Err(refused) => self.ask_slowly(request, refused, deadline, give_up)?,
        }
        self.reply(deadline)
    }

    /// Waits for the reply, then copies it once, to its destination.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    #[inline(always)]
    pub fn reply(&mut self, deadline: Option<Instant>) -> Result<M::Reply, CallError> {
        if !self.ring.has_reply() {
            wait_and_pop(&mut Replies(self), deadline).map_err(CallError::from_wait)?;
        }
        self.ring.reply().map_err(|corruption| self.poison(corruption))
    }

    /// Asks without waiting for the reply.
    ///
    /// # Errors
    /// [`CallError::Pending`], [`CallError::Closed`], [`CallError::Corrupt`], [`CallError::NotWoken`].
    #[inline(always)]
    pub fn ask(&mut self, request: &M::Request) -> Result<(), CallError> {
        self.end.ours()?;
        match self.ring.try_ask(request) {
            Ok(signal) => self.asked(signal),
            Err(Refused::Pending) => Err(CallError::Pending),
            Err(Refused::Corrupt(corruption)) => Err(self.poison(corruption)),
        }
    }

    /// An earlier call is in flight: gives it up, then asks.
    #[cold]
    #[inline(never)]
    fn ask_slowly(
        &mut self,
        request: &M::Request,
        mut refused: Refused,
        deadline: Option<Instant>,
        mut give_up: impl FnMut(&mut Self) -> Result<bool, CallError>,
    ) -> Result<(), CallError> {
        loop {
            match refused {
                Refused::Corrupt(corruption) => return Err(self.poison(corruption)),
                Refused::Pending => {
                    if !give_up(self)? {
                        match wait_and_pop(&mut Quiet(self), deadline) {
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
            return Err(CallError::Corrupt(Corruption::told(self.ring.number(), signal)));
        }
        if signal & CLOSED != 0 { Err(CallError::Closed) } else { woken.map_err(CallError::NotWoken) }
    }

    /// Signals to the responder that the ring is corrupt.
    #[cold]
    pub(crate) fn poison(&mut self, corruption: Corruption) -> CallError {
        self.end.poison();
        CallError::Corrupt(corruption)
    }

    /// Handles the responder's signal after a poll that found nothing. `is_there` checks once more.
    fn nothing(&mut self, is_there: impl FnOnce(&Self) -> bool) -> Result<(), PopError> {
        let Some(error) = ended(self.end.peer_bits(), self.ring.number()) else {
            leave_the_line();
            return Err(PopError::Empty);
        };
        // [C1] As for a pop: what the responder did before its end is visible now.
        if is_there(self) { Ok(()) } else { Err(error) }
    }
}

impl<M: Memory, W: Words, H: Host> Poll for Replies<'_, M, W, H> {
    type Words = W;
    type Host = H;
    /// Nothing: a wait reports only that the reply has arrived.
    type Item = ();

    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        if self.has_item() { Ok(()) } else { self.0.nothing(|caller| caller.ring.has_reply()) }
    }

    fn has_item(&self) -> bool {
        self.0.ring.has_reply()
    }

    fn end_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.0.end
    }

    fn end(&self) -> &Endpoint<W, H> {
        &self.0.end
    }

    fn begin(&mut self) {
        leave_the_line();
        between_polls();
    }
}

impl<M: Memory, W: Words, H: Host> Poll for Quiet<'_, M, W, H> {
    type Words = W;
    type Host = H;
    type Item = ();

    fn poll(&mut self) -> Result<(), PopError> {
        if self.0.ring.is_pending() { self.0.nothing(|caller| !caller.ring.is_pending()) } else { Ok(()) }
    }

    fn has_item(&self) -> bool {
        !self.0.ring.is_pending()
    }

    fn end_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.0.end
    }

    fn end(&self) -> &Endpoint<W, H> {
        &self.0.end
    }

    fn begin(&mut self) {
        leave_the_line();
        between_polls();
    }
}

/// The answering end.
#[derive(Debug)]
pub struct Responder<M: Memory, W: Words, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Responder<M>,
    /// Its seat.
    pub end: Endpoint<W, H>,
}

/// Waiting for a request.
struct Requests<'a, M: Memory, W: Words, H: Host>(&'a mut Responder<M, W, H>);

impl<M: Memory, W: Words, H: Host> Responder<M, W, H> {
    /// Whether there is a request.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Closed`] and [`PopError::PeerGone`] when none will come from this
    /// caller; [`PopError::Corrupt`].
    #[inline(always)]
    pub(crate) fn poll(&mut self) -> Result<(), PopError> {
        if self.ring.has_request() {
            return Ok(());
        }
        self.end.tell().map_err(PopError::System)?;
        let Some(error) = ended(self.end.peer_bits(), self.ring.number()) else {
            leave_the_line();
            return Err(PopError::Empty);
        };
        // [C1] As for a pop: what was asked before the end is visible now. Check once more.
        if self.ring.has_request() { Ok(()) } else { Err(error) }
    }

    /// Waits until there is a request.
    ///
    /// # Errors
    /// As for a pop that waits.
    #[track_caller]
    pub fn wait_for_request(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        wait_and_pop(&mut Requests(self), deadline)
    }

    /// Answers the request that was taken last. False when there is none, and in a forked child that
    /// inherited the end.
    #[inline(always)]
    pub fn reply(&mut self, reply: &M::Reply) -> bool {
        if !self.end.is_ours() {
            return false;
        }
        let open = self.ring.is_open();
        let signal = self.ring.reply(reply);
        if signal != 0 {
            self.end.wake_peer_if(signal);
        }
        open
    }

    /// Signals to the caller that the ring is corrupt, as taking a request found. Taking itself is left to
    /// the ring: an error of another type would cause each request to be moved once more.
    #[cold]
    pub(crate) fn poison(&mut self, corruption: Corruption) -> CallError {
        self.end.poison();
        CallError::Corrupt(corruption)
    }
}

impl<M: Memory, W: Words, H: Host> Poll for Requests<'_, M, W, H> {
    type Words = W;
    type Host = H;
    /// Nothing: a wait reports only that there is a request.
    type Item = ();

    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        self.0.poll()
    }

    fn has_item(&self) -> bool {
        self.0.ring.has_request()
    }

    fn end_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.0.end
    }

    fn end(&self) -> &Endpoint<W, H> {
        &self.0.end
    }

    fn begin(&mut self) {
        leave_the_line();
        between_polls();
    }
}
