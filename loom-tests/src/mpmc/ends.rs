//! The ends of a channel: those of production, over loom's words and mock semaphores.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::rc::Rc;
use std::time::Instant;

use ipc_ring::end::mpmc::{self as end, End, Role};
use ipc_ring::platform::{Barrier, Platform as _};
use ipc_ring::ring::mpmc as ring;
use ipc_ring::wait::host::{Host as _, Peers as _};
use ipc_ring::wait::park::Waiter as _;
use ipc_ring::wait::seated::Seated as _;
use ipc_ring::{PopError, PushError};
use loom::thread::{self, JoinHandle};

use super::Heap;
use crate::Loom;
use crate::kernel::{Domain, Kernel};
use crate::participants::{self, Table};

/// A channel whose ends have the number of their process.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    seats: participants::Channel<Heap>,
    barrier: Barrier,
}

/// Wake semaphores, one for each process.
const SEMAPHORES: u32 = 5;

impl Channel {
    /// A channel in which no process dies, with this number of mask bits in use.
    pub(super) fn peaceful(capacity: usize, barrier: Barrier, bits: u16) -> Self {
        Self::immortal(Heap::peaceful(capacity), barrier, bits)
    }

    /// As [`peaceful`](Self::peaceful), with a special ring.
    pub(crate) fn immortal(ring: Heap, barrier: Barrier, bits: u16) -> Self {
        Self::of(ring, barrier, bits, Domain::immortal(SEMAPHORES))
    }

    /// A channel whose ends may die.
    pub(super) fn mortal(ring: Heap, barrier: Barrier, bits: u16) -> Self {
        Self::of(ring, barrier, bits, Domain::new(SEMAPHORES))
    }

    fn of(ring: Heap, barrier: Barrier, bits: u16, domain: Rc<Domain>) -> Self {
        Self { seats: participants::Channel::new(ring, barrier, bits, domain), barrier }
    }

    pub(super) fn ring(&self) -> Heap {
        self.seats.memory()
    }

    pub(super) fn domain(&self) -> &Domain {
        self.seats.domain()
    }

    pub(crate) fn producer(&self, owner: u32) -> ProducerEnd {
        let (end, seat) = self.end(Role::Producer, owner);
        ProducerEnd(end::Producer::new(ring::Producer::attach(self.ring(), seat), end))
    }

    pub(crate) fn consumer(&self, owner: u32) -> ConsumerEnd {
        let (end, seat) = self.end(Role::Consumer, owner);
        ConsumerEnd(end::Consumer::new(ring::Consumer::attach(self.ring(), seat), end))
    }

    fn end(&self, role: Role, owner: u32) -> (End<Heap, Table<Heap>, Kernel>, ring::Seat) {
        let sleeps = match role {
            Role::Producer => "a producer sleeps",
            Role::Consumer => "a consumer sleeps",
        };
        let seat = self.ring().seat_for(u64::from(owner));
        let place = self.seats.sit_down(seat.number(), owner, role.waiters(), sleeps);
        (End::new(self.ring(), place, role), seat)
    }

    /// A thread that pops once and is already asleep.
    pub(super) fn sleeper(&self, owner: u32) -> JoinHandle<u64> {
        self.sleeper_then(owner, || ())
    }

    /// As [`sleeper`](Self::sleeper), then runs this.
    pub(super) fn sleeper_then(&self, owner: u32, then: impl FnOnce() + 'static) -> JoinHandle<u64> {
        let mut consumer = self.consumer(owner);
        consumer.0.end.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || {
            let popped = consumer.pop();
            then();
            popped
        });
        self.domain().wait_for_sleeper();
        sleeper
    }

    /// A thread that pops until the stream ends and is already asleep.
    pub(crate) fn sleeper_until_over(&self, owner: u32) -> JoinHandle<Option<u64>> {
        let mut consumer = self.consumer(owner);
        consumer.0.end.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || consumer.pop_unless_over());
        self.domain().wait_for_sleeper();
        sleeper
    }

    /// A thread that pushes one element and is already asleep.
    pub(super) fn sleeping_producer(&self, mut producer: ProducerEnd) -> JoinHandle<()> {
        producer.0.end.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || producer.push(20));
        self.domain().wait_for_sleeper();
        sleeper
    }

    /// A thread that pushes one element unless no consumer is left, and is already asleep.
    pub(super) fn producer_until_deserted(&self, mut producer: ProducerEnd) -> JoinHandle<bool> {
        producer.0.end.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || producer.push_unless_deserted(20));
        self.domain().wait_for_sleeper();
        sleeper
    }

    /// Prepares the wait of an end, as a set does.
    fn arm(&self, end: &End<Heap, Table<Heap>, Kernel>) {
        end.place.arm(end.place.host().wake());
        Loom::heavy(self.barrier).expect("no barrier of a model fails");
    }

    pub(super) fn arm_consumer(&self, consumer: &ConsumerEnd) {
        self.arm(&consumer.0.end);
    }

    pub(super) fn arm_producer(&self, producer: &ProducerEnd) {
        self.arm(&producer.0.end);
    }
}

