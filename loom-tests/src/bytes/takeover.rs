//! An end dies at each site; the next holder of its seat continues while the other end runs.

use ipc_ring::platform::{Barrier, Site};
use loom::thread;

use super::Heap;
use super::moves::{
    Consuming, Lengths, Producing, consumer, finish, pop, popped, producer, push, pushed, warm_up,
};
use super::ring::{LONGEST, PADDED};
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("frame_producer_dies_written", 900, || producer_dies(LONGEST, Site::BytesWritten, 1))
        .reaches(&["died", "survived"]),
    Model::new("frame_producer_dies_published", 900, || producer_dies(LONGEST, Site::BytesPublished, 1))
        .reaches(&["died", "survived"]),
    // The third frame is the one behind the padding; the first one has gone through before.
    Model::new("frame_producer_dies_at_the_wrap_written", 900, || {
        producer_dies(PADDED, Site::BytesWritten, 1)
    })
    .reaches(&["died", "survived", "padding"]),
    Model::new("frame_producer_dies_at_the_wrap_padding", 900, || {
        producer_dies(PADDED, Site::BytesWrapped, 0)
    })
    .reaches(&["died", "survived", "padding"]),
    Model::new("frame_producer_dies_at_the_wrap_published", 900, || {
        producer_dies(PADDED, Site::BytesPublished, 1)
    })
    .reaches(&["died", "survived", "padding"]),
    Model::new("frame_consumer_dies_read", 1900, || consumer_dies(LONGEST, Site::BytesRead, 0))
        .reaches(&["died", "survived"]),
    Model::new("frame_consumer_dies_with_a_line_taken", 4000, || {
        consumer_dies_in_a_stream(LONGEST, Site::BytesRead, 1)
    })
    .reaches(&["died", "survived", "a line taken"]),
    Model::new("frame_consumer_dies_consumed", 2000, || consumer_dies(LONGEST, Site::BytesConsumed, 0))
        .reaches(&["died", "survived"]),
    Model::new("frame_consumer_dies_at_the_wrap_read", 2000, || consumer_dies(PADDED, Site::BytesRead, 1))
        .reaches(&["died", "survived", "padding"]),
    Model::new("frame_consumer_dies_at_the_wrap_consumed", 2000, || {
        consumer_dies(PADDED, Site::BytesConsumed, 1)
    })
    .reaches(&["died", "survived", "padding"]),
    Model::new("frame_both_die", 500, both_die).reaches(&["died", "padding"]),
];

/// Attempts of each holder.
const TRIES: u32 = 3;
/// Frames that have gone through before.
const WARM: u64 = 1;
/// Frames in all.
const TOTAL: u64 = 4;

fn push_some(producing: &mut Producing, lengths: Lengths) {
    for _ in 0..TRIES {
        if pushed(producing, lengths) < TOTAL {
            let _ = push(producing, lengths);
        }
    }
}

fn pop_some(consuming: &mut Consuming, lengths: Lengths) {
    for _ in 0..TRIES {
        let _ = pop(consuming, lengths);
    }
}

/// A producer that dies at its visit number `visit` of a site, and its successor. What the dead producer has
/// pushed, by the rules of the ring, is not pushed again; the rest is.
fn producer_dies(lengths: Lengths, site: Site, visit: u32) {
    let ring = Heap::new(32, Barrier::Asymmetric);
    warm_up(&ring, lengths, WARM);
    let mut consuming = consumer(&ring);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let mut done = WARM;
        let life = crash::kill_at(site, visit, || {
            let mut first = producer(&shared);
            for _ in 0..TRIES {
                if done < TOTAL && push(&mut first, lengths).is_some() {
                    done += 1;
                }
            }
        });
        let mut next = producer(&shared);
        let last = if life.is_none() {
            reached("died");
            u64::from(site == Site::BytesPublished)
        } else {
            reached("survived");
            0
        };
        assert_eq!(pushed(&next, lengths), done + last, "the successor knows what was pushed");
        push_some(&mut next, lengths);
        next
    });
    pop_some(&mut consuming, lengths);
    finish(&mut other.join().unwrap(), &mut consuming, lengths, TOTAL + 3);
}

/// A consumer that dies at its visit number `visit` of a site, and its successor.
fn consumer_dies(lengths: Lengths, site: Site, visit: u32) {
    succeeded(Heap::new(32, Barrier::Asymmetric), lengths, site, visit);
}

/// The same, where what it pops after its first frame is a stream.
fn consumer_dies_in_a_stream(lengths: Lengths, site: Site, visit: u32) {
    succeeded(Heap::with_stream(32, Barrier::Asymmetric, 1), lengths, site, visit);
}

fn succeeded(ring: Heap, lengths: Lengths, site: Site, visit: u32) {
    warm_up(&ring, lengths, WARM);
    let mut producing = producer(&ring);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let life = crash::kill_at(site, visit, || pop_some(&mut consumer(&shared), lengths));
        let mut next = consumer(&shared);
        if life.is_none() {
            reached("died");
            let last = u64::from(site == Site::BytesConsumed);
            assert_eq!(
                popped(&next, lengths),
                WARM + u64::from(visit) + last,
                "the successor knows what was popped"
            );
        } else {
            reached("survived");
        }
        pop_some(&mut next, lengths);
        next
    });
    push_some(&mut producing, lengths);
    finish(&mut producing, &mut other.join().unwrap(), lengths, TOTAL + 3);
}

/// Both ends have died in the middle of an operation, the producer with its frame written after a padding
/// that is not published; their successors start concurrently.
fn both_die() {
    let ring = Heap::new(32, Barrier::Asymmetric);
    let shared = ring.clone();
    let mut first = producer(&ring);
    assert!(push(&mut first, PADDED).is_some());
    assert!(push(&mut first, PADDED).is_some());
    assert!(crash::kill_at(Site::BytesConsumed, 1, || pop_some(&mut consumer(&ring), PADDED)).is_none());
    assert!(crash::kill_at(Site::BytesWrapped, 0, || push(&mut first, PADDED)).is_none());
    reached("died");
    let other = thread::spawn(move || {
        let mut next = producer(&shared);
        assert_eq!(pushed(&next, PADDED), 2);
        push_some(&mut next, PADDED);
        next
    });
    let mut consuming = consumer(&ring);
    assert_eq!(popped(&consuming, PADDED), 2);
    pop_some(&mut consuming, PADDED);
    finish(&mut other.join().unwrap(), &mut consuming, PADDED, TOTAL + 3);
}
