//! The two ends of a channel of frames with one producer and one consumer.
//!
//! The ring is [`ring::bytes`](crate::ring::bytes). Here are the steps around it, as in
//! [`spsc`](super::spsc). The differences: a producer waits for room for a frame of its own length, and a
//! frame may not fit its destination.

use std::time::Instant;

use super::item::{self, Poll, ended};
use super::pair::{Endpoint, Words};
use super::room::{Refusal, Room, acknowledge, full, wait_for_room};
use crate::apart::apart;
use crate::cache::batching::{self, Batching};
use crate::error::{FrameTooLarge, PopError};
use crate::ring::bytes::{self as ring, Corruption, Memory, Pop, Refused};
use crate::wait::host::Host;

/// Pauses between two checks whether a batch has accumulated: each takes a line from the producer, which it
/// writes with each push.
const PAUSES: u32 = 8;

mod looking;
mod place;

pub use place::Place;

/// The producing end.
#[derive(Debug)]
pub struct Producer<M: Memory, W: Words, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Producer<M>,
    /// Its seat.
    pub end: Endpoint<W, H>,
    /// The length of the last frame that there was no room for.
    wanted: usize,
}

/// The ring and the length of the frame that waits for room.
struct RoomFor<'a, M: Memory>(&'a mut ring::Producer<M>, usize);

impl<M: Memory> Room for RoomFor<'_, M> {
    fn has_room(&mut self) -> Result<bool, Corruption> {
        self.0.has_room(self.1)
    }

    fn position(&self) -> u64 {
        self.0.position()
    }

    fn has_room_by_head(&self) -> bool {
        self.0.has_room_by_head(self.1)
    }

    fn room_is_coming(&self) -> bool {
        self.0.room_is_coming()
    }
}

impl<M: Memory, W: Words, H: Host> Producer<M, W, H> {
    /// The end of a ring, with its seat.
    pub fn new(ring: ring::Producer<M>, end: Endpoint<W, H>) -> Self {
        Self { ring, end, wanted: 0 }
    }

    /// Pushes a frame, waiting for room.
    ///
    /// # Errors
    /// [`Refusal`], except [`Refusal::Full`].
    #[inline(always)]
    pub fn push(&mut self, frame: &[u8], deadline: Option<Instant>) -> Result<(), Refusal> {
        match self.push_known(frame) {
            Some(0) => Ok(()),
            known => apart(self.push_slowly(frame, known, deadline)),
        }
    }

