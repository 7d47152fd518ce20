//! What the algorithm requires of the memory that holds the frames.

use crate::memory::Records;
use crate::platform::Platform;
use crate::ring::broadcast::Control;
use crate::ring::broadcast::words::LANDMARKS;

/// The memory of one broadcast ring of frames: the words in front, its [`Records`], and hints about the
/// processor's cache.
///
/// Subscribers may read bytes while the publisher writes them; then the result is arbitrary bytes.
pub trait Memory: Control + Records {
    /// Number of landmarks, a power of two. Fewer than usual only in a test with a small ring.
    #[inline(always)]
    fn landmarks(&self) -> u64 {
        super::LANDMARKS
    }

    /// Where the first frame of a sixteenth of the ring begins. A hint.
    ///
    /// # Panics
    /// If there is no such landmark.
    #[inline]
    #[allow(unsafe_code)]
    fn landmark(&self, number: u64) -> &<Self::Platform as Platform>::U64 {
        assert!(number < super::LANDMARKS, "a landmark's number is below their count");
        // SAFETY: one of the words of `landmarks`.
        unsafe { self.u64_at(LANDMARKS + number as usize * 8) }
    }

    /// Prefetches the lines the publisher will write soon; the last record had `record` bytes. A hint; models
    /// do nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64, _record: u64) {}
}
