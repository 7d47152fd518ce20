//! Where the identities of a ring's ends lie, for every kind: each seat's record begins with that of the
//! process that holds it.

use core::sync::atomic::Ordering;

use super::broadcast::words as broadcast;
use super::{latest, mpmc, pool, spsc};
use crate::layout::Kind;
use crate::region::Region;

/// Offset of the first record, bytes from record to record, number of records.
const fn records(kind: u32) -> Option<(usize, usize, usize)> {
    const PAIR: (usize, usize, usize) =
        (spsc::PRODUCER_RECORD, spsc::CONSUMER_RECORD - spsc::PRODUCER_RECORD, 2);
    const SPSC: u32 = Kind::Spsc as u32;
    const BYTES: u32 = Kind::Bytes as u32;
    const CALL: u32 = Kind::Call as u32;
    const MPMC: u32 = Kind::Mpmc as u32;
    const BROADCAST: u32 = Kind::Broadcast as u32;
    const FRAMES: u32 = Kind::BroadcastBytes as u32;
    const LATEST: u32 = Kind::Latest as u32;
    const POOL: u32 = Kind::Pool as u32;
    match kind {
        SPSC | BYTES | CALL => Some(PAIR),
        MPMC => Some((mpmc::SEATS, mpmc::SEAT_SIZE, mpmc::ENDPOINTS as usize)),
        BROADCAST | FRAMES => {
            Some((broadcast::SEATS, broadcast::SEAT_SIZE, broadcast::SUBSCRIBERS as usize + 1))
        }
        LATEST => Some((latest::SEATS, latest::SEAT_SIZE, latest::ENDPOINTS as usize)),
        POOL => Some((pool::SEATS, pool::SEAT_SIZE, pool::MAX_MEMBERS as usize)),
        _ => None,
    }
}

/// The identities of those who hold a seat, dead or alive. `None` for a kind that is not known here, and for
/// memory that is too small for its records.
pub(crate) fn identities(kind: u32, region: &Region) -> Option<impl Iterator<Item = u64>> {
    let (first, size, count) = records(kind)?;
    let fits = first + size * (count - 1) + 8 <= region.len();
    fits.then(|| {
        // [E1] Acquire ← the process that took or gave up the seat.
        (0..count)
            .map(move |number| region.word(first + number * size).load(Ordering::Acquire))
            .filter(|identity| *identity != 0)
    })
}
