//! Popping elements by value, one at a time or in batches.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::consumer::{Consumer, Nothing, Popped};
use super::memory::Memory;
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::memory::Of;
use crate::message::Message;
use crate::platform::{Platform, Site, Word};

/// At most this number of elements of a slice may be redelivered ones, which other consumers lost.
const ORPHANS: usize = 8;

impl<M: Memory> Consumer<M> {
    /// Releases what this end is reading of this number of positions from the first on: `all`, or those whose
    /// tags are its own.
    #[inline(always)]
    fn release_run(&self, first: u64, count: u64, all: bool) {
        for position in (0..count).map(|ahead| first.wrapping_add(ahead)) {
            let tag = self.memory.tag(self.shape.index(position));
            let free = self.shape.next_lap(self.shape.empty(position)).as_raw();
            // Relaxed: checks whether the tag is this end's own, which no one else changes.
            if all || self.is_reading(Tag::from_raw(tag.load(Relaxed)), position) {
                // [M2] As in `release`.
                tag.store(free, M::Platform::ordering(Edge::MpmcRelease));
                M::Platform::crash_point(Site::MpmcReleased);
            }
        }
        self.memory.prefetch(self.shape.index(self.position));
    }

    /// Whether a tag says that this end reads the element of this position.
    fn is_reading(&self, tag: Tag, position: u64) -> bool {
        tag.state() == Some(State::Reading)
            && tag.owner() == self.seat.number()
            && self.shape.ahead(tag, position) == 0
    }
}

impl<T: Message, M: Memory<Shape = Of<T>>> Consumer<M> {
    /// Pops one element: exactly-once delivery, whichever process dies.
    ///
    /// # Errors
    /// [`Nothing`].
    #[inline(always)]
    pub fn try_pop(&mut self) -> Result<Popped<T>, Nothing> {
        let mut item = MaybeUninit::uninit();
        let attempt = self.try_pop_into(&mut item)?;
        // SAFETY: popped, so it was filled.
        Ok(Popped { item: unsafe { item.assume_init() }, attempt })
    }

    /// Pops as many elements as are ready and fit, in order; returns their number, and the reason if it
    /// stopped before the slice was full.
    #[inline]
    pub fn try_pop_slice(&mut self, out: &mut [MaybeUninit<T>]) -> (usize, Result<(), Nothing>) {
        self.pop_slice_after(out, |_, _| {})
    }

    /// As [`try_pop_slice`](Self::try_pop_slice). Runs `before` with the number of elements when all of them
    /// are claimed and copied, **before** the first slot is released, as [`pop_after`](Self::pop_after) does.
    #[inline]
    pub fn pop_slice_after(
        &mut self,
        out: &mut [MaybeUninit<T>],
        before: impl FnOnce(&mut Self, usize),
    ) -> (usize, Result<(), Nothing>) {
        let mut first = None;
        let mut behind = [None; ORPHANS];
        let (mut done, mut orphans, mut end) = (0, 0, Ok(()));
        while done < out.len() && orphans < ORPHANS {
            match self.take(State::Reading) {
                Ok(taken) => {
                    self.copy(taken, &mut out[done]);
                    done += 1;
                    if taken.position == self.position {
                        first.get_or_insert(taken.position);
                        self.position = taken.position.wrapping_add(1);
                    } else if first.is_none_or(|first| taken.position.wrapping_sub(first).cast_signed() < 0) {
                        behind[orphans] = Some(taken);
                        orphans += 1;
                    }
                }
                Err(nothing) => {
                    end = Err(nothing);
                    break;
                }
            }
        }
        if done > 0 {
            let last = self.position;
            M::Platform::crash_point(Site::MpmcCopied);
            before(self, done);
            behind.into_iter().flatten().for_each(|taken| self.release(taken));
            if let Some(first) = first {
                // In a valid ring at most a lap, because the first of them is not free.
                let passed = last.wrapping_sub(first).min(self.memory.capacity());
                self.release_run(first, passed, passed == (done - orphans) as u64);
            }
            self.hint();
        }
        (done, end)
    }
}
