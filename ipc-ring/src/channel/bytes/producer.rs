//! The producing end of a channel.

use std::time::{Duration, Instant};

use super::builder::{Attached, Builder};
use crate::apart::apart;
use crate::channel::end::Segment;
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::seated::has_core;
use crate::end::bytes as end;
use crate::end::pair::PeerState;
use crate::error::{AttachError, FrameTooLarge, PushError};
use crate::ring::bytes::{self as ring, Mapped, Refused};

mod claim;
mod vectored;

pub use claim::Claim;

/// The producing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel; [`detach`](Self::detach) leaves it open for a successor.
///
/// It is [`std::io::Write`] too: each write is one frame, of as many of the bytes as a frame holds, waiting
/// for room. Wrap it in a [`std::io::BufWriter`] to collect small writes.
#[derive(Debug)]
pub struct Producer {
    core: end::Producer<Mapped, Segment, Kernel>,
    ending: Ending,
}

impl Producer {
    crate::interrupter::interruptible!(core.end);
    crate::interrupter::shares_interrupts!(core.end);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the producing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another kind, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_sender()
    }

    /// As [`create`](Self::create), but the channel must not exist.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as [`create`](Self::create).
    pub fn create_new(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_new_sender()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_sender()
    }

    pub(in crate::channel) fn new(attached: Attached) -> Result<Self, AttachError> {
        let Attached { ring, mut end } = attached;
        match ring::Producer::attach(ring) {
            Ok(ring) => {
                let ending = Ending::of_producer(end.is_persistent());
                Ok(Self { core: end::Producer::new(ring, end), ending })
            }
            Err(corruption) => {
                end.give_up(false);
                Err(corruption.into())
            }
        }
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

    /// Whether the consumer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.core.end.peer()
    }

    /// Kills the process that holds the consumer's end, with SIGKILL, and waits until it is gone: for one
    /// that is stopped or stuck, which counts as alive. A successor may then take its place. True when that
    /// end has no holder any more.
    ///
    /// # Errors
    /// As [`Domain::evict`](crate::Domain::evict).
    ///
    /// # Blocking
    /// Until the process is gone or the deadline has passed.
    pub fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.core.end.evict_peer(deadline)
    }

    /// Waits until the consumer is attached, or has closed the channel, or the timeout has passed; returns
    /// its state then.
    ///
    /// # Errors
    /// When the semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_peer(&self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        self.core.end.wait_for_peer(timeout.map(crate::clock::after))
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
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

    /// Ends the stream: the consumer pops what is left, then gets
    /// [`PopError::Closed`](crate::PopError::Closed). The same as dropping, in a channel that is not
    /// persistent.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the stream open: a new producer may continue it, while the consumer is attached or
    /// the channel is persistent.
    pub fn detach(mut self) {
        self.ending = Ending::Detach;
    }
}

has_core!([] Producer, end::Producer<Mapped, Segment, Kernel>, core);

impl Drop for Producer {
    fn drop(&mut self) {
        pair::leave_producer(&mut self.core.end, self.ending);
    }
}
