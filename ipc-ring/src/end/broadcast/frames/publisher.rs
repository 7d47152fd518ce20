//! The publishing end of a channel of frames.

use std::io::IoSlice;
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
        self.try_put(|ring| ring.try_publish(frame))?;
        self.pushed(())
    }

    /// As [`try_publish`](Self::try_publish), a frame that consists of several pieces.
    ///
    /// # Errors
    /// As [`try_publish`](Self::try_publish).
    pub fn try_publish_vectored(&mut self, pieces: &[IoSlice<'_>]) -> Result<(), PushError<()>> {
        self.try_put(|ring| ring.try_publish_vectored(pieces))?;
        self.pushed(())
    }

    #[inline(always)]
    fn try_put(
        &mut self,
        write: impl Fn(&mut ring::Publisher<M>) -> Result<(), Refused>,
    ) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        let mut result = write(&mut self.ring);
        if result == Err(Refused::Full) && self.after_full()? {
            result = write(&mut self.ring);
        }
        result.map_err(refused)
    }

    /// Publishes a frame, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`PushError`], except [`PushError::Full`].
    #[inline(always)]
    pub fn publish(&mut self, frame: &[u8], deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.put(|ring| ring.try_publish(frame), deadline)?;
        self.pushed(())
    }

    /// As [`publish`](Self::publish), a frame that consists of several pieces.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_vectored(
        &mut self,
        pieces: &[IoSlice<'_>],
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        self.put(|ring| ring.try_publish_vectored(pieces), deadline)?;
        self.pushed(())
    }

    #[inline(always)]
    fn put(
        &mut self,
        write: impl Fn(&mut ring::Publisher<M>) -> Result<(), Refused>,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        loop {
            match write(&mut self.ring) {
                Ok(()) => return Ok(()),
                Err(Refused::Full) => wait_for_room(&mut self.ring, &mut self.end, deadline)?,
                Err(other) => return Err(refused(other)),
            }
        }
    }

    /// Publishes frames from the front of a slice while there is room; returns their number. One wake at
    /// most.
    ///
    /// # Errors
    /// When the first frame is refused, as [`try_publish`](Self::try_publish), with 0 for the value.
    pub fn try_publish_batch<B: AsRef<[u8]>>(&mut self, frames: &[B]) -> Result<usize, PushError<usize>> {
        self.end.place.ours()?;
        let Some((first, rest)) = frames.split_first() else { return Ok(0) };
        self.try_put(|ring| ring.try_publish(first.as_ref())).map_err(|error| error.with(0))?;
        // What refuses another one is reported by the next call, about its first frame.
        let more = rest.iter().take_while(|frame| self.ring.try_publish(frame.as_ref()).is_ok()).count();
        self.pushed(1 + more).map(|()| 1 + more)
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
                    self.pushed(done)?;
                    self.put(|ring| ring.try_publish(frame.as_ref()), None)
                }
                Err(other) => Err(refused(other)),
            };
            if let Err(error) = result {
                let woken = self.end.wake_subscribers();
                self.end.place.keep(woken);
                return Err(error.with(done));
            }
        }
        self.pushed(frames.len())
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
