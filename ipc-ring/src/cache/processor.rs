//! Which hints pay on this processor, by its vendor.
//!
//! Only processors of Intel and AMD were measured; elsewhere lines are neither prefetched ahead nor demoted
//! nor acquired.

use super::LINE;
use crate::asked::Asked;

/// Whether it pays to prefetch lines ahead of both ends.
///
/// On Intel servers it raises the throughput of small-message streams by half and costs nothing. On AMD
/// processors, where the two cores share a cache that tracks owners, it makes no stream faster, and single
/// messages of up to a line take up to twice as long.
pub(crate) fn prefetches_ahead() -> bool {
    has(INTEL) && !has(NOT_AHEAD)
}

/// Whether it pays to push single messages towards the cache that all cores share.
pub(crate) fn demotes() -> bool {
    has(INTEL) && !has(NOT_DEMOTED)
}

/// Whether [ownership](super::ownership) of lines is acquired for the end that writes them next.
pub(crate) fn acquires_lines() -> bool {
    has(AMD) && !has(NOT_ACQUIRED)
}

/// Whether any hint depends on the traffic.
pub(crate) fn uses_traffic() -> bool {
    prefetches_ahead() || demotes() || acquires_lines()
}

/// Whether it pays to prefetch the payload of a slot of this many bytes while its word is polled.
///
/// On AMD processors it cuts the latency of 256 bytes by a fifth and that of 1 KiB by a tenth; from 4 KiB up
/// it adds latency, because it steals lines that the producer is still writing. On Intel processors it pays
/// up to five lines, and makes a message of 1 KiB a fifth slower.
pub(crate) fn prefetches_polled(stride: usize) -> bool {
    stride <= if has(INTEL) { 5 * LINE } else { 2048 } && !has(NOT_POLLED)
}

/// Whether more than one pause lies between two polls of a line.
#[inline]
pub(crate) fn polls_seldom() -> bool {
    has(INTEL)
}

/// Whether ends wait for [batches](super::batching). On every processor; a test may switch it off.
#[cfg(feature = "fault-injection")]
pub(crate) fn waits_for_batches() -> bool {
    !has(NOT_BATCHED)
}

/// As above.
#[cfg(not(feature = "fault-injection"))]
pub(crate) const fn waits_for_batches() -> bool {
    true
}

const INTEL: u8 = 1;
const AMD: u8 = 1 << 1;
// Hints that are switched off.
const NOT_AHEAD: u8 = 1 << 2;
const NOT_POLLED: u8 = 1 << 3;
const NOT_DEMOTED: u8 = 1 << 4;
const NOT_ACQUIRED: u8 = 1 << 5;
#[cfg(feature = "fault-injection")]
const NOT_BATCHED: u8 = 1 << 6;

/// Queried once: in a virtual machine the query traps to the hypervisor and takes as long as a system call or
/// two.
#[inline]
fn has(bit: u8) -> bool {
    static PROCESSOR: Asked = Asked::new();
    PROCESSOR.or_ask(|| pretended().unwrap_or_else(vendor) | switched_off()) & bit != 0
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

/// See [`fault::hints_left_out`](crate::fault::hints_left_out).
#[cfg(feature = "fault-injection")]
fn switched_off() -> u8 {
    use crate::fault::Hint;
    let bit = |hint| match hint {
        Hint::Ahead => NOT_AHEAD,
        Hint::Polled => NOT_POLLED,
        Hint::Demoted => NOT_DEMOTED,
        Hint::Acquired => NOT_ACQUIRED,
        Hint::Batched => NOT_BATCHED,
    };
    crate::fault::hints_left_out().into_iter().map(bit).fold(0, |all, bit| all | bit)
}

#[cfg(not(feature = "fault-injection"))]
fn pretended() -> Option<u8> {
    None
}

#[cfg(not(feature = "fault-injection"))]
fn switched_off() -> u8 {
    0
}

/// The processor's vendor, as it reports it: CPUID leaf 0.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn vendor() -> u8 {
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
fn vendor() -> u8 {
    0
}
