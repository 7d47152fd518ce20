//! Giving back a block, sent or not, or keeping it to write it anew.

use core::sync::atomic::Ordering::Relaxed;

use super::{LENT, Loaned, Member, Reading, TAKEN, TRIES, is_shared};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::pool::memory::Memory;
use crate::ring::pool::tag::{State, Tag};

impl<M: Memory> Member<M> {
    /// Gives back a block that was not sent.
    #[inline]
    pub fn abandon(&self, loaned: Loaned) {
        self.memory.readers(loaned.block).store(0, Relaxed); // Before the tag [P2].
        // [P2] Release → the next borrower: this member has finished with it. A plain store: no other process
        // changes a block that is lent to a live member.
        self.memory
            .tag(loaned.block)
            .store(loaned.tag.freed().as_raw(), M::Platform::ordering(Edge::PoolRelease));
        M::Platform::crash_point(Site::PoolReleased);
    }

    /// Releases a block. After its last reader it is free: then true.
    #[inline]
    pub fn release(&self, reading: Reading) -> bool {
        let Reading { block, tag, .. } = reading;
        if is_shared(tag) {
            return self.release_shared(block);
        }
        self.memory.readers(block).store(0, Relaxed); // Before the tag [P2].
        // [P2] Release → the next borrower: the bytes have been read. A plain store: no other process changes
        // a block that a live member has received.
        self.memory.tag(block).store(tag.freed().as_raw(), M::Platform::ordering(Edge::PoolRelease));
        M::Platform::crash_point(Site::PoolReleased);
        true
    }

    #[inline(never)] // So that releasing a block that was taken needs few registers.
    pub(in crate::ring::pool) fn release_shared(&self, block: u32) -> bool {
        let readers = self.memory.readers(block);
        // [P6] Release → the last reader of this member, Acquire ← the others: all have finished with the
        // bytes.
        let before = readers.fetch_add(u32::MAX, M::Platform::ordering(Edge::PoolReaderLess));
        if before != 1 {
            return false;
        }
        let mut is_free = false;
        let mut tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A hint; the CAS decides.
        for _ in 0..TRIES {
            if !tag.is_held_by(self.seat.number()) {
                return false; // Only a violation of the protocol leads here.
            }
            let left = tag.without(self.seat.number());
            // [P2] Release → the next borrower: the bytes have been read. If there are several readers, the
            // release of each counts: a read-modify-write continues the releases before it.
            match self.memory.tag(block).compare_exchange(
                tag.as_raw(),
                left.as_raw(),
                M::Platform::ordering(Edge::PoolLeave),
                Relaxed,
            ) {
                Ok(_) => {
                    is_free = left.state() == Some(State::Free);
                    break;
                }
                Err(found) => tag = Tag::from_raw(found),
            }
        }
        M::Platform::crash_point(Site::PoolReleased);
        is_free
    }

    /// Makes a received block one that may be written and sent on. A shared block is handed back.
    ///
    /// # Errors
    /// The token, if the block is shared.
    pub fn take_over(&self, reading: Reading) -> Result<Loaned, Reading> {
        if reading.is_shared() || !self.turns(reading.block, TAKEN, LENT) {
            return Err(reading);
        }
        let Reading { class, block, tag } = reading;
        // A new generation: the handle it came with is used up.
        let own = tag.renewed(State::Loaned, self.seat.number());
        // [P2] Release, as in `release`, and [P3] as in `claim`. A plain store, as in `release`.
        self.memory.tag(block).store(own.as_raw(), M::Platform::ordering(Edge::PoolRelease));
        Self::before_writing();
        Ok(Loaned { class, block, tag: own })
    }
}
