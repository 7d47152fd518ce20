//! What the algorithm requires of the memory that holds its words.

use core::mem::MaybeUninit;

use super::words::{KEPT, LINE_OFFSET, MAX_CALL_SIZE, PAYLOAD, Words};
use crate::memory::Of;
use crate::message::Message;
use crate::platform::{Barrier, Platform};

/// The memory of one call ring: its [`Words`], its line, and the copy that the caller keeps of a request.
///
/// # Safety
/// Requests and replies have at most [`MAX_CALL_SIZE`] bytes and are aligned to 8 at most.
pub unsafe trait Memory: Words {
    /// The request type.
    type Request: Message;
    /// The reply type.
    type Reply: Message;

    /// The barrier that sleepers and notifiers of this ring use, from private memory.
    fn barrier(&self) -> Barrier;

    /// The line's word.
    #[inline(always)]
    fn word(&self) -> &<Self::Platform as Platform>::U64 {
        // SAFETY: the first word of `line`.
        unsafe { self.u64_at(LINE_OFFSET) }
    }

    /// Writes a request or a reply into the line, overwriting its content.
    #[inline(always)]
    fn write_line<T: Message>(&self, message: &T) {
        const { assert!(size_of::<T>() <= MAX_CALL_SIZE && align_of::<T>() <= 8) };
        // SAFETY: MAX_CALL_SIZE bytes after the line's word belong to nothing else.
        unsafe { self.store_item(LINE_OFFSET + PAYLOAD, Of::<T>::new(), message) }
    }

    /// Copies a request or a reply out of the line.
    #[inline(always)]
    fn read_line<T: Message>(&self, place: &mut MaybeUninit<T>) {
        const { assert!(size_of::<T>() <= MAX_CALL_SIZE && align_of::<T>() <= 8) };
        // SAFETY: as in `write_line`.
        unsafe { self.load_item(LINE_OFFSET + PAYLOAD, Of::<T>::new(), place) }
    }

    /// Writes the caller's copy of a request.
    #[inline(always)]
    fn keep(&self, request: &Self::Request) {
        // SAFETY: a request has at most the MAX_CALL_SIZE bytes of `kept`.
        unsafe { self.store_item(KEPT, Of::<Self::Request>::new(), request) }
    }

    /// Copies the caller's copy out.
    fn read_kept(&self, place: &mut MaybeUninit<Self::Request>) {
        // SAFETY: as in `keep`.
        unsafe { self.load_item(KEPT, Of::<Self::Request>::new(), place) }
    }
}
