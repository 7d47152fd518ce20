//! Three sleeping ends, and an event that concerns all of them: a message, a value, or the end of a stream,
//! for ends that wait alone and for sets. There are no timed checks, so a sleeper that is skipped is a
//! deadlock, which the checker reports.
//!
//! The rings and the functions of [`waiter_set`] are production's; the steps around a sleep are mirrored over
//! mock semaphores. Each sleeper has a bit of the mask to itself: with fewer than three bits, a walk over
//! them cannot skip one.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::{Barrier, Platform as _, Word as _};
use ipc_ring::ring::broadcast::{Resume, Start};
use ipc_ring::ring::latest::Writer;
use ipc_ring::ring::mpmc::{self, Nothing};
use ipc_ring::wait::signal;
use ipc_ring::wait::waiter_set::{self, WaiterSet};
use loom::thread;

use crate::broadcast::books::{Got, Reader, publish, publisher};
use crate::latest::moves::{self, Reading};
use crate::{Loom, Model, Semaphore, Word32, Word64, broadcast, latest, mutation, reached};

/// A mistake: the walk over the mask's bits continues from the sleeper that was woken last, and so skips
/// others.
pub const TURN_MOVES: &str =
    "everybody: the walk over the mask starts anew behind each sleeper that it wakes";
/// A mistake: sleepers under the last bit are not searched for.
pub const LAST_BIT_FORGOTTEN: &str = "everybody: the walk over the mask ends one bit early";

/// All of them. Each of them makes each model fail.
pub const MISTAKES: [&str; 2] = [TURN_MOVES, LAST_BIT_FORGOTTEN];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("everybody_broadcast", 8_000, message).reaches(&["sleeps"]),
    Model::new("everybody_latest", 15_000, value).reaches(&["sleeps"]),
    Model::new("everybody_mpmc_close", 2_000, close).bound(1).reaches(&["sleeps"]),
    Model::new("everybody_in_sets", 8_000, in_sets).reaches(&["sleeps"]),
];

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    MODELS.iter()
}

const SLEEPERS: u16 = 3;

/// The words of one side. Sets that wait on two sides share the semaphores.
struct Bed {
    mask: Word64,
    signals: [Word32; SLEEPERS as usize],
    semaphores: Rc<[Semaphore; SLEEPERS as usize]>,
}

impl WaiterSet for Bed {
    type Platform = Loom;

    fn mask(&self) -> &Word64 {
        &self.mask
    }

    fn signal(&self, number: u16) -> &Word32 {
        &self.signals[usize::from(number)]
    }

    fn belongs(&self, _number: u16) -> bool {
        true
    }

    fn seats(&self) -> u16 {
        SLEEPERS
    }

    fn bits(&self) -> u16 {
        SLEEPERS
    }
}

/// Where the walk over the mask starts.
const START: u16 = 1;

const BARRIER: Barrier = Barrier::Fence;

impl Bed {
    fn new(semaphores: &Rc<[Semaphore; SLEEPERS as usize]>) -> Self {
        let words = [(); SLEEPERS as usize].map(|()| Word32::contended(0));
        Self { mask: Word64::contended(0), signals: words, semaphores: Rc::clone(semaphores) }
    }

    fn semaphore(&self, number: u16) -> &Semaphore {
        &self.semaphores[usize::from(number)]
    }

    /// The notifier's end, after its publication: all bits first, then all tokens.
    fn wake_all(&self) {
        if !waiter_set::has_waiters::<Loom>(&self.mask, BARRIER) {
            return;
        }
        let mut tokens = Vec::new();
        let mut post = |number| {
            tokens.push(number);
            true
        };
        if MISTAKES.into_iter().any(mutation::logic) {
            self.wake_wrongly(&mut post);
        } else {
            waiter_set::wake(self, &mut { START }, usize::MAX, waiter_set::Post(post));
        }
        tokens.into_iter().for_each(|number| self.semaphore(number).post());
    }

    /// As [`waiter_set::wake`] for a mask with a bit for each seat, with a mistake.
    fn wake_wrongly(&self, post: &mut dyn FnMut(u16) -> bool) {
        let mut turn = START;
        for step in 1..=SLEEPERS {
            let first = (turn + step) % SLEEPERS;
            let is_last = step == SLEEPERS && mutation::logic(LAST_BIT_FORGOTTEN);
            if !is_last
                && self.mask.fetch_and(!(1 << first), Loom::ordering(ipc_ring::edge::Edge::WaiterSetTake))
                    & 1 << first
                    != 0
                && signal::take::<Loom>(self.signal(first))
            {
                post(first);
                if mutation::logic(TURN_MOVES) {
                    turn = first;
                }
            }
        }
    }
}

