//! Popping the handles of a channel of payloads.

use super::Subscriber;
use crate::channel::broadcast::end::End;
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

    /// Whether there is something, by a check that changes nothing.
    pub(in crate::channel::broadcast) fn has_something(&self) -> bool {
        self.core.ring.has_something()
    }

    /// The end.
    pub(in crate::channel::broadcast) fn end_mut(&mut self) -> &mut End {
        &mut self.core.end
    }

    /// The end, read-only.
    pub(in crate::channel::broadcast) fn end(&self) -> &End {
        &self.core.end
    }
}
