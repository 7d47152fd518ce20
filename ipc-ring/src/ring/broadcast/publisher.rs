//! The publishing end.

use core::sync::atomic::Ordering::Relaxed;

use super::Corruption;
use super::memory::Memory;
use super::room::Room;
use crate::edge::Edge;
use crate::memory::{Item, Of};
use crate::message::Message;
use crate::platform::{Platform, Site, Word};
use crate::wait::signal::POISONED;

/// The result of an attempt to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Publish {
    /// Published.
    Done,
    /// A gated ring in which a subscriber is a whole lap behind.
    Full,
    /// A subscriber has found the ring corrupt.
    Corrupt(Corruption),
}

/// The publishing end of a ring.
#[derive(Debug)]
pub struct Publisher<M: Memory> {
    memory: M,
    /// The next position to write. Exact.
    position: u64,
    room: Room,
}

impl<M: Memory> Publisher<M> {
    /// Takes the publishing end, continuing where its predecessor stopped.
    ///
    /// # Errors
    /// [`Corruption`] if the tail and the floor contradict each other.
    pub fn attach(memory: M) -> Result<Self, Corruption> {
        let words = &memory;
        let (tail, capacity) = (words.tail().load(Relaxed), words.capacity()); // Its predecessor wrote them.
        let published = memory.slot_word(tail & (capacity - 1)).load(Relaxed); // As above.
        // The predecessor may have died between the word and the tail.
        let position = if published == tail.wrapping_add(1) { published } else { tail };
        let room = Room::attach(words, 1);
        if position.wrapping_sub(room.floor()) > capacity {
            return Err(Corruption { word: "floor", position, found: room.floor() });
        }
        words.tail().store(position, Relaxed); // A hint for subscribers that join.
        Ok(Self { memory, position, room })
    }

    /// Publishes one message. In a lossy ring there is always room.
    #[inline(always)]
    pub fn try_publish(&mut self, item: &Item<M>) -> Publish {
        let end = self.position.wrapping_add(1);
        if !self.room.reaches(&self.memory, end) {
            match self.make_room(end) {
                Ok(true) => {}
                Ok(false) => return Publish::Full,
                Err(corruption) => return Publish::Corrupt(corruption),
            }
        }
        self.put(item);
        Publish::Done
    }

    /// Reserves the next slot, to be written before it is published. `Ok(None)` if there is no room.
    ///
    /// # Errors
    /// [`Corruption`] as for [`try_publish`](Self::try_publish).
    pub fn try_claim(&mut self) -> Result<Option<Claim<'_, M>>, Corruption> {
        Ok(if self.has_room()? { Some(Claim { publisher: self }) } else { None })
    }

    /// Whether there is room for a message now.
    ///
    /// # Errors
    /// [`Corruption`] as for [`try_publish`](Self::try_publish).
    pub fn has_room(&mut self) -> Result<bool, Corruption> {
        let end = self.position.wrapping_add(1);
        Ok(self.room.reaches(&self.memory, end) || self.make_room(end)?)
    }

    #[inline(always)]
    fn put(&mut self, item: &Item<M>) {
        let index = self.index();
        self.memory.write(index, item);
        self.publish(index);
    }

    /// Makes the current slot visible and moves on.
    #[inline(always)]
    fn publish(&mut self, index: u64) {
        M::Platform::crash_point(Site::BroadcastWritten);
        let next = self.position.wrapping_add(1);
        // [D1] Release → the subscribers' Acquire: the payload is written before the word says so.
        self.memory.slot_word(index).store(next, M::Platform::ordering(Edge::BroadcastPublish));
        M::Platform::crash_point(Site::BroadcastPublished);
        self.memory.tail().store(next, Relaxed); // A hint; the sequence words decide.
        self.position = next;
        self.memory.prefetch_for_writing(next & (self.memory.capacity() - 1));
    }

    #[cold]
    fn make_room(&mut self, end: u64) -> Result<bool, Corruption> {
        let words = &self.memory;
        let state = words.state().load(Relaxed); // Nothing is read because of it.
        if state & POISONED != 0 {
            return Err(Corruption::told(self.position, state));
        }
        let raised = self.room.raise(words, self.position, end);
        M::Platform::crash_point(Site::BroadcastRaised);
        Ok(raised)
    }

    /// Gives up messages even if there is room: in a gated ring those that every subscriber has read, in a
    /// lossy one those below a position, which is not beyond this end's.
    pub fn give_up(&mut self, below: u64) {
        self.room.give_up(&self.memory, self.position, below);
    }

    /// Drops the subscriber that holds this end up, if it is dead: it no longer holds up the publisher. True
    /// if one was dropped; then there may be room.
    pub fn drop_dead(&mut self, is_alive: impl FnOnce(u64) -> bool) -> bool {
        self.room.drop_dead(&self.memory, is_alive)
    }

    #[inline(always)]
    fn index(&self) -> u64 {
        self.position & (self.memory.capacity() - 1)
    }

    /// The next position to be written: the number of messages published since the ring was made, plus its
    /// first position.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The lowest position that is intact.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.room.floor()
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> Publisher<M> {
    /// Publishes as many messages as there is room for, in order; returns their number.
    ///
    /// # Errors
    /// [`Corruption`] as for [`try_publish`](Self::try_publish).
    #[inline]
    pub fn try_publish_slice(&mut self, items: &[T]) -> Result<usize, Corruption> {
        for (done, item) in items.iter().enumerate() {
            let end = self.position.wrapping_add(1);
            if !self.room.reaches(&self.memory, end) && !self.make_room(end)? {
                return Ok(done);
            }
            self.put(item);
        }
        Ok(items.len())
    }
}

/// A slot reserved by [`Publisher::try_claim`]: write it, then [`commit`](Claim::commit). Dropping it aborts:
/// nothing is published, and the next message goes to the same slot.
#[derive(Debug)]
pub struct Claim<'a, M: Memory> {
    publisher: &'a mut Publisher<M>,
}

impl<'a, M: Memory> Claim<'a, M> {
    /// Copies a message into the slot.
    pub fn write(&mut self, item: &Item<M>) {
        self.publisher.memory.write(self.publisher.index(), item);
    }

    /// Publishes the slot and returns the publisher.
    pub fn commit(self) -> &'a Publisher<M> {
        let index = self.publisher.index();
        self.publisher.publish(index);
        self.publisher
    }
}
