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
///
/// # Errors
/// As [`signal::announce`].
pub fn announce<C: Crowd>(crowd: &C, number: u16, barrier: Barrier) -> Result<(), ipc_core::Error> {
    mark(crowd, number);
    C::Platform::heavy(barrier)
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
    let start = *turn % bits; // `turn` moves below: each bit comes once, whoever is woken on the way.
    for step in 1..=bits {
        let first = (start + step) % bits;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64};

    use super::*;
    use crate::platform::Native;

    /// A side in private memory, without a ring.
    struct Side {
        mask: AtomicU64,
        signals: Vec<AtomicU32>,
    }

    impl Side {
        fn asleep(seats: u16, sleepers: impl IntoIterator<Item = u16>) -> Self {
            let side =
                Self { mask: AtomicU64::new(0), signals: (0..seats).map(|_| AtomicU32::new(0)).collect() };
            sleepers.into_iter().for_each(|number| mark(&side, number));
            side
        }

        fn waiting(&self) -> Vec<u16> {
            (0..self.seats()).filter(|number| self.signal(*number).load(Relaxed) & WAITING != 0).collect()
        }

        fn wake(&self, turn: &mut u16, wanted: usize) -> Vec<u16> {
            let mut woken = Vec::new();
            wake(self, turn, wanted, |number| {
                woken.push(number);
                true
            });
            woken
        }
    }

    impl Crowd for Side {
        type Platform = Native;

        fn mask(&self) -> &AtomicU64 {
            &self.mask
        }

        fn signal(&self, number: u16) -> &AtomicU32 {
            &self.signals[usize::from(number)]
        }

        fn belongs(&self, _number: u16) -> bool {
            true
        }

        fn seats(&self) -> u16 {
            self.signals.len() as u16
        }
    }

    #[test]
    fn everybody_is_woken_from_any_turn_however_many_sleep() {
        for seats in [1, 2, 3, 64, 65, 129, 257] {
            for turn in 0..seats {
                for every in [1, 2, 3, 7, 64] {
                    let sleepers: Vec<u16> = (0..seats).step_by(every).collect();
                    let side = Side::asleep(seats, sleepers.iter().copied());
                    let mut woken = side.wake(&mut { turn }, usize::MAX);
                    woken.sort_unstable();
                    assert_eq!(woken, sleepers, "{seats} seats, turn {turn}, every {every}th asleep");
                    assert_eq!((side.waiting(), side.mask.load(Relaxed)), (vec![], 0));
                }
            }
        }
    }

    #[test]
    fn as_many_as_wanted_are_woken_and_the_others_stay_in_the_mask() {
        for (seats, turn) in [(3, 0), (3, 2), (64, 63), (200, 5), (257, 256)] {
            for wanted in 1..=usize::from(seats) {
                let side = Side::asleep(seats, 0..seats);
                let mut turn = turn;
                assert_eq!(side.wake(&mut turn, wanted).len(), wanted, "of {seats}");
                let missing = side
                    .waiting()
                    .iter()
                    .find(|number| side.mask.load(Relaxed) & 1 << (*number % side.bits()) == 0)
                    .copied();
                assert_eq!(missing, None, "asleep, and its bit is clear");
                assert_eq!(side.wake(&mut turn, usize::MAX).len(), usize::from(seats) - wanted);
            }
        }
    }

    #[test]
    fn one_at_a_time_all_have_their_turn() {
        let side = Side::asleep(16, 0..16);
        let mut turn = 5;
        let mut woken: Vec<u16> = Vec::new();
        for _ in 0..16 {
            let one = side.wake(&mut turn, 1);
            one.iter().for_each(|number| mark(&side, *number)); // It sleeps again.
            woken.extend(one);
        }
        woken.sort_unstable();
        assert!(woken.into_iter().eq(0..16));
    }

    #[test]
    fn a_dead_sleeper_does_not_stand_for_a_live_one() {
        let side = Side::asleep(7, 0..7);
        let mut posted = Vec::new();
        wake(&side, &mut 3, 1, |number| {
            posted.push(number);
            number == 1
        });
        assert_eq!(posted, [4, 5, 6, 0, 1]);
        assert_eq!(side.waiting(), [2, 3]);
    }
}
