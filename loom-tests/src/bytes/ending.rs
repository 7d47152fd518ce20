//! Closing against pushes and pops under way, and ends that sleep while they have nothing to do. A lost wake-up is a
//! deadlock, which the checker reports.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::Heap;
use super::ends::{Channel, Closed};
use super::moves::{Lengths, popped, pushed, warm_up};
use super::ring::{EMPTY, LONGEST, PADDED};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] =
    &[
        Model::new("frame_close_against_pop", 400, close_against_pop)
            .bound(3)
            .reaches(&["closed", "the last frame is found by the second look"]),
        Model::new("frame_close_against_push", 19, close_against_push)
            .bound(3)
            .reaches(&["popped", "handed back"]),
        Model::new("frame_close_against_push_at_the_wrap", 19, close_against_push_at_the_wrap)
            .bound(3)
            .reaches(&["popped", "handed back", "padding"]),
        Model::new("frames_one_pop_frees_a_sleeper", 100, one_pop_frees_a_sleeper)
            .reaches(&["the producer sleeps", "room is coming"]),
        Model::new("frames_both_sleep_fence", 6000, || both_sleep(Barrier::Fence, LONGEST))
            .reaches(&["the consumer sleeps", "the producer sleeps"]),
        Model::new("frames_both_sleep_asymmetric", 9000, || both_sleep(Barrier::Asymmetric, LONGEST))
            .reaches(&["the consumer sleeps", "the producer sleeps"]),
        Model::new("frames_both_sleep_at_the_wrap", 9000, || both_sleep(Barrier::Asymmetric, PADDED))
            .reaches(&["the consumer sleeps", "the producer sleeps", "padding"]),
    ];

/// The producer pushes two frames and closes; the consumer must have popped both when it is told so.
fn close_against_pop() {
    let channel = Channel::new(Heap::new(32, Barrier::Asymmetric));
    let mut consumer = channel.consumer(PADDED);
    let mut producer = channel.producer(PADDED);
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
        producer.end.close();
    });
    for _ in 0..3 {
        if consumer.try_pop() == Some(Err(Closed)) {
            reached("closed");
            assert_eq!(
                popped(&consumer.ring, PADDED),
                2,
                "everything pushed is popped before the end is told"
            );
        }
    }
    other.join().unwrap();
    while let Some(Ok(())) = consumer.try_pop() {}
    assert_eq!(popped(&consumer.ring, PADDED), 2);
    assert_eq!(consumer.try_pop(), Some(Err(Closed)));
}

/// A ring with no room for one frame more; the consumer pops once and does nothing more, so whoever sleeps though there is room
/// sleeps for ever.
fn one_pop_frees_a_sleeper() {
    let channel = Channel::new(Heap::new(16, Barrier::Asymmetric));
    let mut consumer = channel.consumer(EMPTY);
    let mut producer = channel.producer(EMPTY);
    assert_eq!(producer.push(), Ok(()));
    let other = thread::spawn(move || {
        assert_eq!(consumer.pop(), Ok(()));
        consumer
    });
    assert_eq!(producer.push(), Ok(()));
    let consumer = other.join().unwrap();
    assert_eq!(popped(&consumer.ring, EMPTY), 1);
}

/// The consumer pops once, if it can, and closes. A push that is refused was not popped; one that is not refused was
/// popped, or came before the closing.
fn close_against_push() {
    let channel = Channel::new(Heap::new(32, Barrier::Asymmetric));
    let mut consumer = channel.consumer(PADDED);
    let mut producer = channel.producer(PADDED);
    let other = thread::spawn(move || producer.push());
    let popped = consumer.try_pop() == Some(Ok(()));
    consumer.end.close();
    let pushed = other.join().unwrap();
    judge(popped, pushed);
}

/// The same with a frame that lies behind a padding, for which the producer has to wait.
fn close_against_push_at_the_wrap() {
    let channel = Channel::new(Heap::new(32, Barrier::Asymmetric));
    let mut consumer = channel.consumer(PADDED);
    let mut producer = channel.producer(PADDED);
    for _ in 0..2 {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(consumer.try_pop(), Some(Ok(())));
    }
    let other = thread::spawn(move || producer.push());
    let popped = consumer.try_pop() == Some(Ok(()));
    consumer.end.close();
    judge(popped, other.join().unwrap());
}

fn judge(popped: bool, pushed: Result<(), Closed>) {
    if popped {
        reached("popped");
        assert_eq!(pushed, Ok(()), "a frame that was popped is not handed back");
    } else if pushed == Err(Closed) {
        reached("handed back");
    }
}

/// The second to the fourth frame, of which one fits at a time, and both ends asleep while there is nothing to do.
fn both_sleep(barrier: Barrier, lengths: Lengths) {
    let ring = Heap::new(32, barrier);
    warm_up(&ring, lengths, 1);
    let channel = Channel::new(ring);
    let mut consumer = channel.consumer(lengths);
    let mut producer = channel.producer(lengths);
    let other = thread::spawn(move || {
        for _ in 0..3 {
            assert_eq!(producer.push(), Ok(()));
        }
        assert_eq!(pushed(&producer.ring, lengths), 4);
    });
    for _ in 0..3 {
        assert_eq!(consumer.pop(), Ok(()));
    }
    other.join().unwrap();
}
