//! Ends that sleep while idle. A lost wake-up is a deadlock, which the checker reports.

use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::Heap;
use super::ends::Channel;
use super::moves;
use crate::pair::{CONSUMER, Ended, PRODUCER};
use crate::{Model, crash, reached};

const FENCE: Barrier = Barrier::Fence;
const ASYMMETRIC: Barrier = Barrier::Asymmetric;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("consumer_sleeps_fence", 60, || consumer_sleeps(FENCE)).reaches(&["the consumer sleeps"]),
    Model::new("consumer_sleeps_asymmetric", 200, || consumer_sleeps(ASYMMETRIC))
        .reaches(&["the consumer sleeps"]),
    Model::new("both_sleep_fence", 10_000, || both_sleep(FENCE))
        .reaches(&["the consumer sleeps", "the producer sleeps"]),
    Model::new("both_sleep_asymmetric", 20_000, || both_sleep(ASYMMETRIC))
        .reaches(&["the consumer sleeps", "the producer sleeps"]),
    Model::new("consumer_relies_on_fences", 400, || consumer_sleeps(ASYMMETRIC))
        .fenced_looks(1)
        .reaches(&["the consumer sleeps"]),
    Model::new("both_rely_on_fences", 4_000, || both_sleep(ASYMMETRIC))
        .fenced_looks(1)
        .bound(1)
        .reaches(&["the consumer sleeps", "the producer sleeps"]),
    Model::new("producer_sleeps_until_a_quarter_is_free_fence", 200, || until_a_quarter_is_free(FENCE))
        .reaches(&["the producer sleeps"]),
    Model::new("producer_sleeps_until_a_quarter_is_free_asymmetric", 200, || {
        until_a_quarter_is_free(ASYMMETRIC)
    })
    .reaches(&["the producer sleeps"]),
    Model::new("one_pop_frees_a_sleeper_fence", 100, || one_pop_frees_a_sleeper(FENCE))
        .reaches(&["the producer sleeps", "room is coming"]),
    Model::new("one_pop_frees_a_sleeper_asymmetric", 100, || one_pop_frees_a_sleeper(ASYMMETRIC))
        .reaches(&["the producer sleeps", "room is coming"]),
    Model::new("consumer_dies_about_to_give", 100, || consumer_dies_waking(Site::WaitGiving))
        .reaches(&["died", "the producer sleeps"]),
    Model::new("consumer_dies_with_the_bit_taken", 100, || consumer_dies_waking(Site::WakeClaimed))
        .reaches(&["died", "the producer sleeps"]),
    Model::new("consumer_sleeps_producer_closes", 90, || consumer_sleeps_through_end(Ended::Closed))
        .reaches(&["the consumer sleeps"]),
    Model::new("consumer_sleeps_producer_detaches", 90, || consumer_sleeps_through_end(Ended::PeerDetached))
        .reaches(&["the consumer sleeps"]),
    Model::new("producer_sleeps_consumer_closes", 1000, || producer_sleeps_through_end(Ended::Closed))
        .reaches(&["the producer sleeps"]),
    Model::new("producer_sleeps_consumer_detaches", 1000, || {
        producer_sleeps_through_end(Ended::PeerDetached)
    })
    .reaches(&["the producer sleeps"]),
    Model::new("sleep_given_up_fence", 200, || sleep_given_up(FENCE)).reaches(&[
        "gives up",
        "withdrawn while a token is under way",
        "the consumer sleeps",
    ]),
    Model::new("sleep_given_up_asymmetric", 400, || sleep_given_up(ASYMMETRIC)).reaches(&[
        "gives up",
        "withdrawn while a token is under way",
        "the consumer sleeps",
    ]),
    Model::new("producer_dies_before_it_wakes", 200, || producer_dies(Site::SpscPublished))
        .reaches(&["died", "the consumer sleeps"]),
    Model::new("producer_dies_with_the_bit_taken", 400, || producer_dies(Site::WakeClaimed))
        .reaches(&["died", "the consumer sleeps"]),
    Model::new("producer_dies_for_good", 100, producer_dies_for_good)
        .reaches(&["died", "the consumer sleeps"]),
    Model::new("consumer_dies_before_it_wakes", 1000, consumer_dies_before_it_wakes)
        .reaches(&["died", "the producer sleeps"]),
    Model::new("consumer_dies_about_to_sleep_fence", 200, || consumer_dies_about_to_sleep(FENCE))
        .reaches(&["died", "the consumer sleeps"]),
    Model::new("consumer_dies_about_to_sleep_asymmetric", 2000, || consumer_dies_about_to_sleep(ASYMMETRIC))
        .reaches(&["died", "the consumer sleeps"]),
];

