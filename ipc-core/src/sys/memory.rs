//! `madvise` and `mlock`, as far as they change no byte.

use nix::libc;

use super::{Raw, check};
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
