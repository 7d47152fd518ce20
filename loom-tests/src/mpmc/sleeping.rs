//! Two consumers sleeping under one bit of the mask, and a producer that wakes one for each element. A lost
//! wake-up is a deadlock, which the checker reports.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::Heap;
use super::ends::{Channel, join};
use super::memory::Shape;
use crate::{Model, Semaphore, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_consumer_sleeps_fence", 50, || consumer_sleeps(Barrier::Fence))
        .reaches(&["a consumer sleeps"]),
    Model::new("mpmc_consumer_sleeps_asymmetric", 150, || consumer_sleeps(Barrier::Asymmetric))
        .reaches(&["a consumer sleeps"]),
    Model::new("mpmc_two_sleepers_fence", 3_000, || two_sleepers(Barrier::Fence))
        .bound(1)
        .reaches(&["a consumer sleeps"]),
    Model::new("mpmc_two_sleepers_asymmetric", 30_000, || two_sleepers(Barrier::Asymmetric))
        .bound(1)
        .reaches(&["a consumer sleeps"]),
    Model::new("mpmc_consumers_rely_on_fences", 4_000, || two_sleepers(Barrier::Asymmetric))
        .fenced_looks(1)
        .bound(1)
        .reaches(&["a consumer sleeps"]),
    Model::new("mpmc_one_after_the_other", 2_000, one_after_the_other)
        .bound(1)
        .reaches(&["a consumer sleeps"]),
    Model::new("mpmc_one_wake_for_two", 600, one_wake_for_two).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_sleeper_dies_about_to_sleep", 10, sleeper_dies).reaches(&["died", "a consumer sleeps"]),
    Model::new("mpmc_seat_of_a_sleeper_taken", 10, seat_of_a_sleeper_taken).reaches(&["a consumer sleeps"]),
    Model::new("mpmc_notifier_dies_with_the_mask", 2_000, || notifier_dies(Site::WaitMaskTaken))
        .bound(1)
        .reaches(&["died", "a consumer sleeps"]),
    Model::new("mpmc_notifier_dies_with_the_bit", 2_000, || notifier_dies(Site::WakeClaimed))
        .bound(1)
        .reaches(&["died", "a consumer sleeps"]),
];

const PRODUCER: u32 = 1;
const FIRST: u32 = 2;
const SECOND: u32 = 3;
const THIRD: u32 = 4;

/// One consumer joins while an element is pushed.
fn consumer_sleeps(barrier: Barrier) {
    let channel = Channel::peaceful(2, barrier, 1);
    let (mut producer, mut consumer) = (channel.producer(PRODUCER), channel.consumer(FIRST));
    let other = thread::spawn(move || consumer.pop());
    producer.push(10);
    assert_eq!(other.join().unwrap(), 10);
}

/// One consumer already sleeps, one is about to.
fn two_sleepers(barrier: Barrier) {
    let channel = Channel::peaceful(2, barrier, 1);
    let (mut producer, mut second) = (channel.producer(PRODUCER), channel.consumer(SECOND));
    let others = [channel.sleeper(FIRST), thread::spawn(move || second.pop())];
    producer.push(10);
    producer.push(11);
    assert_eq!(join(others), [10, 11]);
}

/// One consumer sleeps, and leaves after its pop; another one sets its bits while the mask's bit is taken.
/// The next publication, after one of them has popped, must find the other.
fn one_after_the_other() {
    let channel = Channel::peaceful(2, Barrier::Fence, 1);
    let (mut producer, mut second) = (channel.producer(PRODUCER), channel.consumer(SECOND));
    let popped = Rc::new(Semaphore::new());
    let [one, two] = [Rc::clone(&popped), Rc::clone(&popped)];
    let first = channel.sleeper_then(FIRST, move || one.post());
    let second = thread::spawn(move || {
        let popped = second.pop();
        two.post();
        popped
    });
    producer.push(10);
    popped.wait();
    producer.push(11);
    assert_eq!(join([first, second]), [10, 11]);
}

/// Both sleep; a slice wakes one of them.
fn one_wake_for_two() {
    let channel = Channel::peaceful(2, Barrier::Fence, 1);
    let mut producer = channel.producer(PRODUCER);
    let others = [channel.sleeper(FIRST), channel.sleeper(SECOND)];
    producer.push_slice(&[10, 11]);
    join(others);
}

/// A channel with a seat for each of the three ends, which may die.
fn mortal() -> Channel {
    Channel::mortal(Heap::shaped(Shape { seats: 3, ..Shape::of(2) }), Barrier::Fence, 1)
}

/// A sleeper that died with its bits set does not prevent the wake-up of the other one.
fn sleeper_dies() {
    let channel = mortal();
    let (mut producer, mut first) = (channel.producer(PRODUCER), channel.consumer(FIRST));
    let other = channel.sleeper(SECOND);
    if crash::kill_at(Site::WaitingSet, 0, || first.pop()).is_none() {
        reached("died");
        channel.domain().die(u64::from(FIRST));
    }
    producer.push(10);
    assert_eq!(other.join().unwrap(), 10);
}

/// A sleeper died with its bits set, and an end that does not wait has its seat by now: the other sleeper is
/// woken, not that end.
fn seat_of_a_sleeper_taken() {
    let channel = mortal();
    let (mut producer, mut first) = (channel.producer(PRODUCER), channel.consumer(FIRST));
    let other = channel.sleeper(SECOND);
    assert!(crash::kill_at(Site::WaitingSet, 0, || first.pop()).is_none(), "the ring is empty");
    channel.domain().die(u64::from(FIRST));
    let ring = channel.ring();
    ring.dies(u64::from(FIRST));
    assert_eq!(ring.recover().seats, 1);
    let _busy = channel.consumer(THIRD);
    producer.push(10);
    assert_eq!(other.join().unwrap(), 10);
}

/// One consumer sleeps and one goes to sleep; a producer that has published an element for each dies on its
/// way to waking one of them. There are no timed checks, so both need the token of that death, or find the
/// elements before they sleep.
fn notifier_dies(site: Site) {
    let channel = mortal();
    let mut producer = channel.producer(PRODUCER);
    let mut second = channel.consumer(SECOND);
    let others = [channel.sleeper(FIRST), thread::spawn(move || second.pop())];
    if crash::kill_at(site, 0, || producer.push_slice(&[10, 11])).is_none() {
        reached("died");
        channel.domain().die(u64::from(PRODUCER));
    }
    join(others);
}
