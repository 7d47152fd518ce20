//! Ends that sleep while idle. A lost wake-up is a deadlock, which the checker reports.

use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::Heap;
use super::ends::Channel;
use super::moves::{Lengths, warm_up};
use super::ring::{EMPTY, LONGEST, PADDED};
use crate::pair::{Ended, PRODUCER};
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("frames_one_pop_frees_a_sleeper", 100, one_pop_frees_a_sleeper)
        .reaches(&["the producer sleeps", "room is coming"]),
    Model::new("frames_both_sleep_fence", 1000, || both_sleep(Barrier::Fence, LONGEST))
        .reaches(&["the consumer sleeps", "the producer sleeps"]),
    Model::new("frames_both_sleep_asymmetric", 1000, || both_sleep(Barrier::Asymmetric, LONGEST))
        .reaches(&["the consumer sleeps", "the producer sleeps"]),
    Model::new("frames_both_rely_on_fences", 900, || both_sleep(Barrier::Asymmetric, LONGEST))
        .fenced_looks(1)
        .bound(1)
        .reaches(&["the consumer sleeps", "the producer sleeps"]),
    Model::new("frames_both_sleep_at_the_wrap", 1000, || both_sleep(Barrier::Asymmetric, PADDED)).reaches(&[
        "the consumer sleeps",
        "the producer sleeps",
        "padding",
    ]),
    Model::new("frames_consumer_sleeps_producer_closes", 90, || consumer_sleeps_through_end(Ended::Closed))
        .reaches(&["the consumer sleeps"]),
    Model::new("frames_consumer_sleeps_producer_detaches", 90, || {
        consumer_sleeps_through_end(Ended::PeerDetached)
    })
    .reaches(&["the consumer sleeps"]),
    Model::new("frames_producer_sleeps_consumer_detaches", 400, producer_sleeps_through_end)
        .reaches(&["the producer sleeps"]),
    Model::new("frame_producer_dies_before_it_wakes", 200, || producer_dies(Site::BytesPublished))
        .reaches(&["died", "the consumer sleeps"]),
    Model::new("frame_producer_dies_with_the_bit_taken", 400, || producer_dies(Site::WakeClaimed))
        .reaches(&["died", "the consumer sleeps"]),
    Model::new("frame_consumer_dies_before_it_wakes", 400, consumer_dies_before_it_wakes)
        .reaches(&["died", "the producer sleeps"]),
];

/// A ring without room for another frame; the consumer pops once and does nothing more, so a producer that
/// sleeps although there is room sleeps forever.
fn one_pop_frees_a_sleeper() {
    let channel = Channel::new(Heap::new(16, Barrier::Asymmetric), EMPTY);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    assert_eq!(producer.push(), Ok(()));
    let other = thread::spawn(move || {
        assert_eq!(consumer.pop(), Ok(()));
        consumer
    });
    assert_eq!(producer.push(), Ok(()));
    assert_eq!(other.join().unwrap().popped(), 1);
}

/// The second and the third frame, of which one fits at a time, and both ends asleep while there is nothing
/// to do.
fn both_sleep(barrier: Barrier, lengths: Lengths) {
    let ring = Heap::new(32, barrier);
    warm_up(&ring, lengths, 1);
    let channel = Channel::new(ring, lengths);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert_eq!(producer.push(), Ok(()));
        }
        assert_eq!(producer.pushed(), 3);
    });
    for _ in 0..2 {
        assert_eq!(consumer.pop(), Ok(()));
    }
    other.join().unwrap();
}

/// One frame, then the end.
fn consumer_sleeps_through_end(how: Ended) {
    let channel = Channel::new(Heap::new(16, Barrier::Fence), EMPTY);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        producer.end(how);
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Err(how));
    other.join().unwrap();
}

/// The consumer pops one frame and detaches; the producer pushes one more, and learns of the detachment.
fn producer_sleeps_through_end() {
    let channel = Channel::new(Heap::new(16, Barrier::Fence), EMPTY);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(consumer.pop(), Ok(()));
        consumer.end(Ended::PeerDetached);
    });
    assert_eq!(producer.push(), Ok(()));
    assert_eq!(producer.push(), Ok(()));
    assert_eq!(producer.push(), Err(Ended::PeerDetached));
    other.join().unwrap();
}

/// A producer dies while the consumer may be asleep. Its successor wakes the consumer when it takes the seat,
/// and pushes what is missing; the consumer needs the token of that death only if the dead producer had taken
/// the bit.
fn producer_dies(site: Site) {
    let channel = Channel::new(Heap::new(32, Barrier::Fence), EMPTY);
    let mut consumer = channel.consumer().awaiting_successors();
    let mut first = channel.producer();
    let other = thread::spawn(move || {
        if crash::kill_at(site, 0, || first.push()).is_none() {
            reached("died");
            channel.pair.die(PRODUCER);
        }
        let mut next = channel.next_producer();
        while next.pushed() < 2 {
            assert_eq!(next.push(), Ok(()));
        }
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Ok(()));
    other.join().unwrap();
}

/// A consumer dies after releasing a frame that it had read in place, but before notifying the producer of
/// the room, while the producer may be asleep. Its successor wakes the producer when it takes the seat.
fn consumer_dies_before_it_wakes() {
    let channel = Channel::new(Heap::new(16, Barrier::Asymmetric), EMPTY);
    let mut producer = channel.producer().awaiting_successors();
    assert_eq!(producer.push(), Ok(()));
    let mut first = channel.consumer();
    let other = thread::spawn(move || {
        assert!(crash::kill_at(Site::BytesConsumed, 0, || first.try_view()).is_none());
        reached("died");
        let mut next = channel.next_consumer();
        while next.popped() < 2 {
            assert_eq!(next.pop(), Ok(()));
        }
    });
    assert_eq!(producer.push(), Ok(()));
    other.join().unwrap();
}
