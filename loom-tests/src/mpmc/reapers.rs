//! Recoveries: several at a time, some of which die; and the next holder of a number that was freed.

use std::num::NonZeroU64;
use std::sync::Arc;

use ipc_ring::edge::Edge;
use ipc_ring::memory::Ring as _;
use ipc_ring::platform::{Platform as _, Site, Word as _};
use ipc_ring::ring::mpmc::{
    Consumer, Counter, Memory as _, Producer, Seat, Seats as _, State, Tag, Words as _, recovery,
};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::Heap;
use super::books::{Books, balance, is_sound};
use super::memory::Shape;
use crate::{Loom, Model, crash, mutation, reached};

/// A mistake: the CAS is made from a tag that was read after the check.
pub const REREAD: &str = "recovery: the tag is read again after the check";
/// A mistake: the attempt is not counted.
pub const NO_ATTEMPT: &str = "recovery: the orphan keeps its attempt";
/// A mistake: no check whether the seat still belongs to the dead holder.
pub const NO_CHECK: &str = "recovery: the seat is not checked";
/// A mistake: the seat is checked before the tag is read.
pub const CHECK_FIRST: &str = "recovery: the seat is checked before the tag is read";
/// A mistake: the seat is free before the slots are swept.
pub const FREED_FIRST: &str = "recovery: the seat is freed before the sweep";
/// A mistake: the generation is raised only by the recovery that made an orphan.
pub const TOLD_IF_FOUND: &str = "recovery: the generation is raised only if something was found";
/// A mistake: the generation is raised before the sweep.
pub const TOLD_FIRST: &str = "recovery: the generation is raised before the sweep";

/// The possible mistakes of a recovery.
pub const MISTAKES: [&str; 7] =
    [REREAD, NO_ATTEMPT, NO_CHECK, CHECK_FIRST, FREED_FIRST, TOLD_IF_FOUND, TOLD_FIRST];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_reaper_dies_repaired", 3_000, || reaper_dies(Site::MpmcRepaired))
        .reaches(&["died", "told"]),
    Model::new("mpmc_reaper_dies_swept", 2_500, || reaper_dies(Site::MpmcSwept)).reaches(&["died", "told"]),
    Model::new("mpmc_reaper_dies_orphans_published", 4_000, || reaper_dies(Site::MpmcOrphansPublished))
        .reaches(&["died", "told"]),
    Model::new("mpmc_two_reapers", 5_500, two_reapers).reaches(&["told"]),
    Model::new("mpmc_number_reused_by_producer", 2_000, reused_by_producer).reaches(&["reused"]),
    Model::new("mpmc_number_reused_by_consumer", 3_000, reused_by_consumer).reaches(&["reused"]),
    Model::new("mpmc_orphan_handed_over", 13000, orphan_handed_over).reaches(&["taken", "overwritten"]),
    Model::new("mpmc_dead_letter", 5_000, dead_letter).reaches(&["given up", "pushed"]),
    Model::new("mpmc_repair_of_a_met_slot", 6_000, met_slot).reaches(&["repaired", "alive"]),
];

impl Heap {
    /// One run of the recovery: production's, or a faulty copy of it.
    pub fn recover(&self) -> recovery::Report {
        recover(self)
    }
}

fn recover(ring: &Heap) -> recovery::Report {
    if !MISTAKES.into_iter().any(mutation::logic) {
        return recovery::recover(ring, |identity| ring.is_alive(identity));
    }
    let mut report = recovery::Report::default();
    for number in 0..ring.endpoints() {
        let identity = ring.identity(number).load(Ordering::Acquire);
        if identity != 0 && !ring.is_alive(identity) && mistaken_sweep(ring, number, identity) {
            report.seats += 1;
        }
    }
    report
}

