//! Subscribers concurrent with a publisher, without deaths.

use std::rc::Rc;

use ipc_ring::platform::Barrier;
use loom::thread;

use super::ends::World;
use crate::broadcast::memory::Shape;
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("payloads_overrun", 600, || overrun(2)).bound(3).reaches(&[
        "read",
        "missed",
        "gone when it was to be taken",
    ]),
    Model::new("payloads_overrun_one_block", 1_200, || overrun(1))
        .bound(3)
        .reaches(&["read", "given up for its block"]),
    Model::new("payloads_gated", 700, gated).bound(3).reaches(&["read", "full", "published again"]),
    Model::new("payloads_two_readers", 1_500, two_readers).bound(1).reaches(&[
        "read",
        "two readers",
        "lent again",
    ]),
    Model::new("payloads_reader_in_the_same_process", 700, same_process).reaches(&["read", "lent again"]),
];

fn gate(capacity: usize) -> Shape {
    Shape::gated(capacity, Barrier::Fence)
}

/// A lossy publisher and a subscriber that it overruns, with this number of blocks.
fn overrun(blocks: u32) {
    let world = World::new(Shape::lossy, blocks, 2);
    let mut incoming = world.subscriber(2, Rc::new(world.pool.member(2)));
    let mut outgoing = world.publisher(Rc::new(world.pool.member(1)));
    let other = thread::spawn(move || {
        let published = (0..2).filter(|_| outgoing.publish()).count() as u64;
        assert_eq!(published, outgoing.position());
        published
    });
    incoming.pop();
    incoming.pop();
    let published = other.join().unwrap();
    incoming.finish(published, 0);
    world.is_sound();
}

/// A gated publisher with as many blocks as it needs at most: one for the slot, one for the reader.
fn gated() {
    let world = World::new(gate, 2, 2);
    let mut incoming = world.subscriber(2, Rc::new(world.pool.member(2)));
    let mut outgoing = world.publisher(Rc::new(world.pool.member(1)));
    let other = thread::spawn(move || (0..3).filter(|_| outgoing.publish()).count() as u64);
    incoming.pop();
    incoming.pop();
    incoming.missed_nothing();
    let published = other.join().unwrap();
    if published > 1 {
        reached("published again");
    }
    incoming.finish(published, 0);
    world.is_sound();
}

/// Two subscribers read one payload; the publisher wants its only block for the next.
fn two_readers() {
    let world = World::new(Shape::lossy, 1, 3);
    let mut outgoing = world.publisher(Rc::new(world.pool.member(1)));
    let ends: [_; 2] =
        [2, 3].map(|identity| world.subscriber(identity, Rc::new(world.pool.member(identity))));
    assert!(outgoing.publish());
    let others = ends.map(|mut incoming| {
        thread::spawn(move || {
            incoming.pop();
            incoming
        })
    });
    if outgoing.publish() {
        reached("lent again");
    } else {
        reached("two readers");
    }
    let published = outgoing.position();
    for other in others {
        other.join().unwrap().finish(published, 0);
    }
    world.is_sound();
}

/// The subscriber is a thread of the publisher's process and uses its seat in the pool.
fn same_process() {
    let world = World::new(Shape::lossy, 1, 1);
    let member = Rc::new(world.pool.member(1));
    let mut incoming = world.subscriber(1, Rc::clone(&member));
    let mut outgoing = world.publisher(member);
    let other = thread::spawn(move || {
        incoming.pop();
        incoming
    });
    assert!(outgoing.publish());
    if outgoing.publish() {
        reached("lent again");
    }
    let published = outgoing.position();
    other.join().unwrap().finish(published, 0);
    world.is_sound();
}
