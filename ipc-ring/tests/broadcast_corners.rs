//! Corners of the broadcast ring of slots: what an end makes of words that contradict each other, when a
//! subscriber asks to look at the publisher, and what a joining subscriber waits for.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::memory::Slots as _;
use ipc_ring::ring::broadcast::{
    Mapped, Mode, Pop, Publish, Publisher, Resume, Seats as _, Start, Subscriber, Words as _, seat,
};
use ipc_ring::wait::signal::POISONED;
use ipc_ring::{Barrier, Region};

type Memory = Mapped<u64>;

const CAPACITY: u64 = 8;

fn ring(mode: Mode) -> (Memory, Publisher<Memory>) {
    let region = Region::heap(Memory::geometry(CAPACITY).unwrap().total_size());
    let memory = Memory::make(region, CAPACITY, Barrier::Fence, mode, 0).unwrap();
    (memory.clone(), Publisher::attach(memory).unwrap())
}

fn publish(publisher: &mut Publisher<Memory>, count: u64) {
    for _ in 0..count {
        assert_eq!(publisher.try_publish(&publisher.position()), Publish::Done);
    }
}

fn join(memory: &Memory, start: Start, is_publishing: impl Fn() -> bool) -> Subscriber<Memory> {
    let seat = seat::take(memory, NonZeroU64::new(7).unwrap()).unwrap();
    Subscriber::join(memory.clone(), seat, start, Resume::Oldest, is_publishing).unwrap()
}

fn never_asked() -> bool {
    panic!("no raise of the floor is waited for")
}

#[test]
fn a_gated_ring_lends_nothing_that_was_given_up() {
    let (memory, mut publisher) = ring(Mode::Gated);
    // No subscriber holds it up, so the floor is raised to 8; slots 1 to 7 are still as they were.
    publish(&mut publisher, CAPACITY + 1);
    assert_eq!(publisher.floor(), 8);
    let mut late = join(&memory, Start::At(1), never_asked);
    assert_eq!(late.try_view().map(|view| view.position()), Err(Pop::Missed { count: 7 }));
    assert_eq!(late.try_view().map(|view| view.read()), Ok(8));
    let mut late = join(&memory, Start::At(1), never_asked);
    assert!(!late.knows_next());
    assert!(late.knows_next(), "the message that it goes on with");
}

#[test]
fn a_gated_subscriber_looks_at_the_publisher_once_a_quarter_and_when_it_has_read_all() {
    for mode in [Mode::Gated, Mode::Lossy] {
        let (memory, mut publisher) = ring(mode);
        let mut subscriber = join(&memory, Start::Oldest, never_asked);
        let gated = mode == Mode::Gated;
        assert_eq!(subscriber.try_pop(), Pop::Empty { look: false }, "nothing was read yet");
        publish(&mut publisher, 5);
        for item in 0..5 {
            assert_eq!(subscriber.try_pop(), Pop::Item { item, look: gated && item % 2 == 1 });
        }
        assert_eq!(subscriber.try_pop(), Pop::Empty { look: gated });
        assert_eq!(subscriber.try_pop(), Pop::Empty { look: false });
        assert_eq!(subscriber.try_pop_slice(&mut []), Pop::Empty { look: false });
    }
}

#[test]
fn a_subscriber_with_a_seat_says_where_it_is_in_a_lossy_ring_too() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, 3);
    let subscriber = join(&memory, Start::Next, never_asked);
    assert_eq!(memory.cursor(0).load(Relaxed), 3 << 1 | 1);
    assert_eq!(subscriber.into_seat().unwrap().number(), 0);
}

#[test]
fn only_the_word_of_another_lap_is_no_corruption() {
    let pop = |word: u64, floor: u64| {
        let (memory, mut publisher) = ring(Mode::Lossy);
        publish(&mut publisher, 3);
        let mut subscriber = Subscriber::watch(memory.clone(), Start::Next, Resume::Oldest);
        memory.slot_word(3).store(word, Relaxed);
        memory.floor().store(floor, Relaxed);
        subscriber.try_pop()
    };
    let empty = Pop::Empty { look: false };
    // Of the lap before, or never written.
    assert_eq!((pop(4u64.wrapping_sub(CAPACITY), 0), pop(0, 0)), (empty, empty));
    assert!(matches!(pop(3, 0), Pop::Corrupt(_)), "of another slot");
    // Of the next lap, whose publisher had to raise the floor.
    assert_eq!(pop(4 + CAPACITY, 5), Pop::Missed { count: 2 });
    assert!(matches!(pop(4 + CAPACITY, 3), Pop::Corrupt(_)), "without the floor");
    assert!(matches!(pop(5, 5), Pop::Corrupt(_)), "of another slot");
}

