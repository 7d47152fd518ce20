//! The publishing end of a channel of payloads.

use std::time::{Duration, Instant};

use super::Builder;
use crate::channel::broadcast::end::End;
use crate::channel::broadcast::{Counters, Mode};
use crate::channel::kernel::Kernel;
use crate::channel::pair::Ending;
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::seats::Segment;
use crate::end::broadcast::{drop_all_dead, payloads as end, wait_for_room};
use crate::error::{AttachError, PushError};
use crate::pool::{Handle, Loan, LoanError, Pool, Route, SendError};
use crate::ring::broadcast::{Front, Mapped, payloads as ring};

/// The publishing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it open for
/// a successor.
#[derive(Debug)]
#[doc(alias = "Producer")]
pub struct Publisher {
    core: end::Publisher<Mapped<Handle>, Front, Segment, Kernel>,
    ending: Ending,
    pool: Pool,
    /// Number of times the pool had no block and messages had to be given up for one.
    short: u32,
}

/// Dead processes are checked for once in this number of loans that would have to give up messages for lack
/// of blocks.
const RECOVER: u32 = 64;

impl Publisher {
    crate::interrupter::interruptible!(core.end.place.host);

    /// Makes the channel of this name in the pool's domain, or finds it, and takes the publishing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of another kind, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str, pool: &Pool) -> Result<Self, AttachError> {
        Builder::new(name, pool).create_sender()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str, pool: &Pool) -> Result<Self, AttachError> {
        Builder::new(name, pool).open_sender()
    }

    pub(super) fn new(ring: Mapped<Handle>, mut end: End, pool: &Pool) -> Result<Self, AttachError> {
        match ring::Publisher::attach(ring, pool.member(), end.route()) {
            Ok(mut ring) => {
                pool.gave_back(ring.take_freed());
                let ending = Ending::of_producer(end.place.is_persistent());
                Ok(Self { core: end::Publisher::new(ring, end), ending, pool: pool.clone(), short: 0 })
            }
            Err(corruption) => {
                end.leave(None);
                Err(corruption.into())
            }
        }
    }

    /// Lends a block for `len` bytes, to be written and [pushed](Self::push).
    ///
    /// As [`Pool::loan`], but when no block is free, takes back those of messages that were overwritten or
    /// read by all subscribers; and in a lossy channel also those of the oldest messages that no subscriber
    /// is reading, which are given up.
    ///
    /// # Errors
    /// [`LoanError::Exhausted`], [`LoanError::TooLarge`], [`LoanError::Unknown`].
    ///
    /// # Blocking
    /// Never. A few dozen system calls when no block is free; in a lossy channel that has some to give up,
    /// once in 64 such times.
    #[inline]
    pub fn loan(&mut self, len: usize) -> Result<Loan, LoanError> {
        self.core.end.place.ours()?;
        match self.pool.lend(len) {
            Err(LoanError::Exhausted { class, .. }) => {
                let loan = self.loan_taken_back(len, class as u32);
                // More blocks than the one that is lent may have become free.
                self.pool.gave_back(self.core.ring.take_freed());
                loan
            }
            result => result,
        }
    }

    #[cold]
    #[inline(never)]
    fn loan_taken_back(&mut self, len: usize, class: u32) -> Result<Loan, LoanError> {
        if self.core.ring.withdraw_given_up(self.pool.member())
            && let Ok(loan) = self.pool.lend(len)
        {
            return Ok(loan);
        }
        self.short = self.short.wrapping_add(1);
        if self.mode() == Mode::Gated || self.short % RECOVER == 1 {
            let _ = self.recover(); // Run again before reporting that there is no block.
            if let Ok(loan) = self.pool.lend(len) {
                return Ok(loan);
            }
        }
        while self.core.ring.give_up_oldest(self.pool.member(), class) {
            if let Ok(loan) = self.pool.lend(len) {
                return Ok(loan);
            }
        }
        let recovered = self.recover();
        match (self.pool.try_loan(len), recovered) {
            (Err(LoanError::Exhausted { .. }), Err(error)) => {
                Err(LoanError::Unknown { reason: error.kind() })
            }
            (result, _) => result,
        }
    }

    /// Takes back what dead processes hold: blocks, and places in the channel.
    fn recover(&mut self) -> Result<(), ipc_core::Error> {
        let pool = self.pool.recover();
        let dropped = drop_all_dead(&mut self.core.ring, &self.core.end);
        if let Ok(true) = dropped {
            self.core.ring.withdraw_given_up(self.pool.member());
        }
        pool.and(dropped).map(drop)
    }

    /// Publishes what was written if there is room; a lossy channel always has room.
    ///
    /// # Errors
    /// [`SendError`] with the loan and the reason: [`PushError::Full`] in a gated channel when a subscriber
    /// is a whole lap behind, after dead ones were dropped; [`PushError::Corrupt`].
    ///
    /// # Panics
    /// When the loan belongs to another pool.
    ///
    /// # Blocking
    /// Never. One system call when subscribers sleep, for all of them; in a full gated channel one for each
    /// subscriber in the way, to check whether it is alive.
    #[inline]
    pub fn try_push(&mut self, payload: Loan) -> Result<(), SendError<PushError<()>>> {
        match self.put(payload) {
            Err(SendError { loan, error: PushError::Full(()) }) => {
                match drop_all_dead(&mut self.core.ring, &self.core.end) {
                    Ok(true) => self.put(loan),
                    Ok(false) => Err(SendError { loan, error: PushError::Full(()) }),
                    Err(error) => Err(SendError { loan, error: PushError::System((), error) }),
                }
            }
            result => result,
        }
    }

    /// Publishes what was written, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`SendError`] with the loan and the reason: [`PushError::Corrupt`]; [`PushError::System`].
    ///
    /// # Panics
    /// When the loan belongs to another pool.
    ///
    /// # Blocking
    /// By this end's wait strategy, until every live subscriber is less than a lap behind. Never in a lossy
    /// channel.
    #[inline]
    pub fn push(&mut self, payload: Loan) -> Result<(), SendError<PushError<()>>> {
        self.push_until(payload, None)
    }

    /// As [`push`](Self::push), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_deadline(
        &mut self,
        payload: Loan,
        deadline: Instant,
    ) -> Result<(), SendError<PushError<()>>> {
        self.push_until(payload, Some(deadline))
    }

    /// As [`push`](Self::push), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_timeout(&mut self, payload: Loan, timeout: Duration) -> Result<(), SendError<PushError<()>>> {
        self.push_deadline(payload, crate::clock::after(timeout))
    }

    #[inline(always)]
    fn push_until(
        &mut self,
        mut payload: Loan,
        deadline: Option<Instant>,
    ) -> Result<(), SendError<PushError<()>>> {
        loop {
            match self.put(payload) {
                Err(SendError { loan, error: PushError::Full(()) }) => {
                    if let Err(error) = wait_for_room(&mut self.core.ring, &mut self.core.end, deadline) {
                        return Err(SendError { loan, error });
                    }
                    payload = loan;
                }
                result => return result,
            }
        }
    }

    #[inline(always)]
    fn put(&mut self, payload: Loan) -> Result<(), SendError<PushError<()>>> {
        assert!(payload.is_of(self.pool.member()), "a loan is published in a channel of its own pool");
        if self.core.end.place.ours().is_err() || !payload.is_ours() {
            return Err(SendError { loan: payload, error: PushError::Forked(()) });
        }
        // The loan of a publication whose wake failed is gone, so this one reports the error.
        if let Err(error) = self.core.end.place.tell() {
            return Err(SendError { loan: payload, error: PushError::System((), error) });
        }
        let put = payload.publish_by(|member, loaned, len| self.core.put(member, loaned, len));
        self.pool.gave_back(self.core.ring.take_freed());
        put
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Identity of this channel, as the pool knows it.
    #[must_use]
    pub fn route(&self) -> Route {
        self.core.end.route()
    }

    /// Number of places.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// Number of payloads published since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next one.
    #[must_use]
    #[doc(alias = "sequence")]
    pub fn pushed(&self) -> u64 {
        self.core.ring.position()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read(self.core.ring.memory())
    }

    /// Ends the stream: subscribers read what is left, then get the end of the stream. The same as dropping,
    /// except in a persistent channel.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the stream open: a new publisher may continue it, while a subscriber is attached
    /// or if the channel is persistent.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

has_core!([] Publisher, end::Publisher<Mapped<Handle>, Front, Segment, Kernel>, core);

impl Drop for Publisher {
    fn drop(&mut self) {
        if self.core.end.place.is_ours() {
            self.core.ring.withdraw_given_up(self.pool.member());
            self.pool.gave_back(self.core.ring.take_freed());
        }
        self.core.end.finish(self.ending);
    }
}
