//! The two ends of a channel of elements with one producer and one consumer.
//!
//! The ring is [`ring::spsc`](crate::ring::spsc). Here are the steps around it: what a push does that finds
//! no room or a signal, and a pop that finds nothing.

use std::time::Instant;

use super::item::{self, Poll, ended};
use super::pair::{Endpoint, Words};
use super::room::{Refusal, Room, acknowledge, full, wait_for_room};
use crate::apart::apart;
use crate::cache::batching::{self, Batching};
use crate::error::PopError;
use crate::memory::{Item, Place, Shape as _};
use crate::ring::spsc::{self as ring, Corruption, Memory, Push};
use crate::wait::host::Host;

/// The producing end.
#[derive(Debug)]
pub struct Producer<M: Memory, W: Words, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Producer<M>,
    /// Its seat.
    pub end: Endpoint<W, H>,
}

impl<M: Memory> Room for ring::Producer<M> {
    fn has_room(&mut self) -> Result<bool, Corruption> {
        self.has_room()
    }

    fn position(&self) -> u64 {
        self.position()
    }

    fn has_room_by_head(&self) -> bool {
        self.has_room_by_head()
    }

    fn room_is_coming(&self) -> bool {
        self.room_is_coming()
    }
}

impl<M: Memory, W: Words, H: Host> Producer<M, W, H> {
    /// Pushes an element, waiting for room.
    ///
    /// # Errors
    /// [`Refusal`], except [`Refusal::Full`].
    #[inline(always)]
    pub fn push(&mut self, item: &Item<M>, deadline: Option<Instant>) -> Result<(), Refusal> {
        match self.push_known(item) {
            Some(0) => Ok(()),
            known => apart(self.push_slowly(item, known, deadline)),
        }
    }

    /// Pushes an element if there is nothing else to do. `None`, and nothing pushed, when there is; otherwise
    /// the consumer's signal to act upon. The continuation with [`push_on`](Self::push_on) or
    /// [`try_push_on`](Self::try_push_on) is a separate call, so that the fast path needs no stack space.
    #[inline(always)]
    pub(crate) fn push_known(&mut self, item: &Item<M>) -> Option<u32> {
        if self.end.is_surely_ours() { self.ring.push_known(item) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn push_slowly(
        &mut self,
        item: &Item<M>,
        known: Option<u32>,
        deadline: Option<Instant>,
    ) -> Result<(), Refusal> {
        self.push_on(item, known, deadline)
    }

    /// The rest of a push after [`push_known`](Self::push_known): a signal to act upon, or a ring that may be
    /// full. Inlined into a cold function of the caller: one more call level would make each push store the
    /// result of the attempt to memory.
    #[inline(always)]
    pub(crate) fn push_on(
        &mut self,
        item: &Item<M>,
        known: Option<u32>,
        deadline: Option<Instant>,
    ) -> Result<(), Refusal> {
        if let Some(signal) = known {
            return self.settle(Push::Done { signal });
        }
        self.end.ours()?;
        loop {
            match self.ring.try_push_by_head(item) {
                Push::Full => wait_for_room(&mut self.ring, &mut self.end, deadline)?,
                done => return self.settle(done),
            }
        }
    }

    /// As [`push_on`](Self::push_on), without waiting for room.
    #[inline(always)]
    pub(crate) fn try_push_on(&mut self, item: &Item<M>, known: Option<u32>) -> Result<(), Refusal> {
        if let Some(signal) = known {
            return self.settle(Push::Done { signal });
        }
        self.end.ours()?;
        let pushed = self.ring.try_push(item);
        self.settle(pushed)
    }

    /// The result of a push. Inlined into a cold function of the caller, as [`push_on`](Self::push_on).
    #[inline(always)]
    pub(crate) fn settle(&mut self, pushed: Push) -> Result<(), Refusal> {
        match pushed {
            Push::Done { signal: 0 } => Ok(()),
            Push::Done { signal } => self.pushed(signal),
            Push::Full => Err(full(&self.end)),
            Push::Corrupt(corruption) => Err(self.poison(corruption)),
        }
    }

    /// An element was pushed, and the consumer's signal is not zero.
    #[cold]
    pub(crate) fn pushed(&mut self, signal: u32) -> Result<(), Refusal> {
        publication(&self.ring, &mut self.end, signal)
    }

    /// Polls for a few microseconds at most for slots to be freed.
    pub(crate) fn let_come_free(&self) {
        batching::watch(|| self.ring.has_room_by_head());
    }

    /// Signals to the consumer that the ring is corrupt.
    #[cold]
    pub(crate) fn poison(&mut self, corruption: Corruption) -> Refusal {
        self.end.poison();
        Refusal::Corrupt(corruption)
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
struct Popping<'a, M: Memory, W: Words, H: Host> {
    consumer: &'a mut Consumer<M, W, H>,
    place: &'a mut Place<M>,
}

impl<M: Memory, W: Words, H: Host> Poll for Popping<'_, M, W, H> {
    type Words = W;
    type Host = H;
    type Item = ();

    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
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

/// A wait for an element that stays in place.
struct Looking<'a, M: Memory, W: Words, H: Host>(&'a mut Consumer<M, W, H>);

impl<M: Memory, W: Words, H: Host> Poll for Looking<'_, M, W, H> {
    type Words = W;
    type Host = H;
    type Item = ();

    fn poll(&mut self) -> Result<(), PopError> {
        self.0.look()?;
        if self.0.ring.has_item() { Ok(()) } else { Err(PopError::Empty) }
    }

    fn has_item(&self) -> bool {
        self.0.ring.has_item()
    }

    fn end_mut(&mut self) -> &mut Endpoint<W, H> {
        &mut self.0.end
    }

    fn end(&self) -> &Endpoint<W, H> {
        &self.0.end
    }

    fn begin(&mut self) {
        self.0.wait_for_batch();
    }
}

impl<M: Memory, W: Words, H: Host> Consumer<M, W, H> {
    /// The end of a ring, with its seat.
    pub fn new(ring: ring::Consumer<M>, end: Endpoint<W, H>) -> Self {
        Self { ring, end, batching: Batching::new() }
    }

