//! Subscribers that sleep until a message comes or the stream ends, and a gated publisher that sleeps until
//! there is room. A lost wake-up is a deadlock, which the checker reports.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Word as _};
use ipc_ring::ring::broadcast::{Publisher, Resume, Start};
use ipc_ring::wait::signal::{self, CLOSED};
use ipc_ring::wait::waiter_set::{self, WaiterSet};
use loom::thread;

use super::books::{Got, Reader, publish, publisher};
use super::memory::{Heap, Shape};
use crate::{Loom, Model, Semaphore, Word32, Word64, mutation, reached};

/// A mistake: the end of the stream wakes no one.
pub const CLOSE_WAKES_NOBODY: &str = "broadcast: closing wakes nobody";
/// A mistake: one subscriber is woken, not all.
pub const WAKES_ONE: &str = "broadcast: a message wakes one subscriber only";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("broadcast_two_sleepers_fence", 1_100, || two_sleepers(Barrier::Fence))
        .reaches(&["sleeps", "item"]),
    Model::new("broadcast_two_sleepers_asymmetric", 2_000, || two_sleepers(Barrier::Asymmetric))
        .reaches(&["sleeps", "item"]),
    Model::new("broadcast_close", 380, close).reaches(&["sleeps", "item", "closed"]),
    Model::new("broadcast_publisher_sleeps", 300, publisher_sleeps).reaches(&["publisher sleeps", "item"]),
];

/// One side's words.
struct Bed {
    mask: Word64,
    signals: [Word32; 2],
    semaphores: [Semaphore; 2],
    barrier: Barrier,
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
        2
    }

    fn bits(&self) -> u16 {
        1
    }
}

impl Bed {
    fn new(barrier: Barrier) -> Rc<Self> {
        Rc::new(Self {
            mask: Word64::contended(0),
            signals: [Word32::contended(0), Word32::contended(0)],
            semaphores: [Semaphore::new(), Semaphore::new()],
            barrier,
        })
    }

    /// The channel's wake of a whole side: all bits first, then all tokens.
    fn wake_all(&self) {
        if waiter_set::has_waiters::<Loom>(&self.mask, self.barrier) {
            let mut tokens = Vec::new();
            let wanted = if mutation::logic(WAKES_ONE) { 1 } else { usize::MAX };
            waiter_set::wake(
                self,
                &mut 0,
                wanted,
                waiter_set::Post(|number| {
                    tokens.push(number);
                    true
                }),
            );
            for number in tokens {
                self.semaphores[usize::from(number)].post();
            }
        }
    }

    /// Sleeps unless `is_there` finds something after the announcement of the sleep.
    fn sleep_unless(&self, number: u16, is_there: impl FnOnce() -> bool) {
        waiter_set::prepare_wait(self, number, self.barrier).expect("no barrier of a model fails");
        let semaphore = &self.semaphores[usize::from(number)];
        if is_there() {
            if signal::withdraw::<Loom>(self.signal(number)) {
                semaphore.try_wait();
            }
        } else {
            reached("sleeps");
            semaphore.wait();
            signal::withdraw::<Loom>(self.signal(number));
        }
    }
}

/// The channel's `pop`, without its polling. False at the end of the stream.
fn pop(reader: &mut Reader, heap: &Heap, bed: &Bed, number: u16) -> bool {
    use ipc_ring::ring::broadcast::Words as _;
    let state = heap.state();
    loop {
        if reader.pop() != Got::Nothing {
            return true;
        }
        if signal::seen::<Loom>(state) & CLOSED != 0 {
            // [C1] What was published before can be seen now.
            return reader.pop() != Got::Nothing;
        }
        bed.sleep_unless(number, || reader.ring.has_something() || signal::seen::<Loom>(state) & CLOSED != 0);
    }
}

fn two_sleepers(barrier: Barrier) {
    let ring = Heap::new(Shape { barrier, ..Shape::lossy(1) });
    let bed = Bed::new(barrier);
    let mut publishing = publisher(&ring);
    let others = [0, 1].map(|number| {
        let (bed, ring) = (Rc::clone(&bed), ring.clone());
        let mut reader = Reader::watch(&ring, Start::Oldest, Resume::Oldest);
        thread::spawn(move || assert!(pop(&mut reader, &ring, &bed, number)))
    });
    assert!(publish(&mut publishing));
    bed.wake_all();
    others.into_iter().for_each(|other| other.join().unwrap());
}

/// A message, then the end. The subscriber has the message when it learns of the end.
fn close() {
    let ring = Heap::new(Shape { closes: true, ..Shape::lossy(2) });
    let bed = Bed::new(Barrier::Asymmetric);
    let mut publishing = publisher(&ring);
    let (shared, ours) = (Rc::clone(&bed), ring.clone());
    let mut reader = Reader::watch(&ring, Start::Oldest, Resume::Oldest);
    let other = thread::spawn(move || {
        while pop(&mut reader, &ours, &shared, 0) {}
        reached("closed");
        assert_eq!(reader.ring.position(), 1, "everything is popped before the end is told");
    });
    assert!(publish(&mut publishing));
    bed.wake_all();
    use ipc_ring::ring::broadcast::Words as _;
    signal::raise::<Loom>(ring.state(), CLOSED);
    if !mutation::logic(CLOSE_WAKES_NOBODY) {
        bed.wake_all();
    }
    other.join().unwrap();
}

/// A gated publisher without room sleeps; the subscriber checks for it after reading.
fn publisher_sleeps() {
    let ring = Heap::new(Shape::gated(1, Barrier::Asymmetric));
    let bed = Bed::new(Barrier::Asymmetric);
    let publishing = publisher(&ring);
    let mut reader = Reader::join(&ring, 2, Start::Oldest, 1);
    let shared = Rc::clone(&bed);
    let other = thread::spawn(move || publish_two(publishing, &shared));
    for _ in 0..2 {
        while reader.pop() != Got::Item {
            thread::yield_now();
        }
        bed.wake_all();
    }
    other.join().unwrap();
    reader.missed_nothing();
}

fn publish_two(mut publishing: Publisher<Heap>, bed: &Bed) {
    while publishing.position() < 2 {
        if !publish(&mut publishing) {
            reached("publisher sleeps");
            bed.sleep_unless(0, || publishing.has_room().expect("the ring is sound"));
        }
    }
    assert_eq!(bed.mask.load(std::sync::atomic::Ordering::Relaxed) & !1, 0);
}
