//! `flag-ring`: the textbook ring with a flag in each slot, and no safety at all.
//!
//! Slot `w` holds the flag `w + 1` once it is written; the consumer never writes a slot and publishes its
//! position every quarter of the ring, on a line of its own. No slot spans more lines than necessary: small
//! ones share a line, the others are rounded up to lines.

use std::io;
use std::ptr::{NonNull, copy_nonoverlapping};
use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::Memory;
use super::sizes::sized;
use super::{Kind, Link, Mechanism, Resources};
use crate::process::{Failure, Gate, Job, Outcome, Plan, Role};
use crate::wait::Wait;
use crate::workload::{self, Workload};

/// In front of the slots: the line of the consumer's position, and padding from whatever precedes it.
const HEADER: usize = 256;
const LINE: usize = 64;

/// See the module.
pub(super) struct FlagRing;

impl Mechanism for FlagRing {
    fn name(&self) -> &'static str {
        "flag-ring"
    }

    fn about(&self) -> &'static str {
        "textbook ring, a flag in each slot, no slot on more lines than it must, no safety of any kind"
    }

    fn kind(&self) -> Kind {
        Kind::Floor
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin]
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::ALL
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        super::sizes::check(plan.size)?;
        let slots = slots(plan);
        Memory::prepare(2 * ring_bytes(slots, plan.size), Some(slots as u64))
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let memory = Memory::attach(job)?;
        let slots = slots(&job.plan);
        sized!(job.plan.size, N => workload::run_sized::<N, _>(job, gate, Rings::<N>::new(&memory, slots, job.role)))
    }
}

fn slots(plan: &Plan) -> usize {
    plan.slots.next_power_of_two().max(4)
}

const fn stride(size: usize) -> usize {
    let slot = size + 8;
    if slot <= LINE { slot.next_power_of_two() } else { slot.next_multiple_of(LINE) }
}

fn ring_bytes(slots: usize, size: usize) -> usize {
    HEADER + slots * stride(size)
}

/// One ring each way.
struct Rings<'a, const N: usize> {
    out: Ring<'a, N>,
    into: Ring<'a, N>,
    /// Next position to write, and the newest known position of the consumer.
    tail: u64,
    cached_head: u64,
    /// Next position to read.
    head: u64,
}

/// One process's view of a ring.
struct Ring<'a, const N: usize> {
    head: &'a AtomicU64,
    slots: NonNull<u8>,
    count: u64,
}

impl<'a, const N: usize> Ring<'a, N> {
    fn new(memory: &'a Memory, offset: usize, slots: usize) -> Ring<'a, N> {
        let bytes = memory.bytes(offset + HEADER, slots * stride(N));
        Ring { head: memory.word(offset), slots: bytes, count: slots as u64 }
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> NonNull<u8> {
        let index = (position & (self.count - 1)) as usize;
        // SAFETY: the index is below the count, so the slot is inside the bytes that `new` asked for.
        unsafe { self.slots.add(index * stride(N)) }
    }

    #[inline(always)]
    fn flag(slot: &NonNull<u8>) -> &AtomicU64 {
        // SAFETY: the slot's first word is aligned to 8, stays mapped while the ring is borrowed, and is
        // accessed by both processes as an atomic only.
        unsafe { slot.cast::<AtomicU64>().as_ref() }
    }

    #[inline(always)]
    fn payload(slot: NonNull<u8>) -> NonNull<u8> {
        // SAFETY: a slot has 8 + N bytes at least.
        unsafe { slot.add(8) }
    }
}

impl<'a, const N: usize> Rings<'a, N> {
    fn new(memory: &'a Memory, slots: usize, role: Role) -> Rings<'a, N> {
        let second = ring_bytes(slots, N);
        let (out, into) = if role == Role::Producer { (0, second) } else { (second, 0) };
        Rings {
            out: Ring::new(memory, out, slots),
            into: Ring::new(memory, into, slots),
            tail: 0,
            cached_head: 0,
            head: 0,
        }
    }
}

impl<const N: usize> Link for Rings<'_, N> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        while self.tail - self.cached_head == self.out.count {
            // Acquire ← Release in `receive`: the consumer has copied the slots below out.
            self.cached_head = self.out.head.load(Ordering::Acquire);
            if self.tail - self.cached_head == self.out.count {
                std::hint::spin_loop();
            }
        }
        let slot = self.out.slot(self.tail);
        // SAFETY: the slot holds N bytes after its flag, the message is of N bytes (the workload's buffer),
        // and the consumer has released the slot, as just seen; it reads it again only after the flag stored
        // below.
        unsafe { copy_nonoverlapping(message.as_ptr(), Ring::<N>::payload(slot).as_ptr(), N) };
        // Release → Acquire in `receive`: the payload is written before the flag.
        Ring::<N>::flag(&slot).store(self.tail + 1, Ordering::Release);
        self.tail += 1;
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let slot = self.into.slot(self.head);
        // Acquire ← Release in `send`.
        while Ring::<N>::flag(&slot).load(Ordering::Acquire) != self.head + 1 {
            std::hint::spin_loop();
        }
        // SAFETY: as in `send`; the producer does not write the slot again before we publish a position
        // beyond it.
        unsafe { copy_nonoverlapping(Ring::<N>::payload(slot).as_ptr(), message.as_mut_ptr(), N) };
        self.head += 1;
        if self.head & (self.into.count / 4 - 1) == 0 {
            // Release → Acquire in `send`: the slots below are copied out.
            self.into.head.store(self.head, Ordering::Release);
        }
        Ok(())
    }
}
