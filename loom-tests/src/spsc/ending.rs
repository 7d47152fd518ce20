//! Closing and detaching, concurrently with pushes and pops. No end sleeps here.

use ipc_ring::platform::Barrier;
use loom::thread;

use super::Heap;
use super::ends::{Channel, ConsumerEnd};
use crate::pair::Ended;
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("close_against_pop", 300, || end_against_pop(ConsumerEnd::try_pop, Ended::Closed))
        .bound(3)
        .reaches(&["closed"]),
    Model::new("close_against_view", 4000, || end_against_pop(ConsumerEnd::try_view, Ended::Closed))
        .bound(3)
        .reaches(&["closed"]),
    Model::new("detach_against_pop", 300, || end_against_pop(ConsumerEnd::try_pop, Ended::PeerDetached))
        .bound(3)
        .reaches(&["closed"]),
    Model::new("close_against_push", 19, close_against_push).bound(3).reaches(&["popped", "handed back"]),
];

/// The producer pushes two elements and ends; the consumer must have popped both when it learns of that.
fn end_against_pop(pop: fn(&mut ConsumerEnd) -> Option<Result<(), Ended>>, how: Ended) {
    let channel = Channel::new(Heap::new(2, Barrier::Asymmetric));
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
        match how {
            Ended::PeerDied | Ended::Interrupted => unreachable!("no process dies"),
            Ended::Closed => producer.close(),
            Ended::PeerDetached => producer.detach(),
        }
    });
    for _ in 0..3 {
        if let Some(Err(ended)) = pop(&mut consumer) {
            reached("closed");
            assert_eq!(ended, how);
            assert_eq!(consumer.position(), 2, "everything pushed is popped before the end is reported");
        }
    }
    other.join().unwrap();
    while let Some(Ok(())) = pop(&mut consumer) {}
    assert_eq!(consumer.position(), 2);
    assert_eq!(pop(&mut consumer), Some(Err(how)));
}

/// The consumer pops once, if it can, and closes. An element whose push is refused was not popped; one that
/// is not refused was popped, or was pushed before the closing.
fn close_against_push() {
    let channel = Channel::new(Heap::new(2, Barrier::Asymmetric));
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || producer.push());
    let popped = consumer.try_pop() == Some(Ok(()));
    consumer.close();
    let pushed = other.join().unwrap();
    if popped {
        reached("popped");
        assert_eq!(pushed, Ok(()), "an element that was popped is not handed back");
    } else if pushed == Err(Ended::Closed) {
        reached("handed back");
    }
}
