//! The seats of a ring with many ends on a side, as loom's types, and channels made of them.

use std::rc::Rc;

use ipc_ring::end::participant::{Field, Participant, Seats, WaiterClass};
use ipc_ring::platform::{Barrier, Site};
use ipc_ring::wait::WaitStrategy;

use crate::kernel::{Domain, Kernel};
use crate::{Loom, Word32, Word64, mutation, phase};

/// A mistake: the mask's bit is not restored for others that wait under it.
pub const NOT_PUT_BACK: &str = "the mask's bit is not put back for others that wait below it";

/// Memory with the identities of the seats and the masks of the sleepers.
pub trait Ring {
    /// Number of seats.
    fn seats(&self) -> u16;
    /// Who holds a seat.
    fn identity(&self, number: u16) -> &Word64;
    /// The mask at this offset.
    fn mask(&self, offset: usize) -> &Word64;
}

#[derive(Debug)]
struct Record {
    wake: Word32,
    signal: Word32,
    role: Word32,
    mask: Word32,
    key: Word32,
    fences: Word32,
    // Nothing is modelled about these, see `docs/orderings.md`.
    pid: Word32,
    cpu: Word32,
}

impl Record {
    fn new() -> Self {
        Self {
            wake: Word32::checked(0),
            signal: Word32::contended(0),
            role: Word32::still(0),
            mask: Word32::still(0),
            key: Word32::still(0),
            fences: Word32::contended(0),
            pid: Word32::plain(0),
            cpu: Word32::plain(0),
        }
    }

    /// The record of an end that does not always wait for the same event.
    fn of_many_classes() -> Self {
        Self { mask: Word32::checked(0), key: Word32::checked(0), ..Self::new() }
    }
}

#[derive(Debug)]
struct Shared<M> {
    memory: M,
    records: Vec<Record>,
    deaf: Word64,
    barrier: Barrier,
    bits: u16,
    domain: Rc<Domain>,
}

/// A ring, the records of its seats, and the domain.
#[derive(Debug)]
pub struct Channel<M>(Rc<Shared<M>>);

impl<M> Clone for Channel<M> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// An end of a model: that of production, over loom's words and a mock kernel.
pub type End<M> = Participant<Table<M>, Kernel>;

impl<M: Ring + Clone> Channel<M> {
    /// A channel whose masks use this number of bits.
    pub fn new(memory: M, barrier: Barrier, bits: u16, domain: Rc<Domain>) -> Self {
        Self::of(memory, barrier, bits, domain, Record::new)
    }

    /// As [`new`](Self::new), for ends that do not always wait for the same event.
    pub fn of_many_classes(memory: M, barrier: Barrier, bits: u16, domain: Rc<Domain>) -> Self {
        Self::of(memory, barrier, bits, domain, Record::of_many_classes)
    }

    fn of(memory: M, barrier: Barrier, bits: u16, domain: Rc<Domain>, record: fn() -> Record) -> Self {
        let records = (0..memory.seats()).map(|_| record()).collect();
        Self(Rc::new(Shared { memory, records, deaf: Word64::Deaf(0), barrier, bits, domain }))
    }

    /// The ring.
    pub fn memory(&self) -> M {
        self.0.memory.clone()
    }

    /// The kernel.
    pub fn domain(&self) -> &Domain {
        &self.0.domain
    }

    /// The words of all seats, for a process that has none.
    pub fn outside(&self) -> Table<M> {
        Table { channel: self.clone(), number: u16::MAX }
    }

    /// The end in a seat that was just taken, by a process of this number, which sleeps on the semaphore of
    /// the same number.
    pub fn sit_down(&self, number: u16, owner: u32, class: WaiterClass, sleeps: &'static str) -> End<M> {
        let kernel = Kernel::new(&self.0.domain, u64::from(owner), owner, sleeps);
        let table = Table { channel: self.clone(), number };
        Participant::sit_down(table, kernel, (number, owner), class, self.0.barrier, WaitStrategy::Sleep)
    }
}

/// The words of all seats, as seen by the end in one of them.
#[derive(Debug)]
pub struct Table<M> {
    channel: Channel<M>,
    number: u16,
}

impl<M: Ring> Seats for Table<M> {
    type Platform = Loom;

    fn seats(&self) -> u16 {
        self.channel.0.memory.seats()
    }

    fn mask_bits(&self) -> u16 {
        self.channel.0.bits
    }

    fn identity(&self, number: u16) -> &Word64 {
        self.channel.0.memory.identity(number)
    }

    fn field(&self, number: u16, field: Field) -> &Word32 {
        let record = &self.channel.0.records[usize::from(number)];
        match field {
            Field::Signal if number == self.number => {
                phase::leave();
                &record.signal
            }
            Field::Signal => &record.signal,
            Field::Wake => &record.wake,
            Field::Pid => &record.pid,
            Field::Role => &record.role,
            Field::Mask => &record.mask,
            Field::Key => &record.key,
            Field::Cpu => &record.cpu,
            Field::Fences => &record.fences,
        }
    }

    fn mask(&self, offset: usize) -> &Word64 {
        if mutation::logic(NOT_PUT_BACK) && phase::is_behind(Site::WaitMaskTaken) {
            return &self.channel.0.deaf;
        }
        self.channel.0.memory.mask(offset)
    }
}

/// Whether the running thread has set its waiting bit and does not sleep yet.
#[must_use]
pub fn is_about_to_sleep() -> bool {
    phase::is_behind(Site::WaitingSet)
}
