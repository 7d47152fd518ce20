//! A process's membership in a pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::carrier::{Inlet, is_there};
use super::error::ReceiveError;
use super::inner::{Found, Inner};
use super::loan::Loan;
use super::once;
use super::stats::Stats;
use super::view::View;
use crate::domain::{Domain, Locked};
use crate::error::{AttachError, Forked, LoanError};
use crate::ring::pool::recovery::Report;
use crate::ring::pool::{Handle, Mapped, Member, Refused, Sizes as _};

/// A pool, open in this process. Clones share its seat; any thread may use any of them. Opening it again in
/// this process returns a clone.
///
/// The pool is left when the last clone, loan and view of it is dropped.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

/// How often `accept` yields to another thread, while the block's word keeps changing or that thread is
/// between two steps; after the first `YIELDS` times it sleeps for `NAP` instead.
const PATIENCE: u32 = 600;
const YIELDS: u32 = 50;
const NAP: Duration = Duration::from_micros(200);

impl Pool {
    /// Takes a seat, and recovers from dead members on the way. The domain's lock is held.
    pub(super) fn take_seat(_: &Locked<'_>, domain: &Domain, found: Found) -> Result<Self, AttachError> {
        once::share(found, |found| Inner::seated(domain, found)).map(|inner| Self { inner })
    }

    /// Lends a block for `len` bytes, from the smallest class that has this many. Its bytes are what they
    /// last were; initially zero.
    ///
    /// When no block is free, looks once for what dead processes hold.
    ///
    /// # Errors
    /// [`LoanError::Exhausted`], [`LoanError::TooLarge`], [`LoanError::Unknown`].
    ///
    /// # Blocking
    /// Never. A few dozen system calls when no block is free.
    #[inline]
    pub fn loan(&self, len: usize) -> Result<Loan, LoanError> {
        self.inner.ours()?;
        match self.lent(self.inner.class_for(len)?, len) {
            Some(loan) => Ok(loan),
            None => self.loan_after_recovery(len),
        }
    }

    /// As [`loan`](Self::loan), without looking for dead processes: never makes a system call.
    ///
    /// # Errors
    /// [`LoanError::Exhausted`], [`LoanError::TooLarge`].
    #[inline]
    pub fn try_loan(&self, len: usize) -> Result<Loan, LoanError> {
        self.lend(len).inspect_err(|error| self.count(error))
    }

    #[inline(always)]
    pub(in crate::channel) fn lend(&self, len: usize) -> Result<Loan, LoanError> {
        self.inner.ours()?;
        let class = self.inner.class_for(len)?;
        self.lent(class, len).ok_or_else(|| self.inner.exhausted(class))
    }

