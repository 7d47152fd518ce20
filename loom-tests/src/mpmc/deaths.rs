//! An end dies at each site, with a live competitor and a recovery running concurrently.

use ipc_ring::platform::Site;
use ipc_ring::ring::mpmc::Counter;
use loom::thread;

use super::Heap;
use super::books::{Books, Consuming, Producing, balance, is_sound};
use crate::{Model, crash, reached};

const BOTH: &[&str] = &["died", "recovered while others run"];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_producer_dies_claimed_1", 2_500, || producer_dies(1, Site::MpmcClaimed)).reaches(BOTH),
    Model::new("mpmc_producer_dies_claimed_2", 18_000, || producer_dies(2, Site::MpmcClaimed)).reaches(BOTH),
    Model::new("mpmc_producer_dies_written_1", 2_500, || producer_dies(1, Site::MpmcWritten)).reaches(BOTH),
    Model::new("mpmc_producer_dies_written_2", 18_000, || producer_dies(2, Site::MpmcWritten)).reaches(BOTH),
    Model::new("mpmc_producer_dies_published", 3_500, || producer_dies(1, Site::MpmcPublished)).reaches(BOTH),
    Model::new("mpmc_producer_dies_pushed", 5_500, || producer_dies(1, Site::MpmcPushed)).reaches(BOTH),
    Model::new("mpmc_consumer_dies_taken_1", 1_400, || consumer_dies(1, Site::MpmcTaken)).reaches(BOTH),
    Model::new("mpmc_consumer_dies_taken_2", 2_500, || consumer_dies(2, Site::MpmcTaken)).reaches(BOTH),
    Model::new("mpmc_consumer_dies_copied_1", 1_400, || consumer_dies(1, Site::MpmcCopied)).reaches(BOTH),
    Model::new("mpmc_consumer_dies_copied_2", 2_500, || consumer_dies(2, Site::MpmcCopied)).reaches(BOTH),
    Model::new("mpmc_consumer_dies_released", 2_000, || consumer_dies(1, Site::MpmcReleased)).reaches(BOTH),
    Model::new("mpmc_consumer_dies_popped", 3_500, || consumer_dies(1, Site::MpmcPopped)).reaches(BOTH),
    Model::new("mpmc_taker_dies_taken", 4_000, || taker_dies(Site::MpmcOrphanTaken)).reaches(BOTH),
    Model::new("mpmc_taker_dies_copied", 4_000, || taker_dies(Site::MpmcCopied)).reaches(BOTH),
    Model::new("mpmc_taker_dies_released", 5_500, || taker_dies(Site::MpmcReleased)).reaches(BOTH),
    Model::new("mpmc_skipper_dies", 30_000, skipper_dies).reaches(&["died"]),
    Model::new("mpmc_orphan_behind_a_consumer", 50, orphan_behind_a_consumer)
        .reaches(&["found", "came too early"]),
];

/// Lives and dies as identity 1.
fn victim(ring: &Heap, site: Site, mut act: impl FnMut(&mut Books)) -> Books {
    let mut books = Books::default();
    if crash::kill_at(site, 0, || act(&mut books)).is_none() {
        reached("died");
        // An end that dies before its slot is released leaves the element to others: nothing may be lost.
        if !matches!(site, Site::MpmcReleased | Site::MpmcPopped) {
            books.died_with = 0;
        }
    }
    ring.dies(1);
    books
}

fn recover(ring: &Heap) {
    if ring.recover().seats > 0 {
        reached("recovered while others run");
    }
}

/// What is left of dead ends is cleaned up, and all remaining elements are popped.
fn end(ring: &Heap, mut all: Vec<Books>, producing: &mut Producing, consuming: &mut Consuming) {
    ring.recover();
    let mut books = Books::default();
    books.drain(consuming);
    all.push(books);
    balance(&all);
    assert_eq!(ring.count(Counter::Recovered), 1, "the dead seat is free");
    is_sound(producing, consuming);
}

