//! A consumer whose wait in production's one loop is interrupted: the flag of `wait/interrupt.rs`, the loop
//! of `wait/park.rs`, the steps of `wait/strategy.rs`. Sleeps end by tokens only, so a lost interruption is a
//! deadlock.
//!
//! Tokens are those of semaphores, of which an interrupter posts one only if there is none;
//! [`parked`](super::parked) uses those of a futex, which order nothing.

use std::rc::Rc;

use ipc_ring::platform::Barrier;
use loom::thread;

use super::Heap;
use super::ends::Channel;
use crate::kernel::Domain;
use crate::pair::{CONSUMER, Ended, NEXT_CONSUMER};
use crate::{Model, reached};

pub use crate::kernel::INTERRUPT_MISTAKES;

/// Semaphores, or words.
pub(super) const ENDS: u32 = 4;

const FENCE: Barrier = Barrier::Fence;
const ASYMMETRIC: Barrier = Barrier::Asymmetric;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("park_interrupted_fence", 10, || interrupted(&Domain::new(ENDS), FENCE))
        .reaches(&["the consumer sleeps"]),
    Model::new("park_interrupted_asymmetric", 10, || interrupted(&Domain::new(ENDS), ASYMMETRIC))
        .reaches(&["the consumer sleeps"]),
    Model::new("park_interrupted_elsewhere_fence", 10, || interrupted_elsewhere(&Domain::new(ENDS), FENCE))
        .reaches(&["the consumer sleeps"]),
    Model::new("park_interrupted_elsewhere_asymmetric", 10, || {
        interrupted_elsewhere(&Domain::new(ENDS), ASYMMETRIC)
    })
    .reaches(&["the consumer sleeps"]),
    Model::new("park_interrupted_and_woken_fence", 200, || interrupted_and_woken(&Domain::new(ENDS), FENCE))
        .reaches(&[
            "the consumer sleeps",
            "interrupted first",
            "an element first",
            "withdrawn while a token is under way",
        ]),
    Model::new("park_interrupted_and_woken_asymmetric", 200, || {
        interrupted_and_woken(&Domain::new(ENDS), ASYMMETRIC)
    })
    .reaches(&[
        "the consumer sleeps",
        "interrupted first",
        "an element first",
        "withdrawn while a token is under way",
    ]),
    Model::new("park_stray_token_fence", 100, || stray_token(&Domain::new(ENDS), FENCE))
        .reaches(&["the consumer sleeps"]),
    Model::new("park_stray_token_asymmetric", 100, || stray_token(&Domain::new(ENDS), ASYMMETRIC))
        .reaches(&["the consumer sleeps"]),
];

/// Nothing comes but the interruption.
pub(super) fn interrupted(domain: &Rc<Domain>, barrier: Barrier) {
    let channel = Channel::within(Heap::new(2, barrier), domain);
    let (mut consumer, _producer) = (channel.consumer(), channel.producer());
    let handle = consumer.interrupter();
    let other = thread::spawn(move || handle.interrupt());
    assert_eq!(consumer.pop(), Err(Ended::Interrupted));
    other.join().unwrap();
}

/// As [`interrupted`], for an end that has moved to another semaphore, as one that follows its channel to a
/// new ring does.
pub(super) fn interrupted_elsewhere(domain: &Rc<Domain>, barrier: Barrier) {
    let channel = Channel::within(Heap::new(2, barrier), domain);
    let (mut consumer, _producer) = (channel.consumer(), channel.producer());
    let handle = consumer.interrupter();
    let other = thread::spawn(move || handle.interrupt());
    consumer.sleeps_on(NEXT_CONSUMER);
    assert_eq!(consumer.pop(), Err(Ended::Interrupted));
    other.join().unwrap();
}

/// An element and an interruption, in either order: both arrive.
pub(super) fn interrupted_and_woken(domain: &Rc<Domain>, barrier: Barrier) {
    let channel = Channel::within(Heap::new(2, barrier), domain);
    let (mut consumer, mut producer) = (channel.consumer(), channel.producer());
    let handle = consumer.interrupter();
    let other = thread::spawn(move || handle.interrupt());
    let pushing = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        producer // This must not close the channel.
    });
    if consumer.pop().is_ok() {
        reached("an element first");
        assert_eq!(consumer.pop(), Err(Ended::Interrupted), "there is no second element");
    } else {
        reached("interrupted first");
        assert_eq!(consumer.pop(), Ok(()), "interrupted once");
    }
    other.join().unwrap();
    drop(pushing.join().unwrap());
}

/// A token for an end that had the semaphore before: it is no interruption, and nothing is lost.
fn stray_token(domain: &Rc<Domain>, barrier: Barrier) {
    let channel = Rc::new(Channel::within(Heap::new(2, barrier), domain));
    let (mut consumer, mut producer) = (channel.consumer(), channel.producer());
    let late = Rc::clone(&channel);
    let other = thread::spawn(move || late.0.domain().ring(CONSUMER));
    let pushing = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
        producer
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Ok(()));
    other.join().unwrap();
    drop(pushing.join().unwrap());
}
