//! Turns: fairness among ends that compete for the slots of a full ring.
//!
//! When a ring is full, a slot that becomes free goes to the first end that checks. A producer that runs at
//! the same time as the consumer checks all the time. A producer that the scheduler has put on the consumer's
//! processor runs only when the consumer does not, and finds the ring filled again each time it is woken.
//! Without intervention, some producers push ten times as much as others for as long as the scheduler moves
//! none of them.
//!
//! So an end that was woken for a slot and found it taken, and has waited for longer than a turn, takes a
//! turn: for a millisecond all other ends that find the ring full stand back. Meanwhile each enters itself as
//! the next, unless an entered seat comes earlier, counting round the seat numbers from the seat that has the
//! turn. The following turn goes to the entered seat. (Letting only a few of many waiters compete, and
//! exchanging them now and then, serves throughput: Dice, Malthusian Locks, EuroSys 2017.)
//!
//! All of it is a hint, in one word of shared memory. If the end that has the turn dies, or has nothing more
//! to push, the others lose a millisecond; so they do if the word holds a value that was never written by
//! this module.

use core::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::host::Host;
use crate::platform::Word;

/// The length of a turn, in microseconds.
const TURN: u32 = 1000;
/// The next seat is forgotten this long after the end of a turn, in microseconds.
const STALE: u32 = 4 * TURN;

/// The record of an end's attempts in one wait.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// When it first slept.
    began: Option<Instant>,
    /// It was woken, and has not retried since.
    woken: bool,
    /// It was woken, and found the slot taken.
    overtaken: bool,
}

impl Attempts {
    /// The end is about to sleep.
    pub(crate) fn sleeps(&mut self, now: Instant) {
        self.began.get_or_insert(now);
    }

    /// The end has slept, and was woken by another end or not.
    pub(crate) const fn slept(&mut self, woken: bool) {
        self.woken = woken;
    }

    /// An attempt failed.
    pub(crate) const fn failed(&mut self) {
        self.overtaken |= self.woken;
        self.woken = false;
    }

    /// Passes up the chance that the end was woken for. False if there is none.
    pub(crate) const fn passes(&mut self) -> bool {
        core::mem::replace(&mut self.woken, false)
    }

    /// Whether a slot was taken from this end, and it has waited for longer than a turn.
    fn starves(&self, now: impl FnOnce() -> Instant) -> bool {
        let turn = Duration::from_micros(u64::from(TURN));
        self.overtaken && self.began.is_some_and(|began| now().duration_since(began) > turn)
    }

    /// Whether the end in seat `number`, which has found the ring full, must stand back, and for how long: a
    /// turn at most.
    pub(crate) fn stand_back(
        &self,
        word: &impl Word<u64>,
        number: u16,
        host: &impl Host,
    ) -> Option<Duration> {
        // Two hints; no data is read because of them.
        if word.load(Relaxed) == 0 && !self.overtaken {
            return None;
        }
        stand_back(word, number, host.machine_us(), self.starves(|| host.now()))
    }
}

/// The decoded word. Seats are stored as number + 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    /// When it ends, in microseconds modulo 2^32.
    until: u32,
    /// The seat that has the turn.
    holder: u16,
    /// The seat that has the next turn; 0: none.
    next: u16,
}

impl Turn {
    const fn from_raw(raw: u64) -> Self {
        Self { until: raw as u32, holder: (raw >> 32) as u16, next: (raw >> 48) as u16 }
    }

    const fn as_raw(self) -> u64 {
        self.until as u64 | (self.holder as u64) << 32 | (self.next as u64) << 48
    }

    const fn starting(now: u32, holder: u16) -> Self {
        Self { until: now.wrapping_add(TURN), holder, next: 0 }
    }

    /// The microseconds left of the turn.
    const fn left(self, now: u32) -> Option<u32> {
        match self.until.wrapping_sub(now) {
            left @ 1..=TURN => Some(left),
            _ => None,
        }
    }

    /// Whether a seat comes before the entered next one, counting from the seat that has the turn.
    const fn comes_before_next(self, seat: u16) -> bool {
        self.next == 0 || seat.wrapping_sub(self.holder) < self.next.wrapping_sub(self.holder)
    }

