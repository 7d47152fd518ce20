//! `cache-line`: two lines, each written by one process and polled by the other: the machine's one-way
//! hand-off.
//!
//! The first word of a message is its sequence word, which differs from the last one: it is the flag, and the
//! rest of the line is written before it. This is correct only with one message in flight.

use std::io;
use std::ptr::{NonNull, copy_nonoverlapping};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::memory::Memory;
use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// Between the two lines: far enough that no prefetcher takes one with the other.
const APART: usize = 4096;
const LINE: usize = 64;
/// The distance from a line to the word of its signal.
const SIGNAL: usize = 1024;

/// See the module.
pub(super) struct CacheLine;

impl Mechanism for CacheLine {
    fn name(&self) -> &'static str {
        "cache-line"
    }

    fn about(&self) -> &'static str {
        "each process polls a line that the other writes: the fastest hand-off of this machine"
    }

    fn kind(&self) -> Kind {
        Kind::Floor
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        &[Workload::Pingpong]
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        check(plan)?;
        Line::<8>::resources()
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let memory = Memory::attach(job)?;
        sized!(one line: job.plan.size, N => workload::run_round_trips_sized::<N, _>(job, gate, Line::<N>::new(&memory, job.role)))
    }
}

/// Refuses what does not fit a line.
pub(super) fn check(plan: &Plan) -> Result<(), Failure> {
    if plan.size > LINE {
        return Err(Failure::Unavailable(format!("one line carries {LINE} bytes at most")));
    }
    super::sizes::check(plan.size)
}

/// One process's view of the two lines, one each way.
pub(super) struct Line<'a, const N: usize> {
    out_word: &'a AtomicU64,
    out_rest: NonNull<u8>,
    in_word: &'a AtomicU64,
    in_rest: NonNull<u8>,
    last: u64,
}

impl<'a, const N: usize> Line<'a, N> {
    /// Memory for the two lines.
    pub(super) fn resources() -> Result<Resources, Failure> {
        Memory::prepare(2 * APART, Some(1))
    }

    pub(super) fn new(memory: &'a Memory, role: Role) -> Line<'a, N> {
        let (out, into) = sides(role);
        Line {
            out_word: memory.word(out),
            out_rest: memory.bytes(out + 8, LINE - 8),
            in_word: memory.word(into),
            in_rest: memory.bytes(into + 8, LINE - 8),
            last: 0,
        }
    }

    /// A word for a signal of each side, on lines of their own: (outgoing, incoming).
    pub(super) fn signal_words(memory: &'a Memory, role: Role) -> (&'a AtomicU32, &'a AtomicU32) {
        let (out, into) = sides(role);
        (memory.half_word(out + SIGNAL), memory.half_word(into + SIGNAL))
    }

    /// Writes a message into the outgoing line. The peer has read the previous one.
    #[inline(always)]
    pub(super) fn write(&mut self, message: &[u8]) -> io::Result<()> {
        let (word, rest) = message.split_at(8);
        // SAFETY: `check` allows N up to a line, so the rest fits the 56 bytes that `new` checked; the memory
        // stays attached while it is borrowed; the peer reads them only after it has seen the word stored
        // below, and it has seen and answered the previous one.
        unsafe { copy_nonoverlapping(rest.as_ptr(), self.out_rest.as_ptr(), rest.len()) };
        let word = u64::from_ne_bytes(word.try_into().map_err(io::Error::other)?);
        // Release → the peer's Acquire in `read`: the rest is written before the word.
        self.out_word.store(word, Ordering::Release);
        Ok(())
    }

    /// Polls for the next message in the incoming line and reads it.
    #[inline(always)]
    pub(super) fn read(&mut self, message: &mut [u8]) {
        let (word, rest) = message.split_at_mut(8);
        let seen = loop {
            // Acquire ← the peer's Release in `write`.
            let seen = self.in_word.load(Ordering::Acquire);
            if seen != self.last {
                break seen;
            }
            std::hint::spin_loop();
        };
        self.last = seen;
        word.copy_from_slice(&seen.to_ne_bytes());
        // SAFETY: as in `write`; the peer does not write them again before it has our answer.
        unsafe { copy_nonoverlapping(self.in_rest.as_ptr(), rest.as_mut_ptr(), rest.len()) };
    }
}

/// The positions of the two lines: (outgoing, incoming).
fn sides(role: Role) -> (usize, usize) {
    if role == Role::Producer { (0, APART) } else { (APART, 0) }
}

impl<const N: usize> Link for Line<'_, N> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.write(message)
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        self.read(message);
        Ok(())
    }
}
