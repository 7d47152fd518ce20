//! Lending a free block.

use core::sync::atomic::Ordering::Relaxed;

use super::{LENT, Loaned, Member};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::pool::memory::{Counter, Memory};
use crate::ring::pool::tag::{State, Tag};
use crate::ring::pool::words::Class;

/// The number of blocks of a class that are used in turn from the start, so that a block is not requested
/// again right after its release.
const TURN: u32 = 4;

impl<M: Memory> Member<M> {
    /// Lends a free block of a class; `None` if each block was in use when it was checked.
    ///
    /// # Panics
    /// If there is no such class.
    #[inline]
    pub fn try_loan(&self, class: usize) -> Option<Loaned> {
        let Class { count, first, .. } = self.memory.classes()[class];
        let used = self.used(class);
        let hand = self.hands[class].load(Relaxed); // Where to begin: any value will do.
        let mut index = if hand < used { hand } else { 0 };
        for _ in 0..used {
            let next = if index + 1 < used { index + 1 } else { 0 };
            if let Some(loaned) = self.claim(class, first + index) {
                self.hands[class].store(next, Relaxed); // As above.
                return Some(loaned);
            }
            index = next;
        }
        (used..count).find_map(|index| self.claim_fresh(class, first, index))
    }

    /// The number of blocks of a class that are used in turn: those ever lent. Another block is touched only
    /// when all of them are in use, so that unneeded memory stays unused and the number shows the peak need.
    #[inline]
    fn used(&self, class: usize) -> u32 {
        let count = self.memory.classes()[class].count;
        let touched = self.memory.touched(class).load(Relaxed); // A hint.
        u32::try_from(touched).unwrap_or(u32::MAX).max(TURN).min(count)
    }

    #[cold]
    fn claim_fresh(&self, class: usize, first: u32, index: u32) -> Option<Loaned> {
        let loaned = self.claim(class, first + index)?;
        let (touched, now) = (self.memory.touched(class), u64::from(index) + 1);
        let mut seen = touched.load(Relaxed); // A hint.
        while seen < now {
            match touched.compare_exchange(seen, now, Relaxed, Relaxed) {
                Ok(_) => break,
                Err(found) => seen = found,
            }
        }
        Some(loaned)
    }

    /// The claim: one CAS from free to this member's own.
    #[inline(always)]
    fn claim(&self, class: usize, block: u32) -> Option<Loaned> {
        let word = self.memory.tag(block);
        let free = Tag::from_raw(word.load(Relaxed)); // A hint; the CAS decides.
        if free.state() != Some(State::Free) {
            return None;
        }
        let tag = free.held(State::Loaned, self.seat.number());
        // [P2] Acquire ← the member that released it: the bytes have been read. [P3] Release → a recoverer:
        // if it reads this tag, it sees the seat taken.
        word.compare_exchange(free.as_raw(), tag.as_raw(), M::Platform::ordering(Edge::PoolClaim), Relaxed)
            .ok()?;
        Self::before_writing();
        M::Platform::crash_point(Site::PoolLoaned);
        if !self.turns(block, 0, LENT) {
            return None;
        }
        let loans = self.memory.loans(block);
        loans.store(loans.load(Relaxed).wrapping_add(1), Relaxed); // Only the holder writes it.
        self.note_generation(block, tag);
        Some(Loaned { class: class as u32, block, tag })
    }

    /// Counts a request that found no block.
    #[cold]
    pub fn count_exhausted(&self, class: usize) {
        self.memory.counter(class, Counter::Exhausted).fetch_add(1, Relaxed); // Statistics.
    }

    /// Prefetches the block that will probably be lent next.
    #[inline(always)]
    pub(super) fn look_ahead(&self, class: usize) {
        let Class { first, count, .. } = self.memory.classes()[class];
        let hand = self.hands[class].load(Relaxed); // A hint.
        if hand < count {
            self.memory.will_lend(first + hand);
        }
    }
}
