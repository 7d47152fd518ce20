//! A mock of one System V semaphore used for waking: it remembers tokens.

use loom::sync::{Condvar, Mutex};

/// A counting semaphore. A wait without a token blocks its thread; when every thread blocks, loom reports a
/// deadlock, so a lost wake-up is a failure and no model needs to poll.
#[derive(Debug)]
pub struct Semaphore {
    tokens: Mutex<u32>,
    posted: Condvar,
}

impl Semaphore {
    /// A semaphore with no tokens.
    #[must_use]
    pub fn new() -> Self {
        Self { tokens: Mutex::new(0), posted: Condvar::new() }
    }

    /// Posts one token.
    pub fn post(&self) {
        *self.tokens.lock().expect("no thread dies with the lock") += 1;
        self.posted.notify_one();
    }

    /// Posts one token unless there is one.
    pub fn ring(&self) {
        let mut tokens = self.tokens.lock().expect("no thread dies with the lock");
        if *tokens == 0 {
            *tokens = 1;
            self.posted.notify_one();
        }
    }

    /// Takes one token, waiting for it.
    pub fn wait(&self) {
        let mut tokens = self.tokens.lock().expect("no thread dies with the lock");
        while *tokens == 0 {
            tokens = self.posted.wait(tokens).expect("no thread dies with the lock");
        }
        *tokens -= 1;
    }

    /// Takes one token if there is one.
    pub fn try_wait(&self) -> bool {
        let mut tokens = self.tokens.lock().expect("no thread dies with the lock");
        let there = *tokens > 0;
        *tokens -= u32::from(there);
        there
    }
}

impl Default for Semaphore {
    fn default() -> Self {
        Self::new()
    }
}
