//! `madvise` and `mlock`, as far as they change no byte.

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

/// `madvise(MADV_DODUMP)` or `MADV_DONTDUMP` for all pages of the memory.
pub(crate) fn advise_dump(bytes: &SharedBytes, dumped: bool) -> Raw<()> {
    let advice = if dumped { libc::MADV_DODUMP } else { libc::MADV_DONTDUMP };
    // SAFETY: the range is mapped while `bytes` is borrowed; the advice changes no byte and no protection.
    check(unsafe { libc::madvise(bytes.base().as_ptr().cast(), bytes.len(), advice) }).map(drop)
}

/// `madvise(MADV_DONTFORK)` for all pages of the memory.
///
/// # Safety
/// A child made by `fork` after that must not use the addresses: they are unmapped, or map something else.
pub(crate) unsafe fn advise_no_fork(bytes: &SharedBytes) -> Raw<()> {
    // SAFETY: the range is mapped while `bytes` is borrowed; in this process the advice changes nothing, and
    // for children the caller answers.
    check(unsafe { libc::madvise(bytes.base().as_ptr().cast(), bytes.len(), libc::MADV_DONTFORK) }).map(drop)
}

/// `mlock` of all pages of the memory.
pub(crate) fn mlock(bytes: &SharedBytes) -> Raw<()> {
    // SAFETY: the range is mapped while `bytes` is borrowed; locking changes no byte and no protection.
    check(unsafe { libc::mlock(bytes.base().as_ptr().cast_const().cast(), bytes.len()) }).map(drop)
}

/// A page of private memory that the kernel clears in each child made by `fork` (`MADV_WIPEONFORK`).
pub(crate) struct EmptiedPage(MmapMut);

/// Makes one.
pub(crate) fn page_emptied_by_fork() -> Raw<EmptiedPage> {
    let mut page = MmapMut::map_anon(size_of::<AtomicU64>()).map_err(|_| Errno(libc::ENOMEM))?;
    let base = page.as_mut_ptr();
    // SAFETY: the page is mapped, private and anonymous; there is no reference to it; nothing else lies in
    // it.
    check(unsafe { libc::madvise(base.cast(), page.len(), libc::MADV_WIPEONFORK) })?;
    Ok(EmptiedPage(page))
}

impl EmptiedPage {
    /// Its first word, for as long as the page exists.
    pub(crate) fn word(&self) -> &AtomicU64 {
        let word: *const AtomicU64 = self.0.as_ptr().cast();
        // SAFETY: mapped writable while `self` is borrowed, aligned as a page is, and reached as an atomic
        // only.
        unsafe { &*word }
    }

    /// The same for as long as the process lives.
    pub(crate) fn keep(self) -> &'static AtomicU64 {
        let word: *const AtomicU64 = self.word();
        // Never unmapped.
        core::mem::forget(self);
        // SAFETY: as in `word`, and mapped permanently.
        unsafe { &*word }
    }
}
