//! Access to bytes that other processes may change at any time: by atomics and by copies, never by references
//! to plain data.
//!
//! # Safety
//! `unsafe` is allowed here. The one invariant, **mapped**: from [`SharedBytes::new`] until the value is
//! dropped, the bytes `base..base + len` are mapped readable, and writable unless `read_only`; the owner of
//! the mapping keeps the `SharedBytes` inside itself and unmaps only when it is dropped. Nothing here ever
//! makes a `&T` or `&mut T` to these bytes, except to atomics.
#![allow(unsafe_code)]

mod copy;
mod pages;

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// A range of bytes that other processes may write too. An [`Attachment`](crate::shm::Attachment), a
/// [`Mapping`](crate::mapping::Mapping) and a [`Segment`](crate::segment::Segment) give access to one.
///
/// It is never exposed as `&[u8]`: a reference guarantees that the bytes do not change, and another process
/// gives no such guarantee. Access is by atomics at an offset, by copies in and out, or through the raw
/// address. A copy that races with a writer yields a mixture of old and new bytes, never undefined behaviour;
/// to read a consistent value, order the access with an atomic. The same holds for accesses of different
/// widths to the same bytes: each is done whole, but what they see of each other is unspecified.
///
/// ```
/// use ipc_core::{Key, RemoveOnDrop, shm};
/// use std::sync::atomic::Ordering;
///
/// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
/// let attached = memory.attach()?;
/// attached.atomic_u64(8).unwrap().store(7, Ordering::Release);
/// attached.copy_to(16, b"hello")?;
/// let mut text = [0; 5];
/// attached.copy_from(16, &mut text)?;
/// assert_eq!(&text, b"hello");
/// # Ok::<(), ipc_core::Error>(())
/// ```
pub struct SharedBytes {
    base: NonNull<u8>,
    len: usize,
    read_only: bool,
}

// SAFETY: all safe access is by atomics and by copies made of atomics (or of instructions outside the
// language's memory model), so any thread may do it at any time; the raw address leaves that duty to its
// user. Unmapping is up to the owner, which needs no particular thread for it.
unsafe impl Send for SharedBytes {}
// SAFETY: as for Send.
unsafe impl Sync for SharedBytes {}

impl SharedBytes {
    /// # Safety
    /// The invariant **mapped** of this module holds for as long as the value lives.
    pub(crate) unsafe fn new(base: NonNull<u8>, len: usize, read_only: bool) -> SharedBytes {
        SharedBytes { base, len, read_only }
    }

