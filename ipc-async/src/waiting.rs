//! Futures that cancel their wait when they are dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use ipc_ring::Waitable;

use crate::r#async::Async;

/// A wait that is cancelled when it is dropped.
pub(crate) struct Waiting<'a, E: Waitable>(pub(crate) &'a mut Async<E>);

impl<E: Waitable> Drop for Waiting<'_, E> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// The future of one operation.
///
/// Unlike an `async` block it has no state besides the two references that an operation needs, and no
/// function but `poll` sees its address, so that a poll that is ready keeps it in registers.
pub(crate) struct Operation<'a, E: Waitable, P> {
    waiting: Waiting<'a, E>,
    poll: P,
}

impl<'a, E: Waitable, P> Operation<'a, E, P> {
    /// `poll` is called by each poll.
    #[inline(always)]
    pub(crate) fn new<R>(end: &'a mut Async<E>, poll: P) -> Self
    where
        P: FnMut(&mut Async<E>, &mut Context<'_>) -> Poll<R>,
    {
        Self { waiting: Waiting(end), poll }
    }
}

impl<E: Waitable, R, P> Future for Operation<'_, E, P>
where
    P: FnMut(&mut Async<E>, &mut Context<'_>) -> Poll<R> + Unpin,
{
    type Output = R;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        let Self { waiting, poll } = self.get_mut();
        poll(waiting.0, context)
    }
}
