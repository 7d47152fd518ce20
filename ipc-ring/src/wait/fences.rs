//! Which side pays for a sleep: the waiter, by a heavy barrier, or its notifiers, by a fence before each
//! check for waiters.
//!
//! With [`Barrier::Asymmetric`] a notifier's check for waiters costs nothing, and each waiter interrupts all
//! processors that run a registered process before it sleeps. That suits a stream, in which no end sleeps.
//! Where messages are rare, a waiter sleeps before each of them, and one fence per message is far cheaper. A
//! notifier that has found a waiter therefore fences its looks from then on, and says so in a word that
//! waiters read; after [a number](Platform::fenced_looks) of them that found none it stops:
//! ```text
//!   waiter                                   notifier
//!   --------------------------------------   --------------------------------------
//!   signal |= WAITING                        begins to fence:     fences = 1, Release
//!   fence
//!   fences of all notifiers = 1 ?            publish
//!   yes: fence; no: heavy barrier            fence
//!   look at the ring again                   signal & WAITING ?
//!   nothing: sleep
//!                                            ceases to fence:     fences = 0
//!                                                                 fence
//! ```
//! A waiter that found 1 needs no heavy barrier. What was published before the notifier stored that 1, the
//! waiter sees: \[W4\]. Of each later publication with a fence, either the waiter sees it, or the notifier
//! sees the bit, by the two fences. And a notifier that ceases runs a fence after storing 0: if that comes
//! before the waiter's, the waiter finds 0; if after, each later look finds the bit.
//!
//! The limit follows the rule for renting or buying: a notifier ceases to fence when its fences have cost
//! about as much as the one heavy barrier that they may have saved.

use core::sync::atomic::Ordering::Relaxed;

use super::signal::{self, WAITING};
use crate::edge::Edge;
use crate::platform::{Barrier, Platform, Word};

/// Which of a notifier's looks for one kind of waiter follow a fence.
#[derive(Debug)]
pub struct Fences {
    /// How many more will if they find no waiter; 0: waiters run the heavy barrier.
    left: u32,
}

/// With [`Barrier::Fence`]: all of them. No waiter asks.
const ALL: u32 = u32::MAX;
/// The bit of an only peer.
pub const PEER: u32 = 1;

impl Fences {
    /// Those of a notifier that attaches. It fences at first, and [says so](Self::set_fencing): a notifier
    /// that publishes nothing for long imposes no heavy barrier.
    pub fn new<P: Platform>(barrier: Barrier) -> Self {
        match barrier {
            Barrier::Fence => Self { left: ALL },
            Barrier::Asymmetric => Self { left: P::fenced_looks() },
        }
    }

    /// As [`new`](Self::new), for an end with one peer, which reads `word`.
    pub fn attach<P: Platform>(barrier: Barrier, word: &P::U32) -> Self {
        Self::set_fencing::<P>(word, PEER);
        Self::new::<P>(barrier)
    }

    /// Sets the word of a notifier that attaches. `bits` are those of its kinds of waiters.
    pub fn set_fencing<P: Platform>(word: &P::U32, bits: u32) {
        if P::fenced_looks() != 0 {
            // [W4] Release → `is_fencing`: what a predecessor published is known here.
            word.store(bits, P::ordering(Edge::FencesBegin));
        }
    }

    /// Checks for waiters, by `find`, after a publication. `word` gives the place where waiters read `bit`:
    /// whether this fences. Without a call, which would cost a push that streams as much as the rest of it.
    #[inline(always)]
    pub fn peek<'a, P: Platform>(
        &mut self,
        word: impl Fn() -> &'a P::U32,
        bit: u32,
        find: impl Fn() -> bool,
    ) -> bool {
        if self.left == 0 {
            P::light(Barrier::Asymmetric);
            let is_found = find();
            if is_found {
                self.begin::<P>(word, bit);
            }
            is_found
        } else {
            P::light(Barrier::Fence);
            let is_found = find();
            self.go_on::<P>(word, bit, is_found);
            is_found
        }
    }

    /// As [`peek`](Self::peek), at the signal word of the only peer, which is returned.
    #[inline(always)]
    pub fn peek_signal<P: Platform>(&mut self, word: &P::U32, signal: &P::U32) -> u32 {
        if self.left == 0 {
            let bits = signal::peek::<P>(signal, Barrier::Asymmetric);
            if bits == 0 {
                return 0; // One test less, together with the caller's.
            }
            if bits & WAITING != 0 {
                self.begin::<P>(|| word, PEER);
            }
            bits
        } else {
            let bits = signal::peek::<P>(signal, Barrier::Fence);
            self.go_on::<P>(|| word, PEER, bits & WAITING != 0);
            bits
        }
    }

    /// A look without a fence found a waiter.
    #[inline(always)]
    fn begin<'a, P: Platform>(&mut self, word: impl Fn() -> &'a P::U32, bit: u32) {
        self.left = P::fenced_looks();
        if self.left != 0 {
            // [W4] Release → `is_fencing`: what was published without a fence.
            word().fetch_or(bit, P::ordering(Edge::FencesBegin));
        }
    }

    /// After a look with a fence.
    #[inline(always)]
    fn go_on<'a, P: Platform>(&mut self, word: impl Fn() -> &'a P::U32, bit: u32, is_found: bool) {
        if self.left == ALL {
            return;
        }
        if is_found {
            self.left = P::fenced_looks();
            return;
        }
        self.left -= 1;
        if self.left == 0 {
            word().fetch_and(!bit, Relaxed); // Ordered by the fence: a waiter finds it, or is found.
            P::light(Barrier::Fence);
        }
    }
}

/// The barrier that a waiter of a ring with this one has to run now that it has set its waiting bit.
/// `do_notifiers_fence` says whether each of its notifiers does: see [`is_fencing`].
pub fn required<P: Platform>(barrier: Barrier, do_notifiers_fence: impl FnOnce() -> bool) -> Barrier {
    if barrier == Barrier::Fence || P::fenced_looks() == 0 {
        return barrier;
    }
    P::light(Barrier::Fence); // Between the waiting bit and the notifiers' words.
    if do_notifiers_fence() { Barrier::Fence } else { barrier }
}

/// Whether the notifier with this word fences its looks. For a waiter, which has set its waiting bit and run
/// a fence since; another one must follow before it checks the ring.
pub fn is_fencing<P: Platform>(word: &P::U32, bit: u32) -> bool {
    word.load(Relaxed) & bit != 0 // [W4] The fence that follows is the Acquire ← `Fences::begin`.
}