    /// The new word when this seat sees it. `None`: unchanged, and the seat goes ahead.
    const fn seen_by(self, seat: u16, now: u32, starves: bool) -> Option<Self> {
        match self.left(now) {
            Some(_) if self.holder == seat => None,
            Some(_) if self.comes_before_next(seat) => Some(Self { next: seat, ..self }),
            Some(_) => Some(self),
            None if self.next != 0 && now.wrapping_sub(self.until) < STALE => {
                Some(Self::starting(now, self.next))
            }
            None if starves => Some(Self::starting(now, seat)),
            None => None,
        }
    }
}

fn stand_back(word: &impl Word<u64>, number: u16, now: u32, starves: bool) -> Option<Duration> {
    let seat = number + 1;
    let mut raw = word.load(Relaxed);
    // A seat that loses two exchanges goes ahead.
    for _ in 0..2 {
        let turn = Turn::from_raw(raw);
        let wanted = turn.seen_by(seat, now, starves)?;
        if wanted != turn
            && let Err(seen) = word.compare_exchange(raw, wanted.as_raw(), Relaxed, Relaxed)
        {
            raw = seen;
            continue;
        }
        let left = wanted.left(now).filter(|_| wanted.holder != seat)?;
        return Some(Duration::from_micros(u64::from(left)));
    }
    None
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicU64;

    use super::*;

    const WHOLE: Option<Duration> = Some(Duration::from_millis(1));

    #[test]
    fn without_a_turn_only_who_starves_takes_one() {
        let word = AtomicU64::new(0);
        assert_eq!(stand_back(&word, 4, 5_000_000, false), None);
        assert_eq!(word.load(Relaxed), 0);
        assert_eq!(stand_back(&word, 4, 5_000_000, true), None, "its own turn");
        assert_eq!(stand_back(&word, 4, 5_000_999, false), None, "still");
        assert_eq!(stand_back(&word, 7, 5_000_200, false), Some(Duration::from_micros(800)));
    }

    #[test]
    fn turns_go_round_by_the_seats() {
        let word = AtomicU64::new(0);
        let mut now = u32::MAX - 2500; // The clock's low half wraps on the way.
        assert_eq!(stand_back(&word, 2, now, true), None);
        let mut holders = Vec::new();
        for _ in 0..8 {
            let holder = Turn::from_raw(word.load(Relaxed)).holder - 1;
            holders.push(holder);
            for seat in [255, 0, 7, 2].into_iter().filter(|seat| *seat != holder) {
                assert_eq!(stand_back(&word, seat, now, false), WHOLE, "{seat} in {holder}'s turn");
            }
            now = now.wrapping_add(TURN + 30);
            // The first seat to check, even the one whose turn is over, passes the turn on.
            let (first, last) = if holders.len() % 2 == 0 { (holder, 7) } else { (0, holder) };
            let _ = (stand_back(&word, first, now, true), stand_back(&word, last, now, true));
        }
        assert_eq!(holders, [2, 7, 255, 0, 2, 7, 255, 0]);
    }

    #[test]
    fn who_is_next_is_forgotten_after_a_while() {
        let word = AtomicU64::new(Turn { until: 9000, holder: 3, next: 6 }.as_raw());
        assert_eq!(stand_back(&word, 1, 9000 + STALE, false), None);
        assert_eq!(stand_back(&word, 1, 9000 + STALE - 1, false), WHOLE, "the turn of seat 5");
        assert_eq!(Turn::from_raw(word.load(Relaxed)).holder, 6);
    }

    #[test]
    fn no_word_makes_an_end_stand_back_for_longer_than_a_turn() {
        let mut raw = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..100_000_u32 {
            raw = raw.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let near =
                if round % 2 == 0 { raw } else { raw & !0xffff_ffff | u64::from(round + raw as u32 % 2000) };
            let word = AtomicU64::new(near);
            let left = stand_back(&word, (raw >> 20) as u8 as u16, round, raw & 1 == 0);
            assert!(left <= WHOLE, "{near:#x} at {round}: {left:?}");
        }
    }

    #[test]
    fn an_end_that_was_woken_and_found_the_slot_taken_is_overtaken() {
        let mut attempts = Attempts::default();
        attempts.failed();
        attempts.slept(false);
        attempts.failed();
        assert!(!attempts.overtaken, "it had not been woken");
        attempts.slept(true);
        assert!(attempts.passes() && !attempts.passes(), "one chance");
        attempts.failed();
        assert!(!attempts.overtaken, "it let the chance go by");
        attempts.slept(true);
        attempts.failed();
        assert!(attempts.overtaken && !attempts.starves(Instant::now), "it has not waited yet");
    }
}
