//! The sleep protocol of many ends, as [`signal`] is that of two.
//!
//! Each seat has a signal word of its own, and each side of the ring a mask in which one bit stands for several seats. The
//! mask is 0 while nobody sleeps, so a publication costs one load.
//!
//! ```text
//!   waiter                                   notifier
//!   --------------------------------------   --------------------------------------
//!   signal |= WAITING                        publish (the element, or the freed slot)
//!   mask |= bit                              light barrier
//!   heavy barrier                            mask & bit ?
//!   look at the ring again                   then mask &= !bit
//!   nothing: sleep until a token is posted   two WAITING below it: mask |= bit
//!                                            take one WAITING below it, post a token
//! ```
//!
//! The waiting bit is set before the mask's, so whoever takes the mask's bit sees all who wait below it, or leaves the bit to
//! those who come later. One publication wakes one end; one that was woken and finds more than it takes wakes the next.

use core::sync::atomic::Ordering::Relaxed;

use super::signal::{self, WAITING};
use crate::edge::Edge;
use crate::platform::{Barrier, Platform, Site, Word};

/// The ends on one side of a ring.
pub trait Crowd {
    /// The machine the words belong to.
    type Platform: Platform;
    /// The side's mask.
    fn mask(&self) -> &<Self::Platform as Platform>::U64;
    /// A seat's signal word.
    fn signal(&self, number: u16) -> &<Self::Platform as Platform>::U32;
    /// Whether the seat's end is on this side.
    fn belongs(&self, number: u16) -> bool;
    /// Whether the seat's end, which is on this side, waits for what was published.
    fn is_concerned(&self, _number: u16) -> bool {
        true
    }
    /// Number of seats.
    fn seats(&self) -> u16;
    /// Bits of the mask that are used; fewer than 64 only in models.
    fn bits(&self) -> u16 {
        64
    }
}

/// Says that an end is about to sleep. It must look at the ring once more, then sleep or
/// [`withdraw`](signal::withdraw).
pub fn announce<C: Crowd>(crowd: &C, number: u16, barrier: Barrier) {
    mark(crowd, number);
    C::Platform::heavy(barrier);
}

/// The first half of [`announce`], for who announces at several ends and runs the heavy barrier once, behind all of them.
pub fn mark<C: Crowd>(crowd: &C, number: u16) {
    // [W1] Release → `signal::take`: the number of the end's semaphore is written before.
    crowd.signal(number).fetch_or(WAITING, C::Platform::ordering(Edge::WaitAnnounce));
    // [W2] Release → `wake`: who takes this bit sees the waiting bit.
    crowd.mask().fetch_or(1 << (number % crowd.bits()), C::Platform::ordering(Edge::CrowdJoin));
    C::Platform::crash_point(Site::WaitAnnounced);
}

/// Whether anybody on the side with this mask sleeps, or is about to. After a publication.
#[inline(always)]
pub fn is_anybody<P: Platform>(mask: &P::U64, barrier: Barrier) -> bool {
    P::light(barrier);
    mask.load(Relaxed) != 0 // The light barrier orders it after the publication.
}

/// Wakes sleepers until `wanted` of them are awake, starting behind `turn`, which then stands at the last one.
///
/// `post` posts a token to an end that waited; it says false when that end is dead, so that another one should have a token.
#[cold]
#[inline(never)]
pub fn wake<C: Crowd>(crowd: &C, turn: &mut u16, mut wanted: usize, mut post: impl FnMut(u16) -> bool) {
    let bits = crowd.bits();
    for step in 1..=bits {
        let first = (*turn % bits + step) % bits;
        let bit = 1u64 << first;
        // [W2] Acquire ← `announce`.
        if crowd.mask().load(Relaxed) & bit == 0
            || crowd.mask().fetch_and(!bit, C::Platform::ordering(Edge::CrowdTake)) & bit == 0
        {
            continue; // The load is a look only.
        }
        let below = || (first..crowd.seats()).step_by(usize::from(bits));
        // Taking the mask's bit orders the look at the waiting bits.
        let waits =
            |number: &u16| crowd.belongs(*number) && crowd.signal(*number).load(Relaxed) & WAITING != 0;
        // One look at each: one that is gone at a second look must not stand for another.
        let (mut concerned, mut others) = (0, false);
        for number in below().filter(waits) {
            if crowd.is_concerned(number) {
                concerned += 1;
            } else {
                others = true;
            }
        }
        if others || concerned > wanted {
            // Before any token is posted: who is woken may look for others at once.
            crowd.mask().fetch_or(bit, Relaxed); // [W2] A read-modify-write: it continues the release of `announce`.
        }
        for number in below().filter(waits).filter(|number| crowd.is_concerned(*number)) {
            if wanted > 0 && signal::take::<C::Platform>(crowd.signal(number)) && post(number) {
                *turn = first;
                wanted -= 1;
            }
        }
        if wanted == 0 {
            return;
        }
    }
}
