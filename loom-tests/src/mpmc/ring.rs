//! Everybody lives.

use std::mem::MaybeUninit;

use ipc_ring::platform::Word;
use ipc_ring::ring::mpmc::{Consumer, Memory, Refused};
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use super::Heap;
use super::books::{Books, balance, is_sound};
use crate::{Model, mutation, reached};

/// A mistake: a consumer acquires the line that it polls by a load and a store.
pub const OVERWRITTEN: &str = "the tag that is polled is loaded and stored again, not compared and swapped";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_1p1c_capacity_1", 1_000, || one_by_one(1)).bound(3).reaches(&["refused", "nothing"]),
    Model::new("mpmc_1p1c_capacity_2", 3_000, || one_by_one(2)).bound(3).reaches(&["nothing"]),
    Model::new("mpmc_2p1c_capacity_1", 7_000, || two_producers(1, [1, 1])).reaches(&["refused", "nothing"]),
    Model::new("mpmc_2p1c_capacity_2", 70_000, || two_producers(2, [2, 1])).reaches(&["nothing"]),
    Model::new("mpmc_1p2c_capacity_2", 30_000, || two_consumers(2)).reaches(&["nothing"]),
    Model::new("mpmc_2p2c_capacity_2", 300_000, two_by_two).reaches(&["nothing"]),
    Model::new("mpmc_batch_and_single", 40_000, batch_and_single).reaches(&["whole batch", "between"]),
    Model::new("mpmc_abort", 20_000, abort).reaches(&["nothing"]),
    Model::new("mpmc_polled_line_taken", 1_000, polled_line_taken).reaches(&["nothing"]),
];

fn one_by_one(capacity: usize) {
    let ring = Heap::peaceful(capacity);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let other = thread::spawn(move || {
        let mut books = Books::default();
        for value in 0..3 {
            if !books.push(&mut producer, 10 + value) {
                reached("refused");
            }
        }
        (producer, books)
    });
    let mut books = Books::default();
    for _ in 0..3 {
        if !books.pop(&mut consumer) {
            reached("nothing");
        }
    }
    let (mut producer, pushed) = other.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, pushed]);
    is_sound(&mut producer, &mut consumer);
}

fn two_producers(capacity: usize, tries: [u64; 2]) {
    let ring = Heap::peaceful(capacity);
    let mut consumer = ring.consumer(3);
    let others = [1, 2].map(|number| {
        let mut producer = ring.producer(number);
        thread::spawn(move || {
            let mut books = Books::default();
            for value in 0..tries[number as usize - 1] {
                if !books.push(&mut producer, number * 10 + value) {
                    reached("refused");
                }
            }
            (producer, books)
        })
    });
    let mut books = Books::default();
    for _ in 0..2 {
        if !books.pop(&mut consumer) {
            reached("nothing");
        }
    }
    let [(mut producer, first), (_, second)] = others.map(|other| other.join().unwrap());
    books.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

fn two_consumers(capacity: usize) {
    let ring = Heap::peaceful(capacity);
    let mut producer = ring.producer(1);
    let others = [2, 3].map(|number| {
        let mut consumer = ring.consumer(number);
        thread::spawn(move || {
            let mut books = Books::default();
            if !books.pop(&mut consumer) {
                reached("nothing");
            }
            (consumer, books)
        })
    });
    let mut books = Books::default();
    for value in 0..2 {
        books.push(&mut producer, 10 + value);
    }
    let [(mut consumer, mut first), (_, second)] = others.map(|other| other.join().unwrap());
    first.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

fn two_by_two() {
    let ring = Heap::peaceful(2);
    let mut consumer = ring.consumer(3);
    let [one, two] = [1, 2].map(|number| {
        let mut producer = ring.producer(number);
        thread::spawn(move || {
            let mut books = Books::default();
            books.push(&mut producer, number * 10);
            (producer, books)
        })
    });
    let mut second = ring.consumer(4);
    let three = thread::spawn(move || {
        let mut books = Books::default();
        if !books.pop(&mut second) {
            reached("nothing");
        }
        books
    });
    let mut books = Books::default();
    books.pop(&mut consumer);
    let (mut producer, first) = one.join().unwrap();
    let (_, other) = two.join().unwrap();
    let third = three.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, first, other, third]);
    is_sound(&mut producer, &mut consumer);
}

