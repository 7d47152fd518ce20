//! Receiving a block: taking it, or joining its readers.

use core::sync::atomic::Ordering::Relaxed;

use super::{Member, Reading, TAKEN, TRIES, is_shared};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};
use crate::ring::pool::handle::Handle;
use crate::ring::pool::memory::{Counter, Memory};
use crate::ring::pool::refused::Refused;
use crate::ring::pool::tag::{State, Tag};

/// A bound that the number of readers of a block in one process never reaches.
const TOO_MANY: u32 = TAKEN - 1;

impl<M: Memory> Member<M> {
    /// Takes the block that a handle names, or joins its readers.
    ///
    /// # Errors
    /// [`Refused`]. Then nothing has changed.
    #[inline]
    pub fn accept(&self, handle: &Handle) -> Result<Reading, Refused> {
        let block = self.check(handle)?;
        self.memory.will_read(handle.class as usize, block);
        let sent = Tag::sent(handle.generation);
        if !self.is_since(block, handle) {
            let tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A hint.
            return self.accept_slowly(handle, block, tag);
        }
        let own = sent.held(State::Taken, self.seat.number());
        // The common case: one access fetches the line and takes the block.
        // [P1] Acquire ← the sender: the bytes were written before. [P3] Release, as in `claim`.
        match self.memory.tag(block).compare_exchange(
            sent.as_raw(),
            own.as_raw(),
            M::Platform::ordering(Edge::PoolTake),
            Relaxed,
        ) {
            Ok(_) => self.taken(handle, block, own, sent),
            Err(found) => self.accept_slowly(handle, block, Tag::from_raw(found)),
        }
    }

    /// The block was taken with this handle: its tag was `before` and is `tag`.
    #[inline(always)]
    fn taken(&self, handle: &Handle, block: u32, tag: Tag, before: Tag) -> Result<Reading, Refused> {
        M::Platform::crash_point(Site::PoolTaken);
        let class = handle.class;
        // After [P1], so this reads the sender's note: the earlier check may have read an older one.
        if !self.is_since(block, handle) {
            return Err(self.untaken(handle, block, tag, before));
        }
        if self.turns(block, 0, TAKEN) {
            Ok(Reading { class, block, tag })
        } else {
            Err(self.refuse(class as usize, Refused::Corrupt { found: tag.as_raw() }))
        }
    }

    /// Returns a block to the handle that it was sent with, which is not this one.
    #[cold]
    fn untaken(&self, handle: &Handle, block: u32, tag: Tag, before: Tag) -> Refused {
        let expected = self.generation(block, tag);
        // [P1] A read-modify-write: it continues the release of the offer.
        let _ = self.memory.tag(block).compare_exchange(
            tag.as_raw(),
            Tag::sent(before.generation()).as_raw(),
            M::Platform::ordering(Edge::PoolSent),
            Relaxed,
        );
        let refused = Refused::Stale { found: handle.generation, expected };
        self.refuse(handle.class as usize, refused)
    }

    /// The block's number, if the handle is valid in this pool.
    #[inline(always)]
    fn check(&self, handle: &Handle) -> Result<u32, Refused> {
        block_named(&self.memory, handle).map_err(|refused| self.refuse(0, refused))
    }

    #[cold]
    fn refuse(&self, class: usize, refused: Refused) -> Refused {
        if refused != Refused::Contended {
            self.memory.counter(class, Counter::Refused).fetch_add(1, Relaxed); // Statistics.
        }
        refused
    }

