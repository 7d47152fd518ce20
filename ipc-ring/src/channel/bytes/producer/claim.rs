//! A frame written in place.

use crate::channel::end::End;
use crate::end::bytes as end;
use crate::error::PushError;
use crate::ring::bytes::{self as ring, Mapped};

/// Room for a frame to be written in place, from [`Producer::try_claim`](super::Producer::try_claim).
/// Dropping it aborts: nothing is published.
///
/// Until they are written, the bytes hold what earlier frames left there; bytes committed unwritten are sent
/// as they are.
#[derive(Debug)]
pub struct Claim<'a> {
    pub(super) claim: ring::Claim<'a, Mapped>,
    pub(super) end: &'a mut End,
}

impl Claim<'_> {
    /// Number of bytes reserved.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.claim.len()
    }

    /// Whether no byte is reserved: the claim of an empty frame.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.claim.is_empty()
    }

    /// Copies bytes to an offset in the frame.
    ///
    /// # Panics
    /// When they do not fit.
    #[inline]
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.claim.write(offset, bytes);
    }

    /// A pointer to the frame's bytes: [`len`](Self::len) of them, writable, aligned to 8, valid until the
    /// claim is committed or dropped. A consumer that keeps to the protocol does not read them meanwhile.
    #[must_use]
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.claim.memory().address(self.claim.index(), self.claim.len()).as_ptr()
    }

    /// Publishes the first `len` bytes as a frame.
    ///
    /// # Errors
    /// [`PushError::Closed`] when the consumer has closed the channel; [`PushError::Corrupt`] when it found
    /// the ring corrupt.
    ///
    /// # Panics
    /// When fewer were claimed.
    #[inline(always)]
    pub fn commit(self, len: usize) -> Result<(), PushError<()>> {
        self.end.ours()?;
        match self.claim.commit(len) {
            (0, _) => Ok(()),
            (signal, ring) => end::publication(ring, self.end, signal).map_err(|refusal| refusal.with(())),
        }
    }

    /// Publishes nothing and gives the room back. The same as dropping.
    pub fn abort(self) {}
}
