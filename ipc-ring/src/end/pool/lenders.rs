//! The lenders of a pool, as a process sees them that gives blocks back.

use core::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::{Mutex, PoisonError};

use ipc_core::Error;

use super::waiters;
use crate::end::participant::{Seats, Wakes, has_holder_died, holder};
use crate::platform::{Barrier, Platform as _, Word as _};
use crate::ring::pool::recovery::{self, Report};
use crate::ring::pool::{Member, Memory, Route};
use crate::wait::host::Peers;
use crate::wait::waiter_set::has_waiters;

/// Wakes lenders on behalf of one process, whose threads share this.
#[derive(Debug)]
pub struct Lenders<W: Seats, P: Peers> {
    words: W,
    peers: P,
    barrier: Barrier,
    /// Locked only while some lender sleeps.
    wakes: Mutex<Wakes<P>>,
}

impl<W: Seats, P: Peers> Lenders<W, P> {
    /// Those of the pool with these records of lenders, for a member in this seat.
    pub fn new(words: W, peers: P, barrier: Barrier, seat: u16) -> Self {
        let turn = seat % words.seats();
        Self { words, peers, barrier, wakes: Mutex::new(Wakes::new(turn)) }
    }

    /// How sleepers and notifiers synchronize.
    #[must_use]
    pub fn barrier(&self) -> Barrier {
        self.barrier
    }

    /// A block of a class was given back: wakes one lender that waits for it. Costs nothing while none
    /// sleeps. If it cannot be woken, it finds the block by itself, within a tenth of a second.
    #[inline(always)]
    pub fn gave_back<M: Memory<Platform = W::Platform>>(&self, member: &Member<M>, class: usize) {
        if has_waiters::<W::Platform>(member.memory().sleepers(class), self.barrier) {
            self.wake_one(class);
        }
    }

    #[cold]
    #[inline(never)]
    fn wake_one(&self, class: usize) {
        let _ = self.with(|wakes| wakes.wake_some(&self.words, &self.peers, waiters(class), 1));
    }

    /// Wakes all lenders, to look again.
    #[cold]
    pub fn wake_all<M: Memory<Platform = W::Platform>>(&self, member: &Member<M>) {
        W::Platform::light(self.barrier);
        for class in 0..member.memory().classes().len() {
            if member.memory().sleepers(class).load(Relaxed) != 0 {
                // The barrier above orders the load.
                let _ = self.with(|wakes| wakes.wake_together(&self.words, &self.peers, waiters(class)));
            }
        }
    }

    /// Takes back what dead processes hold, and with `is_there` also what was lost with its channel. Wakes
    /// all lenders if there was something.
    ///
    /// # Errors
    /// When the liveness of a process is unknown. Nothing was taken from that one.
    pub fn recover<M: Memory<Platform = W::Platform>>(
        &self,
        member: &Member<M>,
        is_there: Option<&mut dyn FnMut(Route) -> bool>,
    ) -> Result<Report, Error> {
        let (mut report, mut any) = (Report::default(), false);
        let asked = self.peers.asking(|is_alive| {
            report = recovery::recover(member.memory(), is_alive);
            any = self.bury(is_alive);
        });
        if let Some(is_there) = is_there {
            report.lost = recovery::reclaim(member.memory(), is_there);
        }
        if any || report != Report::default() {
            self.wake_all(member);
        }
        asked.map(|()| report)
    }

    /// Frees the seats of dead lenders. True if there was one.
    fn bury(&self, is_alive: &dyn Fn(u64) -> bool) -> bool {
        let mut any = false;
        for number in 0..self.words.seats() {
            let identity = holder(&self.words, number);
            if identity != 0 && !is_alive(identity) {
                let word = self.words.identity(number);
                // [E1] Release → the next holder. Under the lock another lender may have taken the seat.
                any |= word.compare_exchange(identity, 0, Release, Relaxed).is_ok();
            }
        }
        any
    }

    /// Whether a process that has the pool open, or a lender of it, is dead and may have died before it woke
    /// a lender. Asks the kernel about each.
    pub fn has_holder_died<M: Memory>(&self, member: &Member<M>) -> bool {
        let memory = member.memory();
        let identity = |number| memory.identity(number).load(Relaxed); // For a diagnosis.
        (0..memory.seats()).any(|number| self.peers.is_dead(identity(number)))
            || has_holder_died(&self.words, &self.peers)
    }

    /// Cancels what was arranged for the death of this process.
    pub fn leave(&self) {
        self.with(|wakes| wakes.forget(&self.peers));
    }

    fn with<R>(&self, f: impl FnOnce(&mut Wakes<P>) -> R) -> R {
        f(&mut self.wakes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
