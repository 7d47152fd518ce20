//! The answering end.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::memory::Memory;
use super::word::{self, State};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::wait::fences::Fences;

/// A request that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// The request.
    pub request: T,
    /// How often it was taken before without an answer, at most 255: by responders that died or gave up. What
    /// they did with it is unknown.
    pub attempt: u8,
    /// The number of the call.
    pub number: u64,
}

/// The answering end of a ring.
#[derive(Debug)]
pub struct Responder<M: Memory> {
    memory: M,
    /// The call that was seen last.
    number: u64,
    /// Whether it was taken and has no reply yet.
    open: bool,
    /// Which of its looks at the other end's signal follow a fence.
    fences: Fences,
}

impl<M: Memory> Responder<M> {
    /// Takes the answering end of a ring. A call that a predecessor left unanswered is the first to be taken.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        // [Q1] Acquire ← the caller's Release.
        let word = memory.word().load(M::Platform::ordering(Edge::CallTake));
        let (number, _) = word::read(word, 0)?;
        let fences = Fences::attach::<M::Platform>(memory.barrier(), memory.responder_fences());
        Ok(Self { memory, number, open: false, fences })
    }

    /// Takes the waiting request, if there is one. A request that was taken before and has no reply yet is
    /// taken again.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid.
    #[inline(always)]
    pub fn try_take(&mut self) -> Result<Option<Taken<M::Request>>, Corruption> {
        // [Q1] Acquire ← the caller's Release: the request was written before.
        let word = self.memory.word().load(M::Platform::ordering(Edge::CallTake));
        let (number, State::Asked) = word::read(word, self.number)? else { return Ok(None) };
        let attempt = word::attempts(self.memory.taken().load(Relaxed), number); // Only responders write it.
        let mut request = MaybeUninit::uninit();
        if attempt == 0 {
            self.memory.read_line(&mut request);
        } else {
            // The responder that took it before may have begun to write its reply.
            self.memory.read_kept(&mut request);
        }
        self.memory.taken().store(word::taken(number, attempt), Relaxed); // For a successor, which comes after this end's death.
        M::Platform::crash_point(Site::CallTaken);
        self.number = number;
        self.open = true;
        // SAFETY: read, so every byte of it was written.
        Ok(Some(Taken { request: unsafe { request.assume_init() }, attempt, number }))
    }

    /// The waiting request, after [`has_request`](Self::has_request) returned true.
    ///
    /// # Errors
    /// [`Corruption`] if the line's word is invalid, or has become so.
    #[inline(always)]
    pub fn take(&mut self) -> Result<Taken<M::Request>, Corruption> {
        self.try_take()?.ok_or_else(|| self.nonsense())
    }

    #[cold]
    fn nonsense(&self) -> Corruption {
        let found = self.memory.word().load(Relaxed); // For the error.
        Corruption { word: "line's word", position: self.number, found }
    }

    /// Answers the request that was taken. Returns the caller's signal; 0 if no request is open.
    #[inline(always)]
    pub fn reply(&mut self, reply: &M::Reply) -> u32 {
        if !self.open {
            return 0;
        }
        self.memory.write_line(reply);
        M::Platform::crash_point(Site::CallAnswered);
        // [Q2] Release → the caller's Acquire: the reply is written before, and the request has been read.
        self.memory.word().store(word::replied(self.number), M::Platform::ordering(Edge::CallReply));
        M::Platform::crash_point(Site::CallReplied);
        self.open = false;
        let Self { memory, fences, .. } = self;
        fences.peek_signal::<M::Platform>(memory.responder_fences(), memory.caller_signal())
    }

    /// Whether there is something to take: a request, or an invalid word.
    #[inline(always)]
    #[must_use]
    pub fn has_request(&self) -> bool {
        // [Q1] Acquire ← the caller's Release.
        let word = self.memory.word().load(M::Platform::ordering(Edge::CallTake));
        matches!(word::read(word, self.number), Ok((_, State::Asked)) | Err(_))
    }

    /// Whether a request was taken and has no reply yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The number of the call that was seen last.
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
