//! The publishing end of a channel of frames.

use std::time::{Duration, Instant};

use super::Publisher;
use crate::channel::broadcast::end::End;
use crate::channel::broadcast::{Counters, Mode};
use crate::channel::kernel::Kernel;
use crate::channel::kind::Core;
use crate::channel::pair::Ending;
use crate::channel::seats::Segment;
use crate::channel::sender::Sender;
use crate::end::broadcast::frames::{self as end, refused};
use crate::error::{AttachError, PushError};
use crate::ring::broadcast::Front;
use crate::ring::broadcast::frames::{self as ring, Mapped, Refused};

mod vectored;

/// The publishing end without what is common to all kinds.
pub(super) type Sending = end::Publisher<Mapped, Front, Segment, Kernel>;

impl Publisher {
    pub(super) fn new(ring: Mapped, mut end: End) -> Result<Self, AttachError> {
        match ring::Publisher::attach(ring) {
            Ok(ring) => Ok(Sender::closing(end::Publisher::new(ring, end))),
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
    pub fn try_push(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.core.try_publish(frame)
    }

    /// Publishes a frame, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`PushError::TooLarge`]; [`PushError::Corrupt`]; [`PushError::NotWoken`]; [`PushError::System`].
    ///
    /// # Blocking
    /// By this end's wait strategy, until no live subscriber is too far behind. Never in a lossy channel.
    #[doc(alias = "publish")]
    #[inline]
    pub fn push(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.core.publish(frame, None)
    }

    /// As [`push`](Self::push), until a deadline.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_deadline(&mut self, frame: &[u8], deadline: Instant) -> Result<(), PushError<()>> {
        self.core.publish(frame, Some(deadline))
    }

    /// As [`push`](Self::push), with a timeout.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_timeout(&mut self, frame: &[u8], timeout: Duration) -> Result<(), PushError<()>> {
        self.push_deadline(frame, crate::clock::after(timeout))
    }

    /// Publishes frames from the front of a slice while there is room; returns their number. One wake at
    /// most.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push), when the first frame is refused. The value handed back is the number
    /// of frames published: 0, except with [`PushError::NotWoken`].
    pub fn try_push_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<usize, PushError<usize>> {
        self.core.try_publish_batch(frames)
    }

    /// Publishes frames in order, in a gated channel waiting for room. Subscribers are woken once at the end,
    /// or before this end waits.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of frames published before the
    /// error.
    pub fn push_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<(), PushError<usize>> {
        self.core.publish_batch(frames)
    }

    /// Reserves room for a frame of up to `len` bytes. Nothing is published until [`Claim::commit`]; dropping
    /// the claim gives the room back.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push).
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

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.core.end.front.mode()
    }

    /// Number of frames published since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next one.
    #[must_use]
    #[doc(alias = "sequence")]
    pub fn pushed(&self) -> u64 {
        self.core.ring.sequence()
    }
}

impl Core for Sending {
    type Counters = Counters;

    fn counters(&self) -> Counters {
        Counters::read_frames(self.ring.memory())
    }

    fn capacity(&self) -> u64 {
        self.end.front.capacity()
    }

    fn leave(&mut self, ending: Ending) {
        self.end.finish(ending);
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