#[test]
fn a_publisher_refuses_a_floor_that_is_more_than_a_ring_away() {
    let (memory, mut publisher) = ring(Mode::Lossy);
    publish(&mut publisher, 2 * CAPACITY);
    for (floor, fits) in
        [(CAPACITY, true), (2 * CAPACITY, true), (CAPACITY - 1, false), (2 * CAPACITY + 1, false)]
    {
        memory.floor().store(floor, Relaxed);
        assert_eq!(Publisher::attach(memory.clone()).is_ok(), fits, "{floor}");
    }
}

#[test]
fn a_successor_finishes_what_its_predecessor_began() {
    let (memory, mut publisher) = ring(Mode::Gated);
    publish(&mut publisher, 3);
    // It died after the third word, or while it looked at the cursors.
    memory.tail().store(2, Relaxed);
    memory.rising().store(2, Relaxed);
    let successor = Publisher::attach(memory.clone()).unwrap();
    assert_eq!((successor.position(), memory.tail().load(Relaxed)), (3, 3));
    assert_eq!(memory.rising().load(Relaxed), memory.floor().load(Relaxed));
}

#[test]
fn a_poisoned_ring_is_not_overwritten() {
    for mode in [Mode::Gated, Mode::Lossy] {
        let (memory, mut publisher) = ring(mode);
        publish(&mut publisher, CAPACITY);
        memory.state().store(POISONED, Relaxed);
        assert!(publisher.has_room().is_err());
        assert!(matches!(publisher.try_publish(&0), Publish::Corrupt(_)));
        assert!(publisher.try_publish_slice(&[0]).is_err());
        assert_eq!(publisher.floor(), 0);
    }
}

#[test]
fn a_dead_subscriber_is_dropped_once() {
    let (memory, mut publisher) = ring(Mode::Gated);
    let _dead = join(&memory, Start::Oldest, never_asked);
    publish(&mut publisher, CAPACITY);
    assert!(!publisher.drop_dead(|_| false), "it is not held up yet");
    assert_eq!(publisher.try_publish(&0), Publish::Full);
    assert!(publisher.drop_dead(|_| false));
    assert!(!publisher.drop_dead(|_| false), "there is no other");
}

#[test]
fn only_who_still_holds_up_the_publisher_is_dropped() {
    let (memory, mut publisher) = ring(Mode::Gated);
    let mut slow = join(&memory, Start::Oldest, never_asked);
    publish(&mut publisher, CAPACITY);
    assert_eq!(publisher.try_publish(&0), Publish::Full);
    assert_eq!(slow.try_pop(), Pop::Item { item: 0, look: false });
    assert!(!publisher.drop_dead(|_| false), "it has gone on");
    publish(&mut publisher, 1);
    assert_eq!(publisher.try_publish(&0), Publish::Full);
    // Its seat is free, but the cursor was not taken back yet.
    memory.identity(0).store(0, Relaxed);
    assert!(!publisher.drop_dead(|_| false), "the seat is free");
    assert_eq!(memory.drops().load(Relaxed), 0);
}

/// A gated ring of which the messages below 4 are being given up.
fn half_raised() -> Memory {
    let (memory, mut publisher) = ring(Mode::Gated);
    publish(&mut publisher, 6);
    memory.rising().store(4, Relaxed);
    memory
}

#[test]
fn who_joins_during_a_raise_waits_for_it_unless_it_is_not_concerned() {
    // It starts above what is given up.
    assert_eq!(join(&half_raised(), Start::At(4), never_asked).position(), 4);

    // A publisher that died half-way gave nothing up.
    let memory = half_raised();
    let asked = Cell::new(0);
    let dead = || {
        asked.set(asked.get() + 1);
        false
    };
    assert_eq!(join(&memory, Start::Oldest, dead).position(), 0);
    assert_eq!((asked.get(), memory.rising().load(Relaxed)), (1, 0));

    // One that is stopped may give it up later. Whether it lives is a system call, so that is seldom asked.
    let memory = half_raised();
    let asked = Cell::new(0);
    let alive = || {
        asked.set(asked.get() + 1);
        true
    };
    assert_eq!(join(&memory, Start::Oldest, alive).position(), 4);
    assert!((1..=100).contains(&asked.get()), "asked {} times", asked.get());
    assert_eq!(memory.rising().load(Relaxed), 4);
}
