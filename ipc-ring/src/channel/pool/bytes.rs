//! Reading and writing a payload in place.
//!
//! A peer may write the bytes at any time, so no safe method creates a reference to them: reads copy the
//! bytes out with the same operations as a pop, which are defined even when they race, and writes copy them
//! in with those of a push. In a child made by `fork` the memory is not mapped, so each method first checks
//! which process it is in.

use core::fmt;

use super::inner::Inner;
use crate::error::{Forked, debug_as_display};
use crate::message::Message;

/// The payload of a block that this process holds.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) inner: &'a Inner,
    pub(super) class: u32,
    pub(super) block: u32,
    pub(super) len: usize,
}

debug_as_display!(AccessError);

/// Why bytes of a payload were not read or written. None were.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// The payload has fewer bytes.
    OutOfBounds {
        /// The requested offset.
        offset: usize,
        /// The requested number of bytes.
        len: usize,
        /// Bytes of the payload.
        limit: usize,
    },
    /// The loan or view was inherited through a fork; only the process that made it may use it.
    Forked,
}

impl From<Forked> for AccessError {
    fn from(_: Forked) -> Self {
        AccessError::Forked
    }
}

impl From<AccessError> for std::io::Error {
    fn from(error: AccessError) -> Self {
        std::io::Error::other(error)
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccessError::OutOfBounds { offset, len, limit } => {
                write!(f, "{len} bytes at offset {offset} asked for; the payload has {limit} bytes")
            }
            AccessError::Forked => Forked.fmt(f),
        }
    }
}

impl std::error::Error for AccessError {}

/// Bytes that are written at a time to fill a payload.
const FILLING: usize = 1024;

impl Bytes<'_> {
    /// Whether `len` bytes at `offset` may be accessed.
    #[inline(always)]
    fn check(self, offset: usize, len: usize) -> Result<(), AccessError> {
        self.inner.ours()?;
        if offset <= self.len && len <= self.len - offset {
            return Ok(());
        }
        Err(AccessError::OutOfBounds { offset, len, limit: self.len })
    }

    #[inline]
    pub(super) fn read_at(self, offset: usize, out: &mut [u8]) -> Result<(), AccessError> {
        self.check(offset, out.len())?;
        self.inner.member.memory().read(self.class, self.block, offset, out);
        Ok(())
    }

    #[inline]
    pub(super) fn write_at(self, offset: usize, bytes: &[u8]) -> Result<(), AccessError> {
        self.check(offset, bytes.len())?;
        self.inner.member.memory().write(self.class, self.block, offset, bytes);
        Ok(())
    }

    #[inline]
    pub(super) fn read<T: Message>(self, offset: usize) -> Result<T, AccessError> {
        let mut value = T::new_zeroed();
        self.read_at(offset, value.as_mut_bytes())?;
        Ok(value)
    }

    pub(super) fn fill(self, byte: u8) -> Result<(), AccessError> {
        let piece = [byte; FILLING];
        for offset in (0..self.len).step_by(FILLING) {
            self.write_at(offset, &piece[..FILLING.min(self.len - offset)])?;
        }
        Ok(())
    }

    pub(super) fn to_vec(self) -> Result<Vec<u8>, Forked> {
        self.inner.ours()?;
        let mut copy = vec![0; self.len];
        self.inner.member.memory().read(self.class, self.block, 0, &mut copy);
        Ok(copy)
    }

    /// The address of the first byte.
    #[inline(always)]
    pub(super) fn base(self) -> *mut u8 {
        self.inner.member.memory().bytes(self.class, self.block).as_ptr()
    }
}

/// The methods of types with a readable payload: they use `self.bytes()`, which is a [`Bytes`].
macro_rules! readable {
    () => {
        /// Copies bytes out, from an offset. They may include, whole or in part, what others write meanwhile
        /// against the protocol; the copy no longer changes.
        ///
        /// # Errors
        /// [`AccessError::OutOfBounds`] when the payload has fewer bytes; [`AccessError::Forked`] in a child
        /// of fork.
        #[inline]
        pub fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), AccessError> {
            self.bytes().read_at(offset, out)
        }

        /// Copies a value out, from any offset, as [`read_at`](Self::read_at) does. Eight bytes at an offset
        /// that is a multiple of eight are loaded by one access.
        ///
        /// # Errors
        /// As [`read_at`](Self::read_at).
        #[inline]
        pub fn read<T: Message>(&self, offset: usize) -> Result<T, AccessError> {
            self.bytes().read(offset)
        }

        /// The whole payload, copied as by [`read_at`](Self::read_at).
        ///
        /// # Errors
        /// [`Forked`] in a forked child.
        pub fn to_vec(&self) -> Result<Vec<u8>, Forked> {
            self.bytes().to_vec()
        }

        /// A reader of the payload from its first byte on, for code that takes a [`std::io::Read`].
        #[must_use]
        pub fn reader(&self) -> Reader<'_> {
            Reader::new(self.bytes())
        }

        /// The payload as a slice, to be read in place.
        ///
        /// # Safety
        /// While the slice lives, nothing writes the bytes. The library's own processes do not; so the caller
        /// vouches for each process that may write the pool's segment, and for everything that attaches it by
        /// its number, in this process as well. The slice is not used in a child made by `fork`, where the
        /// memory is not mapped.
        ///
        /// # Errors
        /// [`Forked`] in a forked child.
        #[inline]
        pub unsafe fn as_slice(&self) -> Result<&[u8], Forked> {
            let bytes = self.bytes();
            bytes.inner.ours()?;
            // SAFETY: `len` is at most the block's size, as was checked; its bytes are mapped as long as
            // `self`, aligned, and always initialised. This process does not write them while `self` is
            // borrowed; that no other process does is the caller's promise.
            Ok(unsafe { core::slice::from_raw_parts(bytes.base(), bytes.len) })
        }

        /// The address of the payload: [`len`](Self::len) bytes, readable, aligned to 64, valid as long as
        /// this value in the process that made it, and not mapped in any child made by `fork`. An atomic made
        /// from it, for instance by [`AtomicU64::from_ptr`](core::sync::atomic::AtomicU64::from_ptr), is
        /// sound whatever a peer writes.
        #[must_use]
        pub fn as_ptr(&self) -> *const u8 {
            self.bytes().base()
        }
    };
}

pub(super) use readable;
