//! How a consumer finds the next element that can be taken, or the reason that there is none.

use core::sync::atomic::Ordering::Relaxed;

use super::Holder;
use super::consumer::{Consumer, Nothing, Taken};
use super::memory::Memory;
use super::tag::{State, Tag};
use super::walk::{Walk, corrupt};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

impl<M: Memory> Consumer<M> {
    /// Walks to the first element that can be taken, or finds an orphan. The element was available when it
    /// was checked.
    pub(super) fn find(&mut self, walk: &mut Walk, mut seen: Option<Tag>) -> Result<Taken, Nothing> {
        use State::{Closed, Empty, Full, Lent, Orphan, Reading, Void, Writing};
        while walk.goes_on() {
            let position = self.position;
            let index = self.shape.index(position);
            let tag = seen.take().unwrap_or_else(|| {
                // [M1] Acquire ← the producer's Release; [M6] Acquire ← the end that voided or orphaned the
                // slot.
                Tag::from_raw(self.memory.tag(index).load(M::Platform::ordering(Edge::MpmcObserve)))
            });
            let Some(state) = tag.state() else { return Err(corrupt(tag, position).into()) };
            match (self.shape.ahead(tag, position), state) {
                (0, Full | Orphan) => return Ok(Taken { position, tag }),
                (0, Empty) => match self.orphan() {
                    Some(orphan) => return Ok(orphan),
                    None if !super::is_closed(&self.memory) => return Err(self.unless_told(Nothing::Empty)),
                    None if self.mark_end(index, tag) => return Err(Nothing::Closed),
                    None => {}
                },
                (0 | -1, Closed) => return self.orphan().ok_or(Nothing::Closed),
                (0, Writing) => {
                    let holder = Holder { endpoint: tag.owner(), index, tag };
                    return self.orphan().ok_or_else(|| self.unless_told(Nothing::Busy(holder)));
                }
                (0, Reading | Lent) => self.next(walk, position.wrapping_add(1)),
                (0, Void) => {
                    if self.skip(index, tag) {
                        self.next(walk, position.wrapping_add(1));
                    }
                }
                (-1, Reading | Lent) => {
                    return self.orphan().ok_or_else(|| self.unless_told(Nothing::Empty));
                }
                (-1, Orphan) => {
                    return Ok(Taken { position: position.wrapping_sub(self.memory.capacity()), tag });
                }
                (-1, Void) => {
                    self.skip(index, tag);
                }
                (1, _) => self.next(walk, position.wrapping_add(1)),
                (ahead, _) => {
                    if ahead < 0 {
                        walk.forgive(tag, position)?;
                    }
                    self.next(walk, self.shape.after_meeting(tag, index, position));
                }
            }
        }
        Err(Nothing::Contended)
    }

    /// The result when no element is available, unless the ring was found corrupt.
    fn unless_told(&self, nothing: Nothing) -> Nothing {
        super::poisoned(&self.memory, self.position).map_or(nothing, Nothing::Corrupt)
    }

    /// Moves to the position of the hint if that is further, else to `next`.
    fn next(&mut self, walk: &mut Walk, next: u64) {
        if walk.may_jump() {
            // [M5] Acquire ← the Release of the end that stored it: the positions below are claimed.
            let head = self.memory.head().load(M::Platform::ordering(Edge::MpmcHeadLoad));
            if head.wrapping_sub(next).cast_signed() > 0 {
                self.position = head;
                return;
            }
        }
        self.position = next;
    }

    /// Frees an empty slot for the next lap. False when another end changed it first.
    fn skip(&mut self, index: u64, void: Tag) -> bool {
        let free = self.shape.next_lap(void).as_raw();
        // [M9] Relaxed: as a read-modify-write it continues the release of the end that voided the slot.
        let skipped = self.memory.tag(index).compare_exchange(
            void.as_raw(),
            free,
            M::Platform::ordering(Edge::MpmcSkip),
            Relaxed,
        );
        if skipped.is_ok() {
            M::Platform::crash_point(Site::MpmcSkipped);
        }
        skipped.is_ok()
    }

    /// Marks a free slot as the end of the stream. False when the slot was no longer free.
    #[cold]
    fn mark_end(&mut self, index: u64, free: Tag) -> bool {
        // [M9] Relaxed: it hands nothing over; what matters is that it is the last tag of this slot.
        let marked = self.memory.tag(index).compare_exchange(
            free.as_raw(),
            free.closed().as_raw(),
            M::Platform::ordering(Edge::MpmcSkip),
            Relaxed,
        );
        marked.is_ok()
    }

    /// Searches the whole ring for an orphan, if there may be a new one since the last unsuccessful search.
    #[inline]
    fn orphan(&mut self) -> Option<Taken> {
        // [M7] Acquire ← the Release of the process that made the orphans: the search below sees them.
        let generation = self.memory.orphans().load(M::Platform::ordering(Edge::MpmcOrphansSeen));
        if self.searched == Some(generation) { None } else { self.search(generation) }
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, generation: u64) -> Option<Taken> {
        for index in 0..self.memory.capacity() {
            // Relaxed: only a check; [M7] ensures that the orphans are visible, and the claim acquires the
            // data behind the tag.
            let tag = Tag::from_raw(self.memory.tag(index).load(Relaxed));
            if tag.state() == Some(State::Orphan) {
                return Some(Taken { position: self.shape.position(tag, index, self.position), tag });
            }
        }
        self.searched = Some(generation);
        None
    }
}
