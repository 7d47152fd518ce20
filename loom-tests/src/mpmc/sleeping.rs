//! Two consumers that sleep, under one bit of the mask, and a producer that wakes one for each element. A lost wake-up is a
//! deadlock, which the checker reports.
//!
//! The sleepers' functions are production's. The ring is a mere count of elements here, as the protocol needs no more of it.

use std::cell::RefCell;
use std::rc::Rc;

use std::sync::atomic::Ordering;

use ipc_ring::platform::{Barrier, Site, Word as _};
use ipc_ring::wait::signal;
use ipc_ring::wait::waiter_set::{self, Notifier, WaiterSet};
use loom::thread;

use crate::{Loom, Model, Semaphore, Word32, Word64, crash, mutation, reached};

/// A mistake: who was woken and finds more than it takes does not wake the next one.
pub const NO_BATON: &str = "sleepers: the baton is not passed";
/// A mistake: the mask's bit is not put back for others that wait below it.
pub const NOT_PUT_BACK: &str = "sleepers: the mask's bit is not put back";

/// A mistake: nothing is arranged for the death of one that takes sleepers out of the mask.
pub const NOT_ARRANGED: &str = "sleepers: nothing is arranged for a death before the mask's bit is taken";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_two_sleepers_fence", 25_000, || two_sleepers(Barrier::Fence)).reaches(&["sleeps"]),
    Model::new("mpmc_two_sleepers_asymmetric", 42_000, || two_sleepers(Barrier::Asymmetric))
        .reaches(&["sleeps"]),
    Model::new("mpmc_bit_taken", 4_500, bit_taken).reaches(&["sleeps"]),
    Model::new("mpmc_one_wake_for_two", 80, one_wake_for_two).reaches(&["sleeps"]),
    Model::new("mpmc_sleeper_dies_announced", 100, sleeper_dies).reaches(&["died", "sleeps"]),
    Model::new("mpmc_notifier_dies_with_the_mask", 350, || notifier_dies(Site::WaitMaskTaken))
        .bound(1)
        .reaches(&["died", "sleeps"]),
    Model::new("mpmc_notifier_dies_with_the_bit", 360, || notifier_dies(Site::WaitTaken))
        .bound(1)
        .reaches(&["died", "sleeps"]),
];

struct Bed {
    waiting: Word64,
    mask: Word64,
    signals: [Word32; 2],
    semaphores: [Semaphore; 2],
    barrier: Barrier,
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

impl Bed {
    fn new(barrier: Barrier) -> Rc<Self> {
        Rc::new(Self {
            waiting: Word64::contended(0),
            mask: Word64::contended(0),
            signals: [Word32::contended(0), Word32::contended(0)],
            semaphores: [Semaphore::new(), Semaphore::new()],
            barrier,
        })
    }

    /// The channel's `wake_one`; `dead` is an end that no token helps.
    fn wake_one(&self, dead: Option<u16>) {
        if waiter_set::has_waiters::<Loom>(self.mask(), self.barrier) {
            waiter_set::wake(
                self,
                &mut 1,
                1,
                waiter_set::Post(|number| {
                    self.semaphores[usize::from(number)].post();
                    dead != Some(number)
                }),
            );
            if mutation::logic(NOT_PUT_BACK) {
                self.mask.store(0, Ordering::Relaxed);
            }
        }
    }

