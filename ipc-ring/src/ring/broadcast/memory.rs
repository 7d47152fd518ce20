//! What the algorithm requires of the memory that holds the messages.

use super::words::Control;
use crate::memory::Slots;

/// The memory of one broadcast ring of fixed-size messages: the words in front, its [`Slots`], and hints
/// about the processor's cache.
///
/// A slot's word is `position + 1` once the slot holds the message of that position. A subscriber of a lossy
/// ring may read a slot while it is being written; then the copy holds arbitrary bytes.
pub trait Memory: Control + Slots {
    /// Prefetches the lines the publisher will write soon. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64) {}
    /// Prefetches the payload of a slot whose word is being polled. A hint; models do nothing.
    #[inline(always)]
    fn prefetch_polled(&self, _index: u64) {}
}
