//! An end that waits for a free block.

use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::{Lenders, waiters};
use crate::end::participant::{Participant, Seats};
use crate::error::LoanError;
use crate::platform::{Barrier, Platform as _, Word as _};
use crate::ring::pool::{Loaned, Member, Memory, Route};
use crate::wait::host::{Host, Peers};
use crate::wait::park::{Attempt, Look, Presence, Stop, Waiter, park};
use crate::wait::{Wait, Waits};

impl From<Stop> for LoanError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TimedOut => LoanError::TimedOut,
            Stop::Interrupted => LoanError::Interrupted,
            Stop::System(error) => LoanError::Unknown { reason: error.kind() },
        }
    }
}

/// An end that waits for a free block of one size class at a time.
#[derive(Debug)]
pub struct Lender<W: Seats, H: Host> {
    /// Its seat.
    pub place: Participant<W, H>,
    class: usize,
    /// A notifier took its waiting bit, and it has been lent no block since, nor found that none is free.
    woken: Cell<bool>,
    /// Its waiting bit is set.
    is_armed: Cell<bool>,
}

impl<W: Seats, H: Host> Lender<W, H> {
    /// A lender in this seat, which waits for blocks of the first class.
    pub fn new(place: Participant<W, H>) -> Self {
        Self { place, class: 0, woken: Cell::default(), is_armed: Cell::default() }
    }

    /// The class whose blocks it waits for.
    #[must_use]
    pub fn class(&self) -> usize {
        self.class
    }

    /// Waits for blocks of this class from now on. A wake-up for another one is passed on.
    #[inline]
    pub fn wait_for(&mut self, class: usize) {
        if class != self.class {
            self.change(class);
        }
    }

    #[cold]
    fn change(&mut self, class: usize) {
        self.give_up();
        self.class = class;
        self.place.wait_for(waiters(class));
    }

    /// Lends a free block of a class, if there is one.
    #[inline]
    pub fn try_lend<M>(&mut self, member: &Member<M>, class: usize) -> Option<Loaned>
    where
        M: Memory<Platform = W::Platform>,
    {
        self.wait_for(class);
        let loaned = member.try_loan(class)?;
        self.served(member);
        Some(loaned)
    }

    /// Lends a block of a class, waiting for a free one. `is_there` says whether a channel's memory exists.
    ///
    /// # Errors
    /// [`LoanError`], except [`LoanError::Exhausted`].
    #[track_caller]
    pub fn lend<M, P>(
        &mut self,
        (member, lenders): (&Member<M>, &Lenders<W, P>),
        class: usize,
        deadline: Option<Instant>,
        is_there: impl FnMut(Route) -> bool,
    ) -> Result<Loaned, LoanError>
    where
        M: Memory<Platform = W::Platform>,
        P: Peers,
    {
        self.wait_for(class);
        let lent = park(&mut Lending { lender: self, member, lenders, is_there }, deadline);
        if lent.is_err() {
            self.give_up();
        }
        lent
    }

    /// A block was lent to this end, which had been woken: wakes the next lender if there is another block.
    ///
    /// Two processes may give a block back at once: while one of them wakes this end, the mask's bit is
    /// clear, and the other finds no sleeper. The bit is put back before this end is woken \[W3\]. So this
    /// end sees the bit, and behind its barrier the other block.
    #[cold]
    fn pass_on<M: Memory<Platform = W::Platform>>(&mut self, member: &Member<M>) {
        self.woken.set(false);
        let mask = member.memory().sleepers(self.class);
        if mask.load(Relaxed) == 0 {
            return;
        }
        let is_unordered = W::Platform::heavy(self.place.barrier()).is_err();
        if is_unordered || member.has_free(self.class) {
            let _ = self.place.wake_one(waiters(self.class), mask); // Otherwise it looks by itself.
        }
    }

    /// What this end waited for in a set or a task is done, by whatever request: a wake-up that it has not
    /// used is passed on if there is a block for it.
    #[inline]
    pub fn served<M: Memory<Platform = W::Platform>>(&mut self, member: &Member<M>) {
        if self.woken.get() {
            self.pass_on(member);
        }
    }

