//! What the algorithm needs of the memory that holds the frames.

use core::mem::MaybeUninit;

use crate::platform::Platform;
use crate::ring::broadcast::Words;

/// The bytes of one broadcast ring of frames.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`.
/// An index is always `position & (capacity - 1)`, from a private position.
///
/// # Safety
/// `read` fills every byte of `out`.
#[allow(unsafe_code)]
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;
    /// The words in front of the records.
    type Words: Words<Platform = Self::Platform>;

    /// The words in front of the records.
    fn words(&self) -> &Self::Words;
    /// Bytes of the ring, from private memory: a power of two from 64 up.
    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.words().capacity()
    }
    /// The word at an index that is a multiple of 8.
    fn word(&self, index: u64) -> &<Self::Platform as Platform>::U64;
    /// Copies private bytes to an index, any one. Others may be reading there.
    ///
    /// # Panics
    /// When they do not fit before the end of the ring.
    fn write(&self, index: u64, bytes: &[u8]);
    /// Copies bytes from an index, any one. The publisher may be writing there; then they are some bytes.
    ///
    /// # Panics
    /// When there are not as many before the end of the ring.
    fn read(&self, index: u64, out: &mut [MaybeUninit<u8>]);

    /// How many frames were published. Stored before the tail that counts the last of them.
    fn frames(&self) -> &<Self::Platform as Platform>::U64;
    /// Where the last frame begins. A hint.
    fn last(&self) -> &<Self::Platform as Platform>::U64;
    /// Number of landmarks, a power of two.
    #[inline(always)]
    fn landmarks(&self) -> u64 {
        super::LANDMARKS
    }
    /// Where the first frame of a sixteenth of the ring begins. A hint.
    fn landmark(&self, number: u64) -> &<Self::Platform as Platform>::U64;

    /// Asks for the lines the publisher will write soon, the last record having had `record` bytes. A hint; models do
    /// nothing.
    #[inline(always)]
    fn prefetch_for_writing(&self, _next: u64, _record: u64) {}
}
