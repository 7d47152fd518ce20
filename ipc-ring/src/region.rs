//! A range of memory that holds a ring, and what keeps it mapped.

use core::fmt;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use ipc_core::shm::Attachment;

use crate::error::{AttachError, AttachErrorKind};
use crate::layout::APART;

/// Zeroed or shared memory with a base address and a length; clones share it, and dropping the last one
/// releases it.
#[derive(Clone)]
pub struct Region {
    base: NonNull<u8>,
    len: usize,
    read_only: bool,
    _keeper: Keeper,
}

#[derive(Clone)]
enum Keeper {
    Heap(#[expect(dead_code, reason = "held for its Drop")] Arc<Heap>),
    Segment(#[expect(dead_code, reason = "held for its Drop")] Arc<Attachment>),
}

struct Heap {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: an allocation belongs to no thread; this address is used to free it and for nothing else.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

// SAFETY: a `Region` is an address, a length and a flag; every access to the bytes goes through atomics or
// through a ring end that owns its slots, and the memory lives as long as any clone.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Zeroed memory of this process alone, for rings between threads and for tests.
    ///
    /// # Panics
    /// If the allocator has no memory left.
    #[must_use]
    pub fn heap(len: usize) -> Self {
        let layout =
            Layout::from_size_align(len.max(1), APART).expect("a ring's size fits the address space");
        // SAFETY: the layout has a size of at least one byte.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else { std::alloc::handle_alloc_error(layout) };
        Self { base, len, read_only: false, _keeper: Keeper::Heap(Arc::new(Heap { base, layout })) }
    }

    /// The memory of an attached segment; detached when the last clone is dropped. Core dumps of this process
    /// do not include it.
    ///
    /// A segment that was attached read-only cannot hold a ring that is made or opened here, as each end of a
    /// ring stores into it. To observe only, open the channel's observer or watcher.
    #[must_use]
    pub fn segment(attachment: Attachment) -> Self {
        leave_out_of_dumps(&attachment);
        Self::dumped_segment(attachment)
    }

    /// As [`segment`](Self::segment), but core dumps include it.
    pub(crate) fn dumped_segment(attachment: Attachment) -> Self {
        let (base, len, read_only) = (attachment.base(), attachment.len(), attachment.is_read_only());
        Self { base, len, read_only, _keeper: Keeper::Segment(Arc::new(attachment)) }
    }

    /// Whether a store would fault.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether stores are possible.
    ///
    /// # Errors
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly).
    pub(crate) fn writable(&self) -> Result<(), AttachError> {
        if self.read_only { Err(AttachErrorKind::ReadOnly.into()) } else { Ok(()) }
    }

    /// Whether it has this number of bytes.
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall).
    pub(crate) fn holds(&self, needed: usize) -> Result<(), AttachError> {
        if self.len < needed {
            Err(AttachErrorKind::TooSmall { found: self.len, needed }.into())
        } else {
            Ok(())
        }
    }

    /// The first byte.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The 64-bit word at `offset`, one of a layout's constants.
    ///
    /// # Panics
    /// If the offset is not aligned to 8 or not inside.
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.len, "a layout's word lies inside its region");
        // SAFETY: inside the region, as asserted.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: mapped as long as `self`, and writable unless `read_only`, in which case no ring is made
        // that stores; aligned to 8, accessed atomically only.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// The 32-bit word at `offset`, one of a layout's constants.
    ///
    /// # Panics
    /// If the offset is not aligned to 4 or not inside.
    pub(crate) fn half(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4) && offset + 4 <= self.len, "a layout's word lies inside its region");
        // SAFETY: inside the region, as asserted.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: mapped as long as `self`, and writable unless `read_only`, in which case no ring is made
        // that stores; aligned to 4, accessed atomically only.
        unsafe { AtomicU32::from_ptr(word.as_ptr().cast()) }
    }

    /// Copies private bytes to an offset that is a multiple of 8.
    ///
    /// # Panics
    /// If they do not fit.
    pub(crate) fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(!self.read_only, "only what may be written is written");
        assert!(offset.is_multiple_of(8) && offset <= self.len && bytes.len() <= self.len - offset);
        let to = self.base.as_ptr().wrapping_add(offset);
        // SAFETY: inside the region, aligned to 8 as the base is; a slice is never in shared memory.
        unsafe { crate::copy::store(to, bytes.as_ptr(), bytes.len()) };
    }

    /// Copies bytes out, from an offset that is a multiple of 8.
    ///
    /// # Panics
    /// If there are fewer bytes.
    pub(crate) fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset.is_multiple_of(8) && offset <= self.len && bytes.len() <= self.len - offset);
        let from = self.base.as_ptr().wrapping_add(offset);
        // SAFETY: as in `copy_in`.
        unsafe { crate::copy::load(bytes.as_mut_ptr(), from, bytes.len()) };
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Excludes the memory from core dumps: the kernel writes a core before it reports the death, and shared
/// memory is the larger part of it.
pub(crate) fn leave_out_of_dumps(attachment: &Attachment) {
    // An older kernel without this feature includes it.
    let _ = attachment.set_dumped(false);
}

/// Keeps children made by `fork` from inheriting the memory. For a segment whose users all check first
/// whether it was inherited.
pub(crate) fn keep_from_children(attachment: &mut Attachment) -> Result<(), ipc_core::Error> {
    // SAFETY: in a child nothing reads or writes the memory, as every access checks first; dropping does
    // nothing there. Using a pointer is `unsafe`, and its documentation says that children do not
    // have such memory.
    unsafe { attachment.keep_from_children() }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("base", &self.base)
            .field("len", &self.len)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated in `Region::heap` with this layout, and this is the last owner.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}
