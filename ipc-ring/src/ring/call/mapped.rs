//! The ring's words in real memory.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64};

use super::layout::{
    CALLER_SIGNAL, KEPT, LINE_OFFSET, MAX_CALL_SIZE, PAYLOAD, RESPONDER_SIGNAL, TAKEN, TOTAL,
};
use super::memory::Memory;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE};
use crate::message::{Fingerprint, Fnv, Message};
use crate::platform::{Barrier, Native, Platform as _};
use crate::region::Region;

/// A call ring for `Req` and `Rep` in a [`Region`].
#[derive(Clone, Debug)]
pub struct Mapped<Req, Rep> {
    base: NonNull<u8>,
    barrier: Barrier,
    region: Region,
    messages: PhantomData<fn(Req) -> Rep>,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to words is atomic and
// access to the line is arbitrated by its word.
unsafe impl<Req: Message, Rep: Message> Send for Mapped<Req, Rep> {}
// SAFETY: as above.
unsafe impl<Req: Message, Rep: Message> Sync for Mapped<Req, Rep> {}

impl<Req: Message, Rep: Message> Mapped<Req, Rep> {
    /// The geometry of a call ring: one line.
    ///
    /// # Errors
    /// [`TooLarge`](crate::AttachErrorKind::TooLarge) for any capacity but 1.
    pub fn geometry(capacity: u64) -> Result<Geometry, AttachError> {
        const { assert!(size_of::<Req>() > 0 && size_of::<Rep>() > 0, "a message has at least one byte") };
        const { assert!(size_of::<Req>() <= MAX_CALL_SIZE, "a request fits a cache line with its word") };
        const { assert!(size_of::<Rep>() <= MAX_CALL_SIZE, "a reply fits a cache line with its word") };
        const { assert!(align_of::<Req>() <= 8 && align_of::<Rep>() <= 8, "they lie behind a word of 8 bytes") };
        const { assert!(LINE_OFFSET + LINE <= TOTAL) };
        Some(Geometry::of_parts(1, MAX_CALL_SIZE, 8, LINE, TOTAL)).filter(|_| capacity == 1).ok_or_else(
            || AttachErrorKind::TooLarge { capacity, most: 1, element_size: MAX_CALL_SIZE }.into(),
        )
    }

    /// The fingerprint of the two types together.
    #[must_use]
    pub fn fingerprint() -> Fingerprint {
        let mut hash = Fnv::new();
        for fingerprint in [Fingerprint::of::<Req>(), Fingerprint::of::<Rep>()] {
            let (low, high) = fingerprint.halves();
            hash.write(&low.to_le_bytes());
            hash.write(&high.to_le_bytes());
        }
        let both = hash.finish();
        Fingerprint::from_halves(both as u64, (both >> 64) as u64)
    }

