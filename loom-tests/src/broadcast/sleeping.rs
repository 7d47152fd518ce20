//! Subscribers that sleep until a message comes or the stream ends, and a gated publisher that sleeps until
//! there is room. A lost wake-up is a deadlock, which the checker reports.

use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::ends::Channel;
use super::frames::Frames;
use super::memory::{Heap, Shape};
use crate::pair::Ended;
use crate::{Model, crash, reached};

const SLEEPS: &[&str] = &["a subscriber sleeps"];
const PUBLISHER_SLEEPS: &[&str] = &["the publisher sleeps"];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("broadcast_two_sleepers_fence", 900, || two_sleepers(Barrier::Fence)).reaches(SLEEPS),
    Model::new("broadcast_two_sleepers_asymmetric", 1000, || two_sleepers(Barrier::Asymmetric))
        .reaches(SLEEPS),
    Model::new("broadcast_close", 950, || through_end(Ended::Closed)).reaches(SLEEPS),
    Model::new("broadcast_detach", 950, || through_end(Ended::PeerDetached)).reaches(SLEEPS),
    Model::new("broadcast_close_against_view", 110, close_against_view).reaches(&["viewed", "closed"]),
    Model::new("broadcast_publisher_sleeps_fence", 130, || publisher_sleeps(Barrier::Fence))
        .reaches(PUBLISHER_SLEEPS),
    Model::new("broadcast_publisher_sleeps_asymmetric", 900, || publisher_sleeps(Barrier::Asymmetric))
        .reaches(PUBLISHER_SLEEPS),
    Model::new("broadcast_subscriber_leaves", 180, subscriber_leaves).reaches(PUBLISHER_SLEEPS),
    Model::new("broadcast_subscriber_dies_in_the_way", 10, subscriber_dies).reaches(PUBLISHER_SLEEPS),
    Model::new("broadcast_publisher_dies_before_it_wakes", 250, || publisher_dies(Site::BroadcastPublished))
        .reaches(&["died", "a subscriber sleeps"]),
    Model::new("broadcast_publisher_dies_with_the_mask", 150, || publisher_dies(Site::WaitMaskTaken))
        .reaches(&["died", "a subscriber sleeps"]),
    Model::new("broadcast_publisher_dies_with_the_bit_taken", 180, || publisher_dies(Site::WakeClaimed))
        .reaches(&["died", "a subscriber sleeps"]),
    Model::new("broadcast_publisher_dies_for_good", 80, publisher_dies_for_good)
        .reaches(&["died", "a subscriber sleeps"]),
    Model::new("broadcast_frames_sleeps_fence", 30, || frame_sleeper(Barrier::Fence)).reaches(SLEEPS),
    Model::new("broadcast_frames_close", 950, || frames_through_end(Ended::Closed)).reaches(SLEEPS),
    Model::new("broadcast_frames_close_against_view", 110, frames_close_against_view)
        .reaches(&["viewed", "closed"]),
    Model::new("broadcast_frames_publisher_sleeps", 750, frame_publisher_sleeps)
        .bound(1)
        .reaches(PUBLISHER_SLEEPS),
];

const PUBLISHER: u32 = 1;
const FIRST: u32 = 2;
const SECOND: u32 = 3;

/// One subscriber already sleeps, one is about to: a message is for both.
fn two_sleepers(barrier: Barrier) {
    let channel = Channel::immortal(Heap::new(Shape { barrier, ..Shape::lossy(1) }));
    let (mut publisher, mut second) = (channel.publisher(PUBLISHER), channel.subscriber(SECOND));
    let first = channel.sleeper(FIRST);
    let other = thread::spawn(move || second.pop());
    publisher.publish();
    first.join().unwrap();
    assert_eq!(other.join().unwrap(), Ok(()));
}

/// A message, then the end. The subscriber has the message when it learns of the end.
fn through_end(how: Ended) {
    let channel = Channel::immortal(Heap::new(Shape { closes: true, ..Shape::lossy(2) }));
    let (mut publisher, mut subscriber) = (channel.publisher(PUBLISHER), channel.subscriber(FIRST));
    let other = thread::spawn(move || {
        assert_eq!(subscriber.pop(), Ok(()));
        assert_eq!(subscriber.pop(), Err(how));
    });
    publisher.publish();
    publisher.end(how);
    other.join().unwrap();
}

/// As [`through_end`], for a subscriber that views messages in place.
fn close_against_view() {
    let gated = Shape::gated(2, Barrier::Asymmetric);
    let channel = Channel::immortal(Heap::new(Shape { closes: true, ..gated }));
    let (mut publisher, mut subscriber) = (channel.publisher(PUBLISHER), channel.subscriber(FIRST));
    let other = thread::spawn(move || {
        publisher.publish();
        publisher.end(Ended::Closed);
    });
    for _ in 0..2 {
        match subscriber.view() {
            Ok(true) => reached("viewed"),
            Ok(false) => {}
            Err(how) => {
                assert_eq!((how, subscriber.position()), (Ended::Closed, 1), "everything is popped before");
                reached("closed");
            }
        }
    }
    other.join().unwrap();
}

/// A gated publisher without room sleeps; the subscriber checks for it after reading.
fn publisher_sleeps(barrier: Barrier) {
    let channel = Channel::immortal(Heap::new(Shape::gated(1, barrier)));
    let (mut publisher, mut subscriber) = (channel.publisher(PUBLISHER), channel.subscriber(FIRST));
    publisher.publish();
    let other = thread::spawn(move || publisher.publish());
    assert_eq!((subscriber.pop(), subscriber.pop()), (Ok(()), Ok(())));
    other.join().unwrap();
}

