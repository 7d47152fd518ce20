//! A tap reads while producers overwrite, give up and die.

use std::mem::MaybeUninit;

use ipc_ring::edge::Edge;
use ipc_ring::ring::ahead::{Ahead, Copied, Read, Steps};
use ipc_ring::ring::mpmc::{Nothing, Tap, Tapped, recovery};
use loom::thread;

use super::Heap;
use crate::{Loom, Model, reached};

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_tap_overwritten", 140, || overwritten(false)).reaches(&["tapped", "missed"]),
    Model::new("mpmc_tap_in_place", 140, || overwritten(true)).reaches(&["tapped", "missed"]),
    Model::new("mpmc_tap_returned", 300, returned).reaches(&["tapped", "missed", "not there yet"]),
    Model::new("mpmc_tap_ahead_overwritten", 100, ahead_overwritten)
        .unordered()
        .reaches(&["tapped", "missed"]),
    Model::new("mpmc_tap_given_up", 250, || void(false)).reaches(&["missed", "not there yet"]),
    Model::new("mpmc_tap_producer_dies", 250, || void(true)).reaches(&["missed", "not there yet"]),
];

/// What a producer writes that does not publish it.
const HALF: u64 = 99;

/// Reads the next element, which is its position plus ten if it is returned at all.
#[allow(unsafe_code)]
fn read(tap: &mut Tap<Heap>) -> Tapped {
    let position = tap.position();
    let mut item = MaybeUninit::uninit();
    let tapped = tap.try_read(&mut item);
    match tapped {
        Tapped::Item => {
            // SAFETY: the tap has filled it.
            let item = unsafe { item.assume_init() };
            assert_eq!(item, tap.position() + 9, "what was overwritten, or never pushed, is not given");
            reached("tapped");
        }
        Tapped::Missed { count } => {
            assert_eq!(tap.position(), position + count);
            reached("missed");
        }
        Tapped::Empty => reached("not there yet"),
        Tapped::Corrupt(corruption) => panic!("{corruption}"),
    }
    tapped
}

/// What waits is popped, and its slot written again, perhaps in place.
fn overwritten(in_place: bool) {
    let ring = Heap::tapped(1, false);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    assert_eq!(producer.try_push(&10), Ok(()));
    let mut tap = Tap::oldest(ring, 0);
    let other = thread::spawn(move || {
        assert_eq!(consumer.try_pop().map(|popped| popped.item), Ok(10));
        if in_place {
            let mut claim = producer.try_claim().expect("its slot was given back");
            claim.write(&11);
            claim.commit();
        } else {
            assert_eq!(producer.try_push(&11), Ok(()));
        }
    });
    let _ = read(&mut tap);
    other.join().unwrap();
    while read(&mut tap) != Tapped::Empty {}
    assert_eq!(tap.position(), 2, "two were pushed");
}

/// What was returned is read as well, if it was pushed while the tap was there.
fn returned() {
    let ring = Heap::tapped(1, false);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let mut tap = Tap::next(ring);
    let other = thread::spawn(move || {
        for value in 10..12 {
            assert_eq!(producer.try_push(&value), Ok(()));
            assert_eq!(consumer.try_pop().map(|popped| popped.item), Ok(value));
        }
    });
    let _ = read(&mut tap);
    other.join().unwrap();
    while tap.position() < 2 {
        assert_ne!(read(&mut tap), Tapped::Empty, "two were pushed");
    }
}

/// A slot that was written in part and never published is made free.
fn void(dies: bool) {
    let ring = Heap::tapped(1, dies);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let mut tap = Tap::next(ring.clone());
    let other = thread::spawn(move || {
        let dying = thread::spawn(move || {
            let mut claim = producer.try_claim().expect("a free slot");
            claim.write(&HALF);
            if dies { std::mem::forget(claim) } else { drop(claim) }
        });
        dying.join().unwrap();
        if dies {
            assert_eq!(recovery::recover(&ring, |identity| identity != 1).slots, 1);
        }
        assert_eq!(consumer.try_pop().map(|popped| popped.item), Err(Nothing::Empty));
    });
    let _ = read(&mut tap);
    let _ = read(&mut tap);
    other.join().unwrap();
    while tap.position() < 1 {
        assert_ne!(read(&mut tap), Tapped::Item, "nothing was pushed");
    }
    assert_eq!(read(&mut tap), Tapped::Empty);
}

/// A tap of these rings that copies several elements before it checks them.
struct Numbers(Tap<Heap>);

impl Steps for Numbers {
    type Platform = Loom;
    type Message = u64;
    type Place = u64;
    const EDGE: Edge = Edge::MpmcValidate;
    const IS_CHAIN: bool = false;

    #[allow(unsafe_code)]
    fn copy_next(&mut self, message: &mut u64) -> Copied<u64> {
        let mut item = MaybeUninit::uninit();
        match self.0.copy_next(&mut item) {
            Tapped::Item => {
                // SAFETY: the tap has filled it.
                *message = unsafe { item.assume_init() };
                let place = self.0.position() - 1;
                Copied::Message { place, sequence: place }
            }
            Tapped::Missed { count } => Copied::Missed(count),
            Tapped::Empty => Copied::Empty,
            Tapped::Corrupt(corruption) => panic!("{corruption}"),
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

/// As [`overwritten`].
fn ahead_overwritten() {
    let ring = Heap::tapped(1, false);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    assert_eq!(producer.try_push(&10), Ok(()));
    let mut tap = Ahead::new(Numbers(Tap::oldest(ring, 0)));
    let other = thread::spawn(move || {
        assert_eq!(consumer.try_pop().map(|popped| popped.item), Ok(10));
        assert_eq!(producer.try_push(&11), Ok(()));
    });
    let mut next = 0;
    let mut read_all = || {
        loop {
            let mut item = 0;
            match tap.try_read(&mut item).expect("barriers are there") {
                Read::Message { sequence } => {
                    assert_eq!((sequence, item), (next, next + 10), "an overwritten element is not given");
                    next += 1;
                    reached("tapped");
                }
                Read::Missed { count } => {
                    next += count;
                    reached("missed");
                }
                Read::Empty => return next,
                Read::Corrupt(corruption) => panic!("{corruption}"),
            }
        }
    };
    let _ = read_all();
    other.join().unwrap();
    assert_eq!(read_all(), 2, "two were pushed");
}
