//! The pause between two looks at a word that another process is about to write.

/// Waits as long as two of the processor's pauses.
///
/// Each look takes the line away from the process that is about to write it, which then waits to get it back. One pause is too
/// short for that where lines travel far: with two, messages of up to a line took four fifths of the time between two cores
/// 220 ns apart. Three and four were no better.
#[inline(always)]
pub(crate) fn pause() {
    std::hint::spin_loop();
    std::hint::spin_loop();
}