    /// Stops waiting without a block: a wake-up that it has taken goes to the next lender.
    #[cold]
    pub fn give_up(&mut self) {
        if self.woken.take() {
            let _ = self.place.wake_some(waiters(self.class), 1); // Otherwise it looks by itself.
        }
    }

    /// Sets the waiting bit, as [`Waiter::arm`].
    pub fn arm(&self, wake: H::Wake) {
        self.is_armed.set(true);
        self.place.arm(wake);
    }

    /// Reverts that. True when a notifier was faster.
    pub fn clear_waiting(&self) -> bool {
        self.is_armed.set(false);
        let woken = self.place.clear_waiting();
        if woken {
            self.woken.set(true);
        }
        woken
    }

    /// Whether a block is free.
    pub fn looks<M: Memory>(&self, member: &Member<M>) -> bool {
        let is_free = member.has_free(self.class);
        if !is_free && self.is_armed.get() {
            // Behind the barrier of this wait: what an earlier one was woken for is lent to another end, and
            // wakes the next when it comes back.
            self.woken.set(false);
        }
        is_free
    }
}

/// A wait for a block.
struct Lending<'a, M: Memory, W: Seats, H: Host, P: Peers, F> {
    lender: &'a mut Lender<W, H>,
    member: &'a Member<M>,
    lenders: &'a Lenders<W, P>,
    is_there: F,
}

impl<M, W, H, P, F> Waiter for Lending<'_, M, W, H, P, F>
where
    M: Memory<Platform = W::Platform>,
    W: Seats,
    H: Host,
    P: Peers,
{
    type Platform = W::Platform;
    type Host = H;

    fn host(&self) -> &H {
        self.lender.place.host()
    }

    fn waits(&self) -> &Waits {
        self.lender.place.waits()
    }

    fn waits_mut(&mut self) -> &mut Waits {
        self.lender.place.waits_mut()
    }

    fn barrier(&self) -> Barrier {
        self.lender.place.barrier()
    }

    fn arm(&self, wake: H::Wake) {
        self.lender.arm(wake);
    }

    fn disarm(&self) -> usize {
        usize::from(self.lender.clear_waiting())
    }

    /// Where those run that hold blocks is not known.
    fn shares_cpu(&self) -> bool {
        false
    }

    /// As of many: there may be a notification of some deaths.
    fn is_told_of_death(&self) -> bool {
        false
    }

    fn has_peer_died(&self) -> bool {
        self.lenders.has_holder_died(self.member)
    }
}

impl<M, W, H, P, F> Attempt for Lending<'_, M, W, H, P, F>
where
    M: Memory<Platform = W::Platform>,
    W: Seats,
    H: Host,
    P: Peers,
    F: FnMut(Route) -> bool,
{
    type Waiter = Self;
    type Output = Loaned;
    type Error = LoanError;

    fn waiter(&self) -> &Self {
        self
    }

    fn waiter_mut(&mut self) -> &mut Self {
        self
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<Loaned>, LoanError> {
        let class = self.lender.class;
        let loaned = self.lender.try_lend(self.member, class);
        if loaned.is_some() {
            self.lender.place.waits.finished(wait);
        }
        Ok(loaned)
    }

    fn look(&mut self) -> Look {
        if self.lender.looks(self.member) { Look::Ready } else { Look::Nothing }
    }

    fn is_owed(&mut self) -> bool {
        self.member.has_free(self.lender.class)
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<LoanError>, LoanError> {
        if !ask {
            return Ok(Presence::There);
        }
        let report = self
            .lenders
            .recover(self.member, Some(&mut self.is_there))
            .map_err(|error| LoanError::Unknown { reason: error.kind() })?;
        let is_changed = report.blocks > 0 || report.lost > 0;
        Ok(if is_changed { Presence::Changed } else { Presence::There })
    }
}
