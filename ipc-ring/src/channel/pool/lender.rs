//! The end of a pool that waits for free blocks.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::carrier::is_there;
use super::inner::LENDERS;
use super::loan::Loan;
use super::member::Pool;
use crate::channel::kernel::Kernel;
use crate::channel::open::Found;
use crate::channel::participant::Participant;
use crate::channel::seated::Seat as _;
use crate::channel::seats::{self, Segment};
use crate::channel::waitable::{Await, Bell, Home, Waiting};
use crate::end::pool as end;
use crate::error::{AttachError, AttachErrorKind, LoanError};
use crate::platform::Barrier;
use crate::ring::pool::{Loaned, MAX_LENDERS};
use crate::wait::WaitStrategy;
use crate::wait::host::Host as _;
use crate::wait::news::News;
use crate::wait::park::Waiter as _;

/// Lends blocks of a pool as [`Pool`] does, and waits when all are in use.
///
/// Each size class has its own blocks, and a lender waits for those of the smallest class that has enough
/// bytes. Each block that is given back wakes one lender that waits for its class; a process or thread that
/// does not wait may still be faster. A lender finds out that a process has died that holds blocks, and takes
/// them back: before it sleeps, when that process has woken it before, and otherwise within a tenth of a
/// second.
///
/// One holder, in one thread at a time; a pool has 256 of them at most. In a [`WaitSet`](crate::WaitSet), a
/// [`PollSet`](crate::readiness::PollSet) or a task it is ready when a block is free for the payload that it
/// was last asked for, or [expects](Self::expect_len).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::pool::{self, Lender, LoanError};
/// use std::time::Duration;
///
/// let pool = pool::Builder::new("doc-example-lender").class(4096, 1).create()?;
/// let mut lender = Lender::new(&pool)?;
/// let first = lender.loan(100)?;
/// assert_eq!(lender.loan_timeout(100, Duration::from_millis(5)).unwrap_err(), LoanError::TimedOut);
/// std::thread::scope(|scope| {
///     scope.spawn(|| drop(first)); // A peer that reads the payload does the same.
///     lender.loan(100) // Sleeps until then.
/// })?;
/// # Ok(()) }
/// ```
pub struct Lender {
    core: end::Lender<Segment, Kernel>,
    pool: Pool,
    /// The request that is being repeated has been counted.
    is_counted: bool,
}

impl Lender {
    crate::interrupter::interruptible!(core.place.host);