fn mistaken_sweep(ring: &Heap, number: u16, dead: u64) -> bool {
    let is = mutation::logic;
    let is_dead = || ring.identity(number).load(Ordering::Acquire) == dead;
    let free = || {
        let freed =
            ring.identity(number).compare_exchange(dead, 0, Ordering::Release, Ordering::Relaxed).is_ok();
        ring.counter(Counter::Recovered).fetch_add(u64::from(freed), Ordering::Relaxed);
        freed
    };
    let tell = || ring.orphans().fetch_add(1, Ordering::Release);
    let mut freed = false;
    if is(FREED_FIRST) {
        freed = free();
    }
    if is(TOLD_FIRST) {
        tell();
    }
    let mut found = false;
    for index in 0..ring.capacity() {
        if is(CHECK_FIRST) && !is_dead() {
            return false;
        }
        let word = ring.tag(index);
        let mut tag = Tag::from_raw(word.load(Ordering::Acquire));
        if !tag.is_held() || tag.owner() != number {
            continue;
        }
        if !is(NO_CHECK) && !is(CHECK_FIRST) && !is(FREED_FIRST) && !is_dead() {
            return false;
        }
        if is(REREAD) {
            tag = Tag::from_raw(word.load(Ordering::Acquire));
            if !tag.is_held() || tag.owner() != number {
                continue;
            }
        }
        let writing = tag.state() == Some(State::Writing);
        let mut repaired = if writing { tag.void() } else { tag.orphan() };
        if is(NO_ATTEMPT) && !writing {
            // The lap, no attempt, the orphan's state.
            repaired = Tag::from_raw(tag.void().as_raw() & !0xf | State::Orphan as u64);
        }
        if word
            .compare_exchange(tag.as_raw(), repaired.as_raw(), Ordering::Release, Ordering::Relaxed)
            .is_ok()
        {
            found = true;
            Loom::crash_point(Site::MpmcRepaired);
            let counter = if writing { Counter::Voided } else { Counter::Orphaned };
            ring.counter(counter).fetch_add(1, Ordering::Relaxed);
        }
    }
    Loom::crash_point(Site::MpmcSwept);
    if !is(TOLD_FIRST) && (found || !is(TOLD_IF_FOUND)) {
        tell();
    }
    Loom::crash_point(Site::MpmcOrphansPublished);
    freed || free()
}

/// A ring of two slots whose first element is held by dead process 4, in seat 0. A consumer has passed it,
/// and knows of no orphan.
fn passed_by(seats: usize) -> (Heap, Producer<Heap>, Consumer<Heap>) {
    let ring = Heap::shaped(Shape { seats, ..Shape::of(2) });
    let mut dead = ring.consumer(4);
    let mut producer = ring.producer(2);
    producer.try_push(&20).unwrap();
    std::mem::forget(dead.try_lend().unwrap());
    let mut consumer = ring.consumer(3);
    assert!(consumer.try_pop().is_err());
    ring.dies(4);
    (ring, producer, consumer)
}

/// One recovery dies; another runs to completion and reports that. A consumer that learns of it finds the
/// orphan.
fn reaper_dies(site: Site) {
    let (ring, mut producer, mut consumer) = passed_by(4);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        if crash::kill_at(site, 0, || recover(&shared)).is_none() {
            reached("died");
        }
    });
    told(&ring, &mut producer, &mut consumer, || one.join().unwrap());
}

/// As before, but both live.
fn two_reapers() {
    let (ring, mut producer, mut consumer) = passed_by(4);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        recover(&shared);
    });
    told(&ring, &mut producer, &mut consumer, || one.join().unwrap());
}

fn told(ring: &Heap, producer: &mut Producer<Heap>, consumer: &mut Consumer<Heap>, join: impl FnOnce()) {
    let over = Arc::new(AtomicBool::new(false));
    let (shared, flag) = (ring.clone(), Arc::clone(&over));
    let two = thread::spawn(move || {
        recover(&shared);
        flag.store(true, Ordering::Release);
    });
    let mut books = Books { pushed: vec![20], ..Books::default() };
    for _ in 0..2 {
        let known = over.load(Ordering::Acquire);
        let popped = books.pop(consumer);
        if known {
            reached("told");
            assert!(popped || !books.again.is_empty(), "empty, though an orphan was published");
        }
    }
    join();
    two.join().unwrap();
    books.drain(consumer);
    balance(&[books]);
    assert_eq!(ring.identity(0).load(Ordering::Relaxed), 0, "the dead seat is free");
    is_sound(producer, consumer);
}

/// Two recoveries for a dead producer; as soon as the seat is free another process takes it and pushes. A
/// late recovery must not touch its slots.
fn reused_by_producer() {
    let ring = Heap::shaped(Shape { seats: 2, ..Shape::of(1) });
    let mut dead = ring.producer(4);
    std::mem::forget(dead.try_claim().unwrap());
    let mut consumer = ring.consumer(3);
    ring.dies(4);
    let others = [(); 2].map(|()| {
        let shared = ring.clone();
        thread::spawn(move || {
            recover(&shared);
        })
    });
    let mut books = Books::default();
    for _ in 0..2 {
        if let Ok(seat) = Seat::take(&ring, NonZeroU64::new(1).unwrap()) {
            reached("reused");
            let mut producer = Producer::attach(ring.clone(), seat);
            books.push(&mut producer, 10);
            producer.detach();
            break;
        }
    }
    others.into_iter().for_each(|other| other.join().unwrap());
    let mut producer = ring.producer(5);
    books.drain(&mut consumer);
    balance(&[books]);
    assert_eq!(ring.count(Counter::Voided), 1, "a live slot was voided");
    is_sound(&mut producer, &mut consumer);
}

