//! Popping the handles of a channel of payloads.

use std::time::Instant;

use super::Subscriber;
use crate::error::PopError;
use crate::ring::pool::{Handle, Refused};

impl Subscriber<Handle> {
    /// Pops the next handle of a channel of payloads, whose block `accept` takes.
    #[inline(always)]
    pub(in crate::channel::broadcast) fn try_accept<R>(
        &mut self,
        accept: impl FnMut(&Handle) -> Result<R, Refused>,
    ) -> Result<Result<R, Refused>, PopError> {
        match self.core.try_accept(accept) {
            Ok(item) => Ok(item),
            Err(error) => self.unless_followed(Err(error)),
        }
    }

    /// After the first attempt of a pop: waits until there is a handle, if it found none.
    #[inline(always)]
    pub(in crate::channel::broadcast) fn accept_after<R>(
        &mut self,
        first: Result<Result<R, Refused>, PopError>,
        deadline: Option<Instant>,
        mut accept: impl FnMut(&Handle) -> Result<R, Refused>,
    ) -> Result<Result<R, Refused>, PopError> {
        let mut popped = first;
        loop {
            popped = self.core.pop_after(popped, deadline, |core| core.try_accept(&mut accept));
            if !matches!(popped, Err(PopError::Closed | PopError::PeerGone(_))) || !self.follow() {
                return popped;
            }
            popped = Err(PopError::Empty); // As far as is known: the ring is another one now.
        }
    }
}
