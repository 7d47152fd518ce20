//! The bits of sleepers alone: what the mask's bit orders.
//!
//! The functions of [`waiter_set`] are production's. The ring is a mere count of elements here: the tags of a
//! real ring order the waiting bits as well, so that a mask bit that orders nothing would go unnoticed in a
//! model.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use ipc_ring::platform::{Barrier, Word as _};
use ipc_ring::wait::signal;
use ipc_ring::wait::waiter_set::{self, WaiterSet};
use loom::thread;

use crate::{Loom, Model, Semaphore, Word32, Word64, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[Model::new("mpmc_bit_taken", 4_500, bit_taken).reaches(&["sleeps"])];

struct Bed {
    waiting: Word64,
    mask: Word64,
    signals: [Word32; 2],
    semaphores: [Semaphore; 2],
}

impl WaiterSet for Bed {
    type Platform = Loom;

    fn mask(&self) -> &Word64 {
        &self.mask
    }

    fn signal(&self, number: u16) -> &Word32 {
        &self.signals[usize::from(number)]
    }

    fn belongs(&self, _number: u16) -> bool {
        true
    }

    fn seats(&self) -> u16 {
        2
    }

    fn bits(&self) -> u16 {
        1
    }
}

const BARRIER: Barrier = Barrier::Fence;

impl Bed {
    fn wake_one(&self) {
        if waiter_set::has_waiters::<Loom>(self.mask(), BARRIER) {
            let post = waiter_set::Post(|number| {
                self.semaphores[usize::from(number)].post();
                true
            });
            waiter_set::wake(self, &mut 1, 1, post);
        }
    }

    fn push(&self) {
        self.waiting.fetch_add(1, Ordering::Release);
        self.wake_one();
    }

    fn try_pop(&self) -> bool {
        loop {
            let count = self.waiting.load(Ordering::Acquire);
            if count == 0 {
                return false;
            }
            let taken = self.waiting.compare_exchange(count, count - 1, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                return true;
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    fn pop(&self, number: u16) {
        let mut woken = false;
        while !self.try_pop() {
            waiter_set::prepare_wait(self, number, BARRIER).expect("no barrier of a model fails");
            let semaphore = &self.semaphores[usize::from(number)];
            if self.is_empty() {
                reached("sleeps");
                semaphore.wait();
                signal::clear_waiting::<Loom>(self.signal(number));
            } else if signal::clear_waiting::<Loom>(self.signal(number)) {
                semaphore.try_wait();
            }
            woken = true;
        }
        if woken && !self.is_empty() {
            self.wake_one();
        }
    }
}

/// One end sleeps, and leaves once woken; another one sets its bits while the mask's bit is taken. The
/// next publication must find that one.
fn bit_taken() {
    let bed = Rc::new(Bed {
        waiting: Word64::contended(0),
        mask: Word64::contended(0),
        signals: [Word32::contended(0), Word32::contended(0)],
        semaphores: [Semaphore::new(), Semaphore::new()],
    });
    waiter_set::prepare_wait(&*bed, 0, BARRIER).expect("no barrier of a model fails");
    let shared = Rc::clone(&bed);
    let one = thread::spawn(move || {
        shared.semaphores[0].wait();
        signal::clear_waiting::<Loom>(shared.signal(0));
        shared.try_pop();
        shared.wake_one();
    });
    let shared = Rc::clone(&bed);
    let two = thread::spawn(move || shared.pop(1));
    bed.push();
    one.join().unwrap();
    bed.push();
    two.join().unwrap();
}
