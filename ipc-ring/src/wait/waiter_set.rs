//! The sleep protocol for many ends, as [`signal`] is for two.
//!
//! Each seat has its own signal word, and each side of the ring a mask in which one bit stands for several
//! seats. The mask is 0 while no end sleeps, so a publication costs one load.
//!
//! ```text
//!   waiter                                   notifier
//!   --------------------------------------   --------------------------------------
//!   signal |= WAITING                        publish (the element, or the freed slot)
//!   mask |= bit                              light barrier
//!   heavy barrier                            mask & bit ?
//!   check the ring again                     then mask &= !bit
//!   nothing: sleep until a token is posted   two WAITING below it: mask |= bit
//!                                            take one WAITING below it, post a token
//! ```
//!
//! The waiting bit is set before the mask's. So a notifier that takes the mask's bit sees all ends that wait
//! under it; ends that come later set the bit again. One publication wakes one end; an end that was woken and
//! finds more than it takes wakes the next.

use core::sync::atomic::Ordering::Relaxed;

use super::signal::{self, WAITING};
use crate::edge::Edge;
use crate::platform::{Barrier, Platform, Site, Word};

/// The ends of a ring that wait for the same kind of event.
pub trait WaiterSet {
    /// The platform of the words.
    type Platform: Platform;
    /// Their mask.
    fn mask(&self) -> &<Self::Platform as Platform>::U64;
    /// A seat's signal word.
    fn signal(&self, number: u16) -> &<Self::Platform as Platform>::U32;
    /// Whether the seat's end is in the set.
    fn belongs(&self, number: u16) -> bool;
    /// Whether the seat's end, which is in the set, waits for what was published.
    fn is_concerned(&self, _number: u16) -> bool {
        true
    }
    /// Number of seats.
    fn seats(&self) -> u16;
    /// Number of bits of the mask in use; fewer than 64 only in models.
    fn bits(&self) -> u16 {
        64
    }
}

/// Prepares a wait of an end, which must then check the ring once more, and sleep or
/// [`clear_waiting`](signal::clear_waiting).
///
/// # Errors
/// As [`Platform::heavy`]. Then it must not sleep: a notifier need not see the waiting bit.
pub fn prepare_wait<S: WaiterSet>(set: &S, number: u16, barrier: Barrier) -> Result<(), ipc_core::Error> {
    set_waiting(set, number);
    S::Platform::heavy(barrier)
}

/// The first half of [`prepare_wait`], for a waiter that waits at several ends and runs the heavy barrier
/// once, after all of them.
pub fn set_waiting<S: WaiterSet>(set: &S, number: u16) {
    // [W1] Release → `signal::claim_wake`: the number of the end's semaphore is written before.
    set.signal(number).fetch_or(WAITING, S::Platform::ordering(Edge::SetWaiting));
    // [W2] Release → `wake`: a notifier that takes this bit sees the waiting bit.
    set.mask().fetch_or(1 << (number % set.bits()), S::Platform::ordering(Edge::WaiterSetJoin));
    S::Platform::crash_point(Site::WaitingSet);
}

/// Whether an end with this mask sleeps, or is about to. Checked after a publication.
#[inline(always)]
pub fn has_waiters<P: Platform>(mask: &P::U64, barrier: Barrier) -> bool {
    P::light(barrier);
    mask.load(Relaxed) != 0 // The light barrier orders it after the publication.
}

/// What a notifier does for the sleepers that [`wake`] finds.
pub trait Notifier {
    /// A sleeper is about to be taken out of the mask: arranges that the death of this process posts a token
    /// to it. Between taking the mask's bit or a waiting bit and posting, only this process knows of those
    /// sleepers.
    fn arrange(&mut self, _number: u16) {}
    /// Posts a token to an end that waited. False if that end is dead, so that another one must get a token.
    fn post(&mut self, number: u16) -> bool;
}

impl<N: Notifier> Notifier for &mut N {
    fn arrange(&mut self, number: u16) {
        N::arrange(self, number);
    }

    fn post(&mut self, number: u16) -> bool {
        N::post(self, number)
    }
}

/// A notifier that need not arrange anything.
#[derive(Debug)]
pub struct Post<F>(pub F);

impl<F: FnMut(u16) -> bool> Notifier for Post<F> {
    fn post(&mut self, number: u16) -> bool {
        (self.0)(number)
    }
}

