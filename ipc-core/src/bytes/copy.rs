//! Copies between shared and private bytes: by atomic words, and by the processor's string instruction where
//! that is faster.
//!
//! # Safety
//! `unsafe` is allowed here, under the invariant **mapped** of the module above.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::SharedBytes;
use crate::error::{Error, ErrorKind, Result};

/// Copies of at least this many bytes use the processor's string instruction, if it has one: the threshold at
/// which that was measured to be faster.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const STRING_COPY_TO: usize = 256;
/// The same for copies out of shared memory.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const STRING_COPY_FROM: usize = 1024;

impl SharedBytes {
    /// Copies private bytes into the shared memory at `offset`. No ordering: publish with a Release store
    /// afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] when the bytes do not all fit inside; [`ErrorKind::PermissionDenied`] when
    /// the memory is read-only.
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
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if bytes.len() >= STRING_COPY_TO {
            // SAFETY: the source is a live slice, the target `bytes.len()` mapped writable bytes; a slice
            // cannot lie in memory of which no slices are made.
            unsafe { string_copy(bytes.as_ptr(), start.as_ptr(), bytes.len()) };
            return Ok(());
        }
        // SAFETY: `bytes.len()` mapped writable bytes from `start`, checked above.
        unsafe { store_words(start, bytes) };
        Ok(())
    }

    /// Copies shared bytes at `offset` into private ones. No ordering: do an Acquire load first. Check what
    /// was copied, once, then trust the copy.
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
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if bytes.len() >= STRING_COPY_FROM {
            // SAFETY: the target is a live exclusive slice, the source `bytes.len()` mapped bytes; a slice
            // cannot lie in memory of which no slices are made.
            unsafe { string_copy(start.as_ptr().cast_const(), bytes.as_mut_ptr(), bytes.len()) };
            return Ok(());
        }
        // SAFETY: `bytes.len()` mapped bytes from `start`, checked above.
        unsafe { load_words(start, bytes) };
        Ok(())
    }

    #[cold]
    fn outside(&self, call: &'static str, offset: usize, len: usize) -> Error {
        let hint = format!("the memory has {} bytes", self.len);
        Error::refused(call, format!("offset={offset}, {len} bytes"), ErrorKind::OutOfRange, hint)
    }
}

/// Stores single bytes up to a word boundary, then words, then the rest. Relaxed throughout: the caller
/// orders the copy.
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
        // SAFETY: inside the range; after the head every eighth byte is aligned to a word.
        let target = unsafe { at::<AtomicU64>(start, head.len() + place * 8) };
        target.store(u64::from_ne_bytes(word), Ordering::Relaxed);
    }
    for (place, &byte) in tail.iter().enumerate() {
        // SAFETY: inside the range; a byte needs no alignment.
        unsafe { at::<AtomicU8>(start, bytes.len() - tail.len() + place) }.store(byte, Ordering::Relaxed);
    }
}

/// Loads single bytes up to a word boundary, then words, then the rest. Relaxed throughout: the caller orders
/// the copy.
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
        // SAFETY: inside the range; after the head every eighth byte is aligned to a word.
        let source = unsafe { at::<AtomicU64>(start, head.len() + place * 8) };
        *word = source.load(Ordering::Relaxed).to_ne_bytes();
    }
    let before = length - tail.len();
    for (place, byte) in tail.iter_mut().enumerate() {
        // SAFETY: inside the range; a byte needs no alignment.
        *byte = unsafe { at::<AtomicU8>(start, before + place) }.load(Ordering::Relaxed);
    }
}

/// The atomic at a byte offset.
///
/// # Safety
/// `offset` bytes after `start` lies a mapped and properly aligned `T`, an atomic, for as long as the borrow
/// is used.
#[inline(always)]
unsafe fn at<'a, T>(start: NonNull<u8>, offset: usize) -> &'a T {
    // SAFETY: by contract inside the same mapping.
    let place = unsafe { start.add(offset) };
    // SAFETY: by contract a mapped and aligned atomic, of which any bytes are a value.
    unsafe { place.cast().as_ref() }
}

/// `rep movsb`: the processor's copy. Opaque to the compiler, so a race with another process is not a data
/// race in the language's sense.
///
/// # Safety
/// `from` is readable and `to` is writable for `len` bytes, and they do not overlap.
#[cfg(all(target_arch = "x86_64", not(miri)))]
unsafe fn string_copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the instruction reads and writes exactly what the contract allows; the direction flag is clear
    // by the calling convention.
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
