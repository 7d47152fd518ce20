//! An end dies at each site; the next holder of its seat continues while the other end runs.

use ipc_ring::platform::{Barrier, Site, Word as _};
use ipc_ring::ring::spsc::Words as _;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use super::Heap;
use super::moves::{
    Consuming, Producing, consumer, finish, pop, pop_batch, producer, push, push_batch, push_by_head,
};
use super::ring::full_ring_of_lines;
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("producer_dies_payload_written", 2000, || producer_dies(1, Site::SpscPayloadWritten, 1))
        .bound(3)
        .reaches(&["died", "survived"]),
    Model::new("producer_dies_published", 3000, || producer_dies(1, Site::SpscPublished, 1))
        .bound(3)
        .reaches(&["died", "survived"]),
    Model::new("producer_dies_in_batch", 1000, producer_dies_in_batch).bound(3).reaches(&["died"]),
    Model::new("producer_dies_on_second_lap", 3000, || producer_dies(2, Site::SpscPublished, 2))
        .bound(3)
        .reaches(&["died", "survived"]),
    Model::new("consumer_dies_payload_read", 20_000, || consumer_dies(Site::SpscPayloadRead))
        .bound(3)
        .reaches(&["died", "survived"]),
    Model::new("consumer_dies_consumed", 20_000, || consumer_dies(Site::SpscConsumed))
        .bound(3)
        .reaches(&["died", "survived"]),
    Model::new("consumer_dies_in_batch", 2000, consumer_dies_in_batch).bound(3).reaches(&["died"]),
    Model::new("consumer_dies_with_a_taken_line", 50, consumer_dies_with_a_taken_line)
        .bound(2)
        .reaches(&["a line taken", "a slot of a taken line"]),
    Model::new("both_die", 400, both_die).reaches(&["died"]),
    Model::new("consumer_dies_in_another_process", 30, consumer_dies_in_another_process)
        .reaches(&["taken over", "room by the successor's head"]),
];

/// Attempts of each holder.
const TRIES: u32 = 3;

fn push_some(producing: &mut Producing, total: u64) {
    for _ in 0..TRIES {
        if producing.position() < total {
            let _ = push(producing);
        }
    }
}

fn pop_some(consuming: &mut Consuming) {
    for _ in 0..TRIES {
        let _ = pop(consuming);
    }
}

/// A producer that dies at its visit number `visit` of a site, and its successor. What the dead producer has
/// pushed, by the rules of the ring, is not pushed again; the rest is.
fn produce_and_die(ring: &Heap, site: Site, visit: u32, total: u64) -> Producing {
    let mut pushed = 0;
    let life = crash::kill_at(site, visit, || {
        let mut first = producer(ring);
        for _ in 0..TRIES {
            if first.position() < total && push(&mut first).is_some() {
                pushed += 1;
            }
        }
    });
    let mut next = producer(ring);
    if life.is_none() {
        reached("died");
        let last = u64::from(site == Site::SpscPublished);
        assert_eq!(next.position(), pushed + last, "the successor knows what was pushed");
    } else {
        reached("survived");
        assert_eq!(next.position(), pushed, "the successor knows what was pushed");
    }
    push_some(&mut next, total);
    next
}

fn producer_dies(capacity: usize, site: Site, visit: u32) {
    let ring = Heap::new(capacity, Barrier::Asymmetric);
    let mut consuming = consumer(&ring);
    let shared = ring.clone();
    let other = thread::spawn(move || produce_and_die(&shared, site, visit, 3));
    pop_some(&mut consuming);
    finish(&mut other.join().unwrap(), &mut consuming, 3);
}

/// Dies after the second element of a batch of four.
fn producer_dies_in_batch() {
    let ring = Heap::new(4, Barrier::Asymmetric);
    let mut consuming = consumer(&ring);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let mut first = producer(&shared);
        if crash::kill_at(Site::SpscPublished, 1, || push_batch(&mut first, 4)).is_none() {
            reached("died");
        }
        let mut next = producer(&shared);
        assert_eq!(next.position(), 2, "two elements are in the ring");
        let _ = push_batch(&mut next, 4);
        next
    });
    pop_some(&mut consuming);
    let mut producing = other.join().unwrap();
    let total = producing.position();
    finish(&mut producing, &mut consuming, total);
}

