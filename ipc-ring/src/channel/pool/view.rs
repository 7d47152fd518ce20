//! A block that is being read.

use core::fmt;
use core::ops::Deref;
use core::slice;
use std::sync::Arc;

use super::loan::Loan;
use super::member::Inner;
use crate::ring::pool::Reading;

/// A payload where it lies. Dropping it lets the block go, and frees it when nobody else reads it.
///
/// [`copy_to`](Self::copy_to) and [`to_vec`](Self::to_vec) read it, soundly whatever others do, and [`as_ptr`](Self::as_ptr) has its
/// address. It is a slice as well, for processes all of which keep to the protocol: other processes *could* write the memory, and what
/// attaches the pool's segment by its number could, in this process too. Then a slice is **not sound**; see `docs/trust.md`.
pub struct View {
    inner: Arc<Inner>,
    /// Taken when the block is let go.
    reading: Option<Reading>,
    len: usize,
}

impl View {
    #[inline(always)]
    pub(super) fn new(inner: Arc<Inner>, reading: Reading, len: usize) -> Self {
        Self { inner, reading: Some(reading), len }
    }

    /// Number of bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether others may be reading the block too. Otherwise it is this view's alone.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.reading().is_shared()
    }

    /// Copies bytes from an offset, by means that are sound even while a process that does not keep to the protocol writes the
    /// block: a mixture of old and new bytes is what comes of that, and it does not change any more.
    ///
    /// # Panics
    /// When there are not as many.
    pub fn copy_to(&self, offset: usize, out: &mut [u8]) {
        assert!(offset <= self.len && out.len() <= self.len - offset, "there are not as many bytes");
        let reading = self.reading();
        self.inner.member.memory().read(reading.class(), reading.block(), offset, out);
    }

    /// All of it, copied as by [`copy_to`](Self::copy_to). For slices `[u8]` has a method of this name, which this one stands before.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = ipc_ring::pool::Builder::new("doc-example-to-vec").class(64, 1).create()?;
    /// let mut loan = pool.loan(5)?;
    /// loan.copy_from(0, b"hello");
    /// let (view, _handle) = loan.share();
    /// assert_eq!(view.to_vec(), b"hello");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut copy = vec![0; self.len];
        self.copy_to(0, &mut copy);
        copy
    }

    /// A pointer to the bytes: [`len`](Self::len) of them, readable, aligned to 64, valid as long as the view.
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.base()
    }

    /// Makes the received block one that may be written, and sent on: a stage of a pipeline that works in place.
    ///
    /// # Errors
    /// The view, when it is [shared](Self::is_shared), and in a child of fork that inherited it.
    pub fn into_loan(mut self) -> Result<Loan, View> {
        if !self.inner.is_ours() {
            return Err(self);
        }
        let reading = self.reading.take().expect("a view has its block until it is consumed");
        match self.inner.member.take_over(reading) {
            Ok(loaned) => Ok(Loan::new(Arc::clone(&self.inner), loaned, self.len)),
            Err(reading) => {
                self.reading = Some(reading);
                Err(self)
            }
        }
    }

    #[inline(always)]
    fn reading(&self) -> &Reading {
        self.reading.as_ref().expect("a view has its block until it is consumed")
    }

    #[inline(always)]
    fn base(&self) -> *const u8 {
        let reading = self.reading();
        self.inner.member.memory().bytes(reading.class(), reading.block()).as_ptr()
    }
}

impl Deref for View {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` is at most the block's size, as the pool checked; its bytes are mapped as long as `inner`, and always
        // initialised. While the block is held no process that keeps to the protocol, as this type asks of them, writes it;
        // this one does not, since a loan of it does not exist.
        unsafe { slice::from_raw_parts(self.base(), self.len) }
    }
}

impl Drop for View {
    #[inline]
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take()
            && self.inner.is_ours()
        {
            self.inner.member.release(reading);
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("block", &self.reading).field("len", &self.len).finish_non_exhaustive()
    }
}
