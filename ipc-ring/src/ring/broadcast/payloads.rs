//! Publishing payloads of a [`pool`] to all subscribers: the ring's messages are handles, and the ring holds
//! the blocks.
//!
//! ```text
//!   publisher, position w                              subscriber, position c
//!   -------------------------------------------------  -------------------------------------------------
//!   position w - capacity has been given up             copy slot(c), if its word says so and floor <= c
//!   withdraw what slot(w) holds                          take the block                     [P1] Acquire
//!     (without readers it is free)                         is it gone? then fence           [D2] Acquire
//!   share the block                     [P1] Release       floor > c: c and others were missed
//!   slot(w) = its handle                [D1] Release     cursor = c + 1                      [D3] Release
//!   the ring has the block; release it
//! ```
//!
//! **The holders of a block.** Until its handle is in the ring, the publisher holds the block, by its bit in
//! the block's tag; then the ring, by the state `PUBLISHED`; and every subscriber that reads it, by its own
//! bit, which it sets before its cursor moves on. The ring releases the block when the slot is about to be
//! overwritten, or earlier, when blocks are needed and the position was given up. The last of all these
//! holders to release the block frees it.
//!
//! **Gated** rings: a position is given up when all cursors are beyond it, and a cursor moves on only after
//! the subscriber has set its own bit. So each subscriber gets each block.
//!
//! **Lossy** rings: a position may be given up, and its block lent again, between a subscriber's check of the
//! floor and its attempt to take the block. The block's generation has moved on then, and the attempt fails.
//! The floor was raised before the block was withdrawn, with a fence between the two, so the subscriber sees
//! the raised floor and reports exactly what it missed. A block that it took stays intact for as long as it
//! reads, however often the publisher laps it.
//!
//! **What a crash leaves.** A publisher that dies before the ring has the block takes the block with it:
//! receivers that have the handle get an error. A publisher that dies while it withdraws leaves blocks that
//! the ring still holds; their handles are still in the slots, since a slot is overwritten only after its
//! block was withdrawn. Its successor checks all slots: it withdraws what was given up, and records the rest.

use core::sync::atomic::Ordering::Relaxed;

use super::memory::Memory;
use super::seat::is_below;
use super::{Corruption, Pop, Publish, Subscriber};
use crate::memory::Of;
use crate::platform::Word as _;
use crate::ring::pool::{self, Handle, Loaned, Member, Refused, Route};

/// The publishing end of a ring of payloads.
///
/// The member passed to its methods is one of the pool's: each time the same or another one of the process's.
#[derive(Debug)]
pub struct Publisher<M: Memory<Shape = Of<Handle>>> {
    ring: super::Publisher<M>,
    route: Route,
    /// The content of each slot, as long as the ring holds the block. In private memory: no other process can
    /// make this end withdraw a block that it has not published.
    kept: Box<[Option<Handle>]>,
    /// Nothing below this position is kept.
    withdrawn: u64,
    /// A bit for each size class of the pool of which a block has become free by a withdrawal.
    freed: u16,
}

const _: () = assert!(pool::MAX_CLASSES <= u16::BITS as usize);

impl<M: Memory<Shape = Of<Handle>>> Publisher<M> {
    /// Takes the publishing end, and the blocks that its predecessor left in the ring. `route` is the ring's
    /// route.
    ///
    /// # Errors
    /// As [`Publisher::attach`](super::Publisher::attach).
    pub fn attach<P: pool::Memory>(memory: M, member: &Member<P>, route: Route) -> Result<Self, Corruption> {
        let capacity = memory.capacity();
        let ring = super::Publisher::attach(memory)?;
        let withdrawn = ring.position().wrapping_sub(capacity);
        let kept = (0..capacity).map(|_| None).collect();
        let mut publisher = Self { ring, route, kept, withdrawn, freed: 0 };
        for ahead in 0..capacity {
            let position = withdrawn.wrapping_add(ahead);
            let index = position & (capacity - 1);
            let memory = publisher.ring.memory();
            if memory.slot_word(index).load(Relaxed) != position.wrapping_add(1) {
                continue; // Its predecessor wrote it, if it was written.
            }
            let mut handle = Handle::from_words([0; 3]);
            // SAFETY: only whole elements are copied there, or nothing.
            memory.read(index, unsafe { crate::copy::as_uninit_one(&mut handle) });
            if member.is_published(&handle, route) {
                publisher.kept[index as usize] = Some(handle);
            }
        }
        publisher.withdraw_given_up(member);
        Ok(publisher)
    }

