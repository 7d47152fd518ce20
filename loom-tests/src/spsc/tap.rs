//! A tap reads while the producer overwrites.

use std::mem::MaybeUninit;

use ipc_ring::ring::spsc::{Tap, Tapped};
use loom::thread;

use super::Heap;
use super::moves::{consumer, pop, producer, push};
use crate::{Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("tap_newest_capacity_2", 10, newest_of_two).reaches(&["tapped", "missed"]),
    Model::new("tap_unread_capacity_1", 10, unread).reaches(&["tapped", "missed"]),
    Model::new("tap_next_capacity_2", 5, next).reaches(&["tapped", "not there yet"]),
];

/// Reads the next element, which is its position plus one if it is returned at all.
#[allow(unsafe_code)]
fn read(tap: &mut Tap<Heap>) -> Tapped {
    let position = tap.position();
    let mut item = MaybeUninit::uninit();
    let tapped = tap.try_read(&mut item);
    match tapped {
        Tapped::Item => {
            // SAFETY: the tap has filled it.
            let item = unsafe { item.assume_init() };
            assert_eq!(item, position + 1, "an element that was overwritten is not given");
            reached("tapped");
        }
        Tapped::Missed { count } => {
            assert_eq!(tap.position(), position + count);
            reached("missed");
        }
        Tapped::Empty => reached("not there yet"),
    }
    tapped
}

/// Everything was popped, and the producer wraps around: the newest element is intact until the next one is
/// published.
fn newest_of_two() {
    let ring = Heap::tapped(2);
    let (mut producing, mut consuming) = (producer(&ring), consumer(&ring));
    for _ in 0..2 {
        let _ = push(&mut producing);
        let _ = pop(&mut consuming);
    }
    let mut tap = Tap::at(ring, 1);
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert!(push(&mut producing).is_some(), "the slots were given back");
        }
    });
    let _ = read(&mut tap);
    other.join().unwrap();
    assert_ne!(read(&mut tap), Tapped::Empty, "two were pushed");
}

/// What waits to be popped is intact until it is popped.
fn unread() {
    let ring = Heap::tapped(1);
    let (mut producing, mut consuming) = (producer(&ring), consumer(&ring));
    let _ = push(&mut producing);
    let mut tap = Tap::oldest(ring, 0);
    let other = thread::spawn(move || {
        let _ = pop(&mut consuming);
        assert!(push(&mut producing).is_some(), "the slot was given back");
    });
    let _ = read(&mut tap);
    other.join().unwrap();
}

/// A tap waits for new elements.
fn next() {
    let ring = Heap::tapped(2);
    let mut producing = producer(&ring);
    let mut tap = Tap::next(ring);
    let other = thread::spawn(move || push(&mut producing));
    let _ = read(&mut tap);
    assert!(other.join().unwrap().is_some());
    if tap.position() == 0 {
        assert_eq!(read(&mut tap), Tapped::Item, "it was pushed");
    }
}
