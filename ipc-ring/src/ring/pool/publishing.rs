//! Publishing a block in a channel that any number of readers may take it from, and withdrawing it.

use core::sync::atomic::Ordering::Relaxed;

use super::handle::{Handle, Route};
use super::member::{Loaned, Member, Reading, TRIES};
use super::memory::Memory;
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

impl<M: Memory> Member<M> {
    /// As [`share`](Self::share), for a channel of this route: push the handle there, then call
    /// [`published`](Self::published). Until then the block is this member's, as if shared.
    #[inline]
    pub fn publish(&self, loaned: Loaned, length: u32, route: Route) -> (Reading, Handle) {
        for (word, value) in self.memory.route_words(loaned.block).into_iter().zip(route.words()) {
            word.store(value, Relaxed); // Before the tag [P1].
        }
        self.share(loaned, length)
    }

    /// The handle was pushed: from now on the channel holds the block, and this member releases it. Readers
    /// come and go; none of them frees the block before it is [withdrawn](Self::withdraw).
    #[inline]
    pub fn published(&self, reading: Reading) {
        let Reading { block, tag, .. } = reading;
        M::Platform::crash_point(Site::PoolPushed);
        // [P6] As in `release`. If this was the process's only reader, one access hands the block over and
        // releases it.
        let only = self
            .memory
            .readers(block)
            .compare_exchange(1, 0, M::Platform::ordering(Edge::PoolReaderLess), Relaxed)
            .is_ok();
        let number = self.seat.number();
        // [P2] Release, as in `release`: other threads of the process may have read the block.
        self.change(block, tag, Edge::PoolLeave, |tag| {
            let handed = tag.state() == Some(State::Shared) && tag.is_held_by(number);
            let left = if only { tag.published().without(number) } else { tag.published() };
            handed.then_some(left)
        });
        M::Platform::crash_point(Site::PoolPublished);
        if !only {
            self.release_shared(block);
        }
    }

    /// Takes the block of this handle out of the channel that holds it. The block becomes free at once if it
    /// has no readers, otherwise after its last reader. False if no channel holds it, or the handle is stale:
    /// the call may be repeated.
    ///
    /// From now on no reader may rely on finding the block with the handle: the channel has given up the
    /// handle's slot before.
    #[inline]
    pub fn withdraw(&self, handle: &Handle) -> bool {
        self.take_out(handle).is_some()
    }

    /// As [`withdraw`](Self::withdraw): whether the block is free now. `None` if nothing was withdrawn.
    #[inline]
    pub(in crate::ring) fn take_out(&self, handle: &Handle) -> Option<bool> {
        let block = self.block_of(handle)?;
        let seen = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A hint; the CAS decides.
        // [P1] It publishes nothing itself: it continues the release of the member that shared the block, and
        // those of its readers [P2].
        let left = self.change(block, seen, Edge::PoolSent, |tag| {
            let is_it =
                tag.state() == Some(State::Published) && self.generation(block, tag) == handle.generation;
            is_it.then(|| tag.withdrawn())
        });
        M::Platform::crash_point(Site::PoolWithdrawn);
        left.map(|left| left.state() == Some(State::Free))
    }

    /// Changes a tag that others change too, from `tag` or the value found instead, unless `to` says that
    /// there is nothing to change. Returns what it is now.
    #[inline]
    fn change(&self, block: u32, mut tag: Tag, edge: Edge, to: impl Fn(Tag) -> Option<Tag>) -> Option<Tag> {
        for _ in 0..TRIES {
            let left = to(tag)?;
            match self.memory.tag(block).compare_exchange(
                tag.as_raw(),
                left.as_raw(),
                M::Platform::ordering(edge),
                Relaxed,
            ) {
                Ok(_) => return Some(left),
                Err(found) => tag = Tag::from_raw(found),
            }
        }
        None
    }

    /// Whether the channel of this route holds the block of this handle. For a publisher that takes over.
    pub fn is_published(&self, handle: &Handle, route: Route) -> bool {
        let Some(block) = self.block_of(handle) else { return false };
        // [P1] Acquire ← the publisher: the route was written before.
        let tag = Tag::from_raw(self.memory.tag(block).load(M::Platform::ordering(Edge::PoolLookSent)));
        tag.state() == Some(State::Published)
            && self.generation(block, tag) == handle.generation
            && self.memory.route_words(block).map(|word| word.load(Relaxed)) == route.words() // After the tag.
    }

    /// Whether a channel holds the block of this handle and it has no readers: withdrawing it would free it.
    /// Racy.
    pub fn is_unread(&self, handle: &Handle) -> bool {
        self.block_of(handle).is_some_and(|block| {
            let tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A hint.
            tag.state() == Some(State::Published)
                && self.generation(block, tag) == handle.generation
                && tag.holders() == 0
        })
    }

    /// The block that a handle names, if there is one.
    fn block_of(&self, handle: &Handle) -> Option<u32> {
        let class = self.memory.classes().get(handle.class as usize)?;
        (handle.pool == self.memory.generation() && handle.index < class.count)
            .then(|| class.first + handle.index)
    }
}
