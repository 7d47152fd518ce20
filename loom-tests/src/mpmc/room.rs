//! A producer that sleeps because the ring is full, and a consumer that pops once and never comes back: whoever sleeps though there
//! is room is a deadlock, which the checker reports. The consumer wakes before it gives the slot back, so that a message is
//! never lost in the call that wakes; what makes up for that is that a producer does not sleep while a slot is being read.
//!
//! The ring and the sleepers' functions are production's; the steps of the channel's ends are mirrored.

use std::mem::MaybeUninit;
use std::rc::Rc;

use ipc_ring::platform::{Barrier, Site};
use ipc_ring::ring::mpmc::{Consumer, Producer, Refused};
use ipc_ring::wait::signal;
use ipc_ring::wait::waiter_set::{self, WaiterSet};
use loom::thread;

use super::Heap;
use crate::{Loom, Model, Semaphore, Word32, Word64, crash, mutation, reached};

/// A mistake: a producer sleeps though the slot that it waits for is being read.
pub const READING_AWAITED_ASLEEP: &str = "room: a producer sleeps though a slot is being read";
/// A mistake: the consumer looks for sleepers before it takes the element.
pub const LOOKED_FIRST: &str = "room: a consumer looks for sleepers before it has taken the element";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_one_pop_frees_a_sleeper_fence", 50, || one_pop_frees_a_sleeper(Barrier::Fence))
        .reaches(&["sleeps", "room is coming", "woken"]),
    Model::new("mpmc_one_pop_frees_a_sleeper", 50, || one_pop_frees_a_sleeper(Barrier::Asymmetric))
        .reaches(&["sleeps", "room is coming", "woken"]),
    Model::new("mpmc_slice_frees_a_sleeper", 50, slice_frees_a_sleeper).reaches(&["sleeps", "woken"]),
    Model::new("mpmc_consumer_dies_waking", 1, consumer_dies_waking).reaches(&["died"]),
];

struct Bed {
    barrier: Barrier,
    mask: Word64,
    signal: Word32,
    semaphore: Semaphore,
}

impl WaiterSet for Bed {
    type Platform = Loom;

    fn mask(&self) -> &Word64 {
        &self.mask
    }

    fn signal(&self, _number: u16) -> &Word32 {
        &self.signal
    }

    fn belongs(&self, _number: u16) -> bool {
        true
    }

    fn seats(&self) -> u16 {
        1
    }

    fn bits(&self) -> u16 {
        1
    }
}

impl Bed {
    fn new(barrier: Barrier) -> Rc<Self> {
        Rc::new(Self {
            barrier,
            mask: Word64::contended(0),
            signal: Word32::contended(0),
            semaphore: Semaphore::new(),
        })
    }

    fn wake_one(&self) {
        if waiter_set::has_waiters::<Loom>(&self.mask, self.barrier) {
            waiter_set::wake(
                self,
                &mut 0,
                1,
                waiter_set::Post(|_| {
                    reached("woken");
                    self.semaphore.post();
                    true
                }),
            );
        }
    }

    /// The channel's `push`, of an end that sleeps at once.
    fn push(&self, producer: &mut Producer<Heap>, value: u64) {
        while producer.try_push(&value).is_err() {
            waiter_set::prepare_wait(self, 0, self.barrier).expect("no barrier of a model fails");
            let found = producer.look();
            let reading = matches!(&found, Err(Refused::Busy(holder)) if holder.is_reading());
            if found.is_err() && (!reading || mutation::logic(READING_AWAITED_ASLEEP)) {
                reached("sleeps");
                self.semaphore.wait();
                signal::withdraw::<Loom>(&self.signal);
                continue;
            }
            if signal::withdraw::<Loom>(&self.signal) {
                self.semaphore.try_wait();
            }
            if reading {
                reached("room is coming");
                thread::yield_now();
            }
        }
    }

    /// The channel's `try_pop`, at which a producer is looked for each time.
    #[allow(unsafe_code)]
    fn pop(&self, consumer: &mut Consumer<Heap>) -> u64 {
        let mut place = MaybeUninit::new(0);
        let early = mutation::logic(LOOKED_FIRST);
        if early {
            self.wake_one();
        }
        let before = |_: &mut Consumer<Heap>| {
            if !early {
                self.wake_one();
            }
        };
        consumer.pop_after(&mut place, before).unwrap();
        // SAFETY: it was initialised, and the element copied over that.
        unsafe { place.assume_init() }
    }
}

fn one_pop_frees_a_sleeper(barrier: Barrier) {
    let ring = Heap::peaceful(1);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let bed = Bed::new(barrier);
    bed.push(&mut producer, 10);
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || assert_eq!(shared.pop(&mut consumer), 10));
    bed.push(&mut producer, 11);
    other.join().unwrap();
}

/// Two elements in one pop, and two more wait for their slots.
#[allow(unsafe_code)]
fn slice_frees_a_sleeper() {
    let ring = Heap::peaceful(2);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let bed = Bed::new(Barrier::Asymmetric);
    bed.push(&mut producer, 10);
    bed.push(&mut producer, 11);
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || {
        let mut places = [MaybeUninit::new(0), MaybeUninit::new(0)];
        let (count, _) = consumer.pop_slice_after(&mut places, |_, count| {
            assert_eq!(count, 2);
            shared.wake_one();
        });
        assert_eq!(count, 2);
        // SAFETY: initialised, and the elements copied over that.
        assert_eq!(places.map(|place| unsafe { place.assume_init() }), [10, 11]);
    });
    bed.push(&mut producer, 12);
    bed.push(&mut producer, 13);
    other.join().unwrap();
}

/// A consumer dies with the producer's bit taken: the element goes to another consumer.
fn consumer_dies_waking() {
    let ring = Heap::new(1);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let bed = Bed::new(Barrier::Fence);
    bed.push(&mut producer, 10);
    waiter_set::prepare_wait(&*bed, 0, bed.barrier).expect("no barrier of a model fails");
    assert!(crash::kill_at(Site::WaitTaken, 0, || bed.pop(&mut consumer)).is_none());
    reached("died");
    let mut next = ring.consumer(3);
    assert!(next.try_pop().is_err(), "it is in dead hands");
    ring.dies(2);
    assert_eq!(ring.recover().slots, 1);
    assert_eq!(next.try_pop().unwrap().item, 10);
}
