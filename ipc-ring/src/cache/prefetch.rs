//! Hints to the cache. None of them changes a program's meaning; where the processor has no such instruction
//! they do nothing. Addresses may lie outside the ring.

use core::ops::RangeInclusive;

use super::LINE;

/// Slots and records of these sizes are pushed towards the shared cache outside streams.
pub(crate) const DEMOTED: RangeInclusive<usize> = 192..=64 * 1024;
/// For slots and records of these sizes lines are prefetched ahead only in streams: on single messages the
/// prefetch adds half the latency.
pub(crate) const PREFETCHED_IN_STREAMS: RangeInclusive<usize> = 500..=2100;

/// Prefetches a line for writing.
#[inline(always)]
pub(crate) fn for_writing(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: PREFETCHW never faults, whatever the address, and changes no register or memory.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Prefetches a line for reading.
#[inline(always)]
pub(crate) fn for_reading(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: PREFETCHT0 never faults, whatever the address, and changes no register or memory.
    unsafe {
        core::arch::asm!("prefetcht0 [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Pushes a written line towards the cache that all cores share. For Intel processors, whether or not they
/// report CLDEMOTE: hypervisors hide the feature bit while the instruction works, and where it is not
/// supported it does nothing, by the vendor's manual (Intel 64 and IA-32 Architectures Software Developer's
/// Manual, volume 2, CLDEMOTE).
#[inline(always)]
pub(crate) fn demote(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: CLDEMOTE is a hint; it does not fault on mapped memory and is a no-operation where it is
    // unknown.
    unsafe {
        core::arch::asm!("cldemote [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Gives a hint for the line of `start`, and for one line after the other as long as less than `len` bytes
/// have been passed.
#[inline(always)]
pub(crate) fn lines(start: *const u8, len: usize, hint: impl Fn(*const u8)) {
    let mut at = 0;
    while at < len {
        hint(start.wrapping_add(at));
        at += LINE;
    }
}

/// As [`lines`], for a slot or record of `len` bytes that follows others of that size: nothing if it begins
/// in a line for which the previous one has given the hint.
#[inline(always)]
pub(crate) fn new_lines(start: *const u8, len: usize, hint: impl Fn(*const u8)) {
    if len < LINE && start.addr() % LINE >= len {
        return;
    }
    lines(start, len, hint);
}

/// Prefetches the lines of a payload whose word, which follows it, is being polled: all up to the line of
/// that word.
///
/// Otherwise a message of several lines is read one line after the other, and the first is requested only
/// when the word says that it is ready. If the lines are requested with each poll of the word, they arrive at
/// the same time as the word.
#[inline(always)]
pub(crate) fn slot_for_reading(payload: *const u8, len: usize) {
    lines(payload, len, for_reading);
}

/// Whether slots of this many bytes, laid out one after the other from the start of a line, lie in one line
/// each.
#[inline(always)]
pub(crate) const fn is_in_one_line(stride: usize) -> bool {
    stride <= LINE && LINE.is_multiple_of(stride)
}
