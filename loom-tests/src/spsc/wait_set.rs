//! One thread that waits for either of two rings, with one semaphore for both, as a set does. In one model it
//! waits at one ring alone before, with another semaphore, so that the number in its record changes.

use std::rc::Rc;

use ipc_ring::News;
use ipc_ring::platform::Barrier;
use ipc_ring::wait::WaitStrategy;
use ipc_ring::wait::together::Together;
use loom::thread;

use super::Heap;
use super::ends::{Channel, ConsumerEnd};
use crate::kernel::{Domain, Kernel};
use crate::{Loom, Model};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("set_sleeps_fence", 1_300, || set_sleeps(Barrier::Fence)).reaches(&["the set sleeps"]),
    Model::new("set_sleeps_asymmetric", 4_500, || set_sleeps(Barrier::Asymmetric))
        .reaches(&["the set sleeps"]),
    Model::new("set_after_a_wait_alone", 600, set_after_a_wait_alone)
        .reaches(&["the set sleeps", "the consumer sleeps"]),
];

/// The process that waits; its ends sleep on the semaphores of the same number and the one after it when they
/// wait alone.
const WAITER: u32 = 2;
/// The producers' processes.
const PRODUCERS: [u32; 2] = [1, 5];
/// The semaphore of the set.
const BELL: u32 = 4;

/// Two channels of a domain.
fn channels(barrier: Barrier) -> (Rc<Domain>, [Channel; 2]) {
    let domain = Domain::new(5);
    let channels = [(); 2].map(|()| Channel::within(Heap::new(2, barrier), &domain));
    (domain, channels)
}

/// A set, which waits for the first channels' consumers.
struct Set {
    waits: Together<Loom, Kernel>,
    consumers: [ConsumerEnd; 2],
}

impl Set {
    fn new(domain: &Rc<Domain>, channels: &[Channel; 2]) -> Self {
        let kernel = Kernel::new(domain, u64::from(WAITER), BELL, "the set sleeps");
        let consumers = [0, 1].map(|index: u32| channels[index as usize].consumer_of(WAITER + index));
        Self { waits: Together::new(kernel, WaitStrategy::Sleep), consumers }
    }

    /// Pops one element of either ring, waiting for both.
    fn pop_any(&mut self) -> usize {
        let [first, second] = &mut self.consumers;
        let event = self.waits.wait(&mut [&mut first.0, &mut second.0], None).expect("no end goes");
        assert_eq!(event.news, News::Ready);
        assert_eq!(self.consumers[event.index].try_pop(), Some(Ok(())), "what is ready can be popped");
        event.index
    }
}

/// One element in each ring, from two producers.
fn set_sleeps(barrier: Barrier) {
    let (domain, channels) = channels(barrier);
    let mut set = Set::new(&domain, &channels);
    let others = [0, 1].map(|index| {
        let mut producer = channels[index].producer_of(PRODUCERS[index]);
        thread::spawn(move || producer.push().expect("room for all"))
    });
    let popped = [(); 2].map(|()| set.pop_any());
    assert_ne!(popped[0], popped[1]);
    for other in others {
        other.join().unwrap();
    }
}

/// The second end first waits alone, on its own semaphore, then in the set, where the first one has nothing.
fn set_after_a_wait_alone() {
    let (domain, channels) = channels(Barrier::Asymmetric);
    let mut set = Set::new(&domain, &channels);
    let mut producer = channels[1].producer_of(PRODUCERS[1]);
    let other = thread::spawn(move || {
        producer.push().expect("room for all");
        producer.push().expect("room for all");
    });
    assert_eq!(set.consumers[1].pop(), Ok(()));
    assert_eq!(set.pop_any(), 1);
    other.join().unwrap();
}
