//! The seats of subscribers: taking a seat, joining with it, giving it back.
//!
//! [`take`] and [`sweep`] are called under a lock, so seats are taken one at a time; a holder gives its own
//! seat back with or without it. The publisher does not take the lock: it only reads cursors and identities,
//! and marks dead ones.

use crate::error::debug_as_display;
use core::fmt;
use core::num::NonZeroU64;
use core::sync::atomic::Ordering::Relaxed;

use super::cursor;
use super::words::Control;
use crate::edge::Edge;
use crate::platform::{Platform, Site, Word};

/// A subscriber's place in the table.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Seat {
    number: u16,
}

impl Seat {
    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }
}

/// Every seat is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every seat of the ring is taken")
    }
}

impl core::error::Error for TableFull {}

debug_as_display!(TableFull);

/// Takes the first free seat for a process of this identity, which is never used again for another. Under the
/// lock.
///
/// # Errors
/// [`TableFull`]. [`sweep`] may free some.
pub fn take<W: Control>(words: &W, identity: NonZeroU64) -> Result<Seat, TableFull> {
    let free = |number: &u16| words.identity(*number).load(Relaxed) == 0; // Under the lock.
    let number = (0..words.seats()).find(free).ok_or(TableFull)?;
    let used = u32::from(number) + 1;
    if words.used().load(Relaxed) < used {
        words.used().store(used, Relaxed); // Under the lock; before the cursor, and before the barrier of `enter`.
    }
    words.identity(number).store(identity.get(), Relaxed); // Before the cursor, [D3].
    W::Platform::crash_point(Site::BroadcastSeated);
    Ok(Seat { number })
}

/// Frees the seats of dead processes; returns their number. Under the lock.
pub fn sweep<W: Control>(words: &W, is_alive: impl Fn(u64) -> bool) -> usize {
    let mut freed = 0;
    for number in 0..words.seats() {
        let identity = words.identity(number).load(Relaxed); // Under the lock.
        if identity != 0 && !is_alive(identity) {
            mark_dropped(words, number, identity);
            free(words, number);
            freed += 1;
        }
    }
    freed
}

/// Gives a seat back.
pub fn leave<W: Control>(words: &W, seat: Seat) {
    free(words, seat.number);
}

fn free<W: Control>(words: &W, number: u16) {
    // [D3] Release → the publisher: the subscriber has finished its reads.
    words.cursor(number).store(cursor::NONE, W::Platform::ordering(Edge::BroadcastConsume));
    // [E1] Release → the next holder, whose channel acquires it: the cursor is written before.
    words.identity(number).store(0, W::Platform::ordering(Edge::BroadcastConsume));
}

/// Marks the holder of a seat as dead. Counted once, even if several processes do it.
pub(super) fn mark_dropped<W: Control>(words: &W, number: u16, identity: u64) {
    let mark = words.dropped(number);
    let before = mark.load(Relaxed); // The exchange decides.
    if before != identity && mark.compare_exchange(before, identity, Relaxed, Relaxed).is_ok() {
        words.drops().fetch_add(1, Relaxed); // Statistics.
    }
}

/// Sets the cursor of a seat that joins a gated ring so that nothing from it on is overwritten; returns the
/// position, which is `wanted` or the lowest possible one above it. Under the lock.
///
/// `is_publishing` says whether the publisher is alive; it is called when a raise of the floor takes long.
///
/// # Errors
/// As [`Platform::heavy`]. Then the publisher may have overlooked the cursor, which is reset: the seat does
/// not hold up the publisher.
pub fn enter<W: Control>(
    words: &W,
    seat: &Seat,
    wanted: u64,
    is_publishing: impl Fn() -> bool,
) -> Result<u64, ipc_core::Error> {
    let mut position = wanted;
    loop {
        // [D3] Release → the publisher: the seat's identity is written before its cursor.
        words.cursor(seat.number).store(cursor::at(position), W::Platform::ordering(Edge::BroadcastConsume));
        if let Err(error) = W::Platform::heavy(words.barrier()) {
            // [D3] Release, as above.
            words.cursor(seat.number).store(cursor::NONE, W::Platform::ordering(Edge::BroadcastConsume));
            return Err(error);
        }
        let rising = settled(words, position, &is_publishing);
        if !is_below(position, rising) {
            return Ok(position);
        }
        // No position below is intact, or none will be when the publisher has finished.
        position = rising;
    }
}

/// The position below which the floor may rise regardless of a cursor that was just set.
fn settled<W: Control>(words: &W, position: u64, is_publishing: &impl Fn() -> bool) -> u64 {
    for look in 1.. {
        let rising = words.rising().load(Relaxed); // The heavy barrier orders it after the cursor.
        // While the two differ the publisher is reading the cursors; the floor may end up lower than it
        // might.
        if !is_below(position, rising) || words.floor().load(Relaxed) == rising || look == PATIENCE {
            return rising;
        }
        if look % LOOKS == 0 && !is_publishing() {
            // It died half-way, and a successor comes only when this lock is free: nothing was given up.
            words.rising().store(words.floor().load(Relaxed), Relaxed); // Under the lock, and the publisher is dead.
        }
        W::Platform::relax();
    }
    unreachable!("patience ends")
}

/// The number of checks between two liveness checks of the publisher.
const LOOKS: u32 = 1000;
/// After this number of checks, some milliseconds, a publisher that is stopped during a raise is no longer
/// waited for.
const PATIENCE: u32 = 100_000;

/// Whether a position is below another one.
#[inline(always)]
pub(crate) const fn is_below(position: u64, other: u64) -> bool {
    position.wrapping_sub(other).cast_signed() < 0
}