    /// The ring in `region`, whose header was written or checked. Requests and replies of at most [`MAX_CALL_SIZE`] bytes; others do not
    /// compile:
    ///
    /// ```compile_fail
    /// use ipc_ring::ring::call::Mapped;
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let ring = Mapped::<[u8; 65536], u64>::new(Region::heap(1152), Barrier::Fence);
    /// ```
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) when the ring does not fit the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(region: Region, barrier: Barrier) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        region.holds(Self::geometry(1)?.total_size())?;
        assert!(region.base().addr().get().is_multiple_of(LINE), "a ring starts on a cache line");
        Ok(Self { base: region.base(), barrier, region, messages: PhantomData })
    }

    /// Makes a fresh ring at the start of zeroed memory, header and all.
    ///
    /// ```
    /// use ipc_ring::ring::call::{Caller, Mapped, Responder};
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let region = Region::heap(Mapped::<u32, u64>::geometry(1)?.total_size());
    /// let ring = Mapped::<u32, u64>::make(region.clone(), Barrier::Fence)?;
    /// let mut caller = Caller::attach(ring).expect("a fresh ring");
    /// let mut responder = Responder::attach(Mapped::<u32, u64>::open(region)?).expect("a fresh ring");
    /// assert!(caller.try_ask(&7).is_ok());
    /// let asked = responder.try_take().expect("sound").expect("a request");
    /// responder.reply(&(u64::from(asked.request) * 2));
    /// assert_eq!(caller.try_reply(), Ok(Some(14)));
    /// # Ok::<(), ipc_ring::AttachError>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn make(region: Region, barrier: Barrier) -> Result<Self, AttachError> {
        let geometry = Self::geometry(1)?;
        let ring = Self::new(region.clone(), barrier)?;
        let fingerprint = Self::fingerprint();
        let identity =
            Identity { kind: Kind::Call, barrier, fingerprint, generation: 0, first_position: 0, name: "" };
        layout::write(&region, &geometry, LINE_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after a check of its header against the types and the size of the memory.
    ///
    /// # Errors
    /// [`AttachError`], the first thing that is not as it should be.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Call,
            fingerprint: Self::fingerprint(),
            slots_offset: LINE_OFFSET,
            geometry: Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        Self::new(region, checked.barrier)
    }

    /// The memory the ring lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    #[inline(always)]
    fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset < TOTAL);
        // SAFETY: one of the layout's constants, below TOTAL, which `new` saw to be mapped.
        unsafe { self.base.add(offset) }.as_ptr()
    }

    #[inline(always)]
    fn word_at(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(self.at(offset).cast()) }
    }

    #[inline(always)]
    fn half_at(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: as in `word_at`, aligned to 4.
        unsafe { AtomicU32::from_ptr(self.at(offset).cast()) }
    }

    #[inline(always)]
    fn copy_in<T: Message>(&self, offset: usize, message: &T) {
        // SAFETY: MAX_CALL_SIZE bytes at the offset belong to nothing else and are aligned to 8; `geometry` asserts that the
        // message is no larger; it is private.
        unsafe { Native::copy_in(self.at(offset).cast(), message) }
    }

    /// As [`copy_in`](Self::copy_in), into the line.
    #[inline(always)]
    fn copy_into_line<T: Message>(&self, message: &T) {
        let to = self.at(LINE_OFFSET + PAYLOAD);
        // SAFETY: as in `copy_in`; the line starts at a multiple of 64.
        unsafe { crate::copy::store_behind_word(to, std::ptr::from_ref(message).cast(), size_of::<T>()) }
    }

    #[inline(always)]
    fn copy_out<T: Message>(&self, offset: usize, place: &mut MaybeUninit<T>) {
        // SAFETY: as in `copy_in`.
        unsafe { Native::copy_out(place.as_mut_ptr(), self.at(offset).cast()) }
    }
}

// SAFETY: `copy_out` writes all of the place.
unsafe impl<Req: Message, Rep: Message> Memory for Mapped<Req, Rep> {
    type Platform = Native;
    type Request = Req;
    type Reply = Rep;

    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.barrier
    }

    #[inline(always)]
    fn word(&self) -> &AtomicU64 {
        self.word_at(LINE_OFFSET)
    }

    #[inline(always)]
    fn write_request(&self, request: &Req) {
        self.copy_into_line(request);
    }

    #[inline(always)]
    fn read_request(&self, place: &mut MaybeUninit<Req>) {
        self.copy_out(LINE_OFFSET + PAYLOAD, place);
    }

    #[inline(always)]
    fn write_reply(&self, reply: &Rep) {
        self.copy_into_line(reply);
    }

    #[inline(always)]
    fn read_reply(&self, place: &mut MaybeUninit<Rep>) {
        self.copy_out(LINE_OFFSET + PAYLOAD, place);
    }

    #[inline(always)]
    fn keep(&self, request: &Req) {
        self.copy_in(KEPT, request);
    }

    fn read_kept(&self, place: &mut MaybeUninit<Req>) {
        self.copy_out(KEPT, place);
    }

    #[inline(always)]
    fn taken(&self) -> &AtomicU64 {
        self.word_at(TAKEN)
    }

    #[inline(always)]
    fn caller_signal(&self) -> &AtomicU32 {
        self.half_at(CALLER_SIGNAL)
    }

    #[inline(always)]
    fn responder_signal(&self) -> &AtomicU32 {
        self.half_at(RESPONDER_SIGNAL)
    }
}
