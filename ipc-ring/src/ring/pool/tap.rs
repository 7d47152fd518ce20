//! Passive readers of payloads: a block is read by its handle, without a seat.
//!
//! A [tap](crate::ring::spsc::Tap) of a channel finds handles, and may read the blocks they name for as long
//! as these have not been lent again. It looks at the tag *before* and *after* it copies the bytes:
//!
//! ```text
//!   borrower, generation g + 1                     tap, with a handle of generation g
//!   ---------------------------------------------  ---------------------------------------------------
//!   FREE(g+1) -> LOANED(g+1), or                   tag: of g and sent, or FREE(g+1) ?    [P1] Acquire
//!   TAKEN(g) -> LOANED(g+1), to write it in place   copy the bytes
//!   fence                           [P7] Release   fence                                  [P7] Acquire
//!   write the bytes                                tag: the same holds ?
//! ```
//!
//! The bytes of a handle are complete before the handle is in any channel, and no process writes them again
//! in the same generation. A block that was given back keeps them until it is lent again; with fast receivers
//! most blocks are found so. What a process that died had sent, or received, is not written again either.
//!
//! A tap stores nothing, and no process waits for it. On x86-64 neither fence is an instruction. Elsewhere
//! the borrower's is omitted, and the tap calls `membarrier` in place of its own (see
//! [`ahead`](crate::ring::ahead)).

use core::sync::atomic::Ordering::Relaxed;

use super::handle::Handle;
use super::member::block_named;
use super::memory::Memory;
use super::refused::Refused;
use super::tag::{State, Tag};
use crate::edge::Edge;
use crate::platform::{Platform, Word};

/// Lets `copy` read the bytes of the payload that a handle names: those of this class and block. They may
/// change meanwhile; `Ok` says that they did not.
///
/// # Errors
/// [`Unread`]: [`Refused::Stale`] if the block was lent again, before or while the bytes were copied.
pub fn read_along<M: Memory>(memory: &M, handle: &Handle, copy: impl FnOnce(u32, u32)) -> Result<(), Unread> {
    let block = block_named(memory, handle)?;
    // [P1] Acquire ← the sender: the bytes were written before.
    is_intact(memory, handle, block, M::Platform::ordering(Edge::PoolLookSent))?;
    copy(handle.class, block);
    // [P7] Acquire ← the borrower's fence: a tap that has read newer bytes sees that the block was lent.
    M::Platform::order_for_taps(Edge::PoolValidate).map_err(Unread::Unordered)?;
    is_intact(memory, handle, block, Relaxed)?; // Behind the fence.
    Ok(())
}

/// Why a payload was not read.
#[derive(Debug)]
pub enum Unread {
    /// The handle names no block of this pool, or the block was lent again.
    Refused(Refused),
    /// `membarrier` was refused, which [orders](crate::platform::TapOrder::Barriers) the copy and its check.
    Unordered(ipc_core::Error),
}

impl From<Refused> for Unread {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Whether the block still has the bytes that it was sent with.
fn is_intact<M: Memory>(
    memory: &M,
    handle: &Handle,
    block: u32,
    ordering: core::sync::atomic::Ordering,
) -> Result<(), Refused> {
    let tag = Tag::from_raw(memory.tag(block).load(ordering));
    // After the tag: with its low bits, enough to tell any two generations less than 2^24 apart.
    let now = tag.generation_since(memory.generations(block).load(Relaxed) as u32);
    let found = handle.generation;
    match tag.state() {
        None => Err(Refused::Corrupt { found: tag.as_raw() }),
        Some(State::Free) if now == found.wrapping_add(1) => Ok(()),
        _ if now != found => Err(Refused::Stale { found, expected: now }),
        Some(State::Free | State::Loaned) => Err(Refused::NotSent),
        Some(_) => Ok(()),
    }
}
