//! A message written in place.

use crate::channel::end::End;
use crate::end::spsc as end;
use crate::error::PushError;
use crate::message::Message;
use crate::ring::spsc::{self as ring, Mapped};

/// A slot to be written in place, from [`Producer::try_claim`](super::Producer::try_claim). Dropping it
/// aborts: nothing is published.
#[derive(Debug)]
pub struct Claim<'a, T: Message> {
    pub(super) claim: ring::Claim<'a, Mapped<T>>,
    pub(super) end: &'a mut End,
}

impl<T: Message> Claim<'_, T> {
    /// Copies a message into the slot.
    pub fn write(&mut self, message: &T) {
        self.claim.write(message);
    }

    /// A pointer to the slot's bytes: writable, aligned for `T`, holding what an earlier lap left there.
    /// Valid until the claim is committed or dropped. For filling large messages in place.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut T {
        self.claim.with(|slot| slot)
    }

    /// Publishes the slot.
    ///
    /// # Errors
    /// [`PushError::Closed`] when the consumer has closed the channel.
    pub fn commit(self) -> Result<(), PushError<()>> {
        self.end.ours()?;
        match self.claim.publish() {
            (0, _) => Ok(()),
            (signal, ring) => end::publication(ring, self.end, signal).map_err(|refusal| refusal.with(())),
        }
    }
}