/// Wakes sleepers until `wanted` of them are awake, starting after the seat `turn`, which is then set to the
/// last one woken.
#[cold]
#[inline(never)]
pub fn wake<S: WaiterSet>(set: &S, turn: &mut u16, mut wanted: usize, mut notifier: impl Notifier) {
    let (bits, seats) = (set.bits(), set.seats());
    let next = (*turn + 1) % seats; // `turn` changes below, yet each bit is visited once.
    for step in 0..bits {
        let first = (next + step) % bits;
        let bit = 1u64 << first;
        // [W2] Acquire ← `set_waiting`: an end that set its bits before this notifier checked, and did
        // not see what was published, is found waiting below.
        if set.mask().load(S::Platform::ordering(Edge::WaiterSetTake)) & bit == 0 {
            continue;
        }
        // Those after `next` first, so that the seats below one bit take turns, too.
        let below = || {
            let all = || (first..seats).step_by(usize::from(bits));
            all().filter(move |number| *number >= next).chain(all().filter(move |number| *number < next))
        };
        let waits = |number: &u16| set.belongs(*number) && set.signal(*number).load(Relaxed) & WAITING != 0;
        below().filter(waits).for_each(|number| notifier.arrange(number));
        // [W2] Acquire ← `set_waiting`.
        if set.mask().fetch_and(!bit, S::Platform::ordering(Edge::WaiterSetTake)) & bit == 0 {
            continue;
        }
        S::Platform::crash_point(Site::WaitMaskTaken);
        // Taking the mask's bit orders the loads of the waiting bits. Each is loaded once: an end that
        // stopped waiting before a second load must not be counted in place of another.
        let (mut concerned, mut others) = (0, false);
        for number in below().filter(waits) {
            if set.is_concerned(number) {
                concerned += 1;
            } else {
                others = true;
            }
        }
        if others || concerned > wanted {
            // Before any token is posted: an end that is woken may look for others at once.
            // [W2] A read-modify-write: it continues the release of `set_waiting`.
            set.mask().fetch_or(bit, Relaxed);
        }
        for number in below().filter(waits).filter(|number| set.is_concerned(*number)) {
            if wanted > 0 && signal::claim_wake::<S::Platform>(set.signal(number)) && notifier.post(number) {
                *turn = number;
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
            sleepers.into_iter().for_each(|number| set_waiting(&side, number));
            side
        }

        fn waiting(&self) -> Vec<u16> {
            (0..self.seats()).filter(|number| self.signal(*number).load(Relaxed) & WAITING != 0).collect()
        }

        fn wake(&self, turn: &mut u16, wanted: usize) -> Vec<u16> {
            let mut woken = Vec::new();
            let post = Post(|number| {
                woken.push(number);
                true
            });
            wake(self, turn, wanted, post);
            woken
        }
    }

    impl WaiterSet for Side {
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
    fn all_sleepers_are_woken_from_any_turn() {
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
            one.iter().for_each(|number| set_waiting(&side, *number)); // It sleeps again.
            woken.extend(one);
        }
        woken.sort_unstable();
        assert!(woken.into_iter().eq(0..16));
    }

    #[test]
    fn one_at_a_time_all_have_their_turn_below_one_bit() {
        for seats in [65, 128, 130, 257] {
            let side = Side::asleep(seats, 0..seats);
            let mut turn = 0;
            let mut times = vec![0_u32; usize::from(seats)];
            for _ in 0..u32::from(seats) * 4 {
                let one = side.wake(&mut turn, 1);
                one.iter().for_each(|number| set_waiting(&side, *number)); // It sleeps again.
                one.into_iter().for_each(|number| times[usize::from(number)] += 1);
            }
            assert!(times.iter().all(|times| *times == 4), "of {seats} seats: {times:?}");
        }
    }

    /// Records what is arranged, and whether the sleeper could be found at that moment.
    struct Arranging<'a>(&'a Side, Vec<u16>);

    impl Notifier for Arranging<'_> {
        fn arrange(&mut self, number: u16) {
            let bit = 1 << (number % self.0.bits());
            assert!(self.0.waiting().contains(&number) && self.0.mask.load(Relaxed) & bit != 0, "{number}");
            self.1.push(number);
        }

        fn post(&mut self, number: u16) -> bool {
            assert!(self.1.contains(&number), "{number} has a token, and nothing was arranged");
            true
        }
    }

    #[test]
    fn a_death_is_arranged_for_before_a_sleeper_is_hidden() {
        let side = Side::asleep(70, [3, 5, 67, 69]);
        let mut arranging = Arranging(&side, Vec::new());
        wake(&side, &mut 0, 1, &mut arranging);
        assert_eq!(arranging.1, [3, 67], "all below the bit that was taken");
    }

    #[test]
    fn a_dead_sleeper_does_not_stand_for_a_live_one() {
        let side = Side::asleep(7, 0..7);
        let mut posted = Vec::new();
        let post = Post(|number| {
            posted.push(number);
            number == 1
        });
        wake(&side, &mut 3, 1, post);
        assert_eq!(posted, [4, 5, 6, 0, 1]);
        assert_eq!(side.waiting(), [2, 3]);
    }
}
