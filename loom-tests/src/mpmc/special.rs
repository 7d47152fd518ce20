//! Results that must be exact, closing, hints that lag, laps that wrap.

use std::sync::Arc;

use ipc_ring::platform::Word as _;
use ipc_ring::ring::mpmc::{Nothing, Refused, Words as _, close};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::Heap;
use super::books::{Books, balance, is_sound};
use super::memory::Shape;
use crate::{Model, mutation, reached};

/// A mistake: the tail is stored before the slot is claimed.
pub const HINT_BEFORE_CLAIM: &str = "the tail is stored before the claim";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_empty_is_exact", 8_000, empty_is_exact).reaches(&["known"]),
    Model::new("mpmc_empty_is_exact_behind_another", 14_000, empty_behind_another).reaches(&["known"]),
    Model::new("mpmc_never_empty", 450, never_empty).reaches(&["known"]),
    Model::new("mpmc_never_full", 390, never_full).reaches(&["known"]),
    Model::new("mpmc_full_is_exact", 4_000, full_is_exact).reaches(&["known"]),
    Model::new("mpmc_close_against_push", 15_000, close_against_push)
        .reaches(&["refused", "pushed", "closed"]),
    Model::new("mpmc_hints_behind", 40_000, hints_behind).reaches(&["both"]),
    Model::new("mpmc_laps_wrap", 130, laps_wrap).bound(1).reaches(&["a wrapped claim"]),
    Model::new("mpmc_laps_wrap_for_a_consumer", 200, laps_wrap_for_a_consumer)
        .bound(1)
        .reaches(&["a wrapped claim"]),
];

/// Two producers; a consumer that knows that an element was pushed and has popped nothing yet does not find
/// the ring empty.
fn empty_is_exact() {
    let ring = Heap::peaceful(2);
    let mut consumer = ring.consumer(3);
    let pushed = Arc::new(AtomicBool::new(false));
    let mut first = ring.producer(1);
    let one = thread::spawn(move || {
        if mutation::logic(HINT_BEFORE_CLAIM) {
            first.memory().tail().store(first.position() + 1, Ordering::Release);
        }
        assert_eq!(first.try_push(&10), Ok(()));
        first
    });
    let mut second = ring.producer(2);
    let flag = Arc::clone(&pushed);
    let two = thread::spawn(move || {
        assert_eq!(second.try_push(&20), Ok(()));
        flag.store(true, Ordering::Release);
    });
    let mut books = Books { pushed: vec![10, 20], ..Books::default() };
    let known = pushed.load(Ordering::Acquire);
    match consumer.try_pop() {
        Ok(popped) => books.popped.push(popped.item),
        Err(Nothing::Empty) => assert!(!known, "empty, though an element was pushed"),
        Err(nothing) => assert!(matches!(nothing, Nothing::Busy(_)), "{nothing:?}"),
    }
    if known {
        reached("known");
    }
    let mut producer = one.join().unwrap();
    two.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books]);
    is_sound(&mut producer, &mut consumer);
}

/// The same for a consumer that is behind another one and jumps by the hint.
fn empty_behind_another() {
    let ring = Heap::peaceful(1);
    let mut producer = ring.producer(1);
    let (mut consumer, mut other) = (ring.consumer(2), ring.consumer(3));
    let mut books = Books::default();
    let mut first = Books::default();
    first.push(&mut producer, 10);
    let pushed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&pushed);
    let one = thread::spawn(move || {
        let mut books = first;
        if books.push(&mut producer, 11) {
            flag.store(true, Ordering::Release);
        }
        books.push(&mut producer, 12);
        (producer, books)
    });
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.pop(&mut other);
        books
    });
    let known = pushed.load(Ordering::Acquire);
    // The other one may have popped one of the two, not both.
    if !books.pop(&mut consumer) {
        assert!(!known, "empty, though an element was pushed");
    }
    if known {
        reached("known");
    }
    let (mut producer, first) = one.join().unwrap();
    let second = two.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

