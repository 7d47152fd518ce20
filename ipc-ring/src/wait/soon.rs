//! A short wait for something that is about to appear without a notification.
//!
//! A consumer notifies *before* it frees a slot: a message is popped at the moment at which its slot becomes
//! free, and between that moment and the return of the call there must be no system call, in which a process
//! is likely to be killed and the message lost with it. So a producer that waits for the slot may check too
//! early, and will not be woken a second time:
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
//! The two barriers are the pair of [`signal`](super::signal): either the consumer sees the bit and posts, or
//! the producer sees the consumer's note. In the spsc and bytes rings the note is a separate word, in the
//! mpmc ring the slot's tag. Between the note and freeing the slot there are only a copy and some
//! instructions, unless the consumer is stopped, dies, or has to wait for a processor.

use std::time::{Duration, Instant};

/// The first checks come after letting other threads run.
const YIELDS: u32 = 8;
/// The following ones come after a sleep, twice as long each time.
const FIRST_NAP: Duration = Duration::from_micros(100);
/// The number of times the sleep is doubled at most.
const DOUBLINGS: u32 = 5;

/// Counts the checks of one wait.
#[derive(Debug, Default)]
pub struct Soon {
    looks: u32,
}

impl Soon {
    /// Passes the time until the next check, but not beyond this deadline.
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
