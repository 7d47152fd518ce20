//! What a victim has in its hands: messages that a call has handed over, by returning or by lending.
//!
//! The victim books them on a page that it shares with the judging process. A message that is gone from the
//! channel and was not booked was lost inside a call.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc;

/// The count, on a page that processes forked after the first use share.
fn page() -> &'static AtomicU64 {
    static PAGE: OnceLock<usize> = OnceLock::new();
    let address = PAGE.get_or_init(|| {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address that the kernel chooses; nothing is replaced.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<AtomicU64>(), access, kind, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        page.expose_provenance()
    });
    // SAFETY: mapped permanently, zeroed, aligned to a page, and used only as this type.
    unsafe { AtomicU64::from_ptr(std::ptr::with_exposed_provenance_mut(*address)) }
}

/// Before a victim is born.
pub fn empty() {
    page().store(0, Ordering::SeqCst);
}

/// In the victim: it has this number of messages more.
pub fn book(count: u64) {
    page().fetch_add(count, Ordering::SeqCst);
}

/// How many the victim had.
pub fn booked() -> u64 {
    page().load(Ordering::SeqCst)
}