fn channel(capacity: usize, barrier: Barrier) -> Channel {
    Channel::new(Heap::new(capacity, barrier))
}

/// Two elements, room for both.
fn consumer_sleeps(barrier: Barrier) {
    let channel = channel(2, barrier);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Ok(()));
    other.join().unwrap();
}

/// Two elements through one slot.
fn both_sleep(barrier: Barrier) {
    let channel = channel(1, barrier);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert_eq!(consumer.pop(), Ok(()));
        }
    });
    for _ in 0..2 {
        assert_eq!(producer.push(), Ok(()));
    }
    other.join().unwrap();
}

/// A full ring of eight: the consumer checks for a sleeping producer at every second pop.
fn until_a_quarter_is_free(barrier: Barrier) {
    let channel = channel(8, barrier);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    while moves::push(&mut producer.0.ring).is_some() {}
    let other = thread::spawn(move || {
        assert_eq!(consumer.pop(), Ok(()));
        assert_eq!(consumer.pop(), Ok(()));
        assert_eq!(consumer.pop(), Ok(()));
    });
    assert_eq!(producer.push(), Ok(()));
    other.join().unwrap();
}

/// A full ring; the consumer pops once and does nothing more, so a producer that sleeps although there is
/// room sleeps forever.
fn one_pop_frees_a_sleeper(barrier: Barrier) {
    let channel = channel(1, barrier);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    assert_eq!(producer.push(), Ok(()));
    let other = thread::spawn(move || {
        assert_eq!(consumer.pop(), Ok(()));
        consumer
    });
    assert_eq!(producer.push(), Ok(()));
    let consumer = other.join().unwrap();
    assert_eq!(consumer.position(), 1);
}

/// A consumer dies on its way to waking the producer, with an element copied: its successor gets that
/// element. If the dead consumer had taken the bit, the producer gets the token of its death.
fn consumer_dies_waking(site: Site) {
    let channel = channel(1, FENCE);
    let mut producer = channel.producer().awaiting_successors();
    assert_eq!(producer.push(), Ok(()));
    let mut first = channel.consumer();
    let other = thread::spawn(move || {
        if crash::kill_at(site, 0, || first.pop()).is_none() {
            reached("died");
            assert_eq!(first.position(), 0, "nothing is popped before the peer is woken");
            channel.0.die(CONSUMER);
        }
        let mut next = channel.next_consumer();
        while next.position() < 2 {
            assert_eq!(next.pop(), Ok(()));
        }
    });
    assert_eq!(producer.push(), Ok(()));
    other.join().unwrap();
}

/// One element, then the end.
fn consumer_sleeps_through_end(how: Ended) {
    let channel = channel(1, FENCE);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        match how {
            Ended::PeerDied | Ended::Interrupted => unreachable!("no process dies"),
            Ended::Closed => producer.close(),
            Ended::PeerDetached => producer.detach(),
        }
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Err(how));
    other.join().unwrap();
}

