//! A consumer that sleeps on a futex, whose tokens order nothing. A lost wake-up is a deadlock, which the
//! checker reports.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::Heap;
use super::ends::Channel;
use super::interrupted::{ENDS, interrupted, interrupted_and_woken, interrupted_elsewhere};
use crate::Model;
use crate::kernel::Domain;

pub use crate::futex::NOT_COMPARED;

const FENCE: Barrier = Barrier::Fence;
const ASYMMETRIC: Barrier = Barrier::Asymmetric;

const SLEEPS: &[&str] = &["sleeps on the word", "token first"];
const BOTH_ORDERS: &[&str] = &["sleeps on the word", "interrupted first", "an element first"];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("parked_consumer_fence", 290, || consumer(FENCE)).reaches(SLEEPS),
    Model::new("parked_consumer_asymmetric", 860, || consumer(ASYMMETRIC)).reaches(SLEEPS),
    Model::new("parked_interrupted_fence", 30, || interrupted(&Domain::of_words(ENDS), FENCE))
        .reaches(SLEEPS),
    Model::new("parked_interrupted_asymmetric", 30, || interrupted(&Domain::of_words(ENDS), ASYMMETRIC))
        .reaches(SLEEPS),
    Model::new("parked_interrupted_elsewhere", 40, || interrupted_elsewhere(&Domain::of_words(ENDS), FENCE))
        .reaches(SLEEPS),
    Model::new("parked_interrupted_and_woken_fence", 2_900, || {
        interrupted_and_woken(&Domain::of_words(ENDS), FENCE)
    })
    .reaches(BOTH_ORDERS),
    Model::new("parked_interrupted_and_woken_asymmetric", 5_300, || {
        interrupted_and_woken(&Domain::of_words(ENDS), ASYMMETRIC)
    })
    .reaches(BOTH_ORDERS),
];

/// Two elements, each waited for.
fn consumer(barrier: Barrier) {
    let channel = Channel::within(Heap::new(2, barrier), &Domain::of_words(ENDS));
    let (mut consumer, mut producer) = (channel.consumer(), channel.producer());
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Ok(()));
    other.join().unwrap();
}
