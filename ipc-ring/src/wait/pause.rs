//! The pause between two checks of a word that another process is about to write.

use crate::cache::processor;

/// One pause instruction of the processor.
#[inline(always)]
pub(crate) fn pause() {
    std::hint::spin_loop();
}

/// The pause between two polls of an end that waits for a message.
///
/// A poll takes the line away from the end that is writing the message, which has to get it back for its next
/// store. On Intel servers three pause instructions make that so much rarer that a message of 8 bytes arrives
/// up to a quarter sooner. On AMD processors two lengthen every round trip by half a pause, a seventh where
/// lines travel a short distance, and gain nothing where they travel far once the lines of a polled slot are
/// [prefetched](crate::ring::spsc::Memory::prefetch_polled).
#[inline(always)]
pub(crate) fn between_polls() {
    for _ in 0..if processor::polls_seldom() { 3 } else { 1 } {
        pause();
    }
}
