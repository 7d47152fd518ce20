//! Access to bytes that other processes may change at any time: by atomics and by copies, never by references to plain data.
//!
//! # Safety
//! `unsafe` is allowed here. The one invariant, **mapped**: from [`SharedBytes::new`] until the value is dropped, the bytes
//! `base..base + len` are mapped readable, and writable unless `read_only`; the owner of the mapping keeps the `SharedBytes` inside
//! itself and unmaps only when it is dropped. Nothing here ever makes a `&T` or `&mut T` to these bytes but for atomics.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::limit::Limit;
use crate::sys;

/// A run of bytes in memory that other processes write too: what an [`Attachment`](crate::shm::Attachment), a
/// [`Mapping`](crate::mapping::Mapping) and a [`Segment`](crate::segment::Segment) give access to.
///
/// No `&[u8]` is ever made of it: a reference promises that the bytes stand still, and nobody can promise that for another process.
/// There are atomics at an offset, copies in and out, and the raw address. A copy that races with a writer gives some mixture of old and new bytes,
/// never undefined behaviour; who needs a whole value orders the access by an atomic. So do accesses of different widths to the same
/// bytes: each is done whole, what they see of each other is not promised.
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

// SAFETY: all safe access is by atomics and by copies made of atomics (or of instructions outside the language's memory model), so any thread may do
// it at any time; the raw address leaves that duty to who uses it. Unmapping is up to the owner, who needs no particular thread for it.
unsafe impl Send for SharedBytes {}
// SAFETY: as for Send.
unsafe impl Sync for SharedBytes {}

/// Copies of at least this many bytes use the processor's string instruction where there is one: from where on it was measured to be faster.
#[cfg(target_arch = "x86_64")]
const STRING_COPY_TO: usize = 256;
/// The same for copies out of shared memory.
#[cfg(target_arch = "x86_64")]
const STRING_COPY_FROM: usize = 1024;

impl SharedBytes {
    /// # Safety
    /// The invariant **mapped** of this module holds for as long as the value lives.
    pub(crate) unsafe fn new(base: NonNull<u8>, len: usize, read_only: bool) -> SharedBytes {
        SharedBytes { base, len, read_only }
    }

    /// Address of the first byte, for those who need the raw pointer: valid while the owner of this memory lives, for [`len`](Self::len)
    /// bytes, for writing only unless [`is_read_only`](Self::is_read_only). The address differs from process to process.
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

    /// Length in bytes: the size of the object, not the size of the mapping that the kernel rounded up to whole pages.
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

    /// Address of `len` bytes at `offset`, when they all lie inside.
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

