//! The consuming end of a channel with one producer: waiting for something to pop, and the end of the stream.

use std::time::Instant;

use super::pair::{Endpoint, PeerState, Words};
use crate::error::{PeerExit, PopError};
use crate::ring::spsc::Corruption;
use crate::wait::host::Host;
use crate::wait::park::{Attempt, Look, Presence, from_stop, park};
use crate::wait::signal::{CLOSED, DETACHED, POISONED};
use crate::wait::{Wait, between_polls};

from_stop!(PopError);

/// What the bits of a producer say about the end of its stream. The caller then sees what was pushed before,
/// and checks once more.
pub(crate) fn ended(bits: u32, position: u64) -> Option<PopError> {
    if bits & POISONED != 0 {
        Some(PopError::Corrupt(Corruption::told(position, bits)))
    } else if bits & CLOSED != 0 {
        Some(PopError::Closed)
    } else if bits & DETACHED != 0 {
        Some(PopError::PeerGone(PeerExit::Detached))
    } else {
        None
    }
}

/// Whether a wait goes on after this result: there is nothing yet, or the producer is gone and a successor is
/// waited for.
pub(crate) fn goes_on<W: Words, H: Host>(end: &Endpoint<W, H>, error: &PopError) -> bool {
    match error {
        PopError::Empty => true,
        PopError::PeerGone(_) => end.waits.awaits_successors(),
        _ => false,
    }
}

/// The consuming end of a channel, as far as waiting for something to pop is concerned.
pub trait Poll {
    /// The words of the two ends.
    type Words: Words;
    /// The end's access to the kernel.
    type Host: Host;
    /// What is popped.
    type Item;
    /// Tries to pop.
    ///
    /// # Errors
    /// [`PopError::Empty`] when there is nothing and the stream has not ended.
    fn poll(&mut self) -> Result<Self::Item, PopError>;
    /// Whether there is something, by a check that changes nothing.
    fn has_item(&self) -> bool;
    /// The seat.
    fn end_mut(&mut self) -> &mut Endpoint<Self::Words, Self::Host>;
    /// The seat, read-only.
    fn end(&self) -> &Endpoint<Self::Words, Self::Host>;
    /// A wait of an end that polls begins: waits for a batch of messages, where that has been useful lately
    /// or is due to be tried, or leaves the line to the other end that will write it.
    fn begin(&mut self) {}
}

/// Waiting for something to pop.
struct ForItem<'a, P>(&'a mut P);

/// Pops, waiting until there is something.
///
/// # Errors
/// [`PopError`], except [`PopError::Empty`].
#[cold]
#[inline(never)]
#[track_caller]
pub fn wait_and_pop<P: Poll>(consumer: &mut P, deadline: Option<Instant>) -> Result<P::Item, PopError> {
    park(&mut ForItem(consumer), deadline)
}

impl<P: Poll> Attempt for ForItem<'_, P> {
    type Waiter = Endpoint<P::Words, P::Host>;
    type Output = P::Item;
    type Error = PopError;

    fn waiter(&self) -> &Self::Waiter {
        self.0.end()
    }

    fn waiter_mut(&mut self) -> &mut Self::Waiter {
        self.0.end_mut()
    }

    fn begin(&mut self) {
        self.0.begin();
    }

    #[inline(always)]
    fn attempt(&mut self, wait: &Wait) -> Result<Option<P::Item>, PopError> {
        // Before the pop: nothing that can take long is done after it.
        if self.0.has_item() {
            self.0.end_mut().waits.finished(wait);
        }
        match self.0.poll() {
            Ok(item) => Ok(Some(item)),
            Err(error) if goes_on(self.0.end(), &error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn look(&mut self) -> Look {
        let end = self.0.end();
        if end.waits.is_over(end.peer_bits()) || self.0.has_item() { Look::Ready } else { Look::Nothing }
    }

    /// Checks a few more times, cheaply. The rest of a poll, such as the other end's state, can wait that
    /// long; and the shorter the path between two checks, the sooner a message is seen.
    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        for _ in 0..self.0.end().waits.looks(8) {
            if self.0.has_item() {
                break;
            }
            between_polls();
        }
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PopError>, PopError> {
        let end = self.0.end();
        if !ask || end.waits.awaits_successors() {
            return Ok(Presence::There);
        }
        Ok(match end.state_of_peer().map_err(PopError::System)? {
            PeerState::Gone(exit @ PeerExit::Died { .. }) => Presence::Gone(PopError::PeerGone(exit)),
            _ => Presence::There,
        })
    }
}