    fn push(&self, dead: Option<u16>) {
        self.waiting.fetch_add(1, Ordering::Release);
        self.wake_one(dead);
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

    /// The channel's `pop`, without its polling. One that is `asleep` has announced itself and found nothing already.
    fn pop(&self, number: u16, mut asleep: bool) {
        let mut woken = asleep;
        loop {
            if !asleep {
                if self.try_pop() {
                    if woken && !mutation::logic(NO_BATON) && !self.is_empty() {
                        self.wake_one(None);
                    }
                    return;
                }
                waiter_set::prepare_wait(self, number, self.barrier).expect("no barrier of a model fails");
            }
            let semaphore = &self.semaphores[usize::from(number)];
            if asleep || self.is_empty() {
                reached("sleeps");
                semaphore.wait();
                signal::withdraw::<Loom>(self.signal(number));
            } else if signal::withdraw::<Loom>(self.signal(number)) {
                semaphore.try_wait();
            }
            (asleep, woken) = (false, true);
        }
    }
}

fn two_sleepers(barrier: Barrier) {
    let bed = Bed::new(barrier);
    waiter_set::prepare_wait(&*bed, 0, barrier).expect("no barrier of a model fails");
    let others = [(0, true), (1, false)].map(|(number, asleep)| {
        let bed = Rc::clone(&bed);
        thread::spawn(move || bed.pop(number, asleep))
    });
    bed.push(None);
    bed.push(None);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert!(bed.is_empty());
}

/// One sleeps, and leaves when it was woken; another one announces itself while the mask's bit is taken. The next
/// publication must find it.
fn bit_taken() {
    let bed = Bed::new(Barrier::Fence);
    waiter_set::prepare_wait(&*bed, 0, bed.barrier).expect("no barrier of a model fails");
    let shared = Rc::clone(&bed);
    let one = thread::spawn(move || {
        shared.semaphores[0].wait();
        signal::withdraw::<Loom>(shared.signal(0));
        shared.try_pop();
        shared.wake_one(None);
    });
    let shared = Rc::clone(&bed);
    let two = thread::spawn(move || shared.pop(1, false));
    bed.push(None);
    one.join().unwrap();
    bed.push(None);
    two.join().unwrap();
}

/// Both sleep; a batch wakes one of them.
fn one_wake_for_two() {
    let bed = Bed::new(Barrier::Fence);
    for number in [0, 1] {
        waiter_set::prepare_wait(&*bed, number, bed.barrier).expect("no barrier of a model fails");
    }
    let others = [0, 1].map(|number| {
        let bed = Rc::clone(&bed);
        thread::spawn(move || bed.pop(number, true))
    });
    bed.waiting.fetch_add(1, Ordering::Release);
    bed.push(None);
    others.into_iter().for_each(|other| other.join().unwrap());
    assert!(bed.is_empty());
}

/// A sleeper that died with its bits set does not keep the other one asleep.
fn sleeper_dies() {
    let bed = Bed::new(Barrier::Fence);
    if crash::kill_at(Site::WaitAnnounced, 0, || bed.pop(0, false)).is_none() {
        reached("died");
    }
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || shared.pop(1, false));
    bed.push(Some(0));
    other.join().unwrap();
    assert!(bed.is_empty());
}

/// A notifier whose death posts to those for whom that was arranged.
struct Mortal<'a> {
    bed: &'a Bed,
    arranged: &'a RefCell<Vec<u16>>,
}

impl Notifier for Mortal<'_> {
    fn arrange(&mut self, number: u16) {
        if !mutation::logic(NOT_ARRANGED) {
            self.arranged.borrow_mut().push(number);
        }
    }

    fn post(&mut self, number: u16) -> bool {
        self.bed.semaphores[usize::from(number)].post();
        true
    }
}

/// Both go to sleep; one that has published an element for each dies on its way to waking one of them. Nobody looks by itself, so both need the token
/// of that death, or find the elements before they sleep.
fn notifier_dies(site: Site) {
    let bed = Bed::new(Barrier::Fence);
    let others = [0, 1].map(|number| {
        let bed = Rc::clone(&bed);
        thread::spawn(move || bed.pop(number, false))
    });
    let arranged = RefCell::new(Vec::new());
    let life = crash::kill_at(site, 0, || {
        bed.waiting.fetch_add(2, Ordering::Release);
        if waiter_set::has_waiters::<Loom>(bed.mask(), bed.barrier) {
            waiter_set::wake(&*bed, &mut 1, 1, Mortal { bed: &bed, arranged: &arranged });
        }
    });
    if life.is_none() {
        reached("died");
        arranged.borrow().iter().for_each(|number| bed.semaphores[usize::from(*number)].post());
    }
    others.into_iter().for_each(|other| other.join().unwrap());
    assert!(bed.is_empty());
}