    /// Pushes a frame if there is nothing else to do. `None`, and nothing pushed, when there is; otherwise
    /// the consumer's signal to act upon. The continuation is a separate call, so that the fast path needs no
    /// stack space.
    #[inline(always)]
    pub(crate) fn push_known(&mut self, frame: &[u8]) -> Option<u32> {
        if self.end.is_surely_ours() { self.ring.push_known(frame) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn push_slowly(
        &mut self,
        frame: &[u8],
        known: Option<u32>,
        deadline: Option<Instant>,
    ) -> Result<(), Refusal> {
        let pushed = self.pushed(frame, known)?;
        self.push_on(pushed, frame.len(), deadline, |ring| ring.try_push(frame))
    }

    /// The result of [`push_known`](Self::push_known), or of an attempt to push what that did not push.
    ///
    /// # Errors
    /// [`Refusal::Forked`].
    #[inline(always)]
    pub(crate) fn pushed(
        &mut self,
        frame: &[u8],
        known: Option<u32>,
    ) -> Result<Result<u32, Refused>, Refusal> {
        match known {
            Some(signal) => Ok(Ok(signal)),
            None => {
                self.end.ours()?;
                Ok(self.ring.try_push(frame))
            }
        }
    }

    /// The slow half of a push: a signal to act upon, or no room. `again` retries. Inlined into a cold
    /// function of the caller: one more call level would make each push store the result of the attempt to
    /// memory.
    #[inline(always)]
    pub(crate) fn push_on(
        &mut self,
        mut pushed: Result<u32, Refused>,
        len: usize,
        deadline: Option<Instant>,
        again: impl Fn(&mut ring::Producer<M>) -> Result<u32, Refused>,
    ) -> Result<(), Refusal> {
        loop {
            match self.settle(pushed, len) {
                Err(Refusal::Full) => self.wait_for_room(len, deadline)?,
                result => return result,
            }
            pushed = again(&mut self.ring);
        }
    }

    /// Waits until there is room for a frame of `len` bytes.
    ///
    /// # Errors
    /// [`Refusal`], except [`Refusal::Full`].
    #[track_caller]
    pub fn wait_for_room(&mut self, len: usize, deadline: Option<Instant>) -> Result<(), Refusal> {
        wait_for_room(&mut RoomFor(&mut self.ring, len), &mut self.end, deadline)
    }

    /// The result of an attempt to push a frame of `len` bytes. Inlined into a cold function of the caller,
    /// as `push_on` is.
    #[inline(always)]
    pub(crate) fn settle(&mut self, pushed: Result<u32, Refused>, len: usize) -> Result<(), Refusal> {
        match pushed {
            Ok(0) => Ok(()),
            Ok(signal) => publication(&self.ring, &mut self.end, signal),
            Err(refused) => {
                self.wanted = len;
                let frame = FrameTooLarge { len, limit: self.ring.longest() };
                Err(refusal(&mut self.end, refused, frame))
            }
        }
    }

    /// Polls for a few microseconds at most for room for the last frame that found none.
    pub(crate) fn let_come_free(&self) {
        batching::watch(|| self.ring.has_room_by_head(self.wanted));
    }

    /// Whether there is room for a frame as long as the last one that found none.
    ///
    /// # Errors
    /// When the consumer's words are invalid.
    pub fn has_room_as_wanted(&mut self) -> Result<bool, Corruption> {
        self.ring.has_room(self.wanted)
    }
}

/// Acts on the consumer's signal after a publication.
#[cold]
pub(crate) fn publication<M: Memory, W: Words, H: Host>(
    ring: &ring::Producer<M>,
    end: &mut Endpoint<W, H>,
    signal: u32,
) -> Result<(), Refusal> {
    acknowledge(end, signal, ring.position(), || ring.is_drained())
}

/// The frame was refused: the ring is full, closed, corrupt, or too small.
#[cold]
pub(crate) fn refusal<W: Words, H: Host>(
    end: &mut Endpoint<W, H>,
    refused: Refused,
    frame: FrameTooLarge,
) -> Refusal {
    match refused {
        Refused::Full => full(end),
        Refused::TooLarge => Refusal::TooLarge(frame),
        Refused::Corrupt(corruption) => {
            end.poison();
            Refusal::Corrupt(corruption)
        }
    }
}

/// The consuming end.
#[derive(Debug)]
pub struct Consumer<M: Memory, W: Words, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Consumer<M>,
    /// Its seat.
    pub end: Endpoint<W, H>,
    batching: Batching,
}

/// A pop that waits.
struct Popping<'a, P, M: Memory, W: Words, H: Host> {
    consumer: &'a mut Consumer<M, W, H>,
    place: &'a mut P,
}

impl<P: Place, M: Memory, W: Words, H: Host> Poll for Popping<'_, P, M, W, H> {
    type Words = W;
    type Host = H;
    type Item = usize;

    fn poll(&mut self) -> Result<usize, PopError> {
        self.consumer.try_pop(self.place)
    }

    fn has_item(&self) -> bool {
        self.consumer.ring.has_item()
    }

    fn end_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.consumer.end
    }

    fn end(&self) -> &Endpoint<W, H> {
        &self.consumer.end
    }

    fn begin(&mut self) {
        self.consumer.wait_for_batch();
    }
}

impl<M: Memory, W: Words, H: Host> Consumer<M, W, H> {
    /// The end of a ring, with its seat.
    pub fn new(ring: ring::Consumer<M>, end: Endpoint<W, H>) -> Self {
        Self { ring, end, batching: Batching::new() }
    }

    /// Waits for a batch of frames, when that has been useful lately or is due to be tried.
    pub(crate) fn wait_for_batch(&mut self) {
        let Self { ring, batching, .. } = self;
        let size = ring.usual_record() as usize;
        batching.wait_for_batch(size, ring.batch_len(), PAUSES, |bytes| ring.is_ready_ahead(bytes));
        if batching.accumulates() {
            ring.read_batch();
        }
    }

    /// Pops the next frame if there is one; returns its length.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::BufferTooSmall`], which leaves the frame where it is;
    /// [`PopError::Closed`] and [`PopError::PeerGone`] when there is nothing and nothing will come from this
    /// producer; [`PopError::Corrupt`].
    #[inline(always)]
    pub fn try_pop(&mut self, place: &mut impl Place) -> Result<usize, PopError> {
        match self.pop_known(place) {
            Some(len) => Ok(len),
            None => apart(self.try_pop_slowly(place)),
        }
    }