/// Waits on these sides until there is something to take. An end that is `asleep` has already announced
/// itself and found nothing.
fn wait(beds: &[&Bed], number: u16, mut asleep: bool, mut take: impl FnMut() -> bool) {
    loop {
        if !asleep {
            if take() {
                return;
            }
            beds.iter().for_each(|bed| waiter_set::set_waiting(*bed, number));
            Loom::heavy(BARRIER).expect("no barrier of a model fails");
        }
        // The second check takes at once what it finds.
        let found = !asleep && take();
        if !found {
            reached("sleeps");
            beds[0].semaphore(number).wait();
        }
        for bed in beds {
            let taken = signal::withdraw::<Loom>(bed.signal(number));
            if found && taken {
                bed.semaphore(number).try_wait();
            }
        }
        if found {
            return;
        }
        asleep = false;
    }
}

/// Makes all wait, the first two already asleep, and publishes. `take` creates a sleeper's check.
fn all_wait<T: FnMut() -> bool + 'static>(beds: Vec<Bed>, take: impl Fn(u16) -> T, publish: impl FnOnce()) {
    let beds = Rc::new(beds);
    let sleepers: Vec<_> = (0..SLEEPERS)
        .map(|number| {
            let is_asleep = number < SLEEPERS - 1;
            if is_asleep {
                beds.iter().for_each(|bed| {
                    waiter_set::prepare_wait(bed, number, BARRIER).expect("no barrier of a model fails")
                });
            }
            let (beds, take) = (Rc::clone(&beds), take(number));
            thread::spawn(move || wait(&beds.iter().collect::<Vec<_>>(), number, is_asleep, take))
        })
        .collect();
    publish();
    beds[beds.len() - 1].wake_all();
    sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    assert!(beds.iter().all(|bed| bed.signals.iter().all(|word| word.load(Relaxed) == 0)));
}

fn beds(count: usize) -> Vec<Bed> {
    let semaphores = Rc::new([(); SLEEPERS as usize].map(|()| Semaphore::new()));
    (0..count).map(|_| Bed::new(&semaphores)).collect()
}

/// A subscriber's check.
fn subscriber(ring: &broadcast::memory::Heap) -> impl FnMut() -> bool + use<> {
    let mut reader = Reader::watch(ring, Start::Oldest, Resume::Oldest);
    move || reader.pop() == Got::Item
}

/// A message to three subscribers.
fn message() {
    let ring = broadcast::memory::Heap::new(broadcast::memory::Shape::lossy(1));
    let mut publishing = publisher(&ring);
    all_wait(beds(1), |_| subscriber(&ring), || assert!(publish(&mut publishing)));
}

/// A value to three readers.
fn value() {
    let table = latest::memory::Heap::new(1, 2, 0);
    let mut writer = Writer::attach(table.clone());
    let reader = |_| {
        let mut reading = Reading::new(&table);
        move || reading.read(0) == 1
    };
    all_wait(beds(1), reader, || assert_eq!(moves::publish(&mut writer, 0), 1));
}

/// The end of the stream, to three consumers.
fn close() {
    let shape = crate::mpmc::memory::Shape { closes: true, dies: false, ..crate::mpmc::memory::Shape::of(2) };
    let ring = crate::mpmc::Heap::shaped(shape);
    let consumer = |number| {
        let mut consumer = ring.consumer(u64::from(number) + 1);
        move || match consumer.try_pop() {
            Err(Nothing::Closed) => true,
            Err(Nothing::Empty) => false,
            other => panic!("{other:?}"),
        }
    };
    all_wait(beds(1), consumer, || mpmc::close(&ring));
}

/// A message to three sets, each of which also waits on another side, where nothing happens.
fn in_sets() {
    let ring = broadcast::memory::Heap::new(broadcast::memory::Shape::lossy(1));
    let mut publishing = publisher(&ring);
    all_wait(beds(2), |_| subscriber(&ring), || assert!(publish(&mut publishing)));
}
