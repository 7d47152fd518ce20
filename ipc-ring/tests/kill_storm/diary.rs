//! What a process has done, in memory that outlives it.

use std::sync::atomic::{AtomicU64, Ordering};

use ipc_core::Key;
use ipc_core::shm::{Attachment, Options, SharedMemory, ShmId};

/// A process writes down what it is about to do, and what it has done: so after its death only the operation
/// that was under way is in doubt.
pub struct Diary {
    memory: Attachment,
}

const BEGUN: usize = 0;
const DONE: usize = 8;
const LATE: usize = 16;
const LATE_AT: usize = 24;
const LIST: usize = 32;
/// Messages that a life may handle at most.
pub const MOST: u64 = 60_000;

impl Diary {
    /// A new one, and its number for the process that is to keep it.
    pub fn new() -> (Self, String) {
        let size = LIST + MOST as usize * 8;
        let segment = SharedMemory::create_new(Key::PRIVATE, size, &Options::default()).unwrap();
        let memory = segment.attach();
        segment.remove().unwrap();
        (Self { memory: memory.unwrap() }, segment.id().as_raw().to_string())
    }

    pub fn open(number: &str) -> Self {
        let segment = SharedMemory::from_id(ShmId::from_raw(number.parse().unwrap()));
        Self { memory: segment.attach().unwrap() }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        self.memory.atomic_u64(offset).unwrap()
    }

    /// This number of messages is under way.
    pub fn begin(&self, more: u64) {
        self.word(BEGUN).store(self.done() + more, Ordering::SeqCst);
    }

    /// This number was pushed.
    pub fn pushed(&self, more: u64) {
        self.word(DONE).fetch_add(more, Ordering::SeqCst);
    }

    /// This one was popped.
    pub fn popped(&self, message: u64) {
        let at = self.done();
        self.word(LIST + at as usize * 8).store(message, Ordering::SeqCst);
        self.word(DONE).store(at + 1, Ordering::SeqCst);
    }

    pub fn done(&self) -> u64 {
        self.word(DONE).load(Ordering::SeqCst)
    }

    /// How many messages are in doubt.
    pub fn in_doubt(&self) -> u64 {
        self.word(BEGUN).load(Ordering::SeqCst).saturating_sub(self.done())
    }

    /// How many of its sleeps were late, and when the last one was.
    #[allow(dead_code, reason = "for another test program")]
    pub fn note_late(&self, count: u64, at: u64) {
        self.word(LATE).store(count, Ordering::SeqCst);
        self.word(LATE_AT).store(at, Ordering::SeqCst);
    }

    #[allow(dead_code, reason = "for another test program")]
    pub fn late(&self) -> (u64, u64) {
        (self.word(LATE).load(Ordering::SeqCst), self.word(LATE_AT).load(Ordering::SeqCst))
    }

    /// All that was popped.
    pub fn list(&self) -> Vec<u64> {
        (0..self.done()).map(|at| self.word(LIST + at as usize * 8).load(Ordering::SeqCst)).collect()
    }

    pub fn is_full(&self) -> bool {
        self.done() + 8 > MOST
    }
}
