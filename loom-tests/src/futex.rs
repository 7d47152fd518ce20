//! A mock of the futex that an end sleeps on, with production's tokens.
//!
//! The kernel's part puts a thread to sleep only if the word still holds the value that the thread passes,
//! atomically with respect to wakes, and orders nothing else.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use ipc_ring::platform::Word as _;
use ipc_ring::wait::token;
use loom::sync::{Condvar, Mutex};

use crate::{Loom, Word32, mutation, reached};

/// A mistake: the sleeper checks for a token, and then sleeps whatever the word holds.
pub const NOT_COMPARED: &str = "park: the kernel does not look at the word";

/// A word with a token on it or none. A wait without a token blocks its thread.
#[derive(Debug)]
pub struct Futex {
    word: Word32,
    kernel: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    /// A word with no token.
    #[must_use]
    pub fn new() -> Self {
        Self { word: Word32::contended(0), kernel: Mutex::new(()), woken: Condvar::new() }
    }

    /// Posts one token.
    pub fn post(&self) {
        token::post::<Loom, _>(&self.word, || {
            let _kernel = self.kernel.lock().expect("no thread dies with the lock");
            self.woken.notify_one();
        });
    }

    /// Takes one token, waiting for it.
    pub fn wait(&self) {
        let mut sleeps = false;
        let Ok(woken) = token::sleep::<Loom, Infallible>(&self.word, || {
            sleeps = true;
            self.sleep();
            Ok(true)
        });
        assert!(woken, "there is no deadline");
        reached(if sleeps { "sleeps on the word" } else { "token first" });
    }

    /// `futex(FUTEX_WAIT)`.
    fn sleep(&self) {
        let kernel = self.kernel.lock().expect("no thread dies with the lock");
        if self.word.load(Ordering::Relaxed) == token::NONE || mutation::logic(NOT_COMPARED) {
            drop(self.woken.wait(kernel).expect("no thread dies with the lock"));
        }
    }

    /// Takes the token if there is one.
    pub fn try_wait(&self) -> bool {
        token::take::<Loom>(&self.word)
    }
}

impl Default for Futex {
    fn default() -> Self {
        Self::new()
    }
}