    /// Address of the first byte, for callers that need the raw pointer. Valid for [`len`](Self::len) bytes
    /// while the owner of this memory lives, and for writing unless [`is_read_only`](Self::is_read_only). The
    /// address differs from process to process.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// assert_eq!(attached.base().addr().get() % 4096, 0); // a page boundary
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Length in bytes: the size of the object, not the size of the mapping that the kernel rounded up to
    /// whole pages.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 100, &shm::Options::default())?);
    /// assert_eq!(memory.attach()?.len(), 100);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "neither a segment nor a mapping is ever empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether a store would fault.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// assert!(memory.attach_read_only()?.is_read_only());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Address of `len` bytes at `offset`; `None` unless they all lie inside.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// assert!(attached.pointer(0, 64).is_some());
    /// assert!(attached.pointer(1, 64).is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn pointer(&self, offset: usize, len: usize) -> Option<NonNull<u8>> {
        if offset > self.len || len > self.len - offset {
            return None;
        }
        // SAFETY: the offset is at most the length of the mapped bytes (mapped).
        Some(unsafe { self.base.add(offset) })
    }

    /// Address of a `T` at `offset` when it lies inside and is aligned.
    #[inline]
    fn aligned<T>(&self, offset: usize) -> Option<NonNull<T>> {
        self.pointer(offset, size_of::<T>()).map(NonNull::cast).filter(|pointer| pointer.is_aligned())
    }

    /// The atomic byte at `offset`; `None` outside the memory, and always when it is read-only (use
    /// [`load_u8`](Self::load_u8) there).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// attached.atomic_u8(63).unwrap().store(1, std::sync::atomic::Ordering::Relaxed);
    /// assert!(attached.atomic_u8(64).is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn atomic_u8(&self, offset: usize) -> Option<&AtomicU8> {
        let pointer = self.aligned::<AtomicU8>(offset).filter(|_| !self.read_only)?;
        // SAFETY: in bounds, aligned, mapped and writable for the borrow of self; any bytes are a valid
        // atomic.
        Some(unsafe { pointer.as_ref() })
    }

    /// The atomic 32-bit word at byte offset `offset`; `None` when it is not aligned to 4 bytes or not all
    /// inside, and always when the memory is read-only (use [`load_u32`](Self::load_u32) there).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// assert!(attached.atomic_u32(60).is_some());
    /// assert!(attached.atomic_u32(62).is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn atomic_u32(&self, offset: usize) -> Option<&AtomicU32> {
        let pointer = self.aligned::<AtomicU32>(offset).filter(|_| !self.read_only)?;
        // SAFETY: in bounds, aligned, mapped and writable for the borrow of self; any bytes are a valid
        // atomic.
        Some(unsafe { pointer.as_ref() })
    }

    /// The atomic 64-bit word at byte offset `offset`; `None` when it is not aligned to 8 bytes or not all
    /// inside, and always when the memory is read-only (use [`load_u64`](Self::load_u64) there).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// attached.atomic_u64(0).unwrap().fetch_add(1, std::sync::atomic::Ordering::AcqRel);
    /// assert!(attached.atomic_u64(4).is_none());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn atomic_u64(&self, offset: usize) -> Option<&AtomicU64> {
        let pointer = self.aligned::<AtomicU64>(offset).filter(|_| !self.read_only)?;
        // SAFETY: in bounds, aligned, mapped and writable for the borrow of self; any bytes are a valid
        // atomic.
        Some(unsafe { pointer.as_ref() })
    }

    /// Loads the byte at `offset`, also of read-only memory.
    ///
    /// # Panics
    /// As `AtomicU8::load`, for an ordering that a load cannot have.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// # use std::sync::atomic::Ordering;
    /// assert_eq!(memory.attach_read_only()?.load_u8(0, Ordering::Relaxed), Some(0));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn load_u8(&self, offset: usize, ordering: Ordering) -> Option<u8> {
        let pointer = self.aligned::<AtomicU8>(offset)?;
        // SAFETY: in bounds, aligned and mapped for the borrow of self. Loads of at most a word are allowed
        // on read-only memory.
        Some(unsafe { pointer.as_ref() }.load(ordering))
    }

    /// Loads the 32-bit word at `offset`, also of read-only memory; `None` when it is not aligned or not all
    /// inside.
    ///
    /// # Panics
    /// As `AtomicU32::load`, for an ordering that a load cannot have.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// # use std::sync::atomic::Ordering;
    /// assert_eq!(memory.attach_read_only()?.load_u32(4, Ordering::Acquire), Some(0));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn load_u32(&self, offset: usize, ordering: Ordering) -> Option<u32> {
        let pointer = self.aligned::<AtomicU32>(offset)?;
        // SAFETY: in bounds, aligned and mapped for the borrow of self. Loads of at most a word are allowed
        // on read-only memory.
        Some(unsafe { pointer.as_ref() }.load(ordering))
    }

    /// Loads the 64-bit word at `offset`, also of read-only memory; `None` when it is not aligned or not all
    /// inside.
    ///
    /// # Panics
    /// As `AtomicU64::load`, for an ordering that a load cannot have.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// # use std::sync::atomic::Ordering;
    /// assert_eq!(memory.attach_read_only()?.load_u64(8, Ordering::Acquire), Some(0));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn load_u64(&self, offset: usize, ordering: Ordering) -> Option<u64> {
        let pointer = self.aligned::<AtomicU64>(offset)?;
        // SAFETY: in bounds, aligned and mapped for the borrow of self. Loads of at most a word are allowed
        // on read-only memory.
        Some(unsafe { pointer.as_ref() }.load(ordering))
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBytes")
            .field("base", &self.base)
            .field("len", &self.len)
            .field("read_only", &self.read_only)
            .finish()
    }
}
