//! The publishing end of a channel of frames.

use std::time::Instant;

use crate::end::broadcast::attached::Attached;
use crate::end::broadcast::room::{Room, wait_for_room};
use crate::end::participant::Seats;
use crate::error::PushError;
use crate::ring::broadcast::frames::{self as ring, Memory, Refused};
use crate::ring::broadcast::{Control, Corruption};
use crate::wait::host::Host;

/// The publishing end.
pub type Publisher<M, F, W, H> = Attached<ring::Publisher<M>, F, W, H>;

impl<M: Memory> Room for ring::Publisher<M> {
    fn has_room(&mut self) -> Result<bool, Corruption> {
        self.has_room()
    }

    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool {
        self.drop_dead(is_alive)
    }
}

impl<M, F, W, H> Publisher<M, F, W, H>
where
    M: Memory,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Publishes a frame if there is room; a lossy channel always has room.
    ///
    /// # Errors
    /// [`PushError::Full`] in a gated channel; [`PushError::TooLarge`]; [`PushError::Corrupt`];
    /// [`PushError::NotWoken`].
    #[inline(always)]
    pub fn try_publish(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        let mut result = self.ring.try_publish(frame);
        if result == Err(Refused::Full) && self.after_full()? {
            result = self.ring.try_publish(frame);
        }
        result.map_err(refused)?;
        self.published(())
    }

    /// Publishes a frame, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`PushError`], except [`PushError::Full`].
    #[inline(always)]
    pub fn publish(&mut self, frame: &[u8], deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.put(frame, deadline)?;
        self.published(())
    }

    #[inline(always)]
    fn put(&mut self, frame: &[u8], deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        loop {
            match self.ring.try_publish(frame) {
                Ok(()) => return Ok(()),
                Err(Refused::Full) => wait_for_room(&mut self.ring, &mut self.end, deadline)?,
                Err(other) => return Err(refused(other)),
            }
        }
    }

    /// Publishes frames in order, in a gated channel waiting for room. Subscribers are woken once at the end,
    /// or before this end waits.
    ///
    /// # Errors
    /// As [`publish`](Self::publish). The value is the number of frames published before the error.
    pub fn publish_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<(), PushError<usize>> {
        self.end.place.ours()?;
        for (done, frame) in frames.iter().enumerate() {
            let result = match self.ring.try_publish(frame.as_ref()) {
                Ok(()) => continue,
                Err(Refused::Full) => {
                    self.published(done)?;
                    self.put(frame.as_ref(), None)
                }
                Err(other) => Err(refused(other)),
            };
            if let Err(error) = result {
                let woken = self.end.wake_subscribers();
                self.end.place.keep(woken);
                return Err(error.with(done));
            }
        }
        self.published(frames.len())
    }
}

/// Why the ring refused a frame.
#[cold]
pub(crate) fn refused(refused: Refused) -> PushError<()> {
    match refused {
        Refused::Full => PushError::Full(()),
        Refused::TooLarge(frame) => PushError::TooLarge((), frame),
        Refused::Corrupt(corruption) => PushError::Corrupt((), corruption),
    }
}