/// The ring is full; the consumer pops one element and leaves. The producer pushes at least one more, or
/// learns that the consumer has left.
fn producer_sleeps_through_end(how: Ended) {
    let channel = channel(1, FENCE);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(consumer.pop(), Ok(()));
        match how {
            Ended::PeerDied | Ended::Interrupted => unreachable!("no process dies"),
            Ended::Closed => consumer.close(),
            Ended::PeerDetached => consumer.detach(),
        }
    });
    let mut pushed = 0;
    let ended = loop {
        match producer.push() {
            Ok(()) => pushed += 1,
            Err(ended) => break ended,
        }
    };
    assert_eq!(ended, how);
    assert!(pushed >= 1, "the element that was popped counts as pushed");
    if how == Ended::PeerDetached {
        assert_eq!(pushed, 2, "who detaches leaves the ring to be filled");
    }
    other.join().unwrap();
}

/// A consumer whose first sleep times out, while a notifier may have taken the bit; then it waits without a
/// timeout.
fn sleep_given_up(barrier: Barrier) {
    let channel = channel(2, barrier);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert_eq!(producer.push(), Ok(()));
        assert_eq!(producer.push(), Ok(()));
    });
    consumer.give_up_next();
    while consumer.position() < 2 {
        assert_eq!(consumer.pop(), Ok(()));
    }
    other.join().unwrap();
}

/// A producer dies while the consumer may be asleep. Its successor wakes the consumer when it takes the seat,
/// and pushes what is missing; the consumer needs the token of that death only if the dead producer had taken
/// the bit.
fn producer_dies(site: Site) {
    let channel = channel(2, FENCE);
    let mut consumer = channel.consumer().awaiting_successors();
    let mut first = channel.producer();
    let other = thread::spawn(move || {
        let life = crash::kill_at(site, 0, || first.push());
        if life.is_none() {
            reached("died");
            channel.0.die(PRODUCER);
        }
        let mut next = channel.next_producer();
        while next.position() < 2 {
            assert_eq!(next.push(), Ok(()));
        }
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Ok(()));
    other.join().unwrap();
}

/// A producer dies after its publication, without a successor. The consumer learns of it by the token of that
/// death or, where none was arranged, by its liveness check; and it gets the element first.
fn producer_dies_for_good() {
    let channel = channel(2, FENCE);
    let mut consumer = channel.consumer();
    let mut producer = channel.producer();
    let other = thread::spawn(move || {
        assert!(crash::kill_at(Site::SpscPublished, 0, || producer.push()).is_none());
        reached("died");
        channel.0.die(PRODUCER);
        channel.0.domain().heartbeat(CONSUMER);
    });
    assert_eq!(consumer.pop(), Ok(()));
    assert_eq!(consumer.pop(), Err(Ended::PeerDied));
    other.join().unwrap();
}

/// A consumer dies after releasing an element that it had read in place, but before notifying the producer of
/// the room, while the producer may be asleep. Its successor wakes the producer when it takes the seat.
fn consumer_dies_before_it_wakes() {
    let channel = channel(1, ASYMMETRIC);
    let mut producer = channel.producer().awaiting_successors();
    assert_eq!(producer.push(), Ok(()));
    let mut first = channel.consumer();
    let other = thread::spawn(move || {
        assert!(crash::kill_at(Site::SpscConsumed, 0, || first.try_view()).is_none());
        reached("died");
        let mut next = channel.next_consumer();
        while next.position() < 2 {
            assert_eq!(next.pop(), Ok(()));
        }
    });
    assert_eq!(producer.push(), Ok(()));
    other.join().unwrap();
}

/// A consumer dies between setting its waiting bit and sleeping; its successor sleeps on a semaphore of its
/// own. The producer may have seen the dead consumer's bit and then claim that of the living one.
fn consumer_dies_about_to_sleep(barrier: Barrier) {
    let channel = channel(4, barrier);
    let mut producer = channel.producer().awaiting_successors();
    let mut first = channel.consumer();
    let shared = channel.clone();
    let other = thread::spawn(move || {
        if crash::kill_at(Site::WaitingSet, 0, || first.pop()).is_none() {
            reached("died");
            shared.0.die(CONSUMER);
        }
        let mut next = shared.next_consumer();
        while next.position() < 3 {
            assert_eq!(next.pop(), Ok(()));
        }
    });
    for _ in 0..3 {
        assert_eq!(producer.push(), Ok(()));
    }
    other.join().unwrap();
}
