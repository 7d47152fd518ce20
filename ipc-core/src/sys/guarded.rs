//! An array that ends where an inaccessible page begins.

use core::ptr::NonNull;

use nix::libc;

use super::{Errno, Raw, check};

/// `count` numbers right before a page that can neither be read nor written.
///
/// For system calls that use a length known to the kernel only: copies to and from user space go upwards, so
/// the kernel hits the page before anything else of ours, and returns EFAULT.
pub(super) struct GuardedArray {
    base: NonNull<u8>,
    mapped: usize,
    start: usize,
    count: usize,
}

impl GuardedArray {
    /// `count` times `value`.
    pub(super) fn new(count: usize, value: u16) -> Raw<GuardedArray> {
        // SAFETY: no pointers.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = usize::try_from(page).map_err(|_| Errno::last())?;
        let too_many = Errno(libc::ENOMEM);
        let bytes = count.checked_mul(size_of::<u16>()).ok_or(too_many)?;
        let room = bytes.checked_next_multiple_of(page).ok_or(too_many)?;
        let mapped = room.checked_add(page).ok_or(too_many)?;
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at a place of the kernel's choice replaces nothing.
        let base = unsafe { libc::mmap(core::ptr::null_mut(), mapped, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let base = NonNull::new(base.cast::<u8>()).ok_or(too_many)?;
        let mut array = GuardedArray { base, mapped, start: room - bytes, count };
        // SAFETY: the last page is part of the mapping, whose length is room + page.
        let guard = unsafe { base.add(room) };
        // SAFETY: the page is ours, and no reference to it exists or will.
        check(unsafe { libc::mprotect(guard.as_ptr().cast(), page, libc::PROT_NONE) })?;
        array.as_mut_slice().fill(value);
        Ok(array)
    }

    /// For the kernel, which may write all of it.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u16 {
        self.as_mut_slice().as_mut_ptr()
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u16] {
        // SAFETY: the start is at most the room, which is inside the mapping.
        let start = unsafe { self.base.add(self.start) };
        // SAFETY: from there to the guard page lie `count` numbers, mapped, zeroed at first and aligned, as
        // the room is a multiple of the page and so of two; they are reached through the borrow of self only.
        unsafe { core::slice::from_raw_parts_mut(start.as_ptr().cast(), self.count) }
    }
}

impl Drop for GuardedArray {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and every borrow of it has ended.
        let _ = unsafe { libc::munmap(self.base.as_ptr().cast(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel is asked to write `bytes` to the array.
    fn filled_by_the_kernel(array: &mut GuardedArray, bytes: usize) -> Raw<()> {
        let zero = std::fs::File::open("/dev/zero").unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&zero);
        // SAFETY: the array is followed by an inaccessible page, which the kernel does not write.
        let read = unsafe { libc::read(descriptor, array.as_mut_ptr().cast(), bytes) };
        if usize::try_from(read) == Ok(bytes) { Ok(()) } else { Err(Errno(libc::EFAULT)) }
    }

    #[test]
    fn the_kernel_writes_all_numbers_and_not_one_more() {
        for count in [1, 2, 2047, 2048, 2049, 65536, 100_000] {
            let mut array = GuardedArray::new(count, 7).unwrap();
            assert_eq!(array.as_mut_slice(), vec![7; count]);
            assert_eq!(filled_by_the_kernel(&mut array, 2 * count), Ok(()));
            assert_eq!(array.as_mut_slice(), vec![0; count]);
            assert_eq!(filled_by_the_kernel(&mut array, 2 * count + 2), Err(Errno(libc::EFAULT)));
        }
        assert!(GuardedArray::new(usize::MAX, 0).is_err());
    }
}
