//! Who pays for a sleep: the barriers of a notifier that looks for waiters, and of a waiter. The models show
//! that no wake-up is lost; these tests show that the cheap half runs where it may.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use ipc_ring::platform::Barrier::{Asymmetric, Fence};
use ipc_ring::platform::{Barrier, Native, Platform};
use ipc_ring::wait::fences::{Fences, PEER, is_fencing, required};
use ipc_ring::wait::signal::WAITING;

thread_local! {
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    static RUN: RefCell<Vec<Barrier>> = const { RefCell::new(Vec::new()) };
}

/// The real machine; it notes its light barriers, and fences as many looks as a test says.
#[derive(Clone, Copy, Debug)]
struct Noted;

// SAFETY: all of it is `Native`'s.
unsafe impl Platform for Noted {
    type U64 = AtomicU64;
    type U32 = AtomicU32;

    fn light(barrier: Barrier) {
        RUN.with_borrow_mut(|run| run.push(barrier));
        Native::light(barrier);
    }

    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error> {
        Native::heavy(barrier)
    }

    fn fenced_looks() -> u32 {
        LOOKS.get()
    }

    fn relax() {
        Native::relax();
    }

    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise.
        unsafe { Native::copy_in(to, from) }
    }

    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise.
        unsafe { Native::copy_out(to, from) }
    }
}

/// A notifier, the word that its waiters read, and their waiting bit.
struct Scene {
    fences: Fences,
    word: AtomicU32,
    signal: AtomicU32,
    /// Whether it looks for one peer or for any number of waiters.
    is_peer: bool,
}

impl Scene {
    fn new(barrier: Barrier, looks: u32, is_peer: bool) -> Self {
        LOOKS.set(looks);
        let word = AtomicU32::new(0);
        let fences = Fences::attach::<Noted>(barrier, &word);
        assert_eq!(RUN.take(), [], "nothing is published yet");
        Self { fences, word, signal: AtomicU32::new(0), is_peer }
    }

    /// One look: the barriers that it ran, and whether the waiters know afterwards that the next is fenced.
    fn look(&mut self, waits: bool) -> (Vec<Barrier>, bool) {
        let Self { fences, word, signal, is_peer } = self;
        signal.store(if waits { WAITING } else { 0 }, Relaxed);
        let found = if *is_peer {
            fences.peek_signal::<Noted>(word, signal) & WAITING != 0
        } else {
            fences.peek::<Noted>(|| &*word, PEER, || signal.load(Relaxed) & WAITING != 0)
        };
        assert_eq!(found, waits);
        (RUN.take(), is_fencing::<Noted>(word, PEER))
    }
}

#[test]
fn a_notifier_fences_while_it_finds_waiters_and_some_looks_longer() {
    for is_peer in [true, false] {
        let mut scene = Scene::new(Asymmetric, 3, is_peer);
        assert!(is_fencing::<Noted>(&scene.word, PEER), "one that attaches fences");
        for _ in 0..2 {
            assert_eq!(scene.look(false), (vec![Fence], true));
            assert_eq!(scene.look(false), (vec![Fence], true));
            assert_eq!(scene.look(true), (vec![Fence], true), "from here on it counts anew");
            assert_eq!(scene.look(false), (vec![Fence], true));
            assert_eq!(scene.look(false), (vec![Fence], true));
            assert_eq!(
                scene.look(false),
                (vec![Fence, Fence], false),
                "the last one, and one behind the word"
            );
            for _ in 0..4 {
                assert_eq!(scene.look(false), (vec![Asymmetric], false), "waiters run the heavy barrier");
            }
            assert_eq!(scene.look(true), (vec![Asymmetric], true), "the next one is fenced");
        }
    }
}

#[test]
fn a_ring_with_fences_has_them_always() {
    for is_peer in [true, false] {
        let mut scene = Scene::new(Fence, 1, is_peer);
        for waits in [false, false, true, false, false, false] {
            assert_eq!(scene.look(waits), (vec![Fence], true), "and says so from the start");
        }
    }
}

#[test]
fn a_platform_without_fenced_looks_leaves_the_barrier_to_the_waiters() {
    for is_peer in [true, false] {
        let mut scene = Scene::new(Asymmetric, 0, is_peer);
        for waits in [false, true, true, false] {
            assert_eq!(scene.look(waits), (vec![Asymmetric], false));
        }
    }
}

#[test]
fn a_waiter_runs_the_heavy_barrier_unless_all_notifiers_fence() {
    LOOKS.set(3);
    assert_eq!((required::<Noted>(Asymmetric, || true), RUN.take()), (Fence, vec![Fence]));
    assert_eq!((required::<Noted>(Asymmetric, || false), RUN.take()), (Asymmetric, vec![Fence]));
    let not_asked = || panic!("the answer does not matter");
    assert_eq!((required::<Noted>(Fence, not_asked), RUN.take()), (Fence, vec![]));
    LOOKS.set(0);
    assert_eq!((required::<Noted>(Asymmetric, not_asked), RUN.take()), (Asymmetric, vec![]));
}
