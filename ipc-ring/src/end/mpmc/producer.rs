//! The producing end: pushing, and which consumer is woken for it.

use std::time::Instant;

use super::end::{End, Role};
use crate::apart::apart;
use crate::cache::batching::{self, PushCount};
use crate::end::participant::{Participant, Seats};
use crate::error::PushError;
use crate::memory::{Item, Of};
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Memory, Refused};
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::seated::Seated;

/// The producing end.
#[derive(Debug)]
pub struct Producer<M: Memory, W: Seats, H: Host> {
    /// Its half of the ring.
    pub ring: ring::Producer<M>,
    /// Its seat.
    pub end: End<M, W, H>,
    /// When to check whether the ring is about to be full.
    pushes: PushCount,
    /// Woken for room in a set or a task.
    woken_in_set: bool,
}

impl<M, W, H> Producer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// The end of a ring, with its seat.
    pub fn new(ring: ring::Producer<M>, end: End<M, W, H>) -> Self {
        let batch = if end.place.waits.polls() { end.ring.free_batch_len() } else { 0 };
        Self { ring, end, pushes: PushCount::new(batch), woken_in_set: false }
    }

    /// Pushes an element if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`], [`PushError::Busy`], [`PushError::Closed`], [`PushError::Corrupt`].
    #[inline(always)]
    pub fn try_push(&mut self, item: &Item<M>) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        match self.ring.try_push(item) {
            Ok(()) => self.pushed(),
            Err(refused) => apart(self.try_again(item, refused)),
        }
    }

    /// Pushes an element, waiting for room.
    ///
    /// # Errors
    /// [`PushError`], except [`PushError::Full`] and [`PushError::Busy`].
    #[inline(always)]
    pub fn push(&mut self, item: &Item<M>, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        if self.pushes.is_due() {
            self.let_come_free();
        }
        match self.ring.try_push(item) {
            Ok(()) => self.pushed(),
            Err(refused) => apart(self.push_slowly(item, refused, deadline)),
        }
    }

    /// An element was pushed: is there a consumer to wake?
    #[inline(always)]
    pub(super) fn pushed(&mut self) -> Result<(), PushError<()>> {
        let Self { ring, end, .. } = self;
        end.pushed(|| ring.is_behind_another()).map_err(|error| PushError::NotWoken((), error))
    }

    /// A push found a slot claimed by another end: retries if that end is dead.
    #[cold]
    fn try_again(&mut self, item: &Item<M>, refused: Refused) -> Result<(), PushError<()>> {
        let again = match &refused {
            Refused::Busy(holder) => self.end.repair(holder).map_err(|error| PushError::System((), error))?,
            Refused::Contended => true,
            _ => false,
        };
        let answer = if again { self.ring.try_push(item) } else { Err(refused) };
        match answer {
            Ok(()) => self.pushed(),
            Err(refused) => Err(self.refuse((), refused)),
        }
    }

    pub(super) fn refuse<V>(&mut self, value: V, refused: Refused) -> PushError<V> {
        match refused {
            Refused::Full | Refused::Contended => PushError::Full(value),
            Refused::Busy(holder) => PushError::Busy(value, self.end.place.pid(holder.endpoint)),
            Refused::Closed => PushError::Closed(value),
            Refused::Corrupt(corruption) => {
                self.end.poison();
                PushError::Corrupt(value, corruption)
            }
        }
    }

    /// Waits for a batch of free slots when the ring is full, or about to be.
    #[cold]
    #[inline(never)]
    pub(crate) fn let_come_free(&mut self) {
        self.pushes.looked();
        let batch = self.pushes.batch_len();
        if batch > 0 {
            batching::watch(|| !self.ring.is_untaken_ahead(batch));
        }
    }

    /// A producer that was woken and has pushed wakes the next one, if there is or will at once be more room:
    /// a consumer that frees several slots has woken one producer before the first of them.
    pub(super) fn pass_on(&mut self) {
        let has_room = match self.ring.look() {
            Ok(()) => true,
            Err(Refused::Busy(holder)) => holder.is_reading(),
            Err(_) => false,
        };
        if has_room {
            self.end.wake_one(Role::Producer); // The baton.
        }
    }
}

