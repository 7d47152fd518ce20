//! `index-ring` and `index-ring-64`: the textbook ring with a head and a tail, each on a line of its own,
//! each side keeping a copy of the other's. The tail is published with every message, or with every 64; the
//! head every quarter of the ring, which is soon enough for a producer that has the other three quarters.

use std::io;
use std::ptr::{NonNull, copy_nonoverlapping};
use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::Memory;
use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// The offsets of the words in front of the slots.
const TAIL: usize = 0;
const HEAD: usize = 128;
const HEADER: usize = 256;

/// See the module. `BATCH` messages are published together.
pub(super) struct IndexRing<const BATCH: u64>;

impl<const BATCH: u64> Mechanism for IndexRing<BATCH> {
    fn name(&self) -> &'static str {
        if BATCH == 1 { "index-ring" } else { "index-ring-64" }
    }

    fn about(&self) -> &'static str {
        if BATCH == 1 {
            "textbook ring with head and tail, published with each message, no safety of any kind"
        } else {
            "the same, published with every 64 messages only: more in a stream, late when sparse"
        }
    }

    fn kind(&self) -> Kind {
        Kind::Floor
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        // Messages held back would never return as answers.
        if BATCH == 1 { workload::ALL } else { &[Workload::Stream] }
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        super::sizes::check(plan.size)?;
        let slots = slots(plan);
        Memory::prepare(2 * ring_bytes(slots, plan.size), Some(slots as u64))
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let memory = Memory::attach(job)?;
        let slots = slots(&job.plan);
        sized!(job.plan.size, N => {
            let link = Rings::<N, BATCH>::new(&memory, slots, job.role);
            if BATCH == 1 {
                workload::run_sized::<N, _>(job, gate, link)
            } else {
                workload::run_stream_sized::<N, _>(job, gate, link)
            }
        })
    }
}

fn slots(plan: &Plan) -> usize {
    plan.slots.next_power_of_two().max(4)
}

/// Slots are packed: no flag, no rounding to lines.
fn ring_bytes(slots: usize, size: usize) -> usize {
    (HEADER + slots * size).next_multiple_of(256)
}

/// One ring each way.
struct Rings<'a, const N: usize, const BATCH: u64> {
    out: Ring<'a, N>,
    into: Ring<'a, N>,
    /// Messages published together: `BATCH`, or a quarter of a small ring.
    batch: u64,
    tail: u64,
    cached_head: u64,
    head: u64,
    cached_tail: u64,
}

/// One process's view of a ring.
struct Ring<'a, const N: usize> {
    tail: &'a AtomicU64,
    head: &'a AtomicU64,
    slots: NonNull<u8>,
    count: u64,
}

impl<'a, const N: usize> Ring<'a, N> {
    fn new(memory: &'a Memory, offset: usize, slots: usize) -> Ring<'a, N> {
        Ring {
            tail: memory.word(offset + TAIL),
            head: memory.word(offset + HEAD),
            slots: memory.bytes(offset + HEADER, slots * N),
            count: slots as u64,
        }
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> NonNull<u8> {
        let index = (position & (self.count - 1)) as usize;
        // SAFETY: the index is below the count, so the slot is inside the bytes that `new` asked for.
        unsafe { self.slots.add(index * N) }
    }
}

impl<'a, const N: usize, const BATCH: u64> Rings<'a, N, BATCH> {
    fn new(memory: &'a Memory, slots: usize, role: Role) -> Rings<'a, N, BATCH> {
        let second = ring_bytes(slots, N);
        let (out, into) = if role == Role::Producer { (0, second) } else { (second, 0) };
        Rings {
            out: Ring::new(memory, out, slots),
            into: Ring::new(memory, into, slots),
            batch: BATCH.min(slots as u64 / 4),
            tail: 0,
            cached_head: 0,
            head: 0,
            cached_tail: 0,
        }
    }
}

impl<const N: usize, const BATCH: u64> Link for Rings<'_, N, BATCH> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        while self.tail - self.cached_head == self.out.count {
            // Acquire ← Release in `receive`: the consumer has copied the slots below out.
            self.cached_head = self.out.head.load(Ordering::Acquire);
            if self.tail - self.cached_head == self.out.count {
                std::hint::spin_loop();
            }
        }
        // SAFETY: the slot has N bytes, the message is of N bytes (the workload's buffer), and the consumer
        // has released of the slot, as just seen; it reads it again only after the tail stored below.
        unsafe { copy_nonoverlapping(message.as_ptr(), self.out.slot(self.tail).as_ptr(), N) };
        self.tail += 1;
        if BATCH == 1 || self.tail & (self.batch - 1) == 0 {
            // Release → Acquire in `receive`: the payloads below are written.
            self.out.tail.store(self.tail, Ordering::Release);
        }
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        while self.head == self.cached_tail {
            // Acquire ← Release in `send`.
            self.cached_tail = self.into.tail.load(Ordering::Acquire);
            if self.head == self.cached_tail {
                std::hint::spin_loop();
            }
        }
        // SAFETY: as in `send`; the producer does not write the slot again before we publish a head beyond
        // it.
        unsafe { copy_nonoverlapping(self.into.slot(self.head).as_ptr(), message.as_mut_ptr(), N) };
        self.head += 1;
        if self.head & (self.into.count / 4 - 1) == 0 {
            // Release → Acquire in `send`: the slots below are copied out.
            self.into.head.store(self.head, Ordering::Release);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Release → Acquire in `receive`, as in `send`.
        self.out.tail.store(self.tail, Ordering::Release);
        Ok(())
    }
}
