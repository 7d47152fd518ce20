//! The pause between two looks at a word that another process is about to write.

/// One pause of the processor's. Two make every round trip half a pause longer, a seventh where lines travel near, and
/// gain nothing where they travel far once the lines of a polled slot are
/// [asked for](crate::ring::spsc::Memory::prefetch_polled).
#[inline(always)]
pub(crate) fn pause() {
    std::hint::spin_loop();
}
