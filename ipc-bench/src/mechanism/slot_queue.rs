//! `slot-queue`: the classic bounded queue for many producers and consumers, a sequence number in each slot,
//! between processes. It has no safety at all: a process that dies between claiming a slot and publishing it
//! stops all others for ever.
//!
//! A slot whose number is `position` is free for the producer that claims that position; `position + 1` means
//! written. The consumer sets it to `position + slots`, the producer's number of the next lap.

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
const LINE: usize = 64;
/// The number of polls of a side before it yields.
const POLLS: u32 = 64;

/// See the module.
pub(super) struct SlotQueue;

impl Mechanism for SlotQueue {
    fn name(&self) -> &'static str {
        "slot-queue"
    }

    fn about(&self) -> &'static str {
        "classic queue for many, a sequence number in each line-rounded slot, stops for ever when one dies"
    }

    fn kind(&self) -> Kind {
        Kind::Floor
    }

    fn waits(&self) -> &'static [Wait] {
        &[Wait::Spin, Wait::SpinYield]
    }

    fn default_waits(&self, workload: Workload) -> &'static [Wait] {
        if workload == Workload::Fan { &self.waits()[1..] } else { &self.waits()[..1] }
    }

    fn workloads(&self) -> &'static [Workload] {
        workload::WITH_FAN
    }

    fn prepare(&self, plan: &Plan) -> Result<Resources, Failure> {
        super::sizes::check_few(plan.size)?;
        let slots = slots(plan);
        let resources = Memory::prepare(2 * queue_bytes(slots, plan.size), Some(slots as u64))?;
        let memory = Memory::attach_number(resources.numbers.first().copied())?;
        for queue in [0, queue_bytes(slots, plan.size)] {
            for index in 0..slots {
                // Relaxed: the workers start after this.
                memory
                    .word(queue + HEADER + index * stride(plan.size))
                    .store(index as u64, Ordering::Relaxed);
            }
        }
        Ok(resources)
    }

    fn work(&self, job: &Job, gate: &mut Gate) -> Result<Outcome, Failure> {
        let memory = Memory::attach(job)?;
        let slots = slots(&job.plan);
        sized!(few: job.plan.size, N =>
            workload::run_shared_sized::<N, _>(job, gate, Queues::<N>::new(&memory, slots, job)))
    }
}

fn slots(plan: &Plan) -> usize {
    plan.slots.next_power_of_two().max(4)
}

const fn stride(size: usize) -> usize {
    (size + 8).next_multiple_of(LINE)
}

fn queue_bytes(slots: usize, size: usize) -> usize {
    HEADER + slots * stride(size)
}

/// One queue each way; in a fan only the first is used.
struct Queues<'a, const N: usize> {
    out: Queue<'a, N>,
    into: Queue<'a, N>,
    yields: bool,
}

/// One process's view of a queue.
struct Queue<'a, const N: usize> {
    tail: &'a AtomicU64,
    head: &'a AtomicU64,
    slots: NonNull<u8>,
    count: u64,
}

impl<'a, const N: usize> Queue<'a, N> {
    fn new(memory: &'a Memory, offset: usize, slots: usize) -> Queue<'a, N> {
        Queue {
            tail: memory.word(offset + TAIL),
            head: memory.word(offset + HEAD),
            slots: memory.bytes(offset + HEADER, slots * stride(N)),
            count: slots as u64,
        }
    }

    #[inline(always)]
    fn slot(&self, position: u64) -> NonNull<u8> {
        let index = (position & (self.count - 1)) as usize;
        // SAFETY: the index is below the count, so the slot is inside the bytes that `new` asked for.
        unsafe { self.slots.add(index * stride(N)) }
    }

    #[inline(always)]
    fn number(slot: &NonNull<u8>) -> &AtomicU64 {
        // SAFETY: the slot's first word is 64-byte aligned, stays mapped while the queue is borrowed, and is
        // accessed by all processes as an atomic only.
        unsafe { slot.cast::<AtomicU64>().as_ref() }
    }

    #[inline(always)]
    fn payload(slot: NonNull<u8>) -> NonNull<u8> {
        // SAFETY: a slot has 8 + N bytes at least.
        unsafe { slot.add(8) }
    }

    /// Claims the next position of `counter` once its slot carries the number `position + ready`.
    #[inline(always)]
    fn claim(&self, counter: &AtomicU64, ready: u64, yields: bool) -> (u64, NonNull<u8>) {
        // Relaxed, here and below: the slot's number orders, the counter only hands out positions.
        let mut position = counter.load(Ordering::Relaxed);
        let mut polls = 0;
        loop {
            let slot = self.slot(position);
            // Acquire ← Release in `send` and `receive`: the payload is written, or copied out.
            let number = Queue::<N>::number(&slot).load(Ordering::Acquire);
            if number == position + ready {
                let next = position + 1;
                match counter.compare_exchange_weak(position, next, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return (position, slot),
                    Err(current) => position = current,
                }
                continue;
            }
            if number < position + ready {
                // Full, or empty.
                polls += 1;
                if yields && polls > POLLS {
                    std::thread::yield_now();
                } else {
                    std::hint::spin_loop();
                }
            }
            position = counter.load(Ordering::Relaxed);
        }
    }
}

impl<'a, const N: usize> Queues<'a, N> {
    fn new(memory: &'a Memory, slots: usize, job: &Job) -> Queues<'a, N> {
        let second = queue_bytes(slots, N);
        let (out, into) = if job.role == Role::Producer { (0, second) } else { (second, 0) };
        Queues {
            out: Queue::new(memory, out, slots),
            into: Queue::new(memory, into, slots),
            yields: job.plan.wait == Wait::SpinYield,
        }
    }
}

impl<const N: usize> Link for Queues<'_, N> {
    #[inline(always)]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let (position, slot) = self.out.claim(self.out.tail, 0, self.yields);
        // SAFETY: the slot holds N bytes after its number, the message is of N bytes (the workload's buffer),
        // and the position is ours alone until the number is stored below.
        unsafe { copy_nonoverlapping(message.as_ptr(), Queue::<N>::payload(slot).as_ptr(), N) };
        // Release → Acquire in `claim`: the payload is written before the number.
        Queue::<N>::number(&slot).store(position + 1, Ordering::Release);
        Ok(())
    }

    #[inline(always)]
    fn receive(&mut self, message: &mut [u8]) -> io::Result<()> {
        let (position, slot) = self.into.claim(self.into.head, 1, self.yields);
        // SAFETY: as in `send`; no producer claims the slot before the number stored below.
        unsafe { copy_nonoverlapping(Queue::<N>::payload(slot).as_ptr(), message.as_mut_ptr(), N) };
        // Release → Acquire in `claim`: the payload is copied out before the number.
        Queue::<N>::number(&slot).store(position + self.into.count, Ordering::Release);
        Ok(())
    }
}