    /// The atomic byte at `offset`; `None` outside the memory, and always when it is read-only ([`load_u8`](Self::load_u8) then).
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
        // SAFETY: in bounds, aligned, mapped and writable for the borrow of self; any bytes are a valid atomic.
        Some(unsafe { pointer.as_ref() })
    }

    /// The atomic 32-bit word at byte offset `offset`; `None` when it is not aligned to 4 bytes or not all inside, and always when the
    /// memory is read-only ([`load_u32`](Self::load_u32) then).
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
        // SAFETY: in bounds, aligned, mapped and writable for the borrow of self; any bytes are a valid atomic.
        Some(unsafe { pointer.as_ref() })
    }

    /// The atomic 64-bit word at byte offset `offset`; `None` when it is not aligned to 8 bytes or not all inside, and always when the
    /// memory is read-only ([`load_u64`](Self::load_u64) then).
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
        // SAFETY: in bounds, aligned, mapped and writable for the borrow of self; any bytes are a valid atomic.
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
        // SAFETY: in bounds, aligned and mapped for the borrow of self. Loads of at most a word are allowed on read-only memory.
        Some(unsafe { pointer.as_ref() }.load(ordering))
    }

    /// Loads the 32-bit word at `offset`, also of read-only memory; `None` when it is not aligned or not all inside.
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
        // SAFETY: in bounds, aligned and mapped for the borrow of self. Loads of at most a word are allowed on read-only memory.
        Some(unsafe { pointer.as_ref() }.load(ordering))
    }

    /// Loads the 64-bit word at `offset`, also of read-only memory; `None` when it is not aligned or not all inside.
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
        // SAFETY: in bounds, aligned and mapped for the borrow of self. Loads of at most a word are allowed on read-only memory.
        Some(unsafe { pointer.as_ref() }.load(ordering))
    }

    /// Copies private bytes into the shared memory at `offset`. No ordering: publish with a Release store afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when the bytes do not all fit inside; [`ErrorKind::PermissionDenied`] when the memory is read-only.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// attached.copy_to(60, b"last")?;
    /// assert_eq!(attached.copy_to(61, b"last").unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn copy_to(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        if self.read_only {
            let arguments = format!("offset={offset}, {} bytes", bytes.len());
            return Err(Error::refused(
                "copy_to",
                arguments,
                ErrorKind::PermissionDenied,
                "the memory is read-only".to_owned(),
            ));
        }
        let start =
            self.pointer(offset, bytes.len()).ok_or_else(|| self.outside("copy_to", offset, bytes.len()))?;
        #[cfg(target_arch = "x86_64")]
        if bytes.len() >= STRING_COPY_TO {
            // SAFETY: the source is a live slice, the target `bytes.len()` mapped writable bytes; a slice cannot lie in memory of which no slices are made.
            unsafe { string_copy(bytes.as_ptr(), start.as_ptr(), bytes.len()) };
            return Ok(());
        }
        // SAFETY: `bytes.len()` mapped writable bytes from `start`, checked above.
        unsafe { store_words(start, bytes) };
        Ok(())
    }

    /// Copies shared bytes at `offset` into private ones. No ordering: do an Acquire load first. Check what was copied, once, then
    /// trust the copy.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when the bytes do not all lie inside.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 64, &shm::Options::default())?);
    /// let attached = memory.attach_read_only()?;
    /// let mut copy = [1; 64];
    /// attached.copy_from(0, &mut copy)?;
    /// assert_eq!(copy, [0; 64]);
    /// assert_eq!(attached.copy_from(1, &mut copy).unwrap_err().kind(), ErrorKind::OutOfRange);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn copy_from(&self, offset: usize, bytes: &mut [u8]) -> Result<()> {
        let start = self
            .pointer(offset, bytes.len())
            .ok_or_else(|| self.outside("copy_from", offset, bytes.len()))?;
        #[cfg(target_arch = "x86_64")]
        if bytes.len() >= STRING_COPY_FROM {
            // SAFETY: the target is a live exclusive slice, the source `bytes.len()` mapped bytes; a slice cannot lie in memory of which no slices are made.
            unsafe { string_copy(start.as_ptr().cast_const(), bytes.as_mut_ptr(), bytes.len()) };
            return Ok(());
        }
        // SAFETY: `bytes.len()` mapped bytes from `start`, checked above.
        unsafe { load_words(start, bytes) };
        Ok(())
    }

    /// `madvise(MADV_POPULATE_WRITE)` (`MADV_POPULATE_READ` when read-only)—makes the kernel supply all pages now, so that no later access waits for one. Changes no byte, so
    /// it may be done while others use the memory.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] (ENOMEM, EFAULT): not enough memory, or huge pages; [`ErrorKind::Unsupported`] (EINVAL): a kernel before 5.14.
    ///
    /// # Blocking
    /// Until all pages are there: a gibibyte of normal pages took most of a second on the machine it was tried on.
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, limits::SharedMemoryUsage, list, shm};
    /// let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 1 << 20, &shm::Options::default())?);
    /// let attached = memory.attach()?;
    /// attached.prefault()?;
    /// let line = list::proc::segments()?.into_iter().find(|line| line.id == memory.id()).unwrap();
    /// assert_eq!(line.resident_bytes, Some(1 << 20));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// madvise(2)
    #[doc(alias = "MADV_POPULATE_WRITE")]
    pub fn prefault(&self) -> Result<()> {
        sys::populate(self, !self.read_only).map_err(|errno| {
            let kind = match errno.0 {
                libc::ENOMEM | libc::EFAULT => ErrorKind::OutOfMemory,
                libc::EINVAL | libc::ENOSYS => ErrorKind::Unsupported,
                _ => ErrorKind::Other,
            };
            Error::os("madvise", format!("{} bytes, MADV_POPULATE", self.len), errno, kind)
        })
    }

    /// `mlock`—supplies all pages now and keeps them in memory for as long as this process has them mapped.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] of `LockedBytes` (ENOMEM, EAGAIN, EPERM).
    ///
    /// # Blocking
    /// As [`prefault`](Self::prefault).
    ///
    /// ```
    /// # use ipc_core::{Key, RemoveOnDrop, shm};
    /// # let memory = RemoveOnDrop::new(shm::SharedMemory::create_new(Key::PRIVATE, 4096, &shm::Options::default())?);
    /// if let Err(error) = memory.attach()?.lock_in_memory() {
    ///     println!("{error}"); // says the limit and how to raise it
    /// }
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// mlock(2)
    #[doc(alias = "mlock")]
    pub fn lock_in_memory(&self) -> Result<()> {
        sys::mlock(self).map_err(|errno| {
            let kind = match errno.0 {
                libc::ENOMEM | libc::EAGAIN | libc::EPERM => ErrorKind::LimitReached(Limit::LockedBytes),
                _ => ErrorKind::Other,
            };
            Error::os("mlock", format!("{} bytes", self.len), errno, kind)
        })
    }

    #[cold]
    fn outside(&self, call: &'static str, offset: usize, len: usize) -> Error {
        let hint = format!("the memory has {} bytes", self.len);
        Error::refused(call, format!("offset={offset}, {len} bytes"), ErrorKind::OutOfRange, hint)
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

/// Stores single bytes up to a word boundary, then words, then the rest. Relaxed throughout: the caller orders the copy.
///
/// # Safety
/// `bytes.len()` bytes from `start` on are mapped and writable.
unsafe fn store_words(start: NonNull<u8>, bytes: &[u8]) {
    let (head, rest) = bytes.split_at(start.align_offset(8).min(bytes.len()));
    let (words, tail) = rest.as_chunks::<8>();
    for (place, &byte) in head.iter().enumerate() {
        // SAFETY: inside the range; a byte needs no alignment.
        unsafe { at::<AtomicU8>(start, place) }.store(byte, Ordering::Relaxed);
    }
    for (place, &word) in words.iter().enumerate() {
        // SAFETY: inside the range; behind the head every eighth byte is aligned to a word.
        let target = unsafe { at::<AtomicU64>(start, head.len() + place * 8) };
        target.store(u64::from_ne_bytes(word), Ordering::Relaxed);
    }
    for (place, &byte) in tail.iter().enumerate() {
        // SAFETY: inside the range; a byte needs no alignment.
        unsafe { at::<AtomicU8>(start, bytes.len() - tail.len() + place) }.store(byte, Ordering::Relaxed);
    }
}

/// Loads single bytes up to a word boundary, then words, then the rest. Relaxed throughout: the caller orders the copy.
///
/// # Safety
/// `bytes.len()` bytes from `start` on are mapped.
unsafe fn load_words(start: NonNull<u8>, bytes: &mut [u8]) {
    let length = bytes.len();
    let (head, rest) = bytes.split_at_mut(start.align_offset(8).min(length));
    let (words, tail) = rest.as_chunks_mut::<8>();
    for (place, byte) in head.iter_mut().enumerate() {
        // SAFETY: inside the range; a byte needs no alignment.
        *byte = unsafe { at::<AtomicU8>(start, place) }.load(Ordering::Relaxed);
    }
    for (place, word) in words.iter_mut().enumerate() {
        // SAFETY: inside the range; behind the head every eighth byte is aligned to a word.
        let source = unsafe { at::<AtomicU64>(start, head.len() + place * 8) };
        *word = source.load(Ordering::Relaxed).to_ne_bytes();
    }
    let before = length - tail.len();
    for (place, byte) in tail.iter_mut().enumerate() {
        // SAFETY: inside the range; a byte needs no alignment.
        *byte = unsafe { at::<AtomicU8>(start, before + place) }.load(Ordering::Relaxed);
    }
}

/// The atomic at a distance in bytes.
///
/// # Safety
/// `offset` bytes after `start` there is a mapped `T`, an atomic, aligned as it must be, for as long as the borrow is used.
#[inline(always)]
unsafe fn at<'a, T>(start: NonNull<u8>, offset: usize) -> &'a T {
    // SAFETY: by contract inside the same mapping.
    let place = unsafe { start.add(offset) };
    // SAFETY: by contract a mapped and aligned atomic, of which any bytes are a value.
    unsafe { place.cast().as_ref() }
}

/// `rep movsb`: the processor's copy, opaque to the compiler, so that a race with another process is no data race of the language.
///
/// # Safety
/// `from` is readable and `to` is writable for `len` bytes, and they do not overlap.
#[cfg(target_arch = "x86_64")]
unsafe fn string_copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the instruction reads and writes exactly what the contract allows; the direction flag is clear by the calling convention.
    unsafe {
        core::arch::asm!(
            "rep movsb",
            inout("rcx") len => _,
            inout("rsi") from => _,
            inout("rdi") to => _,
            options(nostack, preserves_flags),
        );
    }
}