    /// A lender of this pool that polls briefly and then sleeps, as ends of channels do by default.
    ///
    /// # Errors
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) when the pool has 256 lenders, or the domain no
    /// wake semaphore left; [`Forked`](crate::AttachErrorKind::Forked).
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn new(pool: &Pool) -> Result<Self, AttachError> {
        Self::with_strategy(pool, WaitStrategy::DEFAULT)
    }

    /// A lender with this wait strategy.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_strategy(pool: &Pool, strategy: WaitStrategy) -> Result<Self, AttachError> {
        let domain = pool.domain();
        Self::seated(pool, strategy).map_err(|error| error.of_a("pool").in_domain(domain.name()))
    }

    fn seated(pool: &Pool, strategy: WaitStrategy) -> Result<Self, AttachError> {
        pool.ours()?;
        let inner = pool.inner();
        let memory = inner.member.memory();
        let (region, geometry) = (memory.region().clone(), memory.shape().geometry());
        let found = Found {
            region: region.clone(),
            geometry,
            barrier: inner.lenders.barrier(),
            entry: inner.entry.clone(),
        };
        let (place, ()) = pool.domain().locked(|locked| {
            let class = (LENDERS, end::waiters(0));
            Participant::take_seat(locked, pool.domain(), found, class, strategy, |me, questions| {
                let number = seats::claim(&region, LENDERS, 0..MAX_LENDERS, me, questions)?;
                let what = "lenders of one pool";
                let full = || AttachErrorKind::DomainFull { what, limit: usize::from(MAX_LENDERS) };
                Ok(((), number.ok_or_else(full)?))
            })
        })?;
        Ok(Self { core: end::Lender::new(place), pool: pool.clone(), is_counted: false })
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Lends a block for `len` bytes, waiting until one is free.
    ///
    /// # Errors
    /// [`LoanError`], except [`LoanError::Exhausted`].
    ///
    /// # Blocking
    /// By this end's wait strategy, until a block is given back. For good, if all of them belong to processes
    /// that never give them back, this one included.
    #[inline]
    pub fn loan(&mut self, len: usize) -> Result<Loan, LoanError> {
        self.loan_until(len, None)
    }

    /// As [`loan`](Self::loan), with a timeout.
    ///
    /// # Errors
    /// [`LoanError::TimedOut`], and as [`loan`](Self::loan).
    pub fn loan_timeout(&mut self, len: usize, timeout: Duration) -> Result<Loan, LoanError> {
        self.loan_deadline(len, crate::clock::after(timeout))
    }

    /// As [`loan`](Self::loan), until a deadline.
    ///
    /// # Errors
    /// [`LoanError::TimedOut`], and as [`loan`](Self::loan).
    pub fn loan_deadline(&mut self, len: usize, deadline: Instant) -> Result<Loan, LoanError> {
        self.loan_until(len, Some(deadline))
    }

    /// As [`loan`](Self::loan), without waiting, and without looking for dead processes. Attempts that are
    /// repeated until one succeeds are counted as one request that found no block.
    ///
    /// # Errors
    /// [`LoanError::Exhausted`], and as [`loan`](Self::loan).
    ///
    /// # Blocking
    /// Never. A system call if this end was woken in a set or a task and another one can have a block too.
    #[inline]
    pub fn try_loan(&mut self, len: usize) -> Result<Loan, LoanError> {
        let class = self.class_for(len)?;
        match self.core.try_lend(&self.pool.inner().member, class) {
            Some(loaned) => Ok(self.lent(loaned, len)),
            None => {
                let inner = self.pool.inner();
                if !std::mem::replace(&mut self.is_counted, true) {
                    inner.member.count_exhausted(class);
                }
                Err(inner.exhausted(class))
            }
        }
    }

    /// From now on, until the next request, this end is ready in a set when a block for `len` bytes is free.
    /// Call it before a set or a task waits, not meanwhile.
    ///
    /// # Errors
    /// [`LoanError::TooLarge`]; [`LoanError::Forked`].
    pub fn expect_len(&mut self, len: usize) -> Result<(), LoanError> {
        let class = self.class_for(len)?;
        self.core.wait_for(class);
        Ok(())
    }

    #[inline(always)]
    fn class_for(&self, len: usize) -> Result<usize, LoanError> {
        let inner = self.pool.inner();
        inner.ours()?;
        inner.class_for(len)
    }

    #[inline(always)]
    fn loan_until(&mut self, len: usize, deadline: Option<Instant>) -> Result<Loan, LoanError> {
        let class = self.class_for(len)?;
        match self.core.try_lend(&self.pool.inner().member, class) {
            Some(loaned) => Ok(self.lent(loaned, len)),
            None => self.loan_slowly(class, len, deadline),
        }
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn loan_slowly(
        &mut self,
        class: usize,
        len: usize,
        deadline: Option<Instant>,
    ) -> Result<Loan, LoanError> {
        let inner = self.pool.inner();
        inner.member.count_exhausted(class);
        let loaned = self.core.lend((&inner.member, &inner.lenders), class, deadline, is_there())?;
        Ok(self.lent(loaned, len))
    }

    #[inline(always)]
    fn lent(&mut self, loaned: Loaned, len: usize) -> Loan {
        self.is_counted = false;
        Loan::new(Arc::clone(self.pool.inner()), loaned, len)
    }
}

/// In a set, a lender is ready when a block of the class is free that it was last asked for, or expects.
impl Await for Lender {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        let inner = self.pool.inner();
        if self.core.looks(&inner.member) {
            return Ok(Some(News::Ready));
        }
        if !probe {
            return Ok(None);
        }
        inner.lenders.recover(&inner.member, Some(&mut is_there()))?;
        Ok(self.core.looks(&inner.member).then_some(News::Ready))
    }

    fn set_waiting(&mut self, bell: Bell) -> Barrier {
        self.core.arm(bell.0);
        self.core.place.barrier()
    }

    fn clear_waiting(&mut self) -> bool {
        self.core.clear_waiting()
    }

    fn has_peer_died(&self) -> bool {
        let inner = self.pool.inner();
        inner.lenders.has_holder_died(&inner.member)
    }

    fn is_passed_over(&mut self) {
        self.core.give_up();
    }

    fn is_served(&mut self) {
        self.core.served(&self.pool.inner().member);
    }

    fn home(&self) -> Home<'_> {
        self.core.place.host.home()
    }

    fn waiting(&self) -> Option<Waiting> {
        Some(self.core.place.waiting())
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        let place = &mut self.core.place;
        if place.is_ours() {
            let (words, number) = (place.words(), place.number());
            place.vacate(|| seats::free(&words.region, LENDERS, number));
            place.host.member.free_wake(place.host.wake());
            place.hand_on();
        }
    }
}

impl fmt::Debug for Lender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lender")
            .field("pool", &self.pool)
            .field("class", &self.core.class())
            .finish_non_exhaustive()
    }
}
