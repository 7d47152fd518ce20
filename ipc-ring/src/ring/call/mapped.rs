//! The ring's memory, mapped into this process.

use core::marker::PhantomData;

use super::memory::Memory;
use super::words::{LINE_OFFSET, MAX_CALL_SIZE, PAYLOAD, TOTAL, Words};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind, LINE};
use crate::memory::{self, Access as _};
use crate::message::{Fingerprint, Message};
use crate::platform::Barrier;
use crate::region::Region;

/// A call ring for `Req` and `Rep` in a [`Region`].
pub type Mapped<Req, Rep> = memory::Mapped<Private<Req, Rep>>;

/// This process's private state of a call ring.
#[derive(Clone, Copy, Debug)]
pub struct Private<Req, Rep> {
    barrier: Barrier,
    messages: PhantomData<fn(Req) -> Rep>,
}

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
        Some(Geometry::of_parts(1, MAX_CALL_SIZE, 8, LINE, TOTAL)).filter(|_| capacity == 1).ok_or_else(
            || AttachErrorKind::TooLarge { capacity, most: 1, element_size: MAX_CALL_SIZE }.into(),
        )
    }

    /// The fingerprint of the two types together.
    #[must_use]
    pub fn fingerprint() -> Fingerprint {
        Fingerprint::of_call([Fingerprint::of::<Req>(), Fingerprint::of::<Rep>()])
    }

    /// The ring in `region`, whose header was written or checked. Requests and replies of at most
    /// [`MAX_CALL_SIZE`] bytes; others do not compile:
    ///
    /// ```compile_fail
    /// use ipc_ring::ring::call::Mapped;
    /// use ipc_ring::{Barrier, Region};
    ///
    /// let ring = Mapped::<[u8; 65536], u64>::new(Region::heap(1152), Barrier::Fence);
    /// ```
    ///
    /// # Errors
    /// [`TooSmall`](crate::AttachErrorKind::TooSmall) if the ring does not fit into the memory;
    /// [`ReadOnly`](crate::AttachErrorKind::ReadOnly);
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier).
    pub fn new(region: Region, barrier: Barrier) -> Result<Self, AttachError> {
        region.writable()?;
        barrier.join()?;
        // SAFETY: all of the ring is below TOTAL, whatever the types are.
        unsafe {
            Self::over(region, Self::geometry(1)?.total_size(), Private { barrier, messages: PhantomData })
        }
    }

    /// Makes a fresh ring at the start of zeroed memory, including its header.
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
        let identity = Identity {
            kind: Kind::Call,
            barrier,
            fingerprint,
            generation: 0,
            first_position: 0,
            name: "",
            description: "",
        };
        layout::write(&region, &geometry, LINE_OFFSET, identity);
        Ok(ring)
    }

    /// The ring in this memory, after checking its header against the types and the size of the memory.
    ///
    /// # Errors
    /// [`AttachError`], for the first thing that is wrong.
    pub fn open(region: Region) -> Result<Self, AttachError> {
        let expected = Expected {
            kind: Kind::Call,
            fingerprint: Self::fingerprint(),
            slots_offset: LINE_OFFSET,
            geometry: &Self::geometry,
            capacity: None,
            generation: None,
        };
        let checked = layout::check(&region, &expected)?;
        Self::new(region, checked.barrier)
    }
}

// SAFETY: `new` is the only constructor, and checked that all of the ring is mapped.
unsafe impl<Req: Message, Rep: Message> Words for Mapped<Req, Rep> {}

// SAFETY: `geometry`, which `new` calls, asserts that the types are no larger.
unsafe impl<Req: Message, Rep: Message> Memory for Mapped<Req, Rep> {
    type Request = Req;
    type Reply = Rep;

    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    #[inline(always)]
    fn write_line<T: Message>(&self, message: &T) {
        const { assert!(size_of::<T>() <= MAX_CALL_SIZE && align_of::<T>() <= 8) };
        let from = std::ptr::from_ref(message).cast();
        let copy = |to| {
            // SAFETY: the line starts at a multiple of 64 and has room after its word; the message is
            // private.
            unsafe { crate::copy::store_behind_word(to, from, size_of::<T>()) }
        };
        // SAFETY: MAX_CALL_SIZE bytes after the line's word belong to nothing else.
        unsafe { self.with_mut(LINE_OFFSET + PAYLOAD, copy) }
    }
}
