//! The ends of a table: those of production, over loom's words and mock semaphores, with the checks of a
//! model.

use std::rc::Rc;

use ipc_ring::end::latest::{self as end, End, Role, Topic, Wanted};
use ipc_ring::end::participant::WaiterClass;
use ipc_ring::platform::{Barrier, Word as _};
use ipc_ring::ring::latest::Reader;
use ipc_ring::wait::WaitStrategy;
use ipc_ring::wait::park::Waiter as _;
use ipc_ring::wait::signal::{CLOSED, DETACHED};
use ipc_ring::wait::together::Together;
use ipc_ring::{PeerExit, latest::ReadError};
use loom::sync::atomic::Ordering::Release;
use loom::thread::{self, JoinHandle};

use super::memory::Heap;
use super::moves::{expect, next_value};
use crate::Loom;
use crate::kernel::{Domain, Handle, Kernel};
use crate::pair::{Ended, SILENT_FLAGS, SILENT_SEAT};
use crate::participants::{self, Ring as _, Table};

/// The number of the first writer, and of its semaphore.
pub(super) const WRITER: u32 = 1;
/// The number of a second writer, and of its semaphore.
const NEXT_WRITER: u32 = 2;
/// The number of the reader in the first seat for readers, and of its semaphore.
pub(super) const READER: u32 = 3;

/// A table with its ends. A reader may wait for any key or for one.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    seats: participants::Channel<Heap>,
    domain: Rc<Domain>,
}

impl Channel {
    /// A channel in which no end dies. The masks have one bit.
    pub(super) fn immortal(table: Heap, barrier: Barrier) -> Self {
        Self::within(table, barrier, 1, Domain::immortal(4))
    }

    /// A channel whose writer may die. The masks have one bit.
    pub(super) fn mortal(table: Heap, barrier: Barrier) -> Self {
        Self::within(table, barrier, 1, Domain::new(4))
    }

    /// A channel with this number of mask bits in use.
    pub(crate) fn within(table: Heap, barrier: Barrier, bits: u16, domain: Rc<Domain>) -> Self {
        let seats = participants::Channel::of_many_classes(table, barrier, bits, Rc::clone(&domain));
        Self { seats, domain }
    }

    /// The writer is dead, and the kernel does what was arranged.
    pub(super) fn writer_dies(&self) {
        self.domain.die(u64::from(WRITER));
    }

    /// The kernel.
    pub(super) fn domain(&self) -> &Domain {
        &self.domain
    }

    fn end(
        &self,
        role: Role,
        number: u16,
        owner: u32,
        sleeps: &'static str,
    ) -> End<Heap, Table<Heap>, Kernel> {
        let table = self.seats.memory();
        table.identity(number).store(u64::from(owner), Release);
        let class = WaiterClass { role: role as u32, ..Topic::Any.class() };
        let place = self.seats.sit_down(number, owner, class, sleeps);
        End::new(table, place, role)
    }

    pub(crate) fn writer(&self) -> WriterEnd {
        self.writer_of(WRITER)
    }

    /// A writer that takes the seat of one that died.
    pub(super) fn next_writer(&self) -> WriterEnd {
        self.domain.unless(SILENT_SEAT, || self.writer_of(NEXT_WRITER))
    }

    fn writer_of(&self, owner: u32) -> WriterEnd {
        let end = self.end(Role::Writer, 0, owner, "the writer sleeps");
        WriterEnd { core: end::Writer::new(end), domain: Rc::clone(&self.domain) }
    }

    /// A reader in the seat of this number among those for readers, which are three.
    pub(crate) fn reader(&self, number: u16) -> ReaderEnd {
        let end = self.end(Role::Reader, 1 + number, READER + u32::from(number), "sleeps");
        ReaderEnd(end::Reader::new(end))
    }

