//! A driver, and the channels that it serves.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Word as _};
use ipc_ring::readiness::protocol::{self, Lock};
use ipc_ring::readiness::slots::{Slots, Which};
use ipc_ring::wait::signal::{self, CLOSED, WAITING};
use loom::sync::Mutex;
use loom::sync::atomic::Ordering::{Relaxed, Release};
use loom::thread;

use super::{CLOSED_UNNOTIFIED, NO_TOKEN, ODD_IGNORED};
use crate::{Loom, Semaphore, Word32, mutation};

/// A ring with a consumer that a task waits for.
pub(super) struct Channel {
    pub(super) pushed: Word32,
    /// The consumer's.
    pub(super) signal: Word32,
    /// The semaphore that wakes the consumer: the driver's, or its own, on which no thread sleeps.
    pub(super) wake: Word32,
    /// The producer's.
    pub(super) ending: Word32,
    /// Its producer is dead.
    pub(super) dead: Word32,
}

/// The number of the driver's semaphore.
pub(super) const BELL: u32 = 1;

/// A driver and the channels whose consumers it serves.
pub(super) struct Scene {
    pub(super) channels: Vec<Rc<Channel>>,
    bell: Semaphore,
    slots: Mutex<Slots<Rc<Channel>, Rc<Semaphore>>>,
    /// The driver has to stop at the next token.
    stop: Word32,
    pub(super) barrier: Barrier,
}

impl Lock for Scene {
    type Signal = Rc<Channel>;
    type Waker = Rc<Semaphore>;

    fn with<R>(&self, f: impl FnOnce(&mut Slots<Rc<Channel>, Rc<Semaphore>>) -> R) -> R {
        f(&mut self.slots.lock().expect("no thread dies with the lock"))
    }

    fn is_set(channel: &Rc<Channel>) -> Option<bool> {
        Some(signal::is_waiting::<Loom>(&channel.signal))
    }

    fn wake(&self, waker: Rc<Semaphore>) {
        waker.post();
    }
}

impl Scene {
    pub(super) fn new(channels: usize, barrier: Barrier) -> Rc<Self> {
        let channel = |_| {
            Rc::new(Channel {
                pushed: Word32::checked(0),
                signal: Word32::contended(0),
                wake: Word32::contended(0),
                ending: Word32::contended(0),
                dead: Word32::checked(0),
            })
        };
        Rc::new(Self {
            channels: (0..channels).map(channel).collect(),
            bell: Semaphore::new(),
            slots: Mutex::default(),
            stop: Word32::checked(0),
            barrier,
        })
    }

    /// The driver's thread.
    pub(super) fn drive(self: &Rc<Self>) -> thread::JoinHandle<()> {
        let scene = Rc::clone(self);
        thread::spawn(move || {
            loop {
                scene.bell.wait();
                if scene.stop.load(Relaxed) != 0 {
                    return;
                }
                if mutation::logic(ODD_IGNORED) {
                    protocol::ring(&*scene, Which::Taken);
                } else {
                    protocol::token(&*scene);
                }
            }
        })
    }

    /// Ends the driver's thread, which may have tokens left.
    pub(super) fn end(&self, driver: thread::JoinHandle<()>) {
        self.stop.store(1, Relaxed); // The token orders it.
        self.bell.post();
        driver.join().unwrap();
    }

    /// Publishes one more element, and wakes.
    pub(super) fn push(&self, number: usize, count: u32) {
        let channel = &self.channels[number];
        channel.pushed.store(count, Release);
        self.notify(channel);
    }

    /// Ends the stream, and wakes.
    pub(super) fn close(&self, number: usize) {
        let channel = &self.channels[number];
        signal::set_flags::<Loom>(&channel.ending, CLOSED);
        if !mutation::logic(CLOSED_UNNOTIFIED) {
            self.notify(channel);
        }
    }

    fn notify(&self, channel: &Channel) {
        let waits = signal::peek::<Loom>(&channel.signal, self.barrier) & WAITING != 0;
        if waits && signal::claim_wake::<Loom>(&channel.signal) && !mutation::logic(NO_TOKEN) {
            // A token to the consumer's own semaphore reaches no thread.
            if channel.wake.load(Relaxed) == BELL {
                self.bell.post();
            }
        }
    }

    /// A process dies holding these producers: the kernel posts.
    pub(super) fn die(&self, channels: &[usize]) {
        for number in channels {
            self.channels[*number].dead.store(1, Relaxed); // The token orders it.
        }
        self.bell.post();
    }
}
