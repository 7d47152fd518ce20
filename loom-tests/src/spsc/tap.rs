//! A tap reads while the producer overwrites.

use std::mem::MaybeUninit;

use ipc_ring::edge::Edge;
use ipc_ring::ring::ahead::{Ahead, Copied, Read, Steps};
use ipc_ring::ring::spsc::{Tap, Tapped};
use loom::thread;

use super::Heap;
use super::moves::{Producing, consumer, pop, producer, push, push_in_place};
use crate::{Loom, Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("tap_newest_capacity_2", 10, || newest_of_two(push)).reaches(&["tapped", "missed"]),
    Model::new("tap_newest_in_place", 10, || newest_of_two(push_in_place)).reaches(&["tapped", "missed"]),
    Model::new("tap_unread_capacity_1", 10, unread).reaches(&["tapped", "missed"]),
    Model::new("tap_next_capacity_2", 5, next).reaches(&["tapped", "not there yet"]),
    Model::new("tap_ahead_newest_capacity_2", 10, ahead_newest_of_two).unordered().reaches(&[
        "tapped",
        "missed",
        "kept behind what was missed",
    ]),
    Model::new("tap_ahead_unread_capacity_1", 10, ahead_unread).unordered().reaches(&["tapped", "missed"]),
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
fn newest_of_two(push: fn(&mut Producing) -> Option<u32>) {
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

/// A tap of these rings that copies several elements before it checks them.
struct Numbers(Tap<Heap>);

impl Steps for Numbers {
    type Platform = Loom;
    type Message = u64;
    type Place = u64;
    const EDGE: Edge = Edge::SpscValidate;
    const IS_CHAIN: bool = false;

    #[allow(unsafe_code)]
    fn copy_next(&mut self, message: &mut u64) -> Copied<u64> {
        let place = self.0.position();
        let mut item = MaybeUninit::uninit();
        match self.0.copy_next(&mut item) {
            Tapped::Item => {
                // SAFETY: the tap has filled it.
                *message = unsafe { item.assume_init() };
                Copied::Message { place, sequence: place }
            }
            Tapped::Missed { count } => Copied::Missed(count),
            Tapped::Empty => Copied::Empty,
        }
    }

    fn is_intact(&self, place: u64) -> bool {
        self.0.is_intact(place)
    }

    fn skip(&mut self, place: u64) -> u64 {
        match self.0.skip(place) {
            Tapped::Missed { count } => count,
            _ => panic!("where it goes on is always found"),
        }
    }
}

/// Reads all that is there: elements are their positions plus one, and none is left out without a count.
/// Returns the next position.
fn read_all(tap: &mut Ahead<Numbers>, mut next: u64) -> u64 {
    let mut missed = false;
    loop {
        let mut item = 0;
        match tap.try_read(&mut item).expect("barriers are there") {
            Read::Message { sequence } => {
                assert_eq!(
                    (sequence, item),
                    (next, next + 1),
                    "an element that was overwritten is not given"
                );
                next += 1;
                reached("tapped");
                if missed {
                    reached("kept behind what was missed");
                }
            }
            Read::Missed { count } => {
                next += count;
                missed = true;
                reached("missed");
            }
            Read::Empty => return next,
            Read::Corrupt(corruption) => panic!("{corruption}"),
        }
    }
}

/// Both elements were popped, and the producer wraps around while the tap reads them.
fn ahead_newest_of_two() {
    let ring = Heap::tapped(2);
    let (mut producing, mut consuming) = (producer(&ring), consumer(&ring));
    for _ in 0..2 {
        let _ = push(&mut producing);
        let _ = pop(&mut consuming);
    }
    let mut tap = Ahead::new(Numbers(Tap::at(ring, 0)));
    let other = thread::spawn(move || {
        for _ in 0..2 {
            assert!(push(&mut producing).is_some(), "the slots were given back");
        }
    });
    let next = read_all(&mut tap, 0);
    other.join().unwrap();
    assert_eq!(read_all(&mut tap, next), 4, "four were pushed");
}

/// As [`unread`].
fn ahead_unread() {
    let ring = Heap::tapped(1);
    let (mut producing, mut consuming) = (producer(&ring), consumer(&ring));
    let _ = push(&mut producing);
    let mut tap = Ahead::new(Numbers(Tap::oldest(ring, 0)));
    let other = thread::spawn(move || {
        let _ = pop(&mut consuming);
        assert!(push(&mut producing).is_some(), "the slot was given back");
    });
    let next = read_all(&mut tap, 0);
    other.join().unwrap();
    assert_eq!(read_all(&mut tap, next), 2, "two were pushed");
}
