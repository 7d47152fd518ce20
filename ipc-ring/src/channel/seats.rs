//! Where the seats of a ring lie in a segment, for the ends in them and for outside readers.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::domain::{Entry, Owner, Questions};
use crate::end::participant::{Field, Seats};
use crate::frame::FrameKind;
use crate::platform::Native;
use crate::region::Region;
use crate::wait::signal::WAITING;

/// Where the records of a ring's seats lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Offset of the first record.
    pub(super) offset: usize,
    /// Bytes of a record.
    pub(super) size: usize,
    /// Number of records.
    pub(super) seats: u16,
    /// Offset of the word that counts the seats from the first on that were ever taken, besides the last one.
    /// 0: there is none.
    pub(super) used: usize,
}

impl Table {
    fn record(&self, number: u16) -> usize {
        self.offset + usize::from(number) * self.size
    }

    /// A word of a seat's record, for display.
    fn look(&self, region: &Region, number: u16, field: Field) -> u32 {
        region.half(self.record(number) + field as usize).load(Ordering::Relaxed) // For display.
    }

    /// The process number of a seat below the number of seats.
    pub(super) fn pid(&self, region: &Region, number: u16) -> u32 {
        self.look(region, number, Field::Pid)
    }

    /// The role of a seat's end.
    pub(super) fn role(&self, region: &Region, number: u16) -> u32 {
        self.look(region, number, Field::Role)
    }

    /// Whether a seat's end sleeps, or is about to.
    pub(super) fn sleeps(&self, region: &Region, number: u16) -> bool {
        self.look(region, number, Field::Signal) & WAITING != 0
    }

    /// The wake semaphore of a seat, as in its record. Stable during a wait.
    pub(super) fn wake_of(&self, region: &Region, number: u16) -> u32 {
        self.look(region, number, Field::Wake)
    }

    /// Where the signal of a seat lies.
    pub(super) fn signal(&self, number: u16) -> usize {
        self.record(number) + Field::Signal as usize
    }

    /// Where the records end.
    pub(super) fn end(&self) -> usize {
        self.offset + usize::from(self.seats) * self.size
    }

    pub(super) fn identity<'a>(&self, region: &'a Region, number: u16) -> &'a AtomicU64 {
        region.word(self.record(number))
    }
}

/// The seats of a ring in a segment, and the channel that it holds.
#[derive(Debug)]
pub struct Segment {
    pub(super) region: Region,
    pub(super) table: Table,
    /// As in the directory.
    pub(super) entry: Entry,
    /// What watchers are notified of when the end goes.
    pub(super) departure: FrameKind,
}

impl Segment {
    pub(super) fn new(region: Region, table: Table, entry: Entry) -> Self {
        Self { region, table, entry, departure: FrameKind::Left }
    }
}

impl Seats for Segment {
    type Platform = Native;

    fn seats(&self) -> u16 {
        self.table.seats
    }

    fn in_use(&self) -> impl Iterator<Item = u16> {
        let Table { seats, used, .. } = self.table;
        let last = seats - 1;
        let used = match used {
            0 => last,
            // Raised before a seat is taken. A seat that is taken later is as good as free.
            used => self.region.half(used).load(Ordering::Relaxed).min(u32::from(last)) as u16,
        };
        (0..used).chain([last])
    }

    fn identity(&self, number: u16) -> &AtomicU64 {
        self.table.identity(&self.region, number)
    }

    fn field(&self, number: u16, field: Field) -> &AtomicU32 {
        self.region.half(self.table.record(number) + field as usize)
    }

    #[inline(always)]
    fn mask(&self, offset: usize) -> &AtomicU64 {
        self.region.word(offset)
    }
}

/// Takes a seat whose number is in `numbers`: a free one, or one whose process is dead. Under the domain's
/// lock.
///
/// # Errors
/// When there is none, and the liveness of some holders is unknown.
pub(super) fn claim(
    region: &Region,
    table: Table,
    mut numbers: std::ops::Range<u16>,
    me: u64,
    questions: &Questions<'_>,
) -> Result<Option<u16>, ipc_core::Error> {
    let number = numbers.find(|number| {
        let identity = table.identity(region, *number).load(Ordering::Relaxed); // Under the lock.
        identity == 0 || !questions.is_alive(identity)
    });
    let Some(number) = number else { return questions.answered().map(|()| None) };
    // [E1] Release → `holder`: a reader that sees the identity sees what its predecessor did.
    table.identity(region, number).store(me, Ordering::Release);
    Ok(Some(number))
}

/// Gives a seat back.
pub(super) fn free(region: &Region, table: Table, number: u16) {
    // [E1] Release: what its end did comes before.
    table.identity(region, number).store(0, Ordering::Release);
}

/// The holder of a seat, and its process number.
pub(super) fn holder(region: &Region, table: Table, number: u16) -> (Owner, u32) {
    // [E1] Acquire ← the Release in `claim`.
    let identity = table.identity(region, number).load(Ordering::Acquire);
    (Owner::from_raw(identity), table.pid(region, number))
}
