//! Where the words of a broadcast ring lie, in front of its messages. The table stands in `docs/layout.md` too.
//!
//! | offset | word | written by | read by |
//! |---|---|---|---|
//! | 0x000 | header | creator, once | whoever attaches |
//! | 0x100 | `mode`, times a publisher attached, `state` | whoever attaches first; publishers | whoever attaches; subscribers that find nothing |
//! | 0x180 | mask of sleeping subscribers | subscribers that sleep | publisher, each publication |
//! | 0x200 | mask of the sleeping publisher | publisher that waits | subscribers, each quarter ring |
//! | 0x280 | `tail`, publisher's counters | publisher, each publication | subscribers that join |
//! | 0x300 | `floor`, `rising` | publisher, each eighth of the ring | subscribers, each pop |
//! | 0x380 | `used`, `drops`, `missed` | subscribers that join or were overrun | publisher that finds no room |
//! | 0x400 | landmarks, 16 words | publisher of a ring of frames | subscribers that join or were overrun |
//! | 0x480 | 257 seats of 128 bytes, the publisher's last | the ends | publisher that finds no room, notifiers |
//! | 0x8500 | slots, or records | publisher | subscribers |

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::words::Words;
use crate::layout::{APART, HEADER_SIZE, LINE};
use crate::platform::{Barrier, Native};
use crate::region::Region;

pub(crate) const MODE: usize = HEADER_SIZE;
pub(crate) const PUBLISHERS: usize = MODE + 4;
pub(crate) const STATE: usize = MODE + 8;
/// Which subscribers sleep.
pub(crate) const SUBSCRIBER_SLEEPERS: usize = MODE + APART;
/// Whether the publisher sleeps.
pub(crate) const PUBLISHER_SLEEPERS: usize = SUBSCRIBER_SLEEPERS + APART;
pub(crate) const TAIL: usize = PUBLISHER_SLEEPERS + APART;
pub(crate) const FOUND_FULL: usize = TAIL + 8;
pub(crate) const HIGH_WATER: usize = TAIL + 16;
/// How many frames were published, and where the last one begins, in a ring of frames.
pub(crate) const FRAMES: usize = TAIL + 24;
pub(crate) const LAST: usize = TAIL + 32;
pub(crate) const FLOOR: usize = TAIL + APART;
pub(crate) const RISING: usize = FLOOR + 8;
pub(crate) const USED: usize = FLOOR + APART;
pub(crate) const DROPS: usize = USED + 8;
pub(crate) const MISSED: usize = USED + 16;
/// Where the first frame of each sixteenth of a ring of frames begins.
pub(crate) const LANDMARKS: usize = USED + APART;
/// The seats.
pub(crate) const SEATS: usize = LANDMARKS + APART;
/// Bytes of a seat's record.
pub(crate) const SEAT_SIZE: usize = APART;
/// Seats for subscribers.
pub(crate) const SUBSCRIBERS: u16 = 256;
/// The publisher's seat, behind those of the subscribers.
pub(crate) const PUBLISHER_SEAT: u16 = SUBSCRIBERS;
/// Bytes from the start of the memory to the first slot or record.
pub(crate) const SLOTS_OFFSET: usize = SEATS + (SUBSCRIBERS as usize + 1) * SEAT_SIZE;

/// In a seat: the identity that was found dead, behind what the channel keeps there.
pub(crate) const DROPPED: usize = 24;
/// In a seat: the subscriber's position, on a line of its own.
pub(crate) const CURSOR: usize = LINE;

const _: () = {
    assert!(MODE == 0x100 && STATE == 0x108);
    assert!(SUBSCRIBER_SLEEPERS == 0x180);
    assert!(PUBLISHER_SLEEPERS == 0x200);
    assert!(TAIL == 0x280);
    assert!(FLOOR == 0x300);
    assert!(USED == 0x380);
    assert!(LANDMARKS == 0x400);
    assert!(SEATS == 0x480);
    assert!(SLOTS_OFFSET == 0x8500);
    assert!(SLOTS_OFFSET.is_multiple_of(APART));
};

/// Whether subscribers hold the publisher up. Chosen by whoever makes the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// The publisher never waits; slow subscribers miss messages and are told how many.
    Lossy = 1,
    /// The publisher waits for the slowest subscriber.
    Gated = 2,
}

