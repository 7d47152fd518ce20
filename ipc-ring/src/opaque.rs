//! A value the compiler knows nothing about.

/// Gives the value back without letting the compiler see that it is the same.
///
/// After `if word != position + 1 { … }` the compiler knows that the two are equal and may use the one for
/// the other. It did: the next position was taken from the word just loaded from shared memory, and every pop
/// waited for the pop before it. Comparing with an opaque copy keeps the position's own chain of additions
/// free of loads; a pop in a loop took a quarter of the time.
#[inline(always)]
pub(crate) fn opaque(#[cfg_attr(miri, allow(unused_mut))] mut value: u64) -> u64 {
    // An interpreter, such as Miri, has no assembly, and nothing to gain.
    #[cfg(not(miri))]
    // SAFETY: no instruction at all.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
    }
    value
}
