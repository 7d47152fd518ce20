//! The layout of an element in its slot: the payload, then the slot's word.

use core::fmt::{self, Debug};
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{Geometry, LINE, MAX_CAPACITY};
use crate::message::{MAX_MESSAGE_SIZE, Message};
use crate::platform::Platform;

/// The geometry of a slot, and how an element is moved into and out of it.
///
/// # Safety
/// [`word`](Shape::word) is a multiple of 8 and not below [`size`](Shape::size); [`stride`](Shape::stride) is
/// a multiple of 8 and of the element's alignment and at least 8 above the word. They never change. `copy_in`
/// and `copy_out` touch `size` bytes of the slot and no more, and `copy_out` fills the place.
pub unsafe trait Shape: Copy + Debug + Send + Sync + 'static {
    /// An element in private memory.
    type Item: ?Sized;
    /// Room for one.
    type Place: ?Sized;

    /// Bytes of an element.
    fn size(self) -> usize;
    /// The alignment of an element, at most that of a cache line.
    fn align(self) -> usize;
    /// Bytes from the start of a slot, which is its payload, to its word.
    fn word(self) -> usize;
    /// Bytes from one slot to the next.
    fn stride(self) -> usize;

    /// Copies an element into a slot.
    ///
    /// # Safety
    /// `slot` is the payload of a slot of this shape, which this side alone writes now.
    unsafe fn copy_in<P: Platform>(self, slot: *mut u8, item: &Self::Item);
    /// Copies an element out of a slot.
    ///
    /// # Safety
    /// `slot` is the payload of a slot of this shape.
    unsafe fn copy_out<P: Platform>(self, slot: *const u8, place: &mut Self::Place);
}

/// The shape of a slot that holds a `T`, all of it constants.
pub struct Of<T>(PhantomData<fn(T) -> T>);

impl<T> Clone for Of<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Of<T> {}

impl<T> Debug for Of<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Of<{}>", core::any::type_name::<T>())
    }
}

impl<T: Message> Of<T> {
    /// Bytes from the start of a slot to its word, as [`Geometry::new`] computes it.
    pub(crate) const WORD: usize = size_of::<T>().next_multiple_of(8);
    /// Bytes from one slot to the next, as [`Geometry::new`] computes it.
    pub(crate) const STRIDE: usize =
        (Self::WORD + 8).next_multiple_of(if align_of::<T>() > 8 { align_of::<T>() } else { 8 });

    /// The shape.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The geometry of a ring with `capacity` such slots from `slots_offset` on.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) if the capacity is 0 or too large, or the element
    /// larger than [`MAX_MESSAGE_SIZE`].
    pub(crate) fn geometry(capacity: u64, slots_offset: usize) -> Result<Geometry, AttachError> {
        const { assert!(size_of::<T>() > 0, "a message has at least one byte") };
        const { assert!(align_of::<T>() <= LINE, "a message is aligned to a cache line at most") };
        let geometry = Some(capacity)
            .filter(|_| size_of::<T>() <= MAX_MESSAGE_SIZE)
            .and_then(|capacity| Geometry::new(capacity, size_of::<T>(), align_of::<T>(), slots_offset))
            .ok_or(AttachErrorKind::TooLarge {
                capacity,
                most: MAX_CAPACITY,
                element_size: size_of::<T>(),
            })?;
        assert!(
            geometry.stride() == Self::STRIDE && geometry.word_offset() == Self::WORD,
            "both are computed alike"
        );
        Ok(geometry)
    }
}

impl<T: Message> Default for Of<T> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: the constants are rounded up as promised; a copy is of a `T`, which has `size_of::<T>()` bytes.
unsafe impl<T: Message> Shape for Of<T> {
    type Item = T;
    type Place = MaybeUninit<T>;

    #[inline(always)]
    fn size(self) -> usize {
        size_of::<T>()
    }

    #[inline(always)]
    fn align(self) -> usize {
        align_of::<T>()
    }

    #[inline(always)]
    fn word(self) -> usize {
        Self::WORD
    }

    #[inline(always)]
    fn stride(self) -> usize {
        Self::STRIDE
    }

    #[inline(always)]
    unsafe fn copy_in<P: Platform>(self, slot: *mut u8, item: &T) {
        // SAFETY: a payload has room for a `T` and is at a multiple of 8; `item` is private, so it does not
        // overlap.
        unsafe { P::copy_in(slot.cast(), item) }
    }

    #[inline(always)]
    unsafe fn copy_out<P: Platform>(self, slot: *const u8, place: &mut MaybeUninit<T>) {
        // SAFETY: a payload holds `size_of::<T>()` bytes at a multiple of 8, and each bit pattern is a `T`;
        // the place is private.
        unsafe { P::copy_out(place.as_mut_ptr(), slot.cast()) }
    }
}