    /// A set of the process of this number, which sleeps on this semaphore.
    pub(super) fn set(&self, owner: u32, wake: u32) -> Together<Loom, Kernel> {
        let kernel = Kernel::new(&self.domain, u64::from(owner), wake, "the set sleeps");
        Together::new(kernel, WaitStrategy::Sleep)
    }

    /// A thread that waits for a newer value, of the only key, and is already asleep.
    pub(crate) fn sleeper(&self, number: u16) -> JoinHandle<()> {
        let mut reader = self.reader(number);
        reader.0.end.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || assert_eq!(reader.wait(Topic::Key(0)), Ok(true)));
        self.domain.wait_for_sleeper();
        sleeper
    }
}

/// `end::latest::Writer`.
pub(crate) struct WriterEnd {
    pub(super) core: end::Writer<Heap, Table<Heap>, Kernel>,
    domain: Rc<Domain>,
}

impl WriterEnd {
    /// Publishes the next value of a key.
    pub(crate) fn publish(&mut self, key: u32) {
        let (sequence, time_ns, value) = next_value(&mut self.core.ring, key);
        assert_eq!(self.core.publish(key, &value, time_ns), Ok(sequence));
    }

    /// Closes or detaches.
    pub(super) fn end(&mut self, how: Ended) {
        let bits = match how {
            Ended::Closed => CLOSED,
            Ended::PeerDetached => DETACHED,
            Ended::PeerDied | Ended::Interrupted => unreachable!("a dead end does nothing"),
        };
        self.domain.unless(SILENT_FLAGS, || self.core.end.set_flags(bits));
    }
}

/// `end::latest::Reader`.
pub(crate) struct ReaderEnd(pub(super) end::Reader<Heap, Table<Heap>, Kernel>);

impl ReaderEnd {
    /// An end that continues to wait when the writer is dead.
    pub(super) fn awaiting_successors(mut self) -> Self {
        self.0.end.place.waits_mut().set_awaits_successors(true);
        self
    }

    /// Waits for a newer value of a key, or of any; false when the wait was interrupted.
    pub(crate) fn wait(&mut self, topic: Topic) -> Result<bool, Ended> {
        let is_undecided = |_: &_| false;
        let read = match topic {
            Topic::Key(key) => {
                let read = |ring: &mut Reader<Heap>| Ok(ring.newer_value(key)?.map(|value| (key, value)));
                let has_something = |ring: &Reader<Heap>| ring.has_newer(key);
                self.0.wait_until(Wanted { key, topic, read, has_something, is_undecided }, None)
            }
            Topic::Any => {
                let read = |ring: &mut Reader<Heap>| match ring.next_change()? {
                    Some(key) => Ok(ring.newer_value(key)?.map(|value| (key, value))),
                    None => Ok(None),
                };
                let has_something = Reader::has_change;
                self.0.wait_until(Wanted { key: 0, topic, read, has_something, is_undecided }, None)
            }
        };
        match read {
            Ok((key, value)) => expect(key, &value),
            Err(ReadError::Interrupted) => return Ok(false),
            Err(ReadError::Closed) => return Err(Ended::Closed),
            Err(ReadError::PeerGone(PeerExit::Detached)) => return Err(Ended::PeerDetached),
            Err(ReadError::PeerGone(PeerExit::Died { .. })) => return Err(Ended::PeerDied),
            Err(other) => panic!("{other}"),
        }
        Ok(true)
    }

    /// Waits, again and again, until a key has this sequence.
    pub(super) fn wait_until(&mut self, topic: Topic, key: u32, sequence: u64) {
        while self.seen(key) < sequence {
            // An interruption that came behind a value is still there.
            let _ = self.wait(topic).expect("no end goes");
        }
    }

    /// The sequence of a key's value that was read last.
    pub(super) fn seen(&self, key: u32) -> u64 {
        self.0.ring.seen(key).expect("the key is there")
    }

    /// What interrupts its waits.
    pub(super) fn interrupter(&self) -> Rc<Handle> {
        self.0.end.place.host().interrupter()
    }
}