/// A gated publisher waits for a subscriber that leaves.
fn subscriber_leaves() {
    let gated = Shape::gated(1, Barrier::Asymmetric);
    let channel = Channel::immortal(Heap::new(Shape { moves: true, ..gated }));
    let (mut publisher, subscriber) = (channel.publisher(PUBLISHER), channel.subscriber(FIRST));
    publisher.publish();
    let other = thread::spawn(move || publisher.publish());
    subscriber.leave();
    other.join().unwrap();
}

/// A gated publisher waits for a subscriber that dies. It learns of that by its periodic check.
fn subscriber_dies() {
    let gated = Shape::gated(1, Barrier::Asymmetric);
    let channel = Channel::mortal(Heap::new(Shape { moves: true, ..gated }));
    let (mut publisher, subscriber) = (channel.publisher(PUBLISHER), channel.subscriber(FIRST));
    publisher.publish();
    let other = thread::spawn(move || publisher.publish());
    std::mem::forget(subscriber);
    channel.domain().die(u64::from(FIRST));
    channel.domain().heartbeat(PUBLISHER);
    other.join().unwrap();
}

/// The publisher dies with a message published and the subscriber not woken. Its successor wakes the
/// subscriber when it takes the seat; if the dead one had already taken the subscriber's bit, its death has
/// posted a token.
fn publisher_dies(site: Site) {
    let channel = Channel::mortal(Heap::new(Shape { moves: true, ..Shape::lossy(2) }));
    let mut subscriber = channel.subscriber(FIRST).awaiting_successors();
    let mut first = channel.publisher(PUBLISHER);
    let other = thread::spawn(move || {
        if crash::kill_at(site, 0, || first.publish()).is_none() {
            reached("died");
            channel.domain().die(u64::from(PUBLISHER));
        }
        let _next = channel.next_publisher(SECOND);
    });
    assert_eq!(subscriber.pop(), Ok(()));
    other.join().unwrap();
}

/// The publisher dies after its publication, and no other takes its seat. The subscriber has the message
/// first, and learns of the death by its periodic check.
fn publisher_dies_for_good() {
    let channel = Channel::mortal(Heap::new(Shape::lossy(2)));
    let mut subscriber = channel.subscriber(FIRST);
    let mut first = channel.publisher(PUBLISHER);
    let other = thread::spawn(move || {
        assert!(crash::kill_at(Site::BroadcastPublished, 0, || first.publish()).is_none());
        reached("died");
        channel.domain().die(u64::from(PUBLISHER));
        channel.domain().heartbeat(FIRST);
    });
    assert_eq!(subscriber.pop(), Ok(()));
    assert_eq!(subscriber.pop(), Err(Ended::PeerDied));
    other.join().unwrap();
}

/// A subscriber sleeps until a frame comes.
fn frame_sleeper(barrier: Barrier) {
    let channel = Channel::immortal(Frames::of_shape(Shape { barrier, ..Shape::lossy(64) }));
    let (mut publisher, mut subscriber) =
        (channel.frame_publisher(PUBLISHER), channel.frame_subscriber(FIRST));
    let other = thread::spawn(move || assert_eq!(subscriber.pop(), Ok(())));
    publisher.publish();
    other.join().unwrap();
}

/// As [`through_end`], for frames.
fn frames_through_end(how: Ended) {
    let channel = Channel::immortal(Frames::of_shape(Shape { closes: true, ..Shape::lossy(64) }));
    let (mut publisher, mut subscriber) =
        (channel.frame_publisher(PUBLISHER), channel.frame_subscriber(FIRST));
    let other = thread::spawn(move || {
        assert_eq!(subscriber.pop(), Ok(()));
        assert_eq!(subscriber.pop(), Err(how));
    });
    publisher.publish();
    publisher.end(how);
    other.join().unwrap();
}

/// As [`close_against_view`], for frames.
fn frames_close_against_view() {
    let gated = Shape::gated(64, Barrier::Asymmetric);
    let channel = Channel::immortal(Frames::of_shape(Shape { closes: true, ..gated }));
    let (mut publisher, mut subscriber) =
        (channel.frame_publisher(PUBLISHER), channel.frame_subscriber(FIRST));
    let other = thread::spawn(move || {
        publisher.publish();
        publisher.end(Ended::Closed);
    });
    let mut popped = 0;
    for _ in 0..2 {
        match subscriber.view() {
            Ok(true) => {
                reached("viewed");
                popped += 1;
            }
            Ok(false) => {}
            Err(how) => {
                assert_eq!(
                    (how, popped),
                    (Ended::Closed, 1),
                    "everything is popped before the end is reported"
                );
                reached("closed");
            }
        }
    }
    other.join().unwrap();
}

/// As [`publisher_sleeps`], for frames, of which two fit into the ring.
fn frame_publisher_sleeps() {
    let channel = Channel::immortal(Frames::of_shape(Shape::gated(64, Barrier::Asymmetric)));
    let (mut publisher, mut subscriber) =
        (channel.frame_publisher(PUBLISHER), channel.frame_subscriber(FIRST));
    publisher.publish();
    publisher.publish();
    let other = thread::spawn(move || publisher.publish());
    for _ in 0..3 {
        assert_eq!(subscriber.pop(), Ok(()));
    }
    other.join().unwrap();
}