impl Mode {
    /// What a word says; `None` for one that says nothing.
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

/// The mode a ring's memory says; `None` when nobody has chosen one yet, or the word makes no sense.
pub(crate) fn mode_of(region: &Region) -> Option<Mode> {
    Mode::from_word(region.half(MODE).load(Ordering::Relaxed)) // Written once, under the lock or before `ready`.
}

/// The words of a broadcast ring in a [`Region`].
#[derive(Clone, Debug)]
pub struct Front {
    base: NonNull<u8>,
    /// The capacity less one.
    mask: u64,
    barrier: Barrier,
    gated: bool,
    region: Region,
}

// SAFETY: the pointer is the region's, which is shared between threads by design; all access to words is atomic.
unsafe impl Send for Front {}
// SAFETY: as above.
unsafe impl Sync for Front {}

impl Front {
    /// The words in front of a ring of this capacity, which must be a power of two.
    ///
    /// # Panics
    /// When the region is smaller than the words, or the capacity no power of two.
    pub(crate) fn new(region: Region, capacity: u64, barrier: Barrier, mode: Mode) -> Self {
        assert!(region.len() >= SLOTS_OFFSET, "the words must fit their memory");
        assert!(region.base().addr().get().is_multiple_of(LINE), "a ring starts on a cache line");
        assert!(capacity.is_power_of_two(), "a capacity is a power of two");
        Self { base: region.base(), mask: capacity - 1, barrier, gated: mode == Mode::Gated, region }
    }

    /// The memory the ring lies in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// How the ring treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.gated { Mode::Gated } else { Mode::Lossy }
    }

    /// Sets the positions of a fresh ring whose first message has this one.
    pub(crate) fn start_at(&self, position: u64) {
        for offset in [TAIL, FLOOR, RISING] {
            self.word(offset).store(position, Ordering::Relaxed); // Before any end exists.
        }
    }

    /// Which subscribers sleep. The publisher looks at it after each publication.
    #[inline(always)]
    pub(crate) fn subscriber_sleepers(&self) -> &AtomicU64 {
        self.word(SUBSCRIBER_SLEEPERS)
    }

    /// Whether the publisher sleeps. Subscribers of a gated ring look at it after each quarter of the ring.
    #[inline(always)]
    pub(crate) fn publisher_sleepers(&self) -> &AtomicU64 {
        self.word(PUBLISHER_SLEEPERS)
    }

    #[inline(always)]
    pub(crate) fn word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= SLOTS_OFFSET && offset.is_multiple_of(8));
        // SAFETY: the offset is one of the layout's, below SLOTS_OFFSET, which `new` saw to be mapped.
        let word = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, mapped as long as `region`, and only ever accessed atomically with this width.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    #[inline]
    fn of_seat(&self, number: u16, field: usize) -> &AtomicU64 {
        assert!(number < SUBSCRIBERS, "a seat's number is checked before it is used");
        self.word(SEATS + usize::from(number) * SEAT_SIZE + field)
    }
}

impl Words for Front {
    type Platform = Native;

    #[inline(always)]
    fn capacity(&self) -> u64 {
        self.mask + 1
    }

    #[inline(always)]
    fn barrier(&self) -> Barrier {
        self.barrier
    }

    #[inline(always)]
    fn gated(&self) -> bool {
        self.gated
    }

    fn seats(&self) -> u16 {
        SUBSCRIBERS
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        self.word(TAIL)
    }

    #[inline(always)]
    fn floor(&self) -> &AtomicU64 {
        self.word(FLOOR)
    }

    fn rising(&self) -> &AtomicU64 {
        self.word(RISING)
    }

    fn state(&self) -> &AtomicU32 {
        self.region.half(STATE)
    }

    fn identity(&self, number: u16) -> &AtomicU64 {
        self.of_seat(number, 0)
    }

    #[inline]
    fn cursor(&self, number: u16) -> &AtomicU64 {
        self.of_seat(number, CURSOR)
    }

    fn dropped(&self, number: u16) -> &AtomicU64 {
        self.of_seat(number, DROPPED)
    }

    fn used(&self) -> &AtomicU32 {
        self.region.half(USED)
    }

    fn found_full(&self) -> &AtomicU64 {
        self.word(FOUND_FULL)
    }

    fn high_water(&self) -> &AtomicU64 {
        self.word(HIGH_WATER)
    }

    fn drops(&self) -> &AtomicU64 {
        self.word(DROPS)
    }

    fn missed(&self) -> &AtomicU64 {
        self.word(MISSED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documented::assert_table;

    #[test]
    fn the_specification_has_the_same_offsets() {
        assert_table(
            "The broadcast rings",
            &[
                ("mode", MODE),
                ("publishers", PUBLISHERS),
                ("state", STATE),
                ("subscriber_sleepers", SUBSCRIBER_SLEEPERS),
                ("publisher_sleepers", PUBLISHER_SLEEPERS),
                ("tail", TAIL),
                ("found_full", FOUND_FULL),
                ("high_water", HIGH_WATER),
                ("frames", FRAMES),
                ("last", LAST),
                ("floor", FLOOR),
                ("rising", RISING),
                ("used", USED),
                ("drops", DROPS),
                ("missed", MISSED),
                ("landmarks", LANDMARKS),
                ("seats", SEATS),
                ("slots", SLOTS_OFFSET),
            ],
        );
        assert_table("Seat of a broadcast ring", &[("dropped", DROPPED), ("cursor", CURSOR)]);
    }
}
