//! Two consumers that sleep, and a producer that wakes one for the first of two elements and nobody for the second one, which
//! lies behind it: whoever was woken wakes the next. Each consumer pops once and never comes back, so an element that nobody
//! was woken for is a deadlock, which the checker reports.
//!
//! The ring and the sleepers' functions are production's; the steps of the channel's ends are mirrored.

use std::mem::MaybeUninit;
use std::rc::Rc;

use ipc_ring::platform::Barrier;
use ipc_ring::ring::mpmc::{Consumer, Producer};
use ipc_ring::wait::signal;
use ipc_ring::wait::waiter_set::{self, WaiterSet};
use loom::thread;

use super::Heap;
use crate::{Loom, Model, Semaphore, Word32, Word64, mutation, reached};

/// A mistake: who was woken and popped does not look for more.
pub const NOT_PASSED_ON: &str = "chain: who was woken wakes nobody";
/// A mistake: who was woken looks for more without a fence.
pub const NO_FENCE: &str = "chain: who was woken looks for more without a fence";
/// A mistake: a push wakes nobody while another element is there, taken or not.
pub const ANY_BEFORE: &str = "chain: a push behind a taken element wakes nobody";

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("mpmc_chain_of_sleepers", 1_500, chain_of_sleepers).reaches(&["passed on", "not woken for"]),
    Model::new("mpmc_chain_begun_before", 1_500, chain_begun_before).reaches(&["passed on", "not woken for"]),
    Model::new("mpmc_chain_beside_one_awake", 15_000, chain_beside_one_awake)
        .bound(1)
        .reaches(&["not woken for", "the one awake was faster"]),
];

struct Bed {
    mask: Word64,
    signals: [Word32; 2],
    semaphores: [Semaphore; 2],
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
        2
    }
}

impl Bed {
    /// Both sleep.
    fn new() -> Rc<Self> {
        let bed = Rc::new(Self {
            mask: Word64::contended(0),
            signals: [Word32::contended(0), Word32::contended(0)],
            semaphores: [Semaphore::new(), Semaphore::new()],
        });
        for number in [0, 1] {
            waiter_set::prepare_wait(&*bed, number, Barrier::Asymmetric)
                .expect("no barrier of a model fails");
        }
        bed
    }

    fn wake_one(&self) {
        waiter_set::wake(
            self,
            &mut 1,
            1,
            waiter_set::Post(|number| {
                self.semaphores[usize::from(number)].post();
                true
            }),
        );
    }

    /// The channel's `push`.
    fn push(&self, producer: &mut Producer<Heap>, value: u64) {
        assert_eq!(producer.try_push(&value), Ok(()));
        if waiter_set::has_waiters::<Loom>(&self.mask, Barrier::Asymmetric) {
            if producer.is_behind_another() || (mutation::logic(ANY_BEFORE) && producer.position() > 1) {
                reached("not woken for");
            } else {
                self.wake_one();
            }
        }
    }

    /// The channel's `pop` of one that is asleep, and has not found anything before.
    fn pop(&self, number: u16, consumer: &mut Consumer<Heap>) {
        let mut asleep = true;
        loop {
            if asleep {
                self.semaphores[usize::from(number)].wait();
                signal::withdraw::<Loom>(self.signal(number));
            }
            if self.try_pop(consumer) {
                break;
            }
            waiter_set::prepare_wait(self, number, Barrier::Asymmetric).expect("no barrier of a model fails");
            asleep = consumer.look().is_err();
            if !asleep && signal::withdraw::<Loom>(self.signal(number)) {
                self.semaphores[usize::from(number)].try_wait();
            }
        }
    }

    /// Pops, and passes on before the slot is given back.
    fn try_pop(&self, consumer: &mut Consumer<Heap>) -> bool {
        let pass_on = |consumer: &mut Consumer<Heap>| {
            if mutation::logic(NOT_PASSED_ON) {
                return;
            }
            let more = if mutation::logic(NO_FENCE) { consumer.look() } else { consumer.look_behind() };
            if more.is_ok() && waiter_set::has_waiters::<Loom>(&self.mask, Barrier::Asymmetric) {
                reached("passed on");
                self.wake_one();
            }
        };
        consumer.pop_after(&mut MaybeUninit::uninit(), pass_on).is_ok()
    }
}

/// Each pops once, the first one while the second element is pushed.
fn chain_of_sleepers() {
    let ring = Heap::peaceful(2);
    let mut producer = ring.producer(1);
    let bed = Bed::new();
    let others = [0, 1].map(|number| {
        let (bed, mut consumer) = (Rc::clone(&bed), ring.consumer(2 + u64::from(number)));
        thread::spawn(move || bed.pop(number, &mut consumer))
    });
    bed.push(&mut producer, 10);
    bed.push(&mut producer, 11);
    others.into_iter().for_each(|other| other.join().unwrap());
}

/// The same when the first element is there and its consumer has its token already.
fn chain_begun_before() {
    let ring = Heap::peaceful(2);
    let mut producer = ring.producer(1);
    let bed = Bed::new();
    bed.push(&mut producer, 10);
    let others = [0, 1].map(|number| {
        let (bed, mut consumer) = (Rc::clone(&bed), ring.consumer(2 + u64::from(number)));
        thread::spawn(move || bed.pop(number, &mut consumer))
    });
    bed.push(&mut producer, 11);
    others.into_iter().for_each(|other| other.join().unwrap());
}

/// A third consumer never sleeps, looks once, and may take what a sleeper has its token for already; it wakes nobody. Whatever it leaves, each
/// sleeper gets one: a third element is pushed when it has taken one of the two.
fn chain_beside_one_awake() {
    let ring = Heap::peaceful(4);
    let mut producer = ring.producer(1);
    let mut awake = ring.consumer(4);
    let bed = Bed::new();
    bed.push(&mut producer, 10);
    let others = [0, 1].map(|number| {
        let (bed, mut consumer) = (Rc::clone(&bed), ring.consumer(2 + u64::from(number)));
        thread::spawn(move || bed.pop(number, &mut consumer))
    });
    bed.push(&mut producer, 11);
    if awake.try_pop().is_ok() {
        reached("the one awake was faster");
        bed.push(&mut producer, 12);
    }
    others.into_iter().for_each(|other| other.join().unwrap());
}