    #[cold]
    #[inline(never)]
    fn try_pop_slowly(&mut self, place: &mut impl Place) -> Result<usize, PopError> {
        self.end.ours()?;
        self.settle(place)
    }

    /// Pops the next frame, waiting for it; returns its length.
    ///
    /// # Errors
    /// [`PopError`], except [`PopError::Empty`].
    #[inline(always)]
    pub fn pop(&mut self, place: &mut impl Place, deadline: Option<Instant>) -> Result<usize, PopError> {
        match self.pop_known(place) {
            Some(len) => Ok(len),
            None => apart(self.pop_slowly(place, deadline)),
        }
    }

    /// Pops the next frame if only a copy is needed. The continuation is a separate call, which checks whose
    /// end it is.
    #[inline(always)]
    pub(crate) fn pop_known(&mut self, place: &mut impl Place) -> Option<usize> {
        if self.end.is_surely_ours() { place.pop_known(&mut self.ring) } else { None }
    }

    /// A pop that was not a plain success, or was not tried yet.
    #[cold]
    pub(crate) fn pop_slowly(
        &mut self,
        place: &mut impl Place,
        deadline: Option<Instant>,
    ) -> Result<usize, PopError> {
        self.end.ours()?;
        match self.settle(place) {
            Err(error) if item::goes_on(&self.end, &error) => {
                item::wait_and_pop(&mut Popping { consumer: self, place }, deadline)
            }
            result => result,
        }
    }

    /// Handles any result of a pop.
    #[cold]
    pub(crate) fn settle(&mut self, place: &mut impl Place) -> Result<usize, PopError> {
        match place.pop(&mut self.ring, |signal| self.end.wake_peer_if(signal)) {
            Pop::Frame { len, .. } => Ok(len),
            Pop::TooSmall { needed } => Err(PopError::BufferTooSmall { needed }),
            Pop::Empty { signal } => self.nothing(signal, place),
            Pop::Corrupt(corruption) => Err(self.poison(corruption)),
        }
    }

    /// The ring is empty; check whether the stream has ended. What was pushed before the end is still popped.
    fn nothing(&mut self, signal: u32, place: &mut impl Place) -> Result<usize, PopError> {
        self.end.wake_peer_if(signal);
        self.end.tell().map_err(PopError::System)?;
        let Some(error) = ended(self.end.peer_bits(), self.ring.position()) else {
            return Err(PopError::Empty);
        };
        // [C1] The producer's bit is seen: everything it pushed before is visible too. Check once more.
        match place.pop(&mut self.ring, |signal| self.end.wake_peer_if(signal)) {
            Pop::Frame { len, .. } => Ok(len),
            Pop::TooSmall { needed } => Err(PopError::BufferTooSmall { needed }),
            Pop::Empty { .. } => Err(error),
            Pop::Corrupt(corruption) => Err(self.poison(corruption)),
        }
    }

    /// Checks, before the next frame is viewed in place, whether the stream has ended. Otherwise there may or
    /// may not be a frame.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), except [`PopError::Empty`] and [`PopError::BufferTooSmall`].
    #[inline(always)]
    pub fn look(&mut self) -> Result<(), PopError> {
        self.end.ours()?;
        if self.ring.has_item() { Ok(()) } else { self.nothing_to_view() }
    }

    /// There was nothing to view; check whether the stream has ended.
    #[cold]
    #[inline(never)]
    fn nothing_to_view(&mut self) -> Result<(), PopError> {
        if let Ok(Err(signal)) = self.ring.try_view() {
            self.end.wake_peer_if(signal);
        }
        self.end.tell().map_err(PopError::System)?;
        match ended(self.end.peer_bits(), self.ring.position()) {
            // [C1] As in `nothing`: what was pushed before the end is visible now. Check once more.
            Some(error) if !self.ring.has_item() => Err(error),
            _ => Ok(()),
        }
    }

    /// Signals to the producer that the ring is corrupt.
    #[cold]
    fn poison(&mut self, corruption: Corruption) -> PopError {
        self.end.poison();
        PopError::Corrupt(corruption)
    }
}

/// What was found instead of a frame to view in place: the producer's signal, or an invalid word.
#[cold]
#[inline(never)]
pub(crate) fn not_viewed<W: Words, H: Host>(
    end: &mut Endpoint<W, H>,
    found: Result<u32, Corruption>,
) -> PopError {
    match found {
        Ok(signal) => {
            end.wake_peer_if(signal);
            PopError::Empty
        }
        Err(corruption) => {
            end.poison();
            PopError::Corrupt(corruption)
        }
    }
}
