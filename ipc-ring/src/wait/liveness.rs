//! When an end that waits asks whether the other side is alive: one rule for all ends.
//!
//! To ask takes a system call for each process, and a sleep is short where messages come. But who has died wakes nobody, unless it
//! has arranged before that its death does. So:
//!
//! - An end that polls asks once a [`HEARTBEAT`].
//! - One that is about to sleep asks, unless a death would end the sleep, or it has asked within a heartbeat. It sleeps
//!   no longer than until the heartbeat is over then.
//! - One that has slept in this wait, and found nothing, may have been woken by a death: it asks before it sleeps again. But others
//!   may also have been faster than this end, again and again, so it does that once in a `PAUSE`, and sleeps no longer
//!   than until the pause is over.
//!
//! So a death is learned of at once where it was arranged, and otherwise no later than a heartbeat after it. An answer that cannot be had is an
//! error of the wait; it is never taken for "alive".

use std::time::{Duration, Instant};

use super::late::Nap;

/// A waiting end looks whether its peer is alive at least this often, asleep or not.
///
/// It is the worst case only: a peer that has woken this end once has arranged that its death does so too.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

/// The shortest time between two questions of one end.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// An end's memory of the last time it asked.
#[derive(Debug, Default)]
pub(crate) struct LivenessCheck {
    last: Option<Instant>,
}

impl LivenessCheck {
    /// Before a sleep: whether to ask, and for how long to sleep. `in_vain`: this end has slept in this wait already. `is_told`: a death
    /// posts a token to this end.
    pub(crate) fn before_sleep(
        &mut self,
        now: Instant,
        nap: Nap,
        in_vain: bool,
        is_told: bool,
    ) -> (bool, Nap) {
        if is_told && !in_vain {
            return (false, nap);
        }
        let pause = if in_vain { PAUSE } else { HEARTBEAT };
        match self.last {
            Some(last) if now.duration_since(last) < pause => (false, nap.at_most(last + pause)),
            _ => {
                self.last = Some(now);
                (true, nap)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_asks_once_a_heartbeat_and_behind_sleeps_in_vain() {
        let mut check = LivenessCheck::default();
        let began = Instant::now();
        let nap = Nap::new(began + HEARTBEAT, None);
        let moment = PAUSE / 2;
        assert_eq!(check.before_sleep(began, nap, false, true), (false, nap), "a death would tell it");
        assert_eq!(check.before_sleep(began, nap, false, false), (true, nap));
        let (ask, shorter) = check.before_sleep(began + moment, nap.later(HEARTBEAT), false, false);
        assert_eq!((ask, shorter.until), (false, began + HEARTBEAT), "the next wait, within the heartbeat");
        let (ask, shorter) = check.before_sleep(began + moment, nap, true, true);
        assert_eq!((ask, shorter.until), (false, began + PAUSE), "woken for nothing at once");
        assert_eq!(check.before_sleep(began + PAUSE, nap, true, true), (true, nap), "perhaps by a death");
    }
}
