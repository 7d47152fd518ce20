//! A pool with lenders: production's steps, over loom's words and mock semaphores.

use std::rc::Rc;

use ipc_ring::end::pool::{self as end, Lenders, waiters};
use ipc_ring::platform::{Barrier, Platform as _, Word as _};
use ipc_ring::ring::pool::recovery::Report;
use ipc_ring::ring::pool::{Loaned, Member, Reading, State};
use ipc_ring::wait::host::Host as _;
use ipc_ring::wait::park::Waiter as _;
use loom::sync::atomic::Ordering;
use loom::thread::{self, JoinHandle};

use crate::kernel::{Domain, Kernel};
use crate::participants::{self, Table};
use crate::pool::Heap;
use crate::{Loom, Word64};

/// Wake semaphores, one for each process.
const SEMAPHORES: u32 = 5;
/// Seats of lenders.
const LENDERS: usize = 2;

/// A pool whose members and lenders have the number of their process.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    seats: participants::Channel<Heap>,
    domain: Rc<Domain>,
    barrier: Barrier,
}

impl Channel {
    /// A pool in which no process dies, with this number of blocks and members.
    pub(super) fn peaceful(blocks: u32, members: usize, barrier: Barrier) -> Self {
        let seats = (0..LENDERS).map(|_| Word64::still(0)).collect();
        let pool = Heap::with_lenders(blocks, members, seats, true);
        Self::of(pool, barrier, Domain::immortal(SEMAPHORES))
    }

    /// A pool whose processes may die.
    pub(super) fn mortal(blocks: u32, members: usize) -> Self {
        let seats = (0..LENDERS).map(|_| Word64::contended(0)).collect();
        let pool = Heap::with_lenders(blocks, members, seats, false);
        Self::of(pool, Barrier::Fence, Domain::new(SEMAPHORES))
    }

    fn of(pool: Heap, barrier: Barrier, domain: Rc<Domain>) -> Self {
        // One bit of the mask stands for both lenders.
        let seats = participants::Channel::new(pool, barrier, 1, Rc::clone(&domain));
        Self { seats, domain, barrier }
    }

    pub(super) fn domain(&self) -> &Domain {
        &self.domain
    }

    /// A process that has the pool open.
    pub(super) fn giver(&self, owner: u32) -> Giver {
        let member = self.seats.memory().member(u64::from(owner));
        let kernel = Kernel::new(&self.domain, u64::from(owner), owner, "a process gives back and sleeps");
        let lenders = Lenders::new(self.seats.outside(), kernel, self.barrier, member.seat().number());
        Giver { member, lenders }
    }

    /// A lender of a process of its own.
    pub(super) fn lender(&self, owner: u32) -> LenderEnd {
        let pool = self.seats.memory();
        let identity = |number| participants::Ring::identity(&pool, number);
        let number = (0..LENDERS as u16).find(|number| identity(*number).load(Ordering::Relaxed) == 0);
        let number = number.expect("a free seat");
        identity(number).store(u64::from(owner), Ordering::Relaxed);
        let place = self.seats.sit_down(number, owner, waiters(0), "a lender sleeps");
        LenderEnd(end::Lender::new(place), self.giver(owner), self.clone())
    }

    /// A thread that lends a block, is already asleep, and gives it back.
    pub(super) fn sleeper(&self, owner: u32) -> JoinHandle<()> {
        self.asleep(self.lender(owner), |lender| lender.lend_and_give_back())
    }

    /// A thread that does this, and already sleeps in it.
    pub(super) fn asleep<R: 'static>(
        &self,
        mut lender: LenderEnd,
        lend: impl FnOnce(&mut LenderEnd) -> R + 'static,
    ) -> JoinHandle<R> {
        lender.0.place.host().say_when_asleep();
        let sleeper = thread::spawn(move || lend(&mut lender));
        self.domain.wait_for_sleeper();
        sleeper
    }

    /// Every block is free.
    pub(super) fn is_whole(&self) {
        let pool = self.seats.memory();
        assert_eq!(pool.state(0), Some(State::Free), "a block is lost");
    }
}

/// A process that has the pool open, as `channel::pool` has it.
#[derive(Debug)]
pub(super) struct Giver {
    pub(super) member: Member<Heap>,
    lenders: Lenders<Table<Heap>, Kernel>,
}

impl Giver {
    /// Lends a block that is free.
    pub(super) fn hold(&self) -> Loaned {
        self.member.try_loan(0).expect("a block is free")
    }

    /// As dropping a loan does.
    pub(super) fn give_back(&self, loaned: Loaned) {
        self.member.abandon(loaned);
        self.lenders.gave_back(&self.member, 0);
    }

    /// As dropping a view does.
    pub(super) fn release(&self, reading: Reading) {
        if self.member.release(reading) {
            self.lenders.gave_back(&self.member, 0);
        }
    }

    /// As `Pool::recover`.
    pub(super) fn recover(&self) -> Report {
        self.lenders.recover(&self.member, None).expect("the mock knows who lives")
    }
}

/// `end::pool::Lender`, and its process.
#[derive(Debug)]
pub(super) struct LenderEnd(pub(super) end::Lender<Table<Heap>, Kernel>, Giver, Channel);

impl LenderEnd {
    fn lend(&mut self) -> Loaned {
        let Giver { member, lenders } = &self.1;
        self.0.lend((member, lenders), 0, None, |_| true).expect("nothing ends the wait")
    }

    /// Lends a block, waiting for it, and returns its number.
    pub(super) fn lend_and_keep(&mut self) -> u32 {
        self.lend().block()
    }

    /// Lends a block, waiting for it, and gives it back.
    pub(super) fn lend_and_give_back(&mut self) {
        let loaned = self.lend();
        self.1.give_back(loaned);
    }

    /// Lends a block if one is free.
    pub(super) fn try_lend(&mut self) -> Option<Loaned> {
        self.0.try_lend(&self.1.member, 0)
    }

    pub(super) fn give_back(&self, loaned: Loaned) {
        self.1.give_back(loaned);
    }

    /// Prepares the wait of this end, as a set does.
    pub(super) fn arm(&self) {
        self.0.arm(self.0.place.host().wake());
        Loom::heavy(self.2.barrier).expect("no barrier of a model fails");
    }

    /// Takes that back, as a set does. True when it was woken.
    pub(super) fn disarm(&self) -> bool {
        self.0.clear_waiting()
    }

    /// As a task does that was lent a block.
    pub(super) fn served(&mut self) {
        self.0.served(&self.1.member);
    }

    /// As dropping a lender does, except for the work under the domain's lock.
    pub(super) fn leave(&mut self) {
        self.0.place.vacate(|| ());
        self.0.place.hand_on();
    }
}
