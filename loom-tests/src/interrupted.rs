//! An end whose wait is interrupted while it goes to sleep on a futex, whose tokens order nothing. A lost
//! interruption is a deadlock, which the checker reports.
//!
//! The flag, the tokens and the sleep protocol are production's; the ring and the kernel's part are those of
//! [`parked`](crate::parked).

use std::rc::Rc;

use ipc_ring::platform::Barrier;
use ipc_ring::wait::{interrupt, token};
use loom::thread;

use crate::parked::Bed;
use crate::{Loom, Model, Word32, mutation, reached};

/// A mistake: the token is posted before the flag is set.
pub const TOKEN_FIRST: &str = "interrupt: the token comes before the flag";
/// A mistake: the flag is set and no token is posted.
pub const NO_TOKEN: &str = "interrupt: no token";
/// A mistake: the waiter checks the flag only before its first sleep.
pub const ONE_LOOK: &str = "interrupt: the flag is not looked at behind a sleep";

/// A mistake: nothing orders the check of the flag after the tokens taken.
pub const NO_FENCE: &str = "interrupt: no fence before the look at the flag";

/// All of them.
pub const MISTAKES: [&str; 4] = [TOKEN_FIRST, NO_TOKEN, ONE_LOOK, NO_FENCE];

/// The models of this file.
pub const MODELS: &[Model] = &[
    Model::new("interrupted_fence", 25, || interrupted(Barrier::Fence)).reaches(&["sleeps", "token first"]),
    Model::new("interrupted_asymmetric", 25, || interrupted(Barrier::Asymmetric))
        .reaches(&["sleeps", "token first"]),
    Model::new("interrupted_and_woken_fence", 1000, || interrupted_and_woken(Barrier::Fence)).reaches(&[
        "sleeps",
        "interrupted first",
        "an element first",
    ]),
    Model::new("interrupted_and_woken_asymmetric", 1000, || interrupted_and_woken(Barrier::Asymmetric))
        .reaches(&["sleeps", "interrupted first", "an element first"]),
];

struct Scene {
    bed: Bed,
    flag: Word32,
}

impl Scene {
    fn new(barrier: Barrier) -> Rc<Self> {
        Rc::new(Self { bed: Bed::new(barrier), flag: Word32::contended(0) })
    }

    /// As `Interrupter::interrupt`.
    fn interrupt(&self) {
        let token = || {
            token::post::<Loom>(&self.bed.word);
            self.bed.wake();
        };
        if mutation::logic(TOKEN_FIRST) {
            token();
            interrupt::raise::<Loom>(&self.flag);
            return;
        }
        interrupt::raise::<Loom>(&self.flag);
        if !mutation::logic(NO_TOKEN) {
            token();
        }
    }

    /// Waits for this number of elements, as the loops around `Wait::next` do. False: interrupted.
    fn wait_for(&self, count: u32) -> bool {
        let mut looks = true;
        loop {
            if self.bed.has(count) {
                return true;
            }
            if looks && interrupt::take::<Loom>(&self.flag, !mutation::logic(NO_FENCE)) {
                return false;
            }
            looks = !mutation::logic(ONE_LOOK);
            self.bed.sleep_unless(count);
        }
    }
}

/// Nothing comes but the interruption.
fn interrupted(barrier: Barrier) {
    let scene = Scene::new(barrier);
    let shared = Rc::clone(&scene);
    let other = thread::spawn(move || shared.interrupt());
    assert!(!scene.wait_for(1), "there is no element");
    other.join().unwrap();
}

/// An element and an interruption, in either order: both are reported.
fn interrupted_and_woken(barrier: Barrier) {
    let scene = Scene::new(barrier);
    let shared = Rc::clone(&scene);
    let other = thread::spawn(move || shared.interrupt());
    let notifying = Rc::clone(&scene);
    let notifier = thread::spawn(move || notifying.bed.push(1));
    if scene.wait_for(1) {
        reached("an element first");
        assert!(!scene.wait_for(2), "there is no second element");
    } else {
        reached("interrupted first");
        assert!(scene.wait_for(1), "interrupted once");
    }
    other.join().unwrap();
    notifier.join().unwrap();
}
