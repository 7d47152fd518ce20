//! A member of a pool. Its operations lie in the modules below.

use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use super::handle::Handle;
use super::memory::Memory;
use super::recovery;
use super::seat::Seat;
use super::tag::Tag;
use crate::edge::Edge;
use crate::platform::{Platform, Word};

mod lending;
mod receiving;
mod releasing;
mod sending;
mod token;

pub(super) use receiving::block_named;
pub(super) use token::is_shared;
pub use token::{Loaned, Offered, Reading};

/// The count of readers while this member may write a block.
const LENT: u32 = u32::MAX;
/// The count while this member has received a block exclusively: no other reader joins, whatever the tag
/// says.
const TAKEN: u32 = u32::MAX - 1;
/// How often one call rereads a tag that others keep changing.
pub(super) const TRIES: u32 = 1024;

/// A member of a pool. Any number of threads of its process may use it at the same time.
///
/// Its methods return tokens for the blocks that the member holds. A token that is dropped leaves the block
/// with the member until its process has died, or has left.
#[derive(Debug)]
pub struct Member<M: Memory> {
    pub(super) memory: M,
    pub(super) seat: Seat,
    /// For each class, the block to try first.
    hands: Box<[AtomicU32]>,
}

impl<M: Memory> Member<M> {
    /// A member in a seat of this pool.
    pub fn new(memory: M, seat: Seat) -> Self {
        let hands = memory.classes().iter().map(|_| AtomicU32::new(0)).collect();
        Self { memory, seat, hands }
    }

    /// The memory of the pool.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// The member's seat.
    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Gives back the seat, and every block whose token was dropped. True unless another process has found
    /// the member dead.
    pub fn leave(&self) -> bool {
        recovery::sweep(&self.memory, self.seat.number(), self.seat.identity().get()).1
    }

    /// Updates the noted generation of a block that this member holds exclusively: the tag has only its low
    /// bits. Returns all of it.
    #[inline(always)]
    fn note_generation(&self, block: u32, tag: Tag) -> u32 {
        let word = self.memory.generations(block);
        let before = word.load(Relaxed) as u32; // Written only by the exclusive holder.
        let now = tag.generation_since(before);
        if now != before {
            word.store(u64::from(now), Relaxed); // Before the tag [P1].
        }
        now
    }

    /// The generation of a block with this tag. Correct if the tag was read with [P1] and has not changed
    /// since; otherwise only the low bits are certain.
    #[inline(always)]
    pub(super) fn generation(&self, block: u32, tag: Tag) -> u32 {
        tag.generation_since(self.memory.generations(block).load(Relaxed) as u32) // See above.
    }

    /// Whether the handle is of the block's generation, given that the tag has its low bits. As reliable as
    /// `generation`.
    #[inline(always)]
    fn is_since(&self, block: u32, handle: &Handle) -> bool {
        Tag::is_since(handle.generation, self.memory.generations(block).load(Relaxed) as u32) // See above.
    }

    /// Comes between the tag of a block that is lent to this member, and the first byte it writes there.
    #[inline(always)]
    fn before_writing() {
        // [P7] Release → a tap that has read a byte written after this sees the tag.
        M::Platform::fence_for_taps(Edge::PoolOverwrite);
    }

    /// Changes this process's private state of a block. False if that contradicts the block's tag, which
    /// means that a process violated the protocol: the block stays where it is. So whatever is written to
    /// shared memory, a process never writes a block that it is reading, and never has two writers of one
    /// block.
    #[inline(always)]
    fn turns(&self, block: u32, from: u32, to: u32) -> bool {
        // Relaxed: ordered by the tag, whose change comes before or after this.
        self.memory.readers(block).compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }
}
