//! The memory of a broadcast ring, except its messages, mapped into this process.

use core::sync::atomic::Ordering;

use super::words::{Control, MODE, SLOTS_OFFSET, Seats, Words};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::{self, Expected, Geometry, Identity, Kind};
use crate::memory::{self, Ring};
use crate::message::Fingerprint;
use crate::platform::Barrier;
use crate::region::Region;

/// Whether subscribers hold the publisher up. Chosen by the creator of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// The publisher never waits; slow subscribers miss messages, and get the number they missed.
    Lossy = 1,
    /// The publisher waits for the slowest subscriber.
    Gated = 2,
}

impl Mode {
    /// The mode of a word; `None` if the word is invalid.
    pub(crate) const fn from_word(word: u32) -> Option<Self> {
        match word {
            1 => Some(Self::Lossy),
            2 => Some(Self::Gated),
            _ => None,
        }
    }
}

impl core::fmt::Display for Mode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Mode::Lossy => "lossy",
            Mode::Gated => "gated",
        })
    }
}

/// The mode in a ring's memory; `None` if it has not been chosen yet, or the word is invalid.
pub(crate) fn mode_of(region: &Region) -> Option<Mode> {
    Mode::from_word(region.half(MODE).load(Ordering::Relaxed)) // Written once, under the lock or before `ready`.
}

/// The words of a broadcast ring in a [`Region`], whatever its messages are.
pub type Front = memory::Mapped<Private<()>>;

/// This process's private state of a broadcast ring; `M` is that of its messages.
#[derive(Clone, Copy, Debug)]
pub struct Private<M> {
    /// The capacity minus one.
    mask: u64,
    barrier: Barrier,
    gated: bool,
    pub(super) messages: M,
}

impl Front {
    /// The words in front of a ring of this capacity, also in memory that is mapped read-only, if nothing is
    /// stored then.
    ///
    /// # Panics
    /// If the region is smaller than the words, or the capacity is not a power of two.
    pub(crate) fn new(region: Region, capacity: u64, barrier: Barrier, mode: Mode) -> Self {
        assert!(capacity.is_power_of_two(), "a capacity is a power of two");
        let private = Private { mask: capacity - 1, barrier, gated: mode == Mode::Gated, messages: () };
        // SAFETY: all words are in front of the messages.
        unsafe { Self::over_any(region, SLOTS_OFFSET, private) }.expect("the words fit their memory")
    }
}

impl<M> memory::Mapped<Private<M>> {
    /// The ring in a region, also in memory that is mapped read-only, if the geometry matches `own`.
    ///
    /// # Safety
    /// `own` is the geometry of a ring with such messages after SLOTS_OFFSET; if the region is mapped
    /// read-only, nothing is ever stored.
    pub(super) unsafe fn of_messages(
        region: Region,
        (geometry, own): (&Geometry, &Geometry),
        barrier: Barrier,
        mode: Mode,
        messages: M,
    ) -> Result<Self, AttachError> {
        geometry.is_of(own, &region)?;
        let private = Private { mask: own.capacity() - 1, barrier, gated: mode == Mode::Gated, messages };
        // SAFETY: a geometry's size includes everything in front of SLOTS_OFFSET and all messages after it.
        // The rest is guaranteed by the caller.
        unsafe { Self::over_any(region, own.total_size(), private) }
    }

    /// The words alone.
    #[must_use]
    pub fn front(&self) -> Front {
        Front::new(self.region().clone(), self.capacity(), self.ring.barrier, self.mode())
    }

    /// How the ring treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.ring.gated { Mode::Gated } else { Mode::Lossy }
    }

    /// Sets the positions of a fresh ring whose first message has this position.
    pub(super) fn start_words_at(&self, position: u64) {
        for word in [self.tail(), self.floor(), self.rising()] {
            word.store(position, Ordering::Relaxed); // Before any end exists.
        }
    }

    /// Writes the header of a fresh ring without a name.
    pub(super) fn write_header(&self, geometry: &Geometry, kind: Kind, fingerprint: Fingerprint, first: u64) {
        self.region().half(MODE).store(self.mode() as u32, Ordering::Relaxed); // Before `ready`.
        let barrier = self.ring.barrier;
        let identity = Identity {
            kind,
            barrier,
            fingerprint,
            generation: 0,
            first_position: first,
            name: "",
            description: "",
        };
        layout::write(self.region(), geometry, SLOTS_OFFSET, identity);
    }
}

/// The geometry, barrier and mode in the header of a ring of this kind and message.
///
/// # Errors
/// [`AttachError`], for the first thing that is wrong.
pub(super) fn read_header(
    region: &Region,
    kind: Kind,
    fingerprint: Fingerprint,
    geometry: fn(u64) -> Result<Geometry, AttachError>,
) -> Result<(Geometry, Barrier, Mode), AttachError> {
    let slots_offset = SLOTS_OFFSET;
    let expected =
        Expected { kind, fingerprint, slots_offset, geometry: &geometry, capacity: None, generation: None };
    let checked = layout::check(region, &expected)?;
    let mode = mode_of(region).ok_or(AttachErrorKind::NotReady)?;
    Ok((checked.geometry, checked.barrier, mode))
}

// SAFETY: `of_messages` and `new` are the only constructors, and checked that the memory is that of a
// broadcast ring.
unsafe impl<M> Words for memory::Mapped<Private<M>> {}
// SAFETY: as above.
unsafe impl<M> Seats for memory::Mapped<Private<M>> {}

// SAFETY: as above. A geometry's capacity is a power of two, and the mask is private.
unsafe impl<M> Ring for memory::Mapped<Private<M>> {
    #[inline(always)]
    fn mask(&self) -> u64 {
        self.ring.mask
    }
}

impl<M> Control for memory::Mapped<Private<M>> {
    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    #[inline(always)]
    fn gated(&self) -> bool {
        self.ring.gated
    }
}
