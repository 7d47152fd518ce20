//! Where the record of an end lies in a segment, for channels with two ends.

use std::sync::atomic::Ordering;

use crate::domain::Owner;
use crate::region::Region;

/// One end's record in shared memory, 128 bytes: owner (8), wake semaphore (4), process number (4), times
/// attached (8), the CPU it was last seen on plus one (4), the wake semaphore that its death posts to (4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) offset: usize,
}

pub(super) const OWNER: usize = 0;
pub(super) const WAKE: usize = 8;
pub(super) const PID: usize = 12;
pub(super) const TIMES: usize = 16;
pub(super) const CPU: usize = 24;
pub(super) const ARMED: usize = 28;

/// The wake semaphore in the record of an end, as stored.
pub(super) fn wake_of(region: &Region, record: Record) -> u32 {
    region.half(record.offset + WAKE).load(Ordering::Relaxed) // Stable during a wait.
}

impl Record {
    pub(super) const fn at(offset: usize) -> Self {
        Self { offset }
    }

    /// The holder of the end, for an outside reader.
    pub(super) fn holder(self, region: &Region) -> (Owner, u32) {
        // [E1] Acquire ← the Release in `Endpoint::take_seat`.
        let owner = Owner::from_raw(region.word(self.offset + OWNER).load(Ordering::Acquire));
        (owner, region.half(self.offset + PID).load(Ordering::Relaxed)) // For display.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Record of an end",
            &[
                ("owner", OWNER),
                ("wake", WAKE),
                ("pid", PID),
                ("times", TIMES),
                ("cpu", CPU),
                ("armed", ARMED),
            ],
        );
    }
}