    /// Pops the next element if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Closed`] and [`PopError::PeerGone`] when there is nothing and nothing
    /// will come from this producer; [`PopError::Corrupt`].
    #[inline(always)]
    pub fn try_pop(&mut self, place: &mut Place<M>) -> Result<(), PopError> {
        self.end.ours()?;
        match self.pop_next(place) {
            Ok(()) => Ok(()),
            Err(found) => self.settle(found, place),
        }
    }

    /// Pops the next element, waiting for it.
    ///
    /// # Errors
    /// [`PopError`], except [`PopError::Empty`].
    #[inline(always)]
    pub fn pop(&mut self, place: &mut Place<M>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.end.ours()?;
        match self.pop_next(place) {
            Ok(()) => Ok(()),
            Err(found) => self.pop_slowly(found, place, deadline),
        }
    }

    /// Pops the next element if there is nothing else to do: one of several known to be there, but not the
    /// last.
    #[inline(always)]
    pub(crate) fn pop_known(&mut self, place: &mut Place<M>) -> bool {
        self.end.is_surely_ours() && self.ring.pop_known(place)
    }

    /// Whether the next element is ready; then [`pop_ready`](Self::pop_ready) pops it.
    #[inline(always)]
    pub(crate) fn knows_next(&mut self) -> bool {
        self.end.is_surely_ours() && self.ring.knows_next()
    }

    /// Pops the next element if it is ready.
    #[inline(always)]
    pub(crate) fn pop_ready(&mut self, place: &mut Place<M>) -> bool {
        self.end.is_surely_ours() && self.ring.pop_next(place, |signal| self.end.wake_peer_if(signal)).is_ok()
    }

    /// Pops the next element. `Err`: what was found instead.
    #[inline(always)]
    pub(crate) fn pop_next(&mut self, place: &mut Place<M>) -> Result<(), Result<u32, Corruption>> {
        if self.ring.pop_known(place) {
            return Ok(());
        }
        match self.ring.pop_next(place, |signal| self.end.wake_peer_if(signal)) {
            Ok(()) => Ok(()),
            Err(word) => Err(self.ring.nothing(word)),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn pop_slowly(
        &mut self,
        found: Result<u32, Corruption>,
        place: &mut Place<M>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        match self.settle(found, place) {
            Err(error) if item::goes_on(&self.end, &error) => {
                item::wait_and_pop(&mut Popping { consumer: self, place }, deadline)
            }
            result => result,
        }
    }

    /// Waits until there is an element, which stays in the ring.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[track_caller]
    pub fn wait_for_item(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        item::wait_and_pop(&mut Looking(self), deadline)
    }

    /// What was found instead of an element: the producer's signal, or an invalid word.
    #[cold]
    #[inline(never)]
    pub(crate) fn settle(
        &mut self,
        found: Result<u32, Corruption>,
        place: &mut Place<M>,
    ) -> Result<(), PopError> {
        match found {
            Ok(signal) => self.nothing(signal, place),
            Err(corruption) => Err(self.poison(corruption)),
        }
    }

    /// The ring is empty; check whether the stream has ended. What was pushed before the end is still popped.
    pub(crate) fn nothing(&mut self, signal: u32, place: &mut Place<M>) -> Result<(), PopError> {
        self.end.wake_peer_if(signal);
        self.end.tell().map_err(PopError::System)?;
        let Some(error) = ended(self.end.peer_bits(), self.ring.position()) else {
            return Err(PopError::Empty);
        };
        // [C1] The producer's bit is seen: everything it pushed before is visible too. Check once more.
        match self.ring.pop_next(place, |signal| self.end.wake_peer_if(signal)) {
            Ok(()) => Ok(()),
            Err(word) => match self.ring.nothing(word) {
                Ok(_) => Err(error),
                Err(corruption) => Err(self.poison(corruption)),
            },
        }
    }

    /// Checks, before the next element is viewed in place, whether the stream has ended. Otherwise there may
    /// or may not be an element.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), except [`PopError::Empty`].
    pub fn look(&mut self) -> Result<(), PopError> {
        self.end.ours()?;
        if self.ring.has_item() {
            return Ok(());
        }
        // Empty, or an invalid word: let the pop decide, which takes nothing then.
        let signal = match self.ring.try_view() {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(signal)) => signal,
            Err(corruption) => return Err(self.poison(corruption)),
        };
        self.end.wake_peer_if(signal);
        self.end.tell().map_err(PopError::System)?;
        match ended(self.end.peer_bits(), self.ring.position()) {
            // [C1] As in `nothing`: what was pushed before the end is visible now. Check once more.
            Some(error) if !self.ring.has_item() => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits for a batch of elements, when that has been useful lately or is due to be tried.
    pub(crate) fn wait_for_batch(&mut self) {
        let ring = &self.ring;
        self.batching.wait_for_batch(ring.memory().shape().size(), ring.memory().batch_len(), 1, |count| {
            ring.is_ready_ahead(count)
        });
    }

    /// Signals to the producer that the ring is corrupt.
    #[cold]
    pub(crate) fn poison(&mut self, corruption: Corruption) -> PopError {
        self.end.poison();
        PopError::Corrupt(corruption)
    }
}
