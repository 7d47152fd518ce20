//! `madvise` and `mlock`, as far as they change no byte of anybody's.

use core::sync::atomic::AtomicU64;

use memmap2::MmapMut;
use nix::libc;

use super::{Errno, Raw, check};
use crate::bytes::SharedBytes;

/// `madvise(MADV_POPULATE_WRITE)` or `MADV_POPULATE_READ` over all pages of the memory.
pub(crate) fn populate(bytes: &SharedBytes, for_writing: bool) -> Raw<()> {
    let advice = if for_writing { libc::MADV_POPULATE_WRITE } else { libc::MADV_POPULATE_READ };
    // SAFETY: the range is mapped while `bytes` is borrowed; populating changes no byte and no protection.
    check(unsafe { libc::madvise(bytes.base().as_ptr().cast(), bytes.len(), advice) }).map(drop)
}

/// `mlock` of all pages of the memory.
pub(crate) fn mlock(bytes: &SharedBytes) -> Raw<()> {
    // SAFETY: the range is mapped while `bytes` is borrowed; locking changes no byte and no protection.
    check(unsafe { libc::mlock(bytes.base().as_ptr().cast_const().cast(), bytes.len()) }).map(drop)
}

/// A word of this process's own memory, for good, that is 0 now, and in each child made by `fork` (`MADV_WIPEONFORK`).
pub(crate) fn word_emptied_by_fork() -> Raw<&'static AtomicU64> {
    let mut page = MmapMut::map_anon(size_of::<AtomicU64>()).map_err(|_| Errno(libc::ENOMEM))?;
    let word: *mut AtomicU64 = page.as_mut_ptr().cast();
    // SAFETY: the page is mapped, private and anonymous; nobody has a reference to it; nothing else lies in it.
    check(unsafe { libc::madvise(word.cast(), page.len(), libc::MADV_WIPEONFORK) })?;
    // Never unmapped.
    core::mem::forget(page);
    // SAFETY: mapped for as long as the process lives, aligned, and reached as an atomic only.
    Ok(unsafe { &*word })
}
