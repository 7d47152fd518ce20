//! What is asked for once and stays as it was answered, without a lock.
//!
//! A child made by `fork` finds every private lock as it was at that moment: a `OnceLock` that another thread
//! was just filling is waited for in the child for ever. So here two threads may both ask, and get the same
//! answer.

use std::sync::atomic::{AtomicU8, Ordering};

/// Up to seven bits, once they are known.
#[derive(Debug)]
pub(crate) struct Asked(AtomicU8);

const KNOWN: u8 = 1 << 7;

impl Asked {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// The answer, for which `ask` is run while there is none. It must be the same whenever it is asked for.
    #[inline]
    pub(crate) fn or_ask(&self, ask: impl FnOnce() -> u8) -> u8 {
        let known = self.0.load(Ordering::Relaxed); // The answer is all there is.
        if known != 0 {
            return known & !KNOWN;
        }
        let answer = ask() & !KNOWN;
        self.0.store(answer | KNOWN, Ordering::Relaxed); // As above.
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stays_also_when_it_is_nothing() {
        for answer in [0, 1, 0x7f] {
            let asked = Asked::new();
            assert_eq!(asked.or_ask(|| answer), answer);
            assert_eq!(asked.or_ask(|| unreachable!("it is known")), answer);
        }
    }
}
