//! Hints to the cache. None of them changes what a program means; where the processor has no such instruction they are
//! nothing.

use crate::asked::Asked;
use crate::layout::LINE;

/// Asks for a line in order to write it.
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

/// Asks for a line in order to read it.
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

/// Asks for the lines of a payload whose word behind it is being polled: all up to the line of that word.
///
/// A message of several lines is read one line after the other else: the first is asked for when the word says that it
/// is there. Asked for along with each look at the word, the lines come at the same time as the word does.
#[inline(always)]
pub(crate) fn slot_for_reading(payload: *const u8, len: usize) {
    let mut at = 0;
    while at < len {
        for_reading(payload.wrapping_add(at));
        at += LINE;
    }
}

/// Whether slots of this many bytes, one behind the other from the start of a line, lie in one line each.
#[inline(always)]
pub(crate) const fn is_in_one_line(stride: usize) -> bool {
    stride <= LINE && LINE.is_multiple_of(stride)
}

/// Whether [`slot_for_reading`] brings anything for slots of this many bytes on this processor.
///
/// On AMD's a message of 256 bytes takes four fifths of the time, of 1 KiB nine tenths; from 4 KiB it takes longer, since the
/// lines are taken from a producer that is still writing them. On Intel's it pays up to five lines, and makes
/// a message of 1 KiB a fifth slower.
pub(crate) fn of_polled(stride: usize) -> bool {
    stride <= if pays() { 5 * LINE } else { 2048 }
}

/// Moves a written line towards the cache that all cores share. For Intel's processors, whether or not they
/// say that they know CLDEMOTE: hypervisors hide that while the instruction works, and where it is unknown it
/// does nothing, by the maker's manual (Intel 64 and IA-32 Architectures Software Developer's Manual, volume
/// 2, CLDEMOTE).
#[inline(always)]
pub(crate) fn demote(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: CLDEMOTE is a hint; it does not fault on mapped memory and is a no-operation where it is unknown.
    unsafe {
        core::arch::asm!("cldemote [{}]", in(reg) address, options(nostack, preserves_flags));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Whether it brings anything that a consumer takes the lines it has read, for a producer that writes them next.
///
/// On AMD's processors a line that was written by one core and read by another is held by both, and a store to it has to wait
/// until the other core has let go: one line after the other, since stores become visible in order. When only the reader
/// holds it, the stores to come ask for several lines at a time. Elsewhere it is not measured.
pub(crate) fn taking_lines_pays() -> bool {
    processor() & AMD != 0
}

/// Whether looking ahead brings anything on this processor.
///
/// Measured on two makes. On Intel's servers asking for lines ahead makes streams of small messages half as fast again
/// and costs nothing. On AMD's, where the two cores share a cache that keeps track of owners, it makes no stream faster
/// and single messages of up to a line take up to twice as long. Elsewhere nothing is known, so nothing is asked for.
pub(crate) fn pays() -> bool {
    processor() & INTEL != 0
}

/// What the processor says of itself: it is one of Intel's, or one of AMD's.
const INTEL: u8 = 1;
const AMD: u8 = 2;

/// Asked once: in a virtual machine the question goes to the hypervisor and takes as long as a system call or two.
fn processor() -> u8 {
    static PROCESSOR: Asked = Asked::new();
    PROCESSOR.or_ask(|| pretended().unwrap_or_else(ask))
}

/// What tests want the processor to be: see [`fault::processor`](crate::fault::processor).
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

/// By CPUID: leaf 0 has the maker.
#[cfg(all(target_arch = "x86_64", not(miri)))]
fn ask() -> u8 {
    use core::arch::x86_64::__cpuid;
    let first = __cpuid(0);
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
