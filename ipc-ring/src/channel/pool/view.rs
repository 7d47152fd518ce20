//! A block that is being read.

use core::fmt;
use core::mem::ManuallyDrop;
use std::sync::Arc;

use super::bytes::{AccessError, Bytes, readable};
use super::cursor::Reader;
use super::inner::Inner;
use crate::error::Forked;
use crate::message::Message;
use crate::ring::pool::Reading;

/// A payload in place. Dropping it releases the block, and frees it when there is no other reader.
///
/// [`read_at`](Self::read_at), [`read`](Self::read), [`to_vec`](Self::to_vec) and [`reader`](Self::reader)
/// read it, soundly whatever others do, and [`as_ptr`](Self::as_ptr) returns its address. There is no safe
/// slice of it, since other processes *could* write the memory: [`as_slice`](Self::as_slice) states what the
/// caller has to promise for one.
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
    /// Taken when the view is dropped or consumed.
    held: ManuallyDrop<Held>,
}

struct Held {
    inner: Arc<Inner>,
    reading: Reading,
    len: usize,
}

impl View {
    #[inline(always)]
    pub(super) fn new(inner: Arc<Inner>, reading: Reading, len: usize) -> Self {
        Self { held: ManuallyDrop::new(Held { inner, reading, len }) }
    }

    /// Number of bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether other processes may be reading the block too. Otherwise this view alone holds it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.held.reading.is_shared()
    }

    readable!();

    /// The held block, which the caller gives back.
    #[inline(always)]
    fn into_held(self) -> Held {
        let mut view = ManuallyDrop::new(self);
        // SAFETY: the view is consumed, and not dropped.
        unsafe { ManuallyDrop::take(&mut view.held) }
    }

    /// Whether the view was made by this process.
    #[inline(always)]
    pub(super) fn is_ours(&self) -> bool {
        self.held.inner.is_ours()
    }

    /// The pool, the reading and the length, which [`new`](Self::new) puts together again.
    #[inline(always)]
    pub(super) fn into_parts(self) -> (Arc<Inner>, Reading, usize) {
        let Held { inner, reading, len } = self.into_held();
        (inner, reading, len)
    }

    #[inline(always)]
    fn bytes(&self) -> Bytes<'_> {
        let Held { inner, reading, len } = &*self.held;
        Bytes { inner, class: reading.class(), block: reading.block(), len: *len }
    }
}

impl Drop for View {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the view is not used afterwards.
        let Held { inner, reading, .. } = unsafe { ManuallyDrop::take(&mut self.held) };
        if inner.is_ours() {
            let class = reading.class();
            if inner.member.release(reading) {
                inner.gave_back(class);
            }
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { reading, len, .. } = &*self.held;
        f.debug_struct("View").field("block", reading).field("len", len).finish_non_exhaustive()
    }
}
