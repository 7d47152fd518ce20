//! Tokens on a word, for ends that sleep on a futex: the equivalent of a semaphore with at most one token.
//!
//! A token is there or not; a second one posted before the first is taken merges with it. That suffices for
//! the sleep protocol, as an end that is awake checks everything it waits for. A token orders nothing either:
//! if a sleeper that was woken does not yet see what it was woken for, it sets its waiting bit again, and
//! then the barriers of the sleep protocol ensure that it does. Any value but 0 is a token: a hostile peer
//! that writes here ends one sleep early.

use core::sync::atomic::Ordering::Relaxed;

use crate::platform::{Platform, Word};

/// The word's value while there is no token: a thread sleeps as long as the word has this value.
pub const NONE: u32 = 0;

/// Posts a token, then calls `wake`, which wakes the thread that sleeps on the word.
pub fn post<P: Platform, R>(word: &P::U32, wake: impl FnOnce() -> R) -> R {
    word.fetch_or(1, Relaxed); // A token hands nothing over: see above.
    wake()
}

/// Takes the token, waiting for it. `wait` sleeps as long as the word is [`NONE`]; false when it gives up.
/// Returns whether there was a token.
///
/// # Errors
/// Those of `wait`.
pub fn sleep<P: Platform, E>(word: &P::U32, mut wait: impl FnMut() -> Result<bool, E>) -> Result<bool, E> {
    while !take::<P>(word) {
        if !wait()? {
            return Ok(take::<P>(word));
        }
    }
    Ok(true)
}

/// Takes the token if there is one.
pub fn take<P: Platform>(word: &P::U32) -> bool {
    word.fetch_and(NONE, Relaxed) != NONE // As above.
}