    #[inline(always)]
    fn lent(&self, class: usize, len: usize) -> Option<Loan> {
        let loaned = self.inner.member.try_loan(class)?;
        Some(Loan::new(Arc::clone(&self.inner), loaned, len))
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// Blocks of these classes, a bit each, were given back: wakes lenders that wait for them.
    #[inline(always)]
    pub(in crate::channel) fn gave_back(&self, mut classes: u16) {
        while classes != 0 {
            self.inner.gave_back(classes.trailing_zeros());
            classes &= classes - 1; // Without its lowest bit.
        }
    }

    /// Checks that the pool was opened by this process.
    pub(in crate::channel) fn ours(&self) -> Result<(), Forked> {
        self.inner.ours()
    }

    /// This process's member of the pool. The memory is not mapped in a child made by `fork`: check
    /// [`ours`](Self::ours) first.
    #[inline(always)]
    pub(in crate::channel) fn member(&self) -> &Member<Mapped> {
        &self.inner.member
    }

    /// The domain of the pool.
    pub(in crate::channel) fn domain(&self) -> &Domain {
        &self.inner.domain
    }

    #[cold]
    #[inline(never)]
    fn loan_after_recovery(&self, len: usize) -> Result<Loan, LoanError> {
        let recovered = self.recover();
        match (self.try_loan(len), recovered) {
            (Err(LoanError::Exhausted { .. }), Err(error)) => {
                Err(LoanError::Unknown { reason: error.kind() })
            }
            (result, _) => result,
        }
    }

    #[cold]
    fn count(&self, error: &LoanError) {
        if let LoanError::Exhausted { class, .. } = error {
            self.inner.member.count_exhausted(*class);
        }
    }

    /// The payload that a handle names. Call it before the handle's slot is given back, inside `pop_with` of
    /// the consumer: then a death in between loses nothing for good. [`receive`](Self::receive) does that.
    ///
    /// # Errors
    /// [`Refused`].
    ///
    /// # Blocking
    /// Never, unless other threads of this process are stopped while they open or drop a view of the same
    /// shared block.
    #[inline]
    pub fn accept(&self, handle: &Handle) -> Result<View, Refused> {
        if !self.inner.is_ours() {
            return Err(Refused::Forked);
        }
        match self.inner.member.accept(handle) {
            Ok(reading) => Ok(View::new(Arc::clone(&self.inner), reading, handle.len())),
            Err(Refused::Contended) => self.accept_patiently(handle),
            Err(refused) => Err(refused),
        }
    }

    #[cold]
    fn accept_patiently(&self, handle: &Handle) -> Result<View, Refused> {
        for time in 0..PATIENCE {
            if time < YIELDS {
                std::thread::yield_now();
            } else {
                // On a busy machine the other thread needs this one's CPU.
                std::thread::sleep(NAP);
            }
            match self.inner.member.accept(handle) {
                Err(Refused::Contended) => {}
                result => {
                    let reading = result?;
                    return Ok(View::new(Arc::clone(&self.inner), reading, handle.len()));
                }
            }
        }
        Err(Refused::Contended)
    }

    /// Pops the next handle, waiting for it, and takes its payload.
    ///
    /// # Errors
    /// [`ReceiveError::Channel`] as the consumer's pop; [`ReceiveError::Refused`] when the popped handle
    /// names no payload, such as that of a sender that died while sending: continue with the next.
    ///
    /// # Blocking
    /// By the consumer's wait strategy.
    #[inline]
    pub fn receive<I: Inlet>(&self, from: &mut I) -> Result<View, ReceiveError<I::Error>> {
        settle(from.take(None, |handle| self.accept(&handle)))
    }

    /// As [`receive`](Self::receive), with a timeout.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and when the time is over.
    pub fn receive_timeout<I: Inlet>(
        &self,
        from: &mut I,
        timeout: Duration,
    ) -> Result<View, ReceiveError<I::Error>> {
        self.receive_deadline(from, crate::clock::after(timeout))
    }

    /// As [`receive`](Self::receive), until a deadline.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and when the time is over.
    pub fn receive_deadline<I: Inlet>(
        &self,
        from: &mut I,
        deadline: Instant,
    ) -> Result<View, ReceiveError<I::Error>> {
        settle(from.take(Some(deadline), |handle| self.accept(&handle)))
    }

    /// As [`receive`](Self::receive), without waiting.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and when there is nothing.
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn try_receive<I: Inlet>(&self, from: &mut I) -> Result<View, ReceiveError<I::Error>> {
        settle(from.try_take(|handle| self.accept(&handle)))
    }

    /// Takes back what dead processes hold, and what was lost with its channel; nothing in a child process
    /// that inherited the pool through a fork. [`loan`](Self::loan) does so when it finds no free block, and
    /// so does each process that opens the pool.
    ///
    /// # Blocking
    /// Never. One system call for each member, and two for each channel that holds a payload.
    ///
    /// # Errors
    /// When it is unknown whether some process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more. Nothing was taken from that one; what the others held, and what
    /// was lost, was taken back.
    pub fn recover(&self) -> Result<Report, ipc_core::Error> {
        self.inner.process.check("Pool::recover")?;
        self.inner.lenders.recover(&self.inner.member, Some(&mut is_there()))
    }

    /// How many blocks of each class are held, and by whom, and the events counted so far. Reads each block's
    /// word. Empty in a forked child that inherited the pool.
    #[must_use]
    pub fn stats(&self) -> Stats {
        if !self.inner.is_ours() {
            return Stats { classes: Vec::new() };
        }
        Stats::of(self.inner.member.memory())
    }

    /// The size classes: bytes of a block, number of blocks.
    #[must_use]
    pub fn classes(&self) -> Vec<(usize, u64)> {
        self.inner.member.memory().shape().as_asked()
    }

    /// Bytes of the largest block.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.inner.member.memory().classes().last().map_or(0, |class| class.size as usize)
    }
}

fn settle<E>(taken: Result<Result<View, Refused>, E>) -> Result<View, ReceiveError<E>> {
    taken.map_err(ReceiveError::Channel)?.map_err(ReceiveError::Refused)
}
