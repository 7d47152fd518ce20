//! A publisher that fences its looks for sleepers while they sleep often, and subscribers that then need no
//! heavy barrier. A lost wake-up is a deadlock, which the checker reports.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::ends::{Channel, SubscriberEnd};
use super::memory::{Heap, Shape};
use crate::Model;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("broadcast_fences_begin", 1_700, begin).fenced_looks(2).reaches(SLEEPS),
    Model::new("broadcast_fences_end", 800, two_messages).fenced_looks(2).reaches(SLEEPS),
    Model::new("broadcast_fences_go_on", 400, two_messages).fenced_looks(8).reaches(SLEEPS),
];

const SLEEPS: &[&str] = &["a subscriber sleeps"];

const PUBLISHER: u32 = 1;
const FIRST: u32 = 2;
const SECOND: u32 = 3;

fn channel() -> Channel<Heap> {
    Channel::immortal(Heap::new(Shape { barrier: Barrier::Asymmetric, ..Shape::lossy(2) }))
}

/// A subscriber that has popped what is there.
fn subscriber(channel: &Channel<Heap>, owner: u32) -> SubscriberEnd {
    let mut subscriber = channel.subscriber(owner);
    subscriber.pop().expect("a message is there");
    subscriber
}

/// The publisher fences no more. It finds one subscriber asleep, and so begins to fence; the other is about
/// to sleep, and must have seen the message if it relies on fences.
fn begin() {
    let channel = channel();
    let mut publisher = channel.publisher(PUBLISHER);
    publisher.publish(); // No subscriber waits: it ceases to fence.
    let mut second = subscriber(&channel, SECOND);
    let first = channel.asleep(subscriber(&channel, FIRST));
    let other = thread::spawn(move || second.pop());
    publisher.publish();
    first.join().unwrap();
    assert_eq!(other.join().unwrap(), Ok(()));
}

/// A subscriber sleeps before each of two messages. The publisher has looked once when it attached: with two
/// looks to fence it ceases while the subscriber is about to sleep, with more no sleep needs a heavy barrier.
fn two_messages() {
    let channel = channel();
    let (mut publisher, mut subscriber) = (channel.publisher(PUBLISHER), channel.subscriber(FIRST));
    let other = thread::spawn(move || (subscriber.pop(), subscriber.pop()));
    publisher.publish();
    publisher.publish();
    assert_eq!(other.join().unwrap(), (Ok(()), Ok(())));
}
