//! A call ring made of loom's objects.

use std::mem::MaybeUninit;
use std::rc::Rc;

use ipc_ring::platform::Barrier;
use ipc_ring::ring::call::Memory;
use loom::cell::UnsafeCell;

use crate::{Loom, Word32, Word64, mutation};

/// A mistake: the caller keeps no copy of its request.
pub const NOT_KEPT: &str = "the caller keeps no copy of its request";
/// A mistake: the responder does not note which call it has taken.
pub const NOT_NOTED: &str = "the responder does not note which call it has taken";

/// A ring on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Heap(Rc<Words>);

#[derive(Debug)]
struct Words {
    barrier: Barrier,
    word: Word64,
    /// Loom reports two threads here at a time, and one that comes without having synchronised with the other.
    line: UnsafeCell<u64>,
    kept: UnsafeCell<u64>,
    taken: Word64,
    caller_signal: Word32,
    responder_signal: Word32,
}

impl Heap {
    /// A fresh ring.
    #[must_use]
    pub fn new(barrier: Barrier) -> Self {
        Self(Rc::new(Words {
            barrier,
            word: Word64::contended(0),
            line: UnsafeCell::new(0),
            kept: UnsafeCell::new(0),
            taken: if mutation::logic(NOT_NOTED) { Word64::Deaf(0) } else { Word64::contended(0) },
            caller_signal: Word32::contended(0),
            responder_signal: Word32::contended(0),
        }))
    }
}

fn write(cell: &UnsafeCell<u64>, value: u64) {
    // SAFETY: loom's cell has checked that nobody else is here.
    cell.with_mut(|place| unsafe { place.write(value) });
}

fn read(cell: &UnsafeCell<u64>, place: &mut MaybeUninit<u64>) {
    // SAFETY: loom's cell has checked that nobody else is writing.
    place.write(cell.with(|value| unsafe { value.read() }));
}

// SAFETY: `read` writes the whole place.
unsafe impl Memory for Heap {
    type Platform = Loom;
    type Request = u64;
    type Reply = u64;

    fn barrier(&self) -> Barrier {
        self.0.barrier
    }

    fn word(&self) -> &Word64 {
        &self.0.word
    }

    fn write_request(&self, request: &u64) {
        write(&self.0.line, *request);
    }

    fn read_request(&self, place: &mut MaybeUninit<u64>) {
        read(&self.0.line, place);
    }

    fn write_reply(&self, reply: &u64) {
        write(&self.0.line, *reply);
    }

    fn read_reply(&self, place: &mut MaybeUninit<u64>) {
        read(&self.0.line, place);
    }

    fn keep(&self, request: &u64) {
        if !mutation::logic(NOT_KEPT) {
            write(&self.0.kept, *request);
        }
    }

    fn read_kept(&self, place: &mut MaybeUninit<u64>) {
        read(&self.0.kept, place);
    }

    fn taken(&self) -> &Word64 {
        &self.0.taken
    }

    fn caller_signal(&self) -> &Word32 {
        &self.0.caller_signal
    }

    fn responder_signal(&self) -> &Word32 {
        &self.0.responder_signal
    }
}
