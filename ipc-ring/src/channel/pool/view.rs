//! A block that is being read.

use core::fmt;
use std::sync::Arc;

use super::bytes::{AccessError, Bytes, readable};
use super::cursor::Reader;
use super::loan::Loan;
use super::member::Inner;
use crate::error::Forked;
use crate::message::Message;
use crate::ring::pool::Reading;

/// A payload where it lies. Dropping it lets the block go, and frees it when nobody else reads it.
///
/// [`read_at`](Self::read_at), [`read`](Self::read), [`to_vec`](Self::to_vec) and [`reader`](Self::reader)
/// read it, soundly whatever others do, and [`as_ptr`](Self::as_ptr) has its address. There is no safe slice
/// of it, since other processes *could* write the memory: [`as_slice`](Self::as_slice) says what has to be
/// promised for one.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = ipc_ring::pool::Builder::new("doc-example-view").class(64, 1).create()?;
/// let mut loan = pool.loan(13)?;
/// loan.write(0, &7u64)?;
/// loan.write_at(8, b"hello")?;
/// let (view, _handle) = loan.share();
/// assert_eq!(view.read::<u64>(0)?, 7);
/// assert_eq!(view.to_vec()?[8..], *b"hello");
/// // SAFETY: only this process has the pool open.
/// let slice = unsafe { view.as_slice() }?;
/// assert_eq!(slice[8..], *b"hello");
/// # Ok(()) }
/// ```
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

    readable!();

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
    fn bytes(&self) -> Bytes<'_> {
        let reading = self.reading();
        Bytes { inner: &self.inner, class: reading.class(), block: reading.block(), len: self.len }
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
