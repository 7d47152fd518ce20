//! Sending a block that was lent: to one receiver, or to any number of readers.

use core::sync::atomic::Ordering::Relaxed;

use super::{LENT, Loaned, Member, Offered, Reading};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::pool::handle::{Handle, Route};
use crate::ring::pool::memory::Memory;
use crate::ring::pool::tag::{State, Tag};

impl<M: Memory> Member<M> {
    /// Makes a handle for one receiver. Push it into the channel of this route, then call
    /// [`sent`](Self::sent), or [`take_back`](Self::take_back) if the push failed.
    #[inline]
    pub fn offer(&self, loaned: Loaned, length: u32, route: Route) -> (Offered, Handle) {
        let Loaned { class, block, tag } = loaned;
        for (word, value) in self.memory.route_words(block).into_iter().zip(route.words()) {
            word.store(value, Relaxed); // Before the tag [P1].
        }
        self.memory.readers(block).store(0, Relaxed); // As the route.
        let generation = self.note_generation(block, tag);
        let offered = tag.held(State::Offered, self.seat.number());
        // [P1] Release → the receiver: the bytes are written before. A plain store: the block is this
        // member's until now.
        self.memory.tag(block).store(offered.as_raw(), M::Platform::ordering(Edge::PoolOffer));
        M::Platform::crash_point(Site::PoolOffered);
        (Offered { class, block, tag: offered }, self.handle(class, block, generation, length))
    }

    #[inline(always)]
    fn handle(&self, class: u32, block: u32, generation: u32, length: u32) -> Handle {
        Handle {
            pool: self.memory.generation(),
            generation,
            class,
            index: block - self.memory.classes()[class as usize].first,
            length,
        }
    }

    /// The handle was pushed: from now on the channel is responsible for the block, and the sender may die.
    /// If the block has been received already, nothing changes.
    #[inline]
    pub fn sent(&self, offered: &Offered) {
        M::Platform::crash_point(Site::PoolPushed);
        // [P1] A read-modify-write: it continues the release of the offer.
        let _ = self.memory.tag(offered.block).compare_exchange(
            offered.tag.as_raw(),
            Tag::sent(offered.tag.generation()).as_raw(),
            M::Platform::ordering(Edge::PoolSent),
            Relaxed,
        );
        M::Platform::crash_point(Site::PoolSent);
        self.look_ahead(offered.class as usize);
    }

    /// The handle was not pushed. From now on no one can take the block with it. `None` if a receiver already
    /// has.
    #[cold]
    pub fn take_back(&self, offered: Offered) -> Option<Loaned> {
        let Offered { class, block, tag } = offered;
        let loaned = tag.renewed(State::Loaned, self.seat.number());
        // [P1] A read-modify-write: it continues the release of the offer.
        let back = self.memory.tag(block).compare_exchange(
            tag.as_raw(),
            loaned.as_raw(),
            M::Platform::ordering(Edge::PoolSent),
            Relaxed,
        );
        Self::before_writing();
        (back.is_ok() && self.turns(block, 0, LENT)).then_some(Loaned { class, block, tag: loaned })
    }

    /// Makes a block readable for any number of members, this one first, and returns a handle for them. As
    /// long as any member holds the block, others that have the handle may join.
    pub fn share(&self, loaned: Loaned, length: u32) -> (Reading, Handle) {
        let Loaned { class, block, tag } = loaned;
        let generation = self.note_generation(block, tag);
        let shared = tag.held(State::Shared, self.seat.number());
        // [P6] Release → other threads of this member. Before the tag: they read it after.
        self.memory.readers(block).store(1, M::Platform::ordering(Edge::PoolReaderFirst));
        // [P1] Release → members that join: the bytes are written before. A plain store, as in `offer`.
        self.memory.tag(block).store(shared.as_raw(), M::Platform::ordering(Edge::PoolOffer));
        M::Platform::crash_point(Site::PoolJoined);
        (Reading { class, block, tag: shared }, self.handle(class, block, generation, length))
    }
}
