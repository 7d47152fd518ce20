//! The calling end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::memory::Memory;
use super::word::{self, State};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::wait::fences::Fences;

/// Why no call was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The call before has no reply yet.
    Pending,
    /// The line's word is invalid.
    Corrupt(Corruption),
}

/// The calling end of a ring.
#[derive(Debug)]
pub struct Caller<M: Memory> {
    memory: M,
    /// The number of the last call.
    number: u64,
    /// Whether that call was this end's, and its reply has not been read.
    waits: bool,
    /// Which of its looks at the other end's signal follow a fence.
    fences: Fences,
}

impl<M: Memory> Caller<M> {
    /// Takes the calling end of a ring. A call of the predecessor may still be in flight: its reply is not
    /// for this end.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        // [Q2] Acquire ← the responder's Release, for the line that is written again.
        let word = memory.word().load(M::Platform::ordering(Edge::CallAccept));
        let (number, _) = word::read(word, 0)?;
        let fences = Fences::attach::<M::Platform>(memory.barrier(), memory.caller_fences());
        Ok(Self { memory, number, waits: false, fences })
    }

    /// Sends a request, if no call is in flight. A reply that was not read is discarded. Returns the
    /// responder's signal.
    ///
    /// # Errors
    /// [`Refused`].
    #[inline(always)]
    pub fn try_ask(&mut self, request: &M::Request) -> Result<u32, Refused> {
        if self.look().map_err(Refused::Corrupt)? == State::Asked {
            return Err(Refused::Pending);
        }
        let number = self.number + 1;
        // For a responder whose predecessor dies with the line half overwritten.
        self.memory.keep(request);
        M::Platform::crash_point(Site::CallKept);
        self.memory.write_line(request);
        M::Platform::crash_point(Site::CallWritten);
        // [Q1] Release → the responder's Acquire: line and copy are written before.
        self.memory.word().store(word::asked(number), M::Platform::ordering(Edge::CallAsk));
        M::Platform::crash_point(Site::CallAsked);
        self.number = number;
        self.waits = true;
        let Self { memory, fences, .. } = self;
        Ok(fences.peek_signal::<M::Platform>(memory.caller_fences(), memory.responder_signal()))
    }

    /// The reply to this end's call, if it is there. Returned once.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid.
    #[inline(always)]
    pub fn try_reply(&mut self) -> Result<Option<M::Reply>, Corruption> {
        if !self.waits || self.look()? != State::Replied {
            return Ok(None);
        }
        let mut reply = MaybeUninit::uninit();
        self.memory.read_line(&mut reply);
        self.waits = false;
        // SAFETY: read, so every byte of it was written.
        Ok(Some(unsafe { reply.assume_init() }))
    }

    /// The reply to this end's call, after [`has_reply`](Self::has_reply) returned true.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid, or has become so.
    #[inline(always)]
    pub fn reply(&mut self) -> Result<M::Reply, Corruption> {
        self.try_reply()?.ok_or_else(|| self.nonsense())
    }

    #[cold]
    fn nonsense(&self) -> Corruption {
        let found = self.memory.word().load(Relaxed); // For the error.
        Corruption { word: "line's word", position: self.number, found }
    }

    /// Whether there is something to read: the reply, or an invalid word.
    #[inline(always)]
    #[must_use]
    pub fn has_reply(&self) -> bool {
        self.waits && self.look() != Ok(State::Asked)
    }

    /// Whether a call is in flight, of this end or its predecessor: then [`try_ask`](Self::try_ask) is
    /// refused. False is final until the next call; true may be out of date.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.look() == Ok(State::Asked)
    }

    /// Whether this end waits for a reply.
    #[must_use]
    pub fn awaits_reply(&self) -> bool {
        self.waits
    }

    /// Takes back the call in flight. Only while the responder's end has no holder and none can take it.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid.
    pub fn abandon(&mut self) -> Result<(), Corruption> {
        if self.look()? == State::Asked {
            self.memory.word().store(word::abandoned(self.number), Relaxed); // No responder; the lock orders the next one.
        }
        self.waits = false;
        Ok(())
    }

    /// The state of the last call.
    #[inline(always)]
    fn look(&self) -> Result<State, Corruption> {
        // [Q2] Acquire ← the responder's Release: the reply was written before, and the request read.
        let word = self.memory.word().load(M::Platform::ordering(Edge::CallAccept));
        match word::read(word, self.number)? {
            (number, state) if number == self.number => Ok(state),
            // Only this end starts calls.
            _ => Err(Corruption { word: "line's word", position: self.number, found: word }),
        }
    }

    /// The number of the last call: the number of calls started since the ring was made.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}
