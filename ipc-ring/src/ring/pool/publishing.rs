//! Handing a block to a channel that gives it to whoever comes, and taking it out again.

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

    /// The handle was pushed: from now on the channel has the block, and this member lets it go. Readers come and go, none of
    /// them frees it before it is [withdrawn](Self::withdraw).
    #[inline]
    pub fn published(&self, reading: Reading) {
        let Reading { block, tag, .. } = reading;
        M::Platform::crash_point(Site::PoolPushed);
        // [P6] As in `release`. When this was the process's only reader, one access hands the block over and lets it go.
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

    /// Takes the block of this handle out of the channel that has it. When nobody reads it, it is free, otherwise after its
    /// last reader. False when no channel has it, or the handle is out of date: it may be done twice.
    ///
    /// Nobody may come with the handle and rely on the block any more: the channel has given its place up before.
    #[inline]
    pub fn withdraw(&self, handle: &Handle) -> bool {
        let Some(block) = self.block_of(handle) else { return false };
        let seen = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A look; the CAS decides.
        // [P1] It hands nothing over itself: it continues the release of who shared the block, and those of its readers [P2].
        let done = self.change(block, seen, Edge::PoolSent, |tag| {
            let is_it =
                tag.state() == Some(State::Published) && self.generation(block, tag) == handle.generation;
            is_it.then(|| tag.withdrawn())
        });
        M::Platform::crash_point(Site::PoolWithdrawn);
        done
    }

    /// Changes a tag that others change too, from `tag` or what is found instead, unless `to` says that there is nothing to
    /// change.
    #[inline]
    fn change(&self, block: u32, mut tag: Tag, edge: Edge, to: impl Fn(Tag) -> Option<Tag>) -> bool {
        for _ in 0..TRIES {
            let Some(left) = to(tag) else { return false };
            match self.memory.tag(block).compare_exchange(
                tag.as_raw(),
                left.as_raw(),
                M::Platform::ordering(edge),
                Relaxed,
            ) {
                Ok(_) => return true,
                Err(found) => tag = Tag::from_raw(found),
            }
        }
        false
    }

    /// Whether the channel of this route has the block of this handle. For a publisher that takes over.
    pub fn is_published(&self, handle: &Handle, route: Route) -> bool {
        let Some(block) = self.block_of(handle) else { return false };
        // [P1] Acquire ← who published it: the route was written before.
        let tag = Tag::from_raw(self.memory.tag(block).load(M::Platform::ordering(Edge::PoolLookSent)));
        tag.state() == Some(State::Published)
            && self.generation(block, tag) == handle.generation
            && self.memory.route_words(block).map(|word| word.load(Relaxed)) == route.words() // After the tag.
    }

    /// Whether a channel has the block of this handle and nobody reads it: withdrawn, it would be free. Racy.
    pub fn is_unread(&self, handle: &Handle) -> bool {
        self.block_of(handle).is_some_and(|block| {
            let tag = Tag::from_raw(self.memory.tag(block).load(Relaxed)); // A look only.
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