/// A producer is ready when there is room, or when there is no consumer left to make some. One that pushes
/// and finds more room wakes the next one.
impl<M, W, H> Seated for Producer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    type Seat = Participant<W, H>;

    fn seat(&self) -> &Participant<W, H> {
        &self.end.place
    }

    fn seat_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        let recovered = if probe { self.end.recover().map(drop) } else { Ok(()) };
        self.end.place.tell()?;
        match self.ring.look() {
            Err(Refused::Full | Refused::Busy(_)) => {}
            Err(Refused::Closed | Refused::Corrupt(_)) => {
                return Ok(self.end.is_newly_ended().then_some(News::Ended));
            }
            Ok(()) | Err(Refused::Contended) => return Ok(Some(News::Ready)),
        }
        recovered?;
        Ok((probe && self.end.is_newly_deserted(Role::Consumer)).then_some(News::PeerGone))
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        if is_worth_it {
            self.let_come_free();
        }
    }

    fn clear_waiting(&mut self) -> bool {
        let woken = self.end.place.clear_waiting();
        self.woken_in_set |= woken;
        woken
    }

    /// The room that this end was woken for goes to another producer.
    fn is_passed_over(&mut self) {
        if std::mem::take(&mut self.woken_in_set) {
            self.end.wake_one(Role::Producer);
        }
    }

    /// If there is more room than it took, the next producer is woken.
    fn is_served(&mut self) {
        if std::mem::take(&mut self.woken_in_set) {
            self.pass_on();
        }
    }

    fn needs_polling(&self) -> bool {
        true // Consumers notify of room for a quarter of the ring, or when they sleep themselves.
    }

    /// A consumer that has already checked for sleepers is about to free the slot.
    fn is_soon(&mut self) -> bool {
        matches!(self.ring.look(), Err(Refused::Busy(holder)) if holder.is_reading())
    }
}

impl<T, M, W, H> Producer<M, W, H>
where
    T: Message,
    M: Memory<Shape = Of<T>>,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// Pushes elements from the front of a slice while there is room; returns their number. One wake at most.
    ///
    /// # Errors
    /// When there is no room at all, as [`try_push`](Self::try_push), with 0 for the value.
    pub fn try_push_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
        self.end.place.ours()?;
        match self.ring.try_push_slice(items) {
            (0, Err(refused)) => Err(self.refuse(0, refused)),
            (0, Ok(())) => Ok(0),
            (done, _) => {
                let Self { ring, end, .. } = self;
                match end.pushed(|| ring.slice_is_behind_another()) {
                    Ok(()) => Ok(done),
                    Err(error) => Err(PushError::NotWoken(done, error)),
                }
            }
        }
    }

    /// Pushes a whole slice, waiting for room.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of elements pushed before the error.
    pub fn push_slice(&mut self, items: &[T], deadline: Option<Instant>) -> Result<(), PushError<usize>> {
        let mut done = 0;
        while done < items.len() {
            match self.try_push_slice(&items[done..]) {
                Ok(count) => done += count,
                Err(PushError::Full(_) | PushError::Busy(..)) => {
                    // Push one with waiting, which repairs slots of dead holders; then as many more as there
                    // is room for.
                    done += 1;
                    self.push(&items[done - 1], deadline).map_err(|error| {
                        if error.was_pushed() { error.with(done) } else { error.with(done - 1) }
                    })?;
                }
                Err(PushError::NotWoken(count, error)) => {
                    return Err(PushError::NotWoken(done + count, error));
                }
                Err(other) => return Err(other.with(done)),
            }
        }
        Ok(())
    }
}
