//! The pause between two checks of a word that another process is about to write.

/// One pause instruction of the processor. Two lengthen every round trip by half a pause, a seventh where
/// lines travel a short distance, and gain nothing where they travel far once the lines of a polled slot are
/// [prefetched](crate::ring::spsc::Memory::prefetch_polled).
#[inline(always)]
pub(crate) fn pause() {
    std::hint::spin_loop();
}
