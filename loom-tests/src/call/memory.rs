//! A call ring made of loom's types.

use ipc_ring::memory::{Access as _, Of};
use ipc_ring::platform::Barrier;
use ipc_ring::ring::call::{FIELDS, Memory, Words};

use crate::memory::{self, Objects};
use crate::pair::{self, CLOSED_BELIEVED, NO_SECOND_LOOK, Role, Signals};
use crate::{Word32, Word64, mutation, phase};

/// A mistake: the caller keeps no copy of its request.
pub const NOT_KEPT: &str = "the caller keeps no copy of its request";
/// A mistake: the responder does not record which call it has taken.
pub const NOT_NOTED: &str = "the responder does not note which call it has taken";

/// A ring on the heap; clones share it.
pub type Heap = memory::Heap<Private>;

/// What each side knows of the ring.
#[derive(Clone, Copy, Debug)]
pub struct Private {
    barrier: Barrier,
}

impl Heap {
    /// A fresh ring.
    #[must_use]
    pub fn new(barrier: Barrier) -> Self {
        let objects = Objects::of(&[FIELDS])
            .deaf("taken", NOT_NOTED)
            .blind("line", NO_SECOND_LOOK, pair::is_about_to_sleep)
            .blind("line", CLOSED_BELIEVED, phase::takes_for_granted);
        let (line, kept) = (objects.offset("line"), objects.offset("kept"));
        objects.word(line, Word64::contended(0)).payload(line + 8).payload(kept).ring(Private { barrier })
    }
}

impl Signals for Heap {
    fn signal(&self, role: Role) -> &Word32 {
        match role {
            Role::Producer => self.caller_signal(),
            Role::Consumer => self.responder_signal(),
        }
    }

    fn fences(&self, role: Role) -> &Word32 {
        match role {
            Role::Producer => self.caller_fences(),
            Role::Consumer => self.responder_fences(),
        }
    }

    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }
}

// SAFETY: `new` makes the words of the table.
unsafe impl Words for Heap {}

// SAFETY: requests and replies are words.
unsafe impl Memory for Heap {
    type Request = u64;
    type Reply = u64;

    fn barrier(&self) -> Barrier {
        self.ring.barrier
    }

    fn keep(&self, request: &u64) {
        if !mutation::logic(NOT_KEPT) {
            let kept = self.offset("kept");
            // SAFETY: `new` has made a payload there.
            unsafe { self.store_item(kept, Of::<u64>::new(), request) }
        }
    }
}