/// What these threads have popped, which is a number each.
pub(super) fn join(threads: impl IntoIterator<Item = JoinHandle<u64>>) -> Vec<u64> {
    let mut popped: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    popped.sort_unstable();
    assert!(popped.windows(2).all(|two| two[0] < two[1]), "an element is popped once: {popped:?}");
    popped
}

/// As an end leaves in `channel::mpmc`, except for the work under the domain's lock.
fn leave(end: &mut End<Heap, Table<Heap>, Kernel>, role: Role, give_back: impl FnOnce()) {
    end.place.vacate(give_back);
    end.place.hand_on();
    end.left(role);
}

/// `end::mpmc::Producer`.
#[derive(Debug)]
pub(crate) struct ProducerEnd(pub(super) end::Producer<Heap, Table<Heap>, Kernel>);

impl ProducerEnd {
    /// Pushes, waiting for room.
    pub(super) fn push(&mut self, value: u64) {
        self.0.push(&value, None).expect("no end closes the channel");
    }

    /// As [`push`](Self::push). False: no consumer is left.
    pub(super) fn push_unless_deserted(&mut self, value: u64) -> bool {
        match self.0.push(&value, None) {
            Ok(()) => true,
            Err(PushError::PeerGone((), _)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    /// Closes the channel.
    pub(crate) fn close(&mut self) {
        self.0.end.close();
    }

    /// Releases the seat, as dropping a producer does.
    pub(super) fn leave(&mut self) {
        let end::Producer { ring, end, .. } = &mut self.0;
        leave(end, Role::Producer, || ring.leave());
    }

    /// Pushes if there is room.
    pub(super) fn try_push(&mut self, value: u64) -> bool {
        match self.0.try_push(&value) {
            Ok(()) => true,
            Err(PushError::Full(()) | PushError::Busy((), _)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    pub(super) fn push_slice(&mut self, values: &[u64]) {
        self.0.push_slice(values, None).expect("no end closes the channel");
    }
}

/// `end::mpmc::Consumer`.
#[derive(Debug)]
pub(crate) struct ConsumerEnd(pub(super) end::Consumer<Heap, Table<Heap>, Kernel>);

impl ConsumerEnd {
    /// Pops, waiting for an element.
    pub(super) fn pop(&mut self) -> u64 {
        let mut place = MaybeUninit::new(0);
        self.0.pop(&mut place, None).expect("no end closes the channel");
        // SAFETY: it was initialised, and the element copied over that.
        unsafe { place.assume_init() }
    }

    /// As [`pop`](Self::pop). None: the stream has ended.
    pub(crate) fn pop_unless_over(&mut self) -> Option<u64> {
        let mut place = MaybeUninit::new(0);
        match self.0.pop(&mut place, None) {
            // SAFETY: it was initialised, and the element copied over that.
            Ok(()) => Some(unsafe { place.assume_init() }),
            Err(PopError::Closed | PopError::PeerGone(_)) => None,
            Err(other) => panic!("{other}"),
        }
    }

    /// Sleeps as an end that waits in a set and has set its waiting bit.
    pub(super) fn sleep_in_set(&mut self) {
        self.0.end.place.host().sleep(Instant::now()).expect("a mock semaphore stays");
        self.0.clear_waiting();
    }

    /// As [`pop`](Self::pop) of an end that waits in a set and has set its waiting bit: sleeps first.
    pub(super) fn pop_in_set(&mut self) -> u64 {
        self.sleep_in_set();
        self.pop()
    }

    /// Releases the seat, as dropping a consumer does.
    pub(super) fn leave(&mut self) {
        let end::Consumer { ring, end, .. } = &mut self.0;
        leave(end, Role::Consumer, || ring.leave());
    }

    /// Pops the next element if there is one.
    pub(super) fn try_pop(&mut self) -> Result<u64, PopError> {
        let mut place = MaybeUninit::new(0);
        self.0.try_pop(&mut place)?;
        // SAFETY: it was initialised, and the element copied over that.
        Ok(unsafe { place.assume_init() })
    }

    /// Pops as many as are ready and fit.
    pub(super) fn try_pop_two(&mut self) -> Vec<u64> {
        let mut places = [MaybeUninit::new(0), MaybeUninit::new(0)];
        let count = self.0.try_pop_slice(&mut places).expect("something is there");
        // SAFETY: initialised, and elements copied over that.
        places[..count].iter().map(|place| unsafe { place.assume_init() }).collect()
    }

    /// Whether the kernel says that this process is alive.
    pub(super) fn is_alive(&self, owner: u32) -> bool {
        self.0.end.place.host().is_alive(u64::from(owner)).expect("the mock knows")
    }
}