    /// Publishes a block, with a payload of this length in bytes.
    ///
    /// # Errors
    /// The block, with [`Publish::Full`] or [`Publish::Corrupt`].
    #[inline]
    pub fn try_publish<P: pool::Memory>(
        &mut self,
        member: &Member<P>,
        loaned: Loaned,
        length: u32,
    ) -> Result<(), (Loaned, Publish)> {
        match self.ring.has_room() {
            Ok(true) => {}
            Ok(false) => return Err((loaned, Publish::Full)),
            Err(corruption) => return Err((loaned, Publish::Corrupt(corruption))),
        }
        let position = self.ring.position();
        // There is room, so the position whose slot is overwritten was given up.
        self.withdraw(member, position.wrapping_add(1).wrapping_sub(self.kept.len() as u64));
        let (reading, handle) = member.publish(loaned, length, self.route);
        let published = self.ring.try_publish(&handle);
        debug_assert_eq!(published, Publish::Done, "there was room");
        member.published(reading);
        let index = self.index(position);
        self.kept[index] = Some(handle);
        Ok(())
    }

    /// Withdraws the blocks of positions below this one, which were given up.
    #[inline]
    fn withdraw<P: pool::Memory>(&mut self, member: &Member<P>, below: u64) -> bool {
        let mut any = false;
        while is_below(self.withdrawn, below) {
            let index = self.index(self.withdrawn);
            if let Some(handle) = self.kept[index].take() {
                let taken = member.take_out(&handle);
                any |= taken.is_some();
                if taken == Some(true) {
                    self.freed |= 1 << (handle.class % u16::BITS);
                }
            }
            self.withdrawn = self.withdrawn.wrapping_add(1);
        }
        any
    }

    /// The size classes of which a block has become free since the last call, a bit each.
    #[inline(always)]
    pub fn take_freed(&mut self) -> u16 {
        core::mem::take(&mut self.freed)
    }

    /// Withdraws the blocks of all messages that were given up, and in a gated ring of those that every
    /// subscriber has read. True if there was one.
    #[cold]
    pub fn withdraw_given_up<P: pool::Memory>(&mut self, member: &Member<P>) -> bool {
        if self.ring.memory().gated() {
            self.ring.give_up(self.ring.floor());
        }
        self.withdraw(member, self.ring.floor())
    }

    /// Gives up the oldest messages of a lossy ring, up to the first whose block is of this class and becomes
    /// free. False, and nothing is given up, if there is none.
    #[cold]
    pub fn give_up_oldest<P: pool::Memory>(&mut self, member: &Member<P>, class: u32) -> bool {
        if self.ring.memory().gated() {
            return false;
        }
        let mut position = self.ring.floor();
        while is_below(position, self.ring.position()) {
            let kept = self.kept[self.index(position)];
            position = position.wrapping_add(1);
            if kept.is_some_and(|handle| handle.class == class && member.is_unread(&handle)) {
                self.ring.give_up(position);
                return self.withdraw(member, position);
            }
        }
        false
    }

    /// As [`Publisher::drop_dead`](super::Publisher::drop_dead).
    pub fn drop_dead(&mut self, is_alive: impl FnOnce(u64) -> bool) -> bool {
        self.ring.drop_dead(is_alive)
    }

    /// As [`Publisher::has_room`](super::Publisher::has_room).
    ///
    /// # Errors
    /// As that method.
    pub fn has_room(&mut self) -> Result<bool, Corruption> {
        self.ring.has_room()
    }

    /// The next position to be written.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.ring.position()
    }

    /// The memory of the ring.
    #[must_use]
    pub fn memory(&self) -> &M {
        self.ring.memory()
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        (position & (self.kept.len() as u64 - 1)) as usize
    }
}

/// Pops the next message of a ring of payloads after `accept` has taken its block. A handle that is refused
/// is popped too, unless the reason is that a lossy ring has given it up: then it is missed.
#[inline]
pub fn try_pop<M: Memory<Shape = Of<Handle>>, R>(
    ring: &mut Subscriber<M>,
    accept: impl FnOnce(&Handle) -> Result<R, Refused>,
) -> Pop<Result<R, Refused>> {
    ring.try_pop_by(|handle| accept(handle).map(Ok).map_err(Err))
}
