//! The end of the stream, while a consumer dies holding the last message: a consumer that reaches the end
//! recovers what dead ends held and checks once more before it reports the end, because no one else may be
//! left to find the message.

use ipc_ring::PopError;
use ipc_ring::platform::{Barrier, Site};
use ipc_ring::ring::mpmc::{Counter, close};
use loom::thread;

use super::Heap;
use super::ends::Channel;
use super::memory::Shape;
use crate::{Model, crash, reached};

const REACHED: &[&str] = &["died", "found in dead hands", "the end"];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_end_behind_dead_hands_taken", 100, || end_behind_dead_hands(Site::MpmcTaken))
        .reaches(REACHED),
    Model::new("mpmc_end_behind_dead_hands_copied", 100, || end_behind_dead_hands(Site::MpmcCopied))
        .reaches(REACHED),
];

/// One message, and no more to come. A consumer that knows of the other one's death pops the message or finds
/// it popped; it does not find the end while the dead consumer still holds the message.
fn end_behind_dead_hands(site: Site) {
    let ring = Heap::shaped(Shape { closes: true, seats: 3, ..Shape::of(2) });
    let channel = Channel::mortal(ring.clone(), Barrier::Asymmetric, 1);
    let mut producer = channel.producer(2);
    assert!(producer.try_push(20));
    close(&ring);
    let (mut dying, mut consumer) = (channel.consumer(1), channel.consumer(3));
    let shared = channel.clone();
    let other = thread::spawn(move || {
        let life = crash::kill_at(site, 0, || dying.try_pop().is_ok());
        if life.is_none() {
            reached("died");
        }
        shared.domain().die(1);
        life
    });
    let known = !consumer.is_alive(1);
    let answer = consumer.try_pop();
    if answer.is_ok() && ring.count(Counter::Orphaned) > 0 {
        reached("found in dead hands");
    }
    let mut popped = usize::from(answer.is_ok());
    match answer {
        Ok(element) => assert_eq!(element, 20),
        Err(PopError::Closed) => {
            reached("the end");
            assert!(!known, "the end is reported while a dead consumer holds the last message");
        }
        Err(other) => panic!("{other} after the close"),
    }
    // It popped the message, died holding it, or came too late.
    let life = other.join().unwrap();
    popped += usize::from(life == Some(true));
    while let Ok(element) = consumer.try_pop() {
        assert_eq!(element, 20);
        popped += 1;
    }
    assert_eq!(popped, 1, "lost or doubled");
}
