//! Tokens on a word, for ends that sleep on a futex: what a semaphore of one token would be.
//!
//! A token is taken or not; a second one before the first is taken is the same one. That does for the sleep protocol, as who
//! is awake looks at everything it waits for. It orders nothing either: should a sleeper that was woken not see yet what it
//! was woken for, it announces itself again, and then the barriers of the sleep protocol see to it. Anything but 0 is a token: what a hostile peer writes here ends one sleep early.

use core::sync::atomic::Ordering::Relaxed;

use crate::platform::{Platform, Word};

/// The word's value while there is no token: a thread that sleeps does so while it finds this.
pub const NONE: u32 = 0;

/// Leaves a token. The caller wakes the thread that sleeps on the word.
pub fn post<P: Platform>(word: &P::U32) {
    word.fetch_or(1, Relaxed); // A token hands nothing over: see above.
}

/// Takes the token if there is one.
pub fn take<P: Platform>(word: &P::U32) -> bool {
    word.fetch_and(NONE, Relaxed) != NONE // As above.
}