/// One element is there; a second one is pushed; only then the first one is popped by another end. The ring
/// is never empty, and no end may report that it is.
fn never_empty() {
    let ring = Heap::peaceful(2);
    let mut producer = ring.producer(1);
    let (mut consumer, mut other) = (ring.consumer(2), ring.consumer(3));
    let mut books = Books::default();
    books.push(&mut producer, 10);
    let pushed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&pushed);
    let one = thread::spawn(move || {
        let mut books = Books::default();
        assert!(books.push(&mut producer, 11));
        flag.store(true, Ordering::Release);
        (producer, books)
    });
    let two = thread::spawn(move || {
        let mut books = Books::default();
        if pushed.load(Ordering::Acquire) {
            reached("known");
            books.pop(&mut other);
        }
        books
    });
    let answer = consumer.try_pop();
    match answer {
        Ok(popped) => books.popped.push(popped.item),
        Err(Nothing::Empty) => panic!("the ring was never empty"),
        Err(nothing) => assert!(matches!(nothing, Nothing::Busy(_)), "{nothing:?}"),
    }
    let (mut producer, first) = one.join().unwrap();
    let second = two.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

/// One slot is free; another one is freed; only then the first one is filled by another end. The ring is
/// never full.
fn never_full() {
    let ring = Heap::peaceful(2);
    let (mut producer, mut other) = (ring.producer(1), ring.producer(4));
    let mut consumer = ring.consumer(2);
    let mut books = Books::default();
    books.push(&mut producer, 10);
    let popped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&popped);
    let one = thread::spawn(move || {
        let mut books = Books::default();
        assert!(books.pop(&mut consumer));
        flag.store(true, Ordering::Release);
        (consumer, books)
    });
    let two = thread::spawn(move || {
        let mut books = Books::default();
        if popped.load(Ordering::Acquire) {
            reached("known");
            books.push(&mut other, 40);
        }
        books
    });
    match producer.try_push(&11) {
        Ok(()) => books.pushed.push(11),
        Err(Refused::Full) => panic!("the ring was never full"),
        Err(refused) => assert!(matches!(refused, Refused::Busy(_)), "{refused:?}"),
    }
    let (mut consumer, first) = one.join().unwrap();
    let second = two.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

/// Two consumers; a producer that knows that an element was popped from a full ring finds room.
fn full_is_exact() {
    let ring = Heap::peaceful(2);
    let mut producer = ring.producer(1);
    let mut late = ring.producer(4);
    let mut books = Books::default();
    books.push(&mut producer, 10);
    books.push(&mut producer, 11);
    let popped = Arc::new(AtomicBool::new(false));
    let mut first = ring.consumer(2);
    let one = thread::spawn(move || {
        let mut books = Books::default();
        assert!(books.pop(&mut first));
        (first, books)
    });
    let mut second = ring.consumer(3);
    let flag = Arc::clone(&popped);
    let two = thread::spawn(move || {
        let mut books = Books::default();
        assert!(books.pop(&mut second));
        flag.store(true, Ordering::Release);
        books
    });
    let known = popped.load(Ordering::Acquire);
    match late.try_push(&40) {
        Ok(()) => books.pushed.push(40),
        Err(Refused::Full) => assert!(!known, "full, though an element was popped"),
        Err(refused) => assert!(matches!(refused, Refused::Busy(_)), "{refused:?}"),
    }
    if known {
        reached("known");
    }
    let (mut consumer, mut first) = one.join().unwrap();
    let second = two.join().unwrap();
    first.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

/// One thread closes while another pushes: what was pushed is popped before a consumer returns Closed; pushes
/// after the close are refused; nothing follows Closed.
fn close_against_push() {
    let ring = Heap::shaped(Shape { closes: true, dies: false, ..Shape::of(2) });
    let (mut consumer, mut other) = (ring.consumer(2), ring.consumer(3));
    let mut producer = ring.producer(1);
    let one = thread::spawn(move || {
        let mut pushed = Vec::new();
        for value in [10, 11] {
            match producer.try_push(&value) {
                Ok(()) => {
                    reached("pushed");
                    pushed.push(value);
                }
                Err(Refused::Closed) => reached("refused"),
                Err(refused) => panic!("{refused:?}"),
            }
        }
        (producer, pushed)
    });
    let closing = ring.clone();
    let two = thread::spawn(move || {
        let mut late = closing.producer(4);
        close(&closing);
        assert_eq!(late.try_push(&40), Err(Refused::Closed), "after the close");
    });
    let mut popped = Vec::new();
    let mut closed = false;
    for _ in 0..3 {
        match consumer.try_pop() {
            Ok(element) => {
                assert!(!closed, "something came after the end");
                popped.push(element.item);
            }
            Err(Nothing::Closed) => {
                reached("closed");
                closed = true;
            }
            Err(nothing) => {
                assert!(!closed, "{nothing:?} after the end");
                assert!(matches!(nothing, Nothing::Empty | Nothing::Busy(_)));
            }
        }
    }
    let (mut producer, pushed) = one.join().unwrap();
    two.join().unwrap();
    while let Ok(element) = consumer.try_pop() {
        assert!(!closed, "something came after the end");
        popped.push(element.item);
    }
    assert!(matches!(consumer.try_pop(), Err(Nothing::Closed)));
    assert!(matches!(other.try_pop(), Err(Nothing::Closed)));
    assert_eq!(producer.try_push(&19), Err(Refused::Closed));
    assert_eq!(popped, pushed);
}

/// Hints lag far behind; one end starts from them while others advance.
fn hints_behind() {
    let ring = Heap::peaceful(2);
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let mut books = Books::default();
    for value in 0..3 {
        assert!(books.push(&mut producer, 10 + value) && books.pop(&mut consumer));
    }
    ring.tail().store(1, Ordering::Release);
    ring.head().store(1, Ordering::Release);
    let (mut late_producer, mut late_consumer) = (ring.producer(3), ring.consumer(4));
    let one = thread::spawn(move || {
        let mut books = Books::default();
        books.push(&mut late_producer, 30);
        books
    });
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.pop(&mut late_consumer);
        books
    });
    books.push(&mut producer, 13);
    let first = one.join().unwrap();
    let second = two.join().unwrap();
    if !first.pushed.is_empty() && !second.popped.is_empty() {
        reached("both");
    }
    books.drain(&mut consumer);
    balance(&[books, first, second]);
    is_sound(&mut producer, &mut consumer);
}

