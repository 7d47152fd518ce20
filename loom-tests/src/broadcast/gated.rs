//! A publisher that waits for its subscribers, while these join, leave and die.

use ipc_ring::platform::{Barrier, Site};
use ipc_ring::ring::broadcast::{Start, seat};
use loom::thread;

use super::books::{Got, Reader, publish, publisher};
use super::memory::{Heap, Shape};
use crate::{Model, crash, reached};

/// The publisher's identity.
const PUBLISHER: u64 = 1;

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("broadcast_gated_capacity_1", 360, || keeps_up(1))
        .bound(3)
        .reaches(&["item", "empty", "full"]),
    Model::new("broadcast_gated_capacity_2", 410, || keeps_up(2)).reaches(&["item", "empty", "full"]),
    Model::new("broadcast_gated_join_fence", 2_100, || joins(Barrier::Fence, Start::Oldest))
        .reaches(&["item", "full", "later"]),
    Model::new("broadcast_gated_join_asymmetric", 2_700, || joins(Barrier::Asymmetric, Start::Oldest))
        .reaches(&["item", "full", "later"]),
    Model::new("broadcast_gated_join_next", 1_800, || joins(Barrier::Asymmetric, Start::Next))
        .reaches(&["item"]),
    Model::new("broadcast_gated_leave", 20, leaves).reaches(&["full"]),
    Model::new("broadcast_gated_dies_read", 100, || dies(Site::BroadcastRead)).reaches(&["died", "dropped"]),
    Model::new("broadcast_gated_dies_consumed", 370, || dies(Site::BroadcastConsumed))
        .reaches(&["died", "dropped"]),
    Model::new("broadcast_gated_seat_reused", 40_000, seat_reused).reaches(&["dropped", "item"]),
    Model::new("broadcast_gated_raise_interrupted", 1_000, raise_interrupted).reaches(&["died", "item"]),
];

fn keeps_up(capacity: usize) {
    let ring = Heap::new(Shape::gated(capacity, Barrier::Asymmetric));
    let mut publishing = publisher(&ring);
    let mut reader = Reader::join(&ring, 2, Start::Oldest, PUBLISHER);
    let other = thread::spawn(move || {
        for _ in 0..capacity + 3 {
            publish(&mut publishing);
        }
        publishing
    });
    for _ in 0..3 {
        reader.pop();
    }
    let publishing = other.join().unwrap();
    reader.finish(publishing.position());
    reader.missed_nothing();
}

/// A subscriber joins while the publisher overwrites what no subscriber waits for.
fn joins(barrier: Barrier, start: Start) {
    let ring = Heap::new(Shape { moves: true, ..Shape::gated(1, barrier) });
    let mut publishing = publisher(&ring);
    assert!(publish(&mut publishing));
    let other = thread::spawn(move || {
        for _ in 0..2 {
            publish(&mut publishing);
        }
        publishing
    });
    let mut reader = Reader::join(&ring, 2, start, PUBLISHER);
    if reader.start > 0 {
        reached("later");
    }
    reader.pop();
    let publishing = other.join().unwrap();
    reader.finish(publishing.position());
    reader.missed_nothing();
}

/// A subscriber that blocks the publisher leaves.
fn leaves() {
    let ring = Heap::new(Shape { moves: true, ..Shape::gated(1, Barrier::Asymmetric) });
    let mut publishing = publisher(&ring);
    let mut reader = Reader::join(&ring, 2, Start::Oldest, PUBLISHER);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        for _ in 0..2 {
            publish(&mut publishing);
        }
        publishing
    });
    reader.pop();
    seat::leave(&shared, reader.ring.into_seat().expect("it has one"));
    let mut publishing = other.join().unwrap();
    assert!(publish(&mut publishing), "no subscriber is left");
    assert!(publish(&mut publishing), "no subscriber is left");
}

/// A subscriber dies with a seat; the publisher detects that and continues.
fn dies(site: Site) {
    let ring = Heap::new(Shape { moves: true, ..Shape::gated(1, Barrier::Asymmetric) });
    let mut publishing = publisher(&ring);
    let mut reader = Reader::join(&ring, 2, Start::Oldest, PUBLISHER);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let life = crash::kill_at(site, 0, || {
            reader.pop();
            reader.pop();
        });
        if life.is_none() {
            reached("died");
        }
        shared.dies(2);
    });
    let mut dropped = 0;
    for _ in 0..3 {
        if !publish(&mut publishing) {
            dropped += u64::from(publishing.drop_dead(|identity| ring.is_alive(identity)));
        }
    }
    other.join().unwrap();
    while publishing.position() < 3 {
        if !publish(&mut publishing) {
            assert!(publishing.drop_dead(|identity| ring.is_alive(identity)), "only the dead are in the way");
            dropped += 1;
        }
    }
    if dropped > 0 {
        reached("dropped");
    }
    assert_eq!(ring.drops(), dropped, "once at most, and counted");
}

/// The seat of a dead subscriber goes to a new one while the publisher drops the dead one: the new one blocks
/// the publisher.
fn seat_reused() {
    let ring = Heap::new(Shape { moves: true, ..Shape::gated(1, Barrier::Asymmetric) });
    let mut publishing = publisher(&ring);
    drop(Reader::join(&ring, 2, Start::Oldest, PUBLISHER));
    ring.dies(2);
    assert!(publish(&mut publishing));
    let shared = ring.clone();
    let other = thread::spawn(move || {
        for _ in 0..2 {
            if !publish(&mut publishing) && publishing.drop_dead(|identity| shared.is_alive(identity)) {
                reached("dropped");
            }
        }
        publishing
    });
    seat::sweep(&ring, |identity| ring.is_alive(identity));
    let mut reader = Reader::join(&ring, 3, Start::Oldest, PUBLISHER);
    reader.pop();
    let publishing = other.join().unwrap();
    reader.finish(publishing.position());
    reader.missed_nothing();
    assert_eq!(ring.drops(), 1, "counted once, in either order");
}

/// The publisher dies with the floor raised; a subscriber joins concurrently with its successor.
fn raise_interrupted() {
    let ring = Heap::new(Shape { moves: true, ..Shape::gated(1, Barrier::Asymmetric) });
    let mut first = publisher(&ring);
    assert!(publish(&mut first));
    if crash::kill_at(Site::BroadcastRaised, 0, || publish(&mut first)).is_none() {
        reached("died");
    }
    drop(first);
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let mut next = publisher(&shared);
        for _ in 0..2 {
            publish(&mut next);
        }
        next
    });
    let mut reader = Reader::join(&ring, 2, Start::Oldest, PUBLISHER);
    if reader.pop() == Got::Nothing {
        reader.pop();
    }
    let publishing = other.join().unwrap();
    reader.finish(publishing.position());
    reader.missed_nothing();
}