    #[cold]
    #[inline(never)]
    fn accept_slowly(&self, handle: &Handle, block: u32, mut tag: Tag) -> Result<Reading, Refused> {
        let class = handle.class;
        for _ in 0..TRIES {
            let expected = self.generation(block, tag);
            let refused = if tag.state().is_some() && expected != handle.generation {
                Refused::Stale { found: handle.generation, expected }
            } else {
                match tag.state() {
                    Some(State::Offered | State::Sent) => {
                        let own = tag.held(State::Taken, self.seat.number());
                        // [P1] and [P3], as in `accept`.
                        match self.memory.tag(block).compare_exchange(
                            tag.as_raw(),
                            own.as_raw(),
                            M::Platform::ordering(Edge::PoolTake),
                            Relaxed,
                        ) {
                            Ok(_) => return self.taken(handle, block, own, tag),
                            Err(found) => tag = Tag::from_raw(found),
                        }
                        continue;
                    }
                    Some(State::Shared | State::Published) => {
                        if let Some(reading) = self.join(class, block, tag) {
                            // As in `taken`.
                            let expected = self.generation(block, tag);
                            if expected == handle.generation {
                                return Ok(reading);
                            }
                            self.release(reading);
                            let refused = Refused::Stale { found: handle.generation, expected };
                            return Err(self.refuse(class as usize, refused));
                        }
                        // A hint; the next CAS decides.
                        tag = Tag::from_raw(self.memory.tag(block).load(Relaxed));
                        continue;
                    }
                    Some(State::Taken) => Refused::Doubled { holders: tag.holders() },
                    Some(State::Free | State::Loaned) => Refused::NotSent,
                    None => Refused::Corrupt { found: tag.as_raw() },
                }
            };
            return Err(self.refuse(class as usize, refused));
        }
        // The word says persistently that this member shares the block, but the member holds it exclusively:
        // the word is wrong.
        // Of this process, which would have changed one of the two.
        let readers = self.memory.readers(block).load(Relaxed);
        if tag.is_held_by(self.seat.number()) && readers > TOO_MANY {
            return Err(self.refuse(class as usize, Refused::Corrupt { found: tag.as_raw() }));
        }
        Err(Refused::Contended)
    }

    /// Joins the readers of a shared block. `None` if the tag has changed, or if another thread of this
    /// member is joining or leaving at the moment.
    fn join(&self, class: u32, block: u32, tag: Tag) -> Option<Reading> {
        let readers = self.memory.readers(block);
        if !tag.is_held_by(self.seat.number()) {
            let own = tag.with(self.seat.number());
            // [P1] Acquire ← the member that shared it: the bytes were written before. [P3] Release, as in
            // `claim`.
            self.memory
                .tag(block)
                .compare_exchange(tag.as_raw(), own.as_raw(), M::Platform::ordering(Edge::PoolJoin), Relaxed)
                .ok()?;
            M::Platform::crash_point(Site::PoolJoined);
            // [P6] Release → other threads of this member: they see at least this tag.
            let first = readers.compare_exchange(0, 1, M::Platform::ordering(Edge::PoolReaderFirst), Relaxed);
            return first.is_ok().then_some(Reading { class, block, tag: own }); // As in `turns`.
        }
        // The member's bit is set, and stays set while the member has readers.
        let count = readers.load(Relaxed); // A hint; the CAS decides.
        if count == 0 || count >= TOO_MANY {
            M::Platform::relax();
            return None;
        }
        // [P6] Acquire ← the thread that set the bit.
        readers
            .compare_exchange(count, count + 1, M::Platform::ordering(Edge::PoolReaderMore), Relaxed)
            .ok()?;
        let reading = Reading { class, block, tag };
        let now = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // After [P6]: not older than the bit.
        // All readers may have left meanwhile, and the member may be reading the block's next payload.
        if is_shared(now) && now.generation() == tag.generation() {
            return Some(reading);
        }
        self.release(reading);
        None
    }
}

/// The number of the block that a handle names, if there is one in this pool.
#[inline(always)]
pub(in crate::ring::pool) fn block_named<M: Memory>(memory: &M, handle: &Handle) -> Result<u32, Refused> {
    let &Handle { pool, class, index, length, .. } = handle;
    let refused = match memory.classes().get(class as usize) {
        _ if pool != memory.generation() => Refused::OtherPool { found: pool, expected: memory.generation() },
        Some(known) if index < known.count => {
            if length <= known.size {
                return Ok(known.first + index);
            }
            Refused::TooLong { len: length as usize, limit: known.size as usize }
        }
        _ => Refused::NoSuchBlock { class, index },
    };
    Err(refused)
}
