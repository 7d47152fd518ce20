//! A publisher dies at each site, and a successor continues; a reader dies.

use std::rc::Rc;

use ipc_ring::platform::Site;
use loom::thread;

use super::ends::World;
use crate::broadcast::memory::Shape;
use crate::{Model, crash, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("payloads_publisher_dies_raised", 550, || publisher_dies(Site::BroadcastRaised)).reaches(ALL),
    Model::new("payloads_publisher_dies_withdrawn", 400, || publisher_dies(Site::PoolWithdrawn)).reaches(ALL),
    Model::new("payloads_publisher_dies_shared", 400, || publisher_dies(Site::PoolJoined)).reaches(ALL),
    Model::new("payloads_publisher_dies_written", 600, || publisher_dies(Site::BroadcastWritten))
        .reaches(ALL),
    Model::new("payloads_publisher_dies_pushed", 3_800, || publisher_dies(Site::PoolPushed))
        .reaches(&["died", "read", "refused"]),
    Model::new("payloads_publisher_dies_published", 6_000, || publisher_dies(Site::PoolPublished))
        .reaches(ALL),
    Model::new("payloads_reader_dies", 8_500, reader_dies).reaches(&["died", "lent again"]),
];

const ALL: &[&str] = &["died", "read", "missed"];

/// The publisher, identity 1, dies while it publishes for the second time; its successor publishes once more.
fn publisher_dies(site: Site) {
    let world = World::new(Shape::lossy, 2, 3);
    let mut incoming = world.subscriber(2, Rc::new(world.pool.member(2)));
    let mut outgoing = world.publisher(Rc::new(world.pool.member(1)));
    assert!(outgoing.publish());
    let shared = world.clone();
    let other = thread::spawn(move || {
        if crash::kill_at(site, 0, || outgoing.publish()).is_none() {
            reached("died");
        }
        drop(outgoing);
        shared.pool.dies(1);
        let mut next = shared.publisher(Rc::new(shared.pool.member(3)));
        next.publish();
        next.position()
    });
    incoming.pop();
    incoming.pop();
    let published = other.join().unwrap();
    incoming.finish(published, u64::from(site == Site::PoolPushed));
    world.is_sound();
}

/// The reader, identity 2, dies holding a block, while the publisher withdraws it and a recovery runs.
fn reader_dies() {
    let world = World::new(Shape::lossy, 1, 3);
    let mut incoming = world.subscriber(2, Rc::new(world.pool.member(2)));
    let mut outgoing = world.publisher(Rc::new(world.pool.member(1)));
    assert!(outgoing.publish());
    let shared = world.clone();
    let other = thread::spawn(move || {
        if crash::kill_at(Site::PoolJoined, 0, || incoming.pop()).is_none() {
            reached("died");
        }
        shared.pool.dies(2);
        drop(incoming);
    });
    let recoverer = world.pool.clone();
    let recovery = thread::spawn(move || {
        recoverer.recover();
    });
    if outgoing.publish() {
        reached("lent again");
    }
    other.join().unwrap();
    recovery.join().unwrap();
    world.is_sound();
}