/// A batch of two, a single push, and batches of pops.
fn batch_and_single() {
    let ring = Heap::peaceful(4);
    let mut consumer = ring.consumer(3);
    let mut batcher = ring.producer(1);
    let one = thread::spawn(move || {
        let (done, answer) = batcher.try_push_slice(&[10, 11]);
        assert_eq!((done, answer), (2, Ok(())), "there is room");
        batcher
    });
    let mut single = ring.producer(2);
    let two = thread::spawn(move || assert_eq!(single.try_push(&20), Ok(())));
    let mut popped = Vec::new();
    let mut out = [MaybeUninit::new(0); 2];
    let mut pop = |out: &mut [MaybeUninit<u64>]| {
        let (done, _) = consumer.try_pop_slice(out);
        if done == 2 {
            reached("whole batch");
        }
        // SAFETY: every place was initialised above.
        #[allow(unsafe_code)]
        popped.extend(out[..done].iter().map(|place| unsafe { place.assume_init() }));
    };
    pop(&mut out);
    let mut producer = one.join().unwrap();
    two.join().unwrap();
    pop(&mut out);
    pop(&mut out);
    if popped == [10, 20, 11] {
        reached("between");
    }
    let books = Books { pushed: vec![10, 11, 20], popped, ..Books::default() };
    balance(&[books]);
    is_sound(&mut producer, &mut consumer);
}

/// A claim that is given up, concurrently with a producer that continues a lap later, and a consumer.
fn abort() {
    let ring = Heap::peaceful(1);
    let mut consumer = ring.consumer(3);
    let mut wavering = ring.producer(1);
    let one = thread::spawn(move || {
        let mut books = Books::default();
        match wavering.try_claim() {
            Ok(mut claim) => {
                claim.write(&19);
                drop(claim);
            }
            Err(refused) => assert!(matches!(refused, Refused::Full | Refused::Busy(_))),
        }
        books.push(&mut wavering, 10);
        (wavering, books)
    });
    let mut other = ring.producer(2);
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.push(&mut other, 20);
        books
    });
    let mut books = Books::default();
    if !books.pop(&mut consumer) {
        reached("nothing");
    }
    let (mut producer, first) = one.join().unwrap();
    let second = two.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

/// Two consumers acquire the line of the tag they wait for, while the slot is filled, popped by the other
/// one, and filled again.
fn polled_line_taken() {
    let ring = Heap::peaceful(1);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let others = (ring.clone(), ring.consumer(3));
    let pushing = thread::spawn(move || {
        let mut books = Books::default();
        for value in 0..2 {
            books.push(&mut producer, 10 + value);
        }
        (producer, books)
    });
    let popping = thread::spawn(move || {
        let (ring, mut consumer) = others;
        let mut books = Books::default();
        take_line(&ring, &consumer);
        books.pop(&mut consumer);
        (consumer, books)
    });
    let mut books = Books::default();
    if !books.pop(&mut consumer) {
        reached("nothing");
        take_line(&ring, &consumer);
        books.pop(&mut consumer);
    }
    let (mut producer, pushed) = pushing.join().unwrap();
    let (_other, popped) = popping.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, pushed, popped]);
    is_sound(&mut producer, &mut consumer);
}

fn take_line(ring: &Heap, consumer: &Consumer<Heap>) {
    if mutation::logic(OVERWRITTEN) {
        let tag = ring.tag(0);
        tag.store(tag.load(Relaxed), Relaxed);
    } else {
        consumer.take_line();
    }
}
