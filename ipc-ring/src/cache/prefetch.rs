//! Hints to the cache. None of them changes a program's meaning; where the processor has no such instruction
//! they do nothing.

use core::ops::RangeInclusive;

use crate::asked::Asked;
use crate::layout::LINE;

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

/// Prefetches the lines of a payload whose word, which follows it, is being polled: all up to the line of
/// that word.
///
/// Otherwise a message of several lines is read one line after the other, and the first is requested only
/// when the word says that it is ready. If the lines are requested with each poll of the word, they arrive at
/// the same time as the word.
#[inline(always)]
pub(crate) fn slot_for_reading(payload: *const u8, len: usize) {
    let mut at = 0;
    while at < len {
        for_reading(payload.wrapping_add(at));
        at += LINE;
    }
}

/// Slots and records of these sizes are pushed towards the shared cache while traffic is sparse.
pub(crate) const DEMOTED: RangeInclusive<usize> = 192..=64 * 1024;
/// For slots and records of these sizes lines are prefetched ahead only while traffic is dense: otherwise a
/// single message takes half as long again.
pub(crate) const ASKED_IF_DENSE: RangeInclusive<usize> = 500..=2100;

/// Whether slots of this many bytes, laid out one after the other from the start of a line, lie in one line
/// each.
#[inline(always)]
pub(crate) const fn is_in_one_line(stride: usize) -> bool {
    stride <= LINE && LINE.is_multiple_of(stride)
}

/// [`demote`]s the lines that begin in `len` bytes, and the one in which these start.
#[inline(always)]
pub(crate) fn demote_all(start: *const u8, len: usize) {
    let mut at = 0;
    while at < len {
        demote(start.wrapping_add(at));
        at += LINE;
    }
}

/// Whether [`slot_for_reading`] pays for slots of this many bytes on this processor.
///
/// On AMD processors a message of 256 bytes takes four fifths of the time, one of 1 KiB nine tenths; from 4
/// KiB on it takes longer, since the lines are taken from a producer that is still writing them. On Intel
/// processors it pays up to five lines, and makes a message of 1 KiB a fifth slower.
pub(crate) fn of_polled(stride: usize) -> bool {
    stride <= if pays() { 5 * LINE } else { 2048 }
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

/// Whether it pays that a consumer acquires ownership of the lines it has read, for the producer that writes
/// them next.
///
/// On AMD processors a line that was written by one core and read by another is held by both, and a store to
/// it has to wait until the other core's copy is invalidated: one line after the other, since stores become
/// visible in order. When only the reader holds it, the following stores request several lines at a time. Not
/// measured elsewhere.
pub(crate) fn taking_lines_pays() -> bool {
    processor() & AMD != 0
}

/// Whether prefetching ahead pays on this processor.
///
/// Measured on two vendors' processors. On Intel servers prefetching ahead makes streams of small messages
/// half as fast again and costs nothing. On AMD processors, where the two cores share a cache that tracks
/// owners, it makes no stream faster, and single messages of up to a line take up to twice as long. Elsewhere
/// nothing has been measured, so nothing is prefetched.
pub(crate) fn pays() -> bool {
    processor() & INTEL != 0
}

/// The processor's vendor, as it reports it: Intel or AMD.
const INTEL: u8 = 1;
const AMD: u8 = 2;

/// Queried once: in a virtual machine the query traps to the hypervisor and takes as long as a system call or
/// two.
fn processor() -> u8 {
    static PROCESSOR: Asked = Asked::new();
    PROCESSOR.or_ask(|| pretended().unwrap_or_else(ask))
}

/// The processor that tests pretend to have: see [`fault::processor`](crate::fault::processor).
#[cfg(feature = "fault-injection")]
fn pretended() -> Option<u8> {
    use crate::fault::Processor;
    crate::fault::processor().map(|processor| match processor {
        Processor::Intel => INTEL,
        Processor::Amd => AMD,
        Processor::Other => 0,
    })
}

#[cfg(not(feature = "fault-injection"))]
fn pretended() -> Option<u8> {
    None
}

/// By CPUID: leaf 0 holds the vendor.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn ask() -> u8 {
    use core::arch::x86_64::__cpuid;
    // SAFETY: each x86-64 processor has CPUID, and leaf 0.
    #[allow(unused_unsafe, reason = "a safe function for newer compilers than the oldest that is supported")]
    let first = unsafe { __cpuid(0) };
    let mut maker = [0; 12];
    for (bytes, register) in maker.chunks_exact_mut(4).zip([first.ebx, first.edx, first.ecx]) {
        bytes.copy_from_slice(&register.to_le_bytes());
    }
    match &maker {
        b"GenuineIntel" => INTEL,
        b"AuthenticAMD" => AMD,
        _ => 0,
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn ask() -> u8 {
    0
}
