//! The publishing end of a channel of frames.

use std::time::{Duration, Instant};

use super::Builder;
use crate::channel::broadcast::end::End;
use crate::channel::broadcast::{Counters, Mode};
use crate::channel::kernel::Kernel;
use crate::channel::pair::Ending;
use crate::channel::seated::has_core;
use crate::channel::seats::Segment;
use crate::end::broadcast::frames::{self as end, refused};
use crate::error::{AttachError, PushError};
use crate::ring::broadcast::Front;
use crate::ring::broadcast::frames::{self as ring, Mapped, Refused};

/// The publishing end: one holder at a time, in one thread at a time.
///
/// Dropping it closes the channel, unless it is a persistent one; [`detach`](Self::detach) leaves it open for
/// a successor.
#[derive(Debug)]
#[doc(alias = "Producer")]
pub struct Publisher {
    core: end::Publisher<Mapped, Front, Segment, Kernel>,
    ending: Ending,
}

impl Publisher {
    crate::interrupter::interruptible!(core.end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the publishing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of another mode, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_sender()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_sender()
    }

    pub(super) fn new(ring: Mapped, mut end: End) -> Result<Self, AttachError> {
        match ring::Publisher::attach(ring) {
            Ok(ring) => {
                let ending = Ending::of_producer(end.place.is_persistent());
                Ok(Self { core: end::Publisher::new(ring, end), ending })
            }
            Err(corruption) => {
                end.leave(None);
                Err(corruption.into())
            }
        }
    }

    /// Publishes a frame if there is room; a lossy channel always has room.
    ///
    /// # Errors
    /// [`PushError::Full`] in a gated channel when a subscriber is too far behind, after dead ones were
    /// dropped; [`PushError::TooLarge`]; [`PushError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when subscribers sleep, for all of them; in a full gated channel one for each
    /// subscriber in the way, to check whether it is alive.
    #[inline]
    #[doc(alias = "try_push")]
    pub fn try_publish(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.core.try_publish(frame)
    }

    /// Publishes a frame, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`PushError::TooLarge`]; [`PushError::Corrupt`]; [`PushError::NotWoken`]; [`PushError::System`].
    ///
    /// # Blocking
    /// By this end's wait strategy, until no live subscriber is too far behind. Never in a lossy channel.
    #[inline]
    #[doc(alias = "push")]
    pub fn publish(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.core.publish(frame, None)
    }

    /// As [`publish`](Self::publish), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`publish`](Self::publish).
    #[doc(alias = "push_deadline")]
    pub fn publish_deadline(&mut self, frame: &[u8], deadline: Instant) -> Result<(), PushError<()>> {
        self.core.publish(frame, Some(deadline))
    }

    /// As [`publish`](Self::publish), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`publish`](Self::publish).
    pub fn publish_timeout(&mut self, frame: &[u8], timeout: Duration) -> Result<(), PushError<()>> {
        self.publish_deadline(frame, crate::clock::after(timeout))
    }

    /// Publishes frames in order, in a gated channel waiting for room. Subscribers are woken once at the end,
    /// or before this end waits.
    ///
    /// # Errors
    /// As [`publish`](Self::publish). The value handed back is the number of frames published before the
    /// error.
    #[doc(alias = "push_batch")]
    pub fn publish_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<(), PushError<usize>> {
        self.core.publish_batch(frames)
    }

    /// Reserves room for a frame of up to `len` bytes. Nothing is published until [`Claim::commit`]; dropping
    /// the claim gives the room back.
    ///
    /// # Errors
    /// As [`try_publish`](Self::try_publish).
    pub fn try_claim(&mut self, len: usize) -> Result<Claim<'_>, PushError<()>> {
        self.core.end.place.ours()?;
        // Tried twice, because a claim cannot be both returned and dropped.
        if matches!(self.core.ring.try_claim(len).map(drop), Err(Refused::Full)) {
            self.core.after_full()?;
        }
        match self.core.ring.try_claim(len) {
            Ok(claim) => Ok(Claim { claim, end: &mut self.core.end }),
            Err(other) => Err(refused(other)),
        }
    }

    /// The longest frame the channel takes, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.core.ring.longest()
    }

    /// Bytes of the ring.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// Number of frames published since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next one.
    #[must_use]
    #[doc(alias = "sequence")]
    pub fn published(&self) -> u64 {
        self.core.ring.sequence()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::read_frames(self.core.ring.memory())
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

has_core!([] Publisher, end::Publisher<Mapped, Front, Segment, Kernel>, core);

impl Drop for Publisher {
    fn drop(&mut self) {
        self.core.end.finish(self.ending);
    }
}

/// Room for a frame, from [`Publisher::try_claim`]. Dropping it aborts: nothing is published.
#[derive(Debug)]
pub struct Claim<'a> {
    claim: ring::Claim<'a, Mapped>,
    end: &'a mut End,
}

impl Claim<'_> {
    /// Number of bytes reserved.
    #[must_use]
    pub fn len(&self) -> usize {
        self.claim.len()
    }

    /// Whether no bytes are reserved: only an empty frame fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.claim.is_empty()
    }

    /// Copies bytes to an offset in the frame.
    ///
    /// # Panics
    /// When they do not fit.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.claim.write(offset, bytes);
    }

    /// Publishes the first `len` bytes as a frame; not in a forked child that inherited the claim.
    ///
    /// # Errors
    /// [`PushError::NotWoken`]: the frame was published. [`PushError::Forked`]: it was not.
    ///
    /// # Panics
    /// When `len` exceeds the claim.
    pub fn commit(self, len: usize) -> Result<(), PushError<()>> {
        if !self.end.place.is_ours() {
            return Err(PushError::Forked(()));
        }
        self.claim.commit(len);
        self.end.wake_subscribers().map_err(|error| PushError::NotWoken((), error))
    }
}