fn producer_dies(capacity: usize, site: Site) {
    let ring = Heap::new(capacity);
    let mut dying = ring.producer(1);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        victim(&shared, site, |books| {
            books.push(&mut dying, 10);
        })
    });
    let mut competitor = ring.producer(2);
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.push(&mut competitor, 20);
        books.push(&mut competitor, 21);
        (competitor, books)
    });
    let mut consumer = ring.consumer(3);
    let mut books = Books::default();
    recover(&ring);
    books.pop(&mut consumer);
    let first = one.join().unwrap();
    let (mut producer, second) = two.join().unwrap();
    end(&ring, vec![books, first, second], &mut producer, &mut consumer);
    let held = matches!(site, Site::MpmcClaimed | Site::MpmcWritten);
    assert!(ring.count(Counter::Voided) <= u64::from(held), "a live slot was voided");
}

fn consumer_dies(capacity: usize, site: Site) {
    let ring = Heap::new(capacity);
    let mut producer = ring.producer(2);
    let mut books = Books::default();
    books.push(&mut producer, 20);
    let mut dying = ring.consumer(1);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        victim(&shared, site, |books| {
            books.pop(&mut dying);
        })
    });
    let mut competitor = ring.consumer(3);
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.pop(&mut competitor);
        (competitor, books)
    });
    recover(&ring);
    books.push(&mut producer, 21);
    let first = one.join().unwrap();
    let (mut consumer, second) = two.join().unwrap();
    end(&ring, vec![books, first, second], &mut producer, &mut consumer);
    let held = matches!(site, Site::MpmcTaken | Site::MpmcCopied);
    assert!(ring.count(Counter::Orphaned) <= u64::from(held), "a live slot was orphaned");
}

/// A consumer died earlier; the one that takes the orphan dies too.
fn taker_dies(site: Site) {
    let ring = Heap::new(2);
    let mut producer = ring.producer(2);
    let mut books = Books::default();
    books.push(&mut producer, 20);
    let mut before = ring.consumer(4);
    std::mem::forget(before.try_lend().unwrap());
    ring.dies(4);
    assert_eq!(ring.recover().seats, 1);
    let mut dying = ring.consumer(1);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        victim(&shared, site, |books| {
            books.pop(&mut dying);
        })
    });
    let mut competitor = ring.consumer(3);
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.pop(&mut competitor);
        (competitor, books)
    });
    books.push(&mut producer, 21);
    recover(&ring);
    let first = one.join().unwrap();
    let (mut consumer, second) = two.join().unwrap();
    ring.recover();
    let mut rest = Books::default();
    rest.drain(&mut consumer);
    balance(&[books, first, second, rest]);
    assert_eq!(ring.count(Counter::Recovered), 2, "the dead seats are free");
    is_sound(&mut producer, &mut consumer);
}

/// An empty slot; the end that frees it dies right after, while others do the same.
fn skipper_dies() {
    let ring = Heap::new(1);
    let mut producer = ring.producer(2);
    drop(producer.try_claim().unwrap());
    let mut dying = ring.consumer(1);
    let shared = ring.clone();
    let one = thread::spawn(move || {
        victim(&shared, Site::MpmcSkipped, |books| {
            books.pop(&mut dying);
        })
    });
    let mut competitor = ring.consumer(3);
    let two = thread::spawn(move || {
        let mut books = Books::default();
        books.pop(&mut competitor);
        (competitor, books)
    });
    let mut books = Books::default();
    books.push(&mut producer, 20);
    let first = one.join().unwrap();
    let (mut consumer, second) = two.join().unwrap();
    end(&ring, vec![books, first, second], &mut producer, &mut consumer);
}

/// A consumer died with an element, and the other one has gone on behind it. It searches while the element
/// becomes an orphan: it finds it then, or the next search does, because a search notes the generation that
/// it began with, and no later one.
fn orphan_behind_a_consumer() {
    let ring = Heap::new(4);
    let mut producer = ring.producer(2);
    let mut books = Books::default();
    books.push(&mut producer, 20);
    books.push(&mut producer, 21);
    let mut dead = ring.consumer(1);
    std::mem::forget(dead.try_lend().unwrap());
    let mut consumer = ring.consumer(3);
    assert!(books.pop(&mut consumer));
    ring.dies(1);
    let shared = ring.clone();
    let recovering = thread::spawn(move || recover(&shared));
    if books.pop(&mut consumer) {
        reached("found");
    } else {
        reached("came too early");
    }
    recovering.join().unwrap();
    books.drain(&mut consumer);
    balance(&[books]);
    assert_eq!(ring.count(Counter::Recovered), 1, "the dead seat is free");
    is_sound(&mut producer, &mut consumer);
}
