//! When a waiting end checks whether the other side is alive: one rule for all ends.
//!
//! A check takes a system call for each process, and a sleep is short when messages come. But a process that
//! dies wakes no one, unless it has arranged before that its death does. So:
//!
//! - An end that polls checks once per [`HEARTBEAT`].
//! - An end that is about to sleep checks, unless a death would end the sleep, or it has checked within a
//!   heartbeat. In the latter case it sleeps at most until the heartbeat is over.
//! - An end that has slept in this wait, and found nothing, may have been woken by a death: it checks before
//!   it sleeps again. But other ends may also have been faster than this one, repeatedly, so it checks once
//!   per `PAUSE`, and sleeps at most until the pause is over.
//!
//! So a death is detected at once if that was arranged, and otherwise within a heartbeat. If a check has no
//! answer, the wait fails with an error; this is never treated as "alive".

use std::time::{Duration, Instant};

use super::late::Nap;

/// A waiting end checks at least this often whether its peer is alive, asleep or not.
///
/// This is the worst case: a peer that has woken this end once has arranged that its death does so too.
pub const HEARTBEAT: Duration = Duration::from_millis(100);

/// The shortest time between two checks of one end.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// The time of an end's last check.
#[derive(Debug, Default)]
pub(crate) struct LivenessCheck {
    last: Option<Instant>,
}

impl LivenessCheck {
    /// Before a sleep: whether to check, and how long to sleep. `in_vain`: this end has slept in this wait
    /// already. `is_told`: a death posts a token to this end.
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
