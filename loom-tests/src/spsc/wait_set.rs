//! One thread that waits for either of two rings, with one semaphore for both: the steps of
//! `channel/wait_set.rs`, as [`ends`](super::ends) has those of single ends. It waits at one ring alone
//! before, with another semaphore, so that the number in its record changes.

use std::rc::Rc;

use ipc_ring::platform::{Barrier, Platform as _, Word};
use ipc_ring::ring::spsc::{Memory as _, Words as _};
use ipc_ring::wait::signal::{self, WAITING};
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use super::Heap;
use super::moves::{self, Consuming, Producing};
use crate::{Loom, Model, Semaphore, Word32, mutation};

/// A mistake in the steps below.
pub const ONE_LOOK_FOR_ALL: &str = "a set looks only at the first ring again before it sleeps";
/// See [`ONE_LOOK_FOR_ALL`].
pub const NO_COMMON_BARRIER: &str = "a set runs the heavy barrier before it has marked the last ring";

/// All of them.
pub const MISTAKES: [&str; 2] = [ONE_LOOK_FOR_ALL, NO_COMMON_BARRIER];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("set_sleeps_fence", 300, || set_sleeps(Barrier::Fence)).reaches(&["the set sleeps"]),
    Model::new("set_sleeps_asymmetric", 300, || set_sleeps(Barrier::Asymmetric)).reaches(&["the set sleeps"]),
    Model::new("set_after_a_wait_alone", 200, set_after_a_wait_alone)
        .reaches(&["the set sleeps", "the end sleeps alone"]),
];

/// The end's own semaphore.
const OWN: u32 = 0;
/// The set's.
const BELL: u32 = 1;

/// A ring, and the number of the semaphore its consumer sleeps on.
#[derive(Debug)]
struct Channel {
    ring: Heap,
    wake: Word32,
}

#[derive(Debug)]
struct Shared {
    channels: [Channel; 2],
    semaphores: [Semaphore; 2],
}

impl Shared {
    fn new(barrier: Barrier) -> Rc<Self> {
        let channel = || Channel { ring: Heap::new(2, barrier), wake: Word32::checked(OWN) };
        Rc::new(Self { channels: [channel(), channel()], semaphores: [Semaphore::new(), Semaphore::new()] })
    }

    fn producer(&self, index: usize) -> Producing {
        moves::producer(&self.channels[index].ring)
    }

    fn push(&self, index: usize, producer: &mut Producing) {
        let signal = moves::push(producer).expect("room for all");
        let channel = &self.channels[index];
        if signal & WAITING != 0 && signal::take::<Loom>(channel.ring.consumer_signal()) {
            let wake = channel.wake.load(Relaxed);
            self.semaphores[wake as usize].post();
        }
    }

    fn mark(&self, index: usize, wake: u32) {
        let channel = &self.channels[index];
        channel.wake.store(wake, Relaxed);
        signal::mark::<Loom>(channel.ring.consumer_signal());
    }

    /// Withdraws the bit, and takes a token if a notifier was faster and none was taken for it yet.
    fn unmark(&self, index: usize, wake: u32, has_token: &mut bool) {
        if signal::withdraw::<Loom>(self.channels[index].ring.consumer_signal()) && !std::mem::take(has_token)
        {
            let _ = self.semaphores[wake as usize].try_wait();
        }
    }
}

/// Pops one element of either ring, waiting for both.
fn pop_any(shared: &Shared, consumers: &mut [Consuming; 2]) -> usize {
    loop {
        if let Some(index) = (0..2).find(|index| moves::pop(&mut consumers[*index]).is_ok()) {
            return index;
        }
        let barrier = shared.channels[0].ring.barrier();
        shared.mark(0, BELL);
        if mutation::logic(NO_COMMON_BARRIER) {
            Loom::heavy(barrier).expect("no barrier of a model fails");
            shared.mark(1, BELL);
        } else {
            shared.mark(1, BELL);
            Loom::heavy(barrier).expect("no barrier of a model fails");
        }
        let looked = if mutation::logic(ONE_LOOK_FOR_ALL) { 1 } else { 2 };
        let mut has_token = false;
        if !consumers[..looked].iter().any(Consuming::has_item) {
            crate::reached("the set sleeps");
            shared.semaphores[BELL as usize].wait();
            has_token = true;
        }
        (0..2).for_each(|index| shared.unmark(index, BELL, &mut has_token));
    }
}

/// One element in each ring, from two producers.
fn set_sleeps(barrier: Barrier) {
    let shared = Shared::new(barrier);
    let mut consumers = [0, 1].map(|index| moves::consumer(&shared.channels[index].ring));
    let others = [0, 1].map(|index| {
        let mut producer = shared.producer(index);
        let shared = Rc::clone(&shared);
        thread::spawn(move || shared.push(index, &mut producer))
    });
    let popped = [(); 2].map(|()| pop_any(&shared, &mut consumers));
    assert_ne!(popped[0], popped[1]);
    for other in others {
        other.join().unwrap();
    }
}

/// The end first waits alone, on its own semaphore, then in the set.
fn set_after_a_wait_alone() {
    let shared = Shared::new(Barrier::Asymmetric);
    let mut consumers = [0, 1].map(|index| moves::consumer(&shared.channels[index].ring));
    let mut producer = shared.producer(0);
    let others = Rc::clone(&shared);
    let other = thread::spawn(move || {
        others.push(0, &mut producer);
        others.push(0, &mut producer);
    });
    while moves::pop(&mut consumers[0]).is_err() {
        shared.mark(0, OWN);
        Loom::heavy(Barrier::Asymmetric).expect("no barrier of a model fails");
        let mut has_token = false;
        if !consumers[0].has_item() {
            crate::reached("the end sleeps alone");
            shared.semaphores[OWN as usize].wait();
            has_token = true;
        }
        shared.unmark(0, OWN, &mut has_token);
    }
    assert_eq!(pop_any(&shared, &mut consumers), 0);
    other.join().unwrap();
}
