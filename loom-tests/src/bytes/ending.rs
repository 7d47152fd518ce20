//! Closing and detaching, concurrently with pushes and pops.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::Heap;
use super::ends::{Channel, ConsumerEnd};
use super::ring::PADDED;
use crate::pair::Ended;
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("frame_close_against_pop", 400, || end_against_pop(ConsumerEnd::try_pop, Ended::Closed))
        .bound(3)
        .reaches(&["closed"]),
    Model::new("frame_close_against_view", 400, || end_against_pop(ConsumerEnd::try_view, Ended::Closed))
        .bound(3)
        .reaches(&["closed"]),
    Model::new("frame_detach_against_pop", 400, || {
        end_against_pop(ConsumerEnd::try_pop, Ended::PeerDetached)
    })
    .bound(3)
    .reaches(&["closed"]),
    Model::new("frame_close_against_push", 19, close_against_push)
        .bound(3)
        .reaches(&["popped", "handed back"]),
    Model::new("frame_close_against_push_at_the_wrap", 19, close_against_push_at_the_wrap)
        .bound(3)
        .reaches(&["popped", "handed back", "padding"]),
];

fn channel() -> Channel {
    Channel::new(Heap::new(32, Barrier::Asymmetric), PADDED)
}

/// The producer pushes two frames and ends; the consumer must have popped both when it learns of that.
fn end_against_pop(pop: fn(&mut ConsumerEnd) -> Option<Result<(), Ended>>, how: Ended) {
    let channel = channel();
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
        producer.end(how);
    });
    for _ in 0..3 {
        if let Some(Err(ended)) = pop(&mut consumer) {
            reached("closed");
            assert_eq!(ended, how);
            assert_eq!(consumer.popped(), 2, "everything pushed is popped before the end is reported");
        }
    }
    other.join().unwrap();
    while let Some(Ok(())) = pop(&mut consumer) {}
    assert_eq!(consumer.popped(), 2);
    assert_eq!(pop(&mut consumer), Some(Err(how)));
}

/// The consumer pops once, if it can, and closes. An element whose push is refused was not popped; one that
/// is not refused was popped, or was pushed before the closing.
fn close_against_push() {
    let channel = channel();
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || producer.push());
    let popped = consumer.try_pop() == Some(Ok(()));
    consumer.end(Ended::Closed);
    judge(popped, other.join().unwrap());
}

/// The same with a frame that lies behind a padding, for which the producer has to wait.
fn close_against_push_at_the_wrap() {
    let channel = channel();
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    for _ in 0..2 {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(consumer.try_pop(), Some(Ok(())));
    }
    let other = thread::spawn(move || producer.push());
    let popped = consumer.try_pop() == Some(Ok(()));
    consumer.end(Ended::Closed);
    judge(popped, other.join().unwrap());
}

fn judge(popped: bool, pushed: Result<(), Ended>) {
    if popped {
        reached("popped");
        assert_eq!(pushed, Ok(()), "a frame that was popped is not handed back");
    } else if pushed == Err(Ended::Closed) {
        reached("handed back");
    }
}