/// A consumer that dies at its first visit of a site, and its successor.
fn consume_and_die(ring: &Heap, site: Site) -> Consuming {
    let life = crash::kill_at(site, 0, || pop_some(&mut consumer(ring)));
    let mut next = consumer(ring);
    if life.is_none() {
        reached("died");
        let last = u64::from(site == Site::SpscConsumed);
        assert_eq!(next.position(), last, "the successor knows what was popped");
    } else {
        reached("survived");
    }
    pop_some(&mut next);
    next
}

fn consumer_dies(site: Site) {
    let ring = Heap::new(1, Barrier::Asymmetric);
    let mut producing = producer(&ring);
    let shared = ring.clone();
    let other = thread::spawn(move || consume_and_die(&shared, site));
    for _ in 0..4 {
        if producing.position() < 3 {
            let _ = push(&mut producing);
        }
    }
    finish(&mut producing, &mut other.join().unwrap(), 3);
}

/// Dies in a stream, with a line acquired whose second element is not released.
fn consumer_dies_with_a_taken_line() {
    let (mut producing, mut first) = full_ring_of_lines();
    let shared = first.memory().clone();
    let other = thread::spawn(move || {
        for _ in 0..4 {
            if push(&mut producing).is_some() && producing.position() > 11 {
                reached("a slot of a taken line");
            }
        }
        producing
    });
    let life = crash::kill_at(Site::SpscPayloadRead, 3, || while pop(&mut first).is_ok() {});
    assert!(life.is_none(), "eight elements are there");
    let mut next = consumer(&shared);
    assert_eq!(next.position(), 3, "the successor knows what was popped");
    pop_some(&mut next);
    let mut producing = other.join().unwrap();
    finish(&mut producing, &mut next, 20);
}

/// Dies with a whole ring copied out and the position stored, the head not published; the producer continues
/// for more than a lap past that old head.
fn consumer_dies_in_batch() {
    let ring = Heap::new(2, Barrier::Asymmetric);
    let mut producing = producer(&ring);
    let _ = push_batch(&mut producing, 2);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let mut first = consumer(&shared);
        if crash::kill_at(Site::SpscConsumed, 0, || pop_batch(&mut first, 2)).is_none() {
            reached("died");
        }
        let mut next = consumer(&shared);
        assert_eq!(next.position(), 2, "two elements are popped");
        let _ = pop_batch(&mut next, 2);
        next
    });
    for _ in 0..3 {
        let wanted = 2.min(5 - producing.position());
        let _ = push_batch(&mut producing, wanted);
    }
    finish(&mut producing, &mut other.join().unwrap(), 5);
}

/// Both ends have died in the middle of an operation; their successors start concurrently.
fn both_die() {
    let ring = Heap::new(1, Barrier::Asymmetric);
    let shared = ring.clone();
    let mut first = producer(&ring);
    assert!(push(&mut first).is_some());
    assert!(crash::kill_at(Site::SpscConsumed, 0, || pop(&mut consumer(&ring))).is_none());
    assert!(crash::kill_at(Site::SpscPayloadWritten, 0, || push(&mut first)).is_none());
    reached("died");
    let other = thread::spawn(move || {
        let mut next = producer(&shared);
        assert_eq!(next.position(), 1);
        push_some(&mut next, 3);
        next
    });
    let mut consuming = consumer(&ring);
    assert_eq!(consuming.position(), 1);
    pop_some(&mut consuming);
    finish(&mut other.join().unwrap(), &mut consuming, 3);
}

/// The dead consumer and its successor are of different processes: what the dead one has read reaches the
/// producer by the successor's head.
fn consumer_dies_in_another_process() {
    let ring = Heap::new(1, Barrier::Asymmetric);
    let (mut producing, mut first) = (producer(&ring), consumer(&ring));
    assert!(push(&mut producing).is_some());
    let dying = thread::spawn(move || {
        assert!(crash::kill_at(Site::SpscConsumed, 0, || pop(&mut first)).is_none());
    });
    let other = thread::spawn(move || {
        // It stores no more than this.
        if ring.consumed().load(Relaxed) == 1 {
            reached("taken over");
            assert_eq!(consumer(&ring).position(), 1);
        }
    });
    if push_by_head(&mut producing).is_some() {
        reached("room by the successor's head");
    }
    dying.join().unwrap();
    other.join().unwrap();
}