/// With laps of 2 bits: while a producer is between its check and its CAS, all laps pass, and its CAS
/// succeeds on another lap's tag. That must be a valid claim.
fn laps_wrap() {
    let ring = Heap::shaped(Shape { lap_bits: 2, dies: false, ..Shape::of(1) });
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let mut stopped = ring.producer(3);
    let one = thread::spawn(move || {
        let mut books = Books::default();
        for value in 0..4 {
            books.push(&mut producer, 10 + value);
            books.pop(&mut consumer);
        }
        (producer, consumer, books)
    });
    let mut books = Books::default();
    // With so few laps it may also be further behind than laps can represent.
    if stopped.try_push(&30).is_ok() {
        books.pushed.push(30);
    }
    let (mut producer, mut consumer, first) = one.join().unwrap();
    if first.popped == [10, 11, 12, 13] && stopped.position() == 1 {
        reached("a wrapped claim");
    }
    books.drain(&mut consumer);
    balance(&[books, first]);
    is_sound(&mut producer, &mut consumer);
}

/// The same for a consumer.
fn laps_wrap_for_a_consumer() {
    let ring = Heap::shaped(Shape { lap_bits: 2, dies: false, ..Shape::of(1) });
    let (mut producer, mut consumer) = (ring.producer(1), ring.consumer(2));
    let mut stopped = ring.consumer(3);
    let mut first = Books::default();
    first.push(&mut producer, 10);
    let one = thread::spawn(move || {
        for value in 1..5 {
            first.pop(&mut consumer);
            first.push(&mut producer, 10 + value);
        }
        (producer, consumer, first)
    });
    let mut books = Books::default();
    // As in `laps_wrap`.
    books.popped.extend(stopped.try_pop().map(|popped| popped.item));
    let (mut producer, mut consumer, first) = one.join().unwrap();
    if first.popped == [10, 11, 12, 13] && stopped.position() == 1 && books.popped == [14] {
        reached("a wrapped claim");
    }
    books.drain(&mut consumer);
    balance(&[books, first]);
    is_sound(&mut producer, &mut consumer);
}
