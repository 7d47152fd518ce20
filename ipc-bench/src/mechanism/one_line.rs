//! `one-line`: one line that both processes write in turn, request there and reply back: the floor of a call.

use std::io;
use std::ptr::{NonNull, copy_nonoverlapping};
use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::Memory;
use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

const LINE: usize = 64;
/// What a line carries besides its word.
const MOST: usize = LINE - 8;

/// See the module.
pub(super) struct OneLine;

impl Mechanism for OneLine {
    fn name(&self) -> &'static str {
        "one-line"
    }

    fn about(&self) -> &'static str {
        "both processes write the same line in turn: the fastest round trip of this machine"
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
        Memory::prepare(4096, Some(1))
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let memory = Memory::attach(job)?;
        sized!(less than a line: job.plan.size, N => {
            workload::run_round_trips_sized::<N, _>(job, gate, Line::<N>::new(&memory, job.role))
        })
    }
}

/// Refuses what does not fit a line with its word.
pub(super) fn check(plan: &Plan) -> Result<(), Failure> {
    if plan.size > MOST {
        return Err(Failure::Unavailable(format!("a call carries {MOST} bytes at most")));
    }
    super::sizes::check(plan.size)
}

/// One process's view of the line.
struct Line<'a, const N: usize> {
    word: &'a AtomicU64,
    bytes: NonNull<u8>,
    /// The value of the word when it is, or was, the other side's turn.
    turn: u64,
}

impl<'a, const N: usize> Line<'a, N> {
    fn new(memory: &'a Memory, role: Role) -> Line<'a, N> {
        // The side that begins stores 1, 3, 5, …, the other 2, 4, 6, ….
        let turn = if role == Role::Producer { 1 } else { 2 };
        Line { word: memory.word(0), bytes: memory.bytes(8, MOST), turn }
    }
}

impl<const N: usize> Link for Line<'_, N> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        // SAFETY: `check` allows N up to the bytes that `new` checked; the memory stays attached while it is
        // borrowed; it is this side's turn, so the peer neither reads nor writes them.
        unsafe { copy_nonoverlapping(message.as_ptr(), self.bytes.as_ptr(), N) };
        // Release → the peer's Acquire in `receive`: the message is written before.
        self.word.store(self.turn, Ordering::Release);
        self.turn += 2;
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        // Acquire ← the peer's Release in `send`.
        while self.word.load(Ordering::Acquire) != self.turn - 1 {
            // Polls that are too frequent take the line away from its writer.
            std::hint::spin_loop();
            std::hint::spin_loop();
        }
        // SAFETY: as in `send`.
        unsafe { copy_nonoverlapping(self.bytes.as_ptr(), message.as_mut_ptr(), N) };
        Ok(())
    }
}
