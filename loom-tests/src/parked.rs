//! An end that sleeps on a futex. A lost wake-up is a deadlock, which the checker reports.
//!
//! The tokens and the sleep protocol are production's. The ring is a mere count of elements here, which is
//! all they need. The kernel's part is mocked: it puts a thread to sleep only if the word still holds the
//! value that the thread passes, atomically with respect to wakes, and orders nothing else.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use ipc_ring::platform::{Barrier, Word as _};
use ipc_ring::wait::signal::{self, WAITING};
use ipc_ring::wait::token;
use loom::sync::{Condvar, Mutex};
use loom::thread;

use crate::{Loom, Model, Word32, mutation, reached};

/// A mistake: the sleeper is woken before its token is posted.
pub const WOKEN_FIRST: &str = "park: the sleeper is woken before its token is there";
/// A mistake: the sleeper checks for a token, and then sleeps whatever the word holds.
pub const NOT_COMPARED: &str = "park: the kernel does not look at the word";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("parked_consumer_fence", 200, || consumer(Barrier::Fence)).reaches(&["sleeps", "token first"]),
    Model::new("parked_consumer_asymmetric", 350, || consumer(Barrier::Asymmetric))
        .reaches(&["sleeps", "token first"]),
];

/// What an end that waits for elements shares with others.
pub(crate) struct Bed {
    pushed: Word32,
    signal: Word32,
    pub(crate) word: Word32,
    kernel: Mutex<()>,
    woken: Condvar,
    barrier: Barrier,
}

impl Bed {
    pub(crate) fn new(barrier: Barrier) -> Self {
        Self {
            pushed: Word32::checked(0),
            signal: Word32::contended(0),
            word: Word32::contended(0),
            kernel: Mutex::new(()),
            woken: Condvar::new(),
            barrier,
        }
    }

    /// `futex(FUTEX_WAKE)`.
    pub(crate) fn wake(&self) {
        let _kernel = self.kernel.lock().expect("no thread dies with the lock");
        self.woken.notify_one();
    }

    /// `futex(FUTEX_WAIT)`.
    fn wait(&self) {
        let kernel = self.kernel.lock().expect("no thread dies with the lock");
        if self.word.load(Ordering::Relaxed) == token::NONE || mutation::logic(NOT_COMPARED) {
            reached("sleeps");
            drop(self.woken.wait(kernel).expect("no thread dies with the lock"));
        }
    }

    pub(crate) fn push(&self, count: u32) {
        self.pushed.store(count, Ordering::Release);
        let bits = signal::look::<Loom>(&self.signal, self.barrier);
        if bits & WAITING != 0 && signal::take::<Loom>(&self.signal) {
            if mutation::logic(WOKEN_FIRST) {
                self.wake();
                token::post::<Loom>(&self.word);
            } else {
                token::post::<Loom>(&self.word);
                self.wake();
            }
        }
    }

    /// Whether this number of elements is there.
    pub(crate) fn has(&self, count: u32) -> bool {
        self.pushed.load(Ordering::Acquire) >= count
    }

    /// Announces itself, checks again, and sleeps until there is a token. False: this number of elements is
    /// there.
    pub(crate) fn sleep_unless(&self, count: u32) -> bool {
        signal::announce::<Loom>(&self.signal, self.barrier).expect("no barrier of a model fails");
        if self.has(count) {
            if signal::withdraw::<Loom>(&self.signal) {
                token::take::<Loom>(&self.word);
            }
            return false;
        }
        if token::take::<Loom>(&self.word) {
            reached("token first");
        } else {
            self.wait();
            while !token::take::<Loom>(&self.word) {
                self.wait();
            }
        }
        signal::withdraw::<Loom>(&self.signal);
        true
    }

    /// Waits until this number of elements is there.
    fn wait_for(&self, count: u32) {
        while !self.has(count) {
            self.sleep_unless(count);
        }
    }
}

/// Two elements, each waited for.
fn consumer(barrier: Barrier) {
    let bed = Rc::new(Bed::new(barrier));
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || {
        shared.push(1);
        shared.push(2);
    });
    bed.wait_for(1);
    bed.wait_for(2);
    other.join().unwrap();
}
