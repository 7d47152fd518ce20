//! How the publisher gains the right to overwrite: raising the floor.

use core::sync::atomic::Ordering::Relaxed;

use super::cursor;
use super::words::Control;
use crate::edge::Edge;
use crate::platform::{Platform, Word};

/// The publisher's knowledge of its free space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// The floor. Only the publisher changes it, so this copy is exact.
    floor: u64,
    /// The amount by which a lossy floor is raised.
    step: u64,
    /// The seat that holds the publisher up, and the cursor it last had: while that does not change, nothing
    /// else need be read.
    laggard: Option<(u16, u64)>,
}

impl Room {
    /// The free space of a publisher that takes over.
    pub(crate) fn attach<W: Control>(words: &W, unit: u64) -> Self {
        let floor = words.floor().load(Relaxed); // Its predecessor wrote it.
        words.rising().store(floor, Relaxed); // An unfinished read of the cursors by the predecessor is over.
        Self { floor, step: (words.capacity() / 8).max(unit), laggard: None }
    }

    /// The floor.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether everything below `end` may be written, as far as is already known.
    #[inline(always)]
    pub(crate) fn reaches<W: Control>(&self, words: &W, end: u64) -> bool {
        end.wrapping_sub(self.floor) <= words.capacity()
    }

    /// Raises the floor so that everything below `end` may be written. False if subscribers prevent it.
    ///
    /// `tail` is the publisher's position; `end` is at most a capacity beyond it.
    #[cold]
    #[inline(never)]
    pub(crate) fn raise<W: Control>(&mut self, words: &W, tail: u64, end: u64) -> bool {
        if words.gated() {
            self.raise_to_cursors(words, tail, end)
        } else {
            let needed = end.wrapping_sub(words.capacity()).wrapping_sub(self.floor);
            let most = tail.wrapping_sub(self.floor);
            let floor = self.floor.wrapping_add(self.step.max(needed).min(most));
            self.store(words, floor);
            true
        }
    }

    fn store<W: Control>(&mut self, words: &W, floor: u64) {
        self.floor = floor;
        words.floor().store(floor, Relaxed); // Ordered by the fence.
        // [D2] Release → the subscriber's fence: a subscriber that reads what is written from now on sees
        // this floor.
        W::Platform::fence(Edge::BroadcastGiveUp);
    }

    fn raise_to_cursors<W: Control>(&mut self, words: &W, tail: u64, end: u64) -> bool {
        if let Some((number, seen)) = self.laggard
            && words.cursor(number).load(Relaxed) == seen // A hint; it is loaded again below.
            && !is_dropped(words, number)
        {
            return self.full(words);
        }
        self.follow(words, tail);
        self.reaches(words, end) || self.full(words)
    }

    /// Raises the floor of a gated ring to the least cursor.
    fn follow<W: Control>(&mut self, words: &W, tail: u64) {
        // No cursor that counts is beyond the tail, so the floor will not be raised further than this.
        words.rising().store(tail, Relaxed); // Ordered before the loads of the cursors by the light barrier.
        W::Platform::light(words.barrier());
        let mut furthest = 0;
        self.laggard = None;
        let used = words.used().load(Relaxed); // [D3] A seat's cursor is set after; the light barrier orders this load.
        for number in 0..words.seats().min(u16::try_from(used).unwrap_or(u16::MAX)) {
            // [D3] Acquire ← the subscriber's Release: what is below its cursor has been read.
            let word = words.cursor(number).load(W::Platform::ordering(Edge::BroadcastReclaim));
            if let Some(behind) = cursor::behind(word, tail)
                && behind > furthest
                && !is_dropped(words, number)
            {
                furthest = behind;
                self.laggard = Some((number, word));
            }
        }
        // A cursor below the floor belongs to a subscriber that is about to join, and has to take a higher
        // one.
        let most = tail.wrapping_sub(self.floor);
        if furthest > words.high_water().load(Relaxed) {
            words.high_water().store(furthest.min(most), Relaxed); // Only the publisher writes it.
        }
        self.store(words, tail.wrapping_sub(furthest.min(most)));
        words.rising().store(self.floor, Relaxed); // Later is harmless: a joiner waits until the two are equal.
    }

    /// Raises the floor even if there is room: in a gated ring to what every subscriber has read, in a lossy
    /// one to `below`, which is not beyond the tail.
    #[cold]
    pub(crate) fn give_up<W: Control>(&mut self, words: &W, tail: u64, below: u64) {
        if words.gated() {
            self.follow(words, tail);
        } else if below.wrapping_sub(self.floor) <= tail.wrapping_sub(self.floor) {
            self.store(words, below);
        }
    }

    fn full<W: Control>(&self, words: &W) -> bool {
        let found_full = words.found_full();
        found_full.store(found_full.load(Relaxed).wrapping_add(1), Relaxed); // Only the publisher writes it.
        false
    }

    /// Drops the subscriber that holds the publisher up, if it is dead. True if it was.
    pub(crate) fn drop_dead<W: Control>(&mut self, words: &W, is_alive: impl FnOnce(u64) -> bool) -> bool {
        let Some((number, seen)) = self.laggard else { return false };
        // The identity was written before the cursor; so it is that of the subscriber that set this cursor,
        // or of a later one, which is alive, or will be checked next time.
        let identity = words.identity(number).load(Relaxed); // [D3] Acquired with the cursor.
        if words.cursor(number).load(Relaxed) != seen || identity == 0 || is_alive(identity) {
            return false;
        }
        super::seat::mark_dropped(words, number, identity);
        self.laggard = None;
        true
    }
}

/// Whether the holder of a seat was found dead. Called after its cursor was acquired.
fn is_dropped<W: Control>(words: &W, number: u16) -> bool {
    let dropped = words.dropped(number).load(Relaxed); // Written by the publisher, or under the lock when the seat is freed.
    dropped != 0 && dropped == words.identity(number).load(Relaxed) // [D3] Acquired with the cursor.
}
