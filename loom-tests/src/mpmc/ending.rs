//! The end of the stream, beside a consumer that dies with the last message in hand: whoever meets the end clears up after the
//! dead and looks once more before it says so, as nobody else may be left to find the message.
//!
//! The steps of the channel's `pop` are mirrored.

use ipc_ring::platform::Site;
use ipc_ring::ring::mpmc::{Nothing, close};
use loom::thread;

use super::Heap;
use super::memory::Shape;
use crate::{Model, crash, mutation, reached};

/// A mistake: who meets the end says so at once.
pub const NOT_SEARCHED: &str = "the end is told before the dead are cleared up after";

const REACHED: &[&str] = &["died", "found in dead hands", "the end"];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_end_behind_dead_hands_taken", 100, || end_behind_dead_hands(Site::MpmcTaken))
        .reaches(REACHED),
    Model::new("mpmc_end_behind_dead_hands_copied", 100, || end_behind_dead_hands(Site::MpmcCopied))
        .reaches(REACHED),
];

/// One message, and no more to come. A consumer that knows of the other one's death pops the message or finds it popped; it
/// does not find the end with the message still in dead hands.
fn end_behind_dead_hands(site: Site) {
    let ring = Heap::shaped(Shape { closes: true, ..Shape::of(2) });
    let mut producer = ring.producer(2);
    assert_eq!(producer.try_push(&20), Ok(()));
    close(&ring);
    let (mut dying, mut consumer) = (ring.consumer(1), ring.consumer(3));
    let shared = ring.clone();
    let other = thread::spawn(move || {
        let life = crash::kill_at(site, 0, || dying.try_pop().is_ok());
        if life.is_none() {
            reached("died");
        }
        shared.dies(1);
        life
    });
    let known = !ring.is_alive(1);
    let mut answer = consumer.try_pop();
    if matches!(answer, Err(Nothing::Closed)) && !mutation::logic(NOT_SEARCHED) {
        ring.recover();
        answer = consumer.try_pop();
        if answer.is_ok() {
            reached("found in dead hands");
        }
    }
    let mut popped = usize::from(answer.is_ok());
    match answer {
        Ok(element) => assert_eq!(element.item, 20),
        Err(Nothing::Closed) => {
            reached("the end");
            assert!(!known, "the end is told while the last message is in dead hands");
        }
        Err(nothing) => panic!("{nothing:?} after the close"),
    }
    // It popped it, or died with it in hand, or came too late.
    let life = other.join().unwrap();
    popped += usize::from(life == Some(true));
    ring.recover();
    while let Ok(element) = consumer.try_pop() {
        assert_eq!(element.item, 20);
        popped += 1;
    }
    assert_eq!(popped, 1, "lost or doubled");
}
