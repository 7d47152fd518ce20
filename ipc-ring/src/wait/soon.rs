//! A short wait for something that is under way and will not be announced.
//!
//! A consumer wakes *before* it gives a slot back: a message is popped in the moment in which its slot is free, and between that
//! moment and the return of the call there must be no system call, in which a process is likely to be killed and the message
//! lost with it. So whoever waits for the slot may look too early, and nobody will wake it a second time:
//!
//! ```text
//!   consumer                                 producer, which found the ring full
//!   --------------------------------------   --------------------------------------
//!   say what will be given back              signal |= WAITING
//!   light barrier                            heavy barrier
//!   signal & WAITING ? then post a token     is there room now?
//!   give it back                             is something about to be given back?
//!                                            no: sleep until a token is posted
//!                                            yes: look again soon
//! ```
//!
//! The two barriers are the pair of [`signal`](super::signal): either the consumer sees the bit and posts, or the producer sees
//! what the consumer has said. In the spsc and bytes rings that is said by a word of its own, in the mpmc ring by the slot's
//! tag. From there to the giving back it is a copy and some instructions at most, unless the consumer is stopped, dies, or has
//! to wait for a processor.

use std::time::{Duration, Instant};

/// The first looks come after letting others run.
const YIELDS: u32 = 8;
/// The ones after that come after a nap, twice as long each time.
const FIRST_NAP: Duration = Duration::from_micros(100);
/// But not longer than this.
const DOUBLINGS: u32 = 5;

/// Counts the looks of one wait.
#[derive(Debug, Default)]
pub struct Soon {
    looks: u32,
}

impl Soon {
    /// Passes the time until the next look, not beyond this point in time.
    #[cold]
    pub fn pass(&mut self, until: Instant) {
        self.looks += 1;
        match self.looks.checked_sub(YIELDS) {
            None | Some(0) => std::thread::yield_now(),
            Some(naps) => {
                let nap = FIRST_NAP * (1 << (naps - 1).min(DOUBLINGS));
                std::thread::sleep(nap.min(until.saturating_duration_since(Instant::now())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sleeps_in_the_end_and_never_beyond_the_deadline() {
        let mut soon = Soon::default();
        let began = Instant::now();
        for _ in 0..YIELDS + 3 {
            soon.pass(began + Duration::from_secs(60));
        }
        assert!(began.elapsed() >= FIRST_NAP * (1 + 2 + 4));
        soon.looks = u32::MAX - 1;
        soon.pass(began);
    }
}
