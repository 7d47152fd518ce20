//! The producing end of a channel.

use std::time::{Duration, Instant};

use super::Producer;
use crate::apart::apart;
use crate::channel::attached::Attached;
use crate::channel::end::{End, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::kind::Core;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::Seat as _;
use crate::channel::sender::Sender;
use crate::end::bytes as end;
use crate::error::{AttachError, FrameTooLarge, PushError};
use crate::layout;
use crate::ring::bytes::{self as ring, Counters, Mapped, Refused};

mod claim;
mod vectored;

pub use claim::Claim;

/// The producing end without what is common to all kinds.
pub(super) type Sending = end::Producer<Mapped, Segment, Kernel>;

impl Producer {
    pub(in crate::channel) fn new(attached: Attached<Mapped>) -> Result<Self, AttachError> {
        let Attached { ring, end } = attached.attach(ring::Producer::attach)?;
        Ok(Sender::closing(end::Producer::new(ring, end)))
    }

    /// Pushes a frame if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`], [`PushError::TooLarge`], [`PushError::Closed`] when the consumer closed the
    /// channel, [`PushError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when the consumer sleeps, to wake it.
    #[inline(always)]
    pub fn try_push(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        match self.core.push_known(frame) {
            Some(0) => Ok(()),
            known => apart(self.try_push_slowly(frame, known)),
        }
    }

    /// Pushes a frame, waiting for room.
    ///
    /// # Errors
    /// [`PushError::TooLarge`]; [`PushError::Closed`]; [`PushError::PeerGone`] when there is no room and the
    /// consumer detached or died, so that no consumer is left to make some; [`PushError::Corrupt`];
    /// [`PushError::NotWoken`]; [`PushError::System`]. A consumer that has never attached is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[doc(alias = "publish")]
    #[inline]
    pub fn push(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.push_until(frame, None)
    }

    /// As [`push`](Self::push), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, frame: &[u8], deadline: Instant) -> Result<(), PushError<()>> {
        self.push_until(frame, Some(deadline))
    }

    /// As [`push`](Self::push), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_timeout(&mut self, frame: &[u8], timeout: Duration) -> Result<(), PushError<()>> {
        self.push_deadline(frame, crate::clock::after(timeout))
    }

    #[inline(always)]
    fn push_until(&mut self, frame: &[u8], deadline: Option<Instant>) -> Result<(), PushError<()>> {
        match self.core.push_known(frame) {
            Some(0) => Ok(()),
            known => apart(self.push_one_slowly(frame, known, deadline)),
        }
    }

    /// What is left to do of a push of one frame, if anything.
    #[cold]
    #[inline(never)]
    fn push_one_slowly(
        &mut self,
        frame: &[u8],
        known: Option<u32>,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        let pushed = self.core.pushed(frame, known).map_err(|refusal| refusal.with(()))?;
        self.push_slowly(pushed, frame.len(), deadline, |ring| ring.try_push(frame))
    }

    /// As [`push_one_slowly`](Self::push_one_slowly), without waiting.
    #[cold]
    #[inline(never)]
    fn try_push_slowly(&mut self, frame: &[u8], known: Option<u32>) -> Result<(), PushError<()>> {
        let pushed = self.core.pushed(frame, known).map_err(|refusal| refusal.with(()))?;
        self.settle_one(pushed, frame.len())
    }

    /// Pushes frames from the front of a slice while there is room; returns their number. One wake at most.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push), when the first frame is refused. The value handed back is the number
    /// of frames pushed, 0; with [`PushError::Closed`] it counts frames the consumer will not pop.
    pub fn try_push_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<usize, PushError<usize>> {
        self.core.end.ours()?;
        match self.core.ring.try_push_batch(frames) {
            Ok((count, 0)) => Ok(count),
            Ok((count, signal)) => {
                self.core.settle(Ok(signal), 0).map(|()| count).map_err(|refusal| refusal.with(count))
            }
            Err(refused) => {
                let len = frames.first().map_or(0, |frame| frame.as_ref().len());
                self.core.settle(Err(refused), len).map(|()| 0).map_err(|refusal| refusal.with(0))
            }
        }
    }

    /// Pushes all frames of a slice, in order, waiting for room.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of frames pushed before the error.
    pub fn push_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<(), PushError<usize>> {
        self.core.end.ours()?;
        let mut done = 0;
        while done < frames.len() {
            match self.try_push_batch(&frames[done..]) {
                Ok(count) => done += count,
                Err(PushError::Full(_)) => {
                    let len = frames[done].as_ref().len();
                    self.core.wait_for_room(len, None).map_err(|refusal| refusal.with(done))?;
                }
                Err(PushError::Closed(count)) => return Err(PushError::Closed(done + count)),
                Err(PushError::NotWoken(count, error)) => {
                    return Err(PushError::NotWoken(done + count, error));
                }
                Err(PushError::Corrupt(count, corruption)) => {
                    return Err(PushError::Corrupt(done + count, corruption));
                }
                Err(PushError::TooLarge(_, frame)) => return Err(PushError::TooLarge(done, frame)),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Reserves room for a frame of up to `len` bytes, to be written in place. Nothing is published until
    /// [`Claim::commit`]; dropping the claim gives the room back.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push).
    #[inline(always)]
    pub fn try_claim(&mut self, len: usize) -> Result<Claim<'_>, PushError<()>> {
        self.core.end.ours()?;
        let end::Producer { ring, end, .. } = &mut self.core;
        let limit = ring.longest();
        match ring.try_claim(len) {
            Ok(claim) => Ok(Claim { claim, end }),
            Err(refused) => Err(end::refusal(end, refused, FrameTooLarge { len, limit }).with(())),
        }
    }

    /// As [`try_claim`](Self::try_claim), waiting for room.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_>, PushError<()>> {
        self.core.end.ours()?;
        if len <= self.core.ring.longest() && self.core.ring.has_room(len) != Ok(true) {
            self.core.wait_for_room(len, None).map_err(|refusal| refusal.with(()))?;
        }
        self.try_claim(len)
    }

    /// The slow half of a push: a signal to act upon, or no room.
    #[cold]
    #[inline(never)]
    fn push_slowly(
        &mut self,
        pushed: Result<u32, Refused>,
        len: usize,
        deadline: Option<Instant>,
        again: impl Fn(&mut ring::Producer<Mapped>) -> Result<u32, Refused>,
    ) -> Result<(), PushError<()>> {
        self.core.push_on(pushed, len, deadline, again).map_err(|refusal| refusal.with(()))
    }

    /// Keeps the error of a wake for [`tell`](Self::tell).
    pub(super) fn keep(&mut self, error: ipc_core::Error) {
        self.core.end.keep(error);
    }

    /// # Errors
    /// One that was kept. Reported once.
    pub(super) fn tell(&mut self) -> Result<(), ipc_core::Error> {
        self.core.end.tell()
    }

    /// The result of an attempt that was not a plain success without a signal.
    #[cold]
    #[inline(never)]
    fn settle_one(&mut self, pushed: Result<u32, Refused>, len: usize) -> Result<(), PushError<()>> {
        self.core.settle(pushed, len).map_err(|refusal| refusal.with(()))
    }

    /// The longest frame that this channel takes, in bytes: half its capacity without the header.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.core.ring.longest()
    }

    /// Number of frames pushed since the channel was made, by this holder and its predecessors; one short for
    /// each of those that was killed between publishing a frame and counting it.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.core.ring.frames()
    }

    /// Where the next frame begins: bytes since the channel was made, headers and padding included. Exact,
    /// even after deaths.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.core.ring.position()
    }
}

impl Core for Sending {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        counters(&self.end)
    }

    fn capacity(&self) -> u64 {
        self.ring.memory().capacity()
    }

    fn leave(&mut self, ending: Ending) {
        pair::leave_producer(&mut self.end, ending);
    }
}

/// What the ends of a ring have counted so far.
pub(super) fn counters(end: &End) -> Counters {
    Counters::read(end.region(), layout::first_position(end.region()))
}