/// The same for a dead consumer; the next holder of its number takes the orphan and an element that lies
/// behind it.
fn reused_by_consumer() {
    let ring = Heap::shaped(Shape { seats: 2, ..Shape::of(2) });
    let mut dead = ring.consumer(4);
    let mut producer = ring.producer(2);
    let mut books = Books::default();
    assert!(books.push(&mut producer, 20) && books.push(&mut producer, 21));
    std::mem::forget(dead.try_lend().unwrap());
    ring.dies(4);
    let others = [(); 2].map(|()| {
        let shared = ring.clone();
        thread::spawn(move || {
            recover(&shared);
        })
    });
    for _ in 0..2 {
        if let Ok(seat) = Seat::take(&ring, NonZeroU64::new(1).unwrap()) {
            reached("reused");
            let mut consumer = Consumer::attach(ring.clone(), seat);
            books.pop(&mut consumer);
            books.pop(&mut consumer);
            consumer.detach();
            break;
        }
    }
    others.into_iter().for_each(|other| other.join().unwrap());
    let mut consumer = ring.consumer(5);
    books.drain(&mut consumer);
    balance(&[books]);
    assert_eq!(ring.count(Counter::Orphaned), 1, "a live slot was orphaned");
    is_sound(&mut producer, &mut consumer);
}

/// A consumer dies after it has read; another one takes the orphan before any notification, and a producer
/// writes the slot again. That write must be ordered after the dead consumer's read.
fn orphan_handed_over() {
    let ring = Heap::new(1);
    let mut producer = ring.producer(2);
    let mut books = Books::default();
    books.push(&mut producer, 20);
    let mut dying = ring.consumer(1);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        let mut books = Books::default();
        let _ = crash::kill_at(Site::MpmcCopied, 0, || books.pop(&mut dying));
        shared.dies(1);
        books
    });
    let shared = ring.clone();
    let two = thread::spawn(move || {
        recover(&shared);
    });
    let mut consumer = ring.consumer(3);
    if books.pop(&mut consumer) && !books.again.is_empty() {
        reached("taken");
    }
    if books.push(&mut producer, 21) && !books.again.is_empty() {
        reached("overwritten");
    }
    let first = one.join().unwrap();
    two.join().unwrap();
    recover(&ring);
    books.drain(&mut consumer);
    balance(&[books, first]);
    is_sound(&mut producer, &mut consumer);
}

/// An element that kills its reader at the last attempt: its slot holds nothing, and consumers have passed
/// it. A producer and a consumer encounter it while it is given up.
fn dead_letter() {
    let ring = Heap::shaped(Shape { max_attempts: 1, ..Shape::of(1) });
    let mut dead = ring.consumer(4);
    let mut producer = ring.producer(2);
    producer.try_push(&19).unwrap();
    std::mem::forget(dead.try_lend().unwrap());
    ring.dies(4);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        recover(&shared);
    });
    let two = thread::spawn(move || {
        let mut books = Books::default();
        if books.push(&mut producer, 20) {
            reached("pushed");
        }
        (producer, books)
    });
    let mut consumer = ring.consumer(3);
    let mut books = Books::default();
    books.pop(&mut consumer);
    one.join().unwrap();
    let (mut producer, first) = two.join().unwrap();
    if ring.count(Counter::DeadLetters) == 1 {
        reached("given up");
    }
    books.drain(&mut consumer);
    balance(&[books, first]);
    is_sound(&mut producer, &mut consumer);
}

/// A producer dies after its claim; the consumer that encounters the slot repairs it, concurrently with a
/// recovery.
fn met_slot() {
    let ring = Heap::new(1);
    let mut dying = ring.producer(1);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        let mut books = Books::default();
        let _ = crash::kill_at(Site::MpmcClaimed, 0, || books.push(&mut dying, 10));
        shared.dies(1);
        books
    });
    let shared = ring.clone();
    let two = thread::spawn(move || {
        recover(&shared);
    });
    let mut consumer = ring.consumer(3);
    for _ in 0..2 {
        if let Err(ipc_ring::ring::mpmc::Nothing::Busy(holder)) = consumer.try_pop() {
            match recovery::repair(&ring, &holder, |identity| ring.is_alive(identity)) {
                recovery::Repair::Alive { .. } => reached("alive"),
                recovery::Repair::Repaired { .. } => reached("repaired"),
                recovery::Repair::Moved => {}
            }
        }
    }
    one.join().unwrap();
    two.join().unwrap();
    recover(&ring);
    assert_eq!(ring.count(Counter::Voided), 1);
    let mut producer = ring.producer(2);
    let mut books = Books::default();
    books.drain(&mut consumer);
    balance(&[books]);
    is_sound(&mut producer, &mut consumer);
}

/// The ends of edges of this ring.
#[must_use]
pub fn edges() -> Vec<Edge> {
    Edge::ALL
        .into_iter()
        .filter(|edge| edge.label().starts_with(['M', 'T']) || edge.label() == "W2")
        .collect()
}
