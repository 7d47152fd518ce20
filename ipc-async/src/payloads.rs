//! Payloads of a pool: lent when a block is free; their handles, sent, received and published.

use std::future::poll_fn;
use std::task::{Context, Poll};

use ipc_ring::broadcast::payloads;
use ipc_ring::pool::{Handle, Inlet, Lender, Loan, LoanError, Pool, ReceiveError, Refused, SendError, View};
use ipc_ring::{News, PopError, PushError, WaitSetError, mpmc, spsc};

use crate::r#async::Async;
use crate::traits::{Source, Target, sealed::Sealed};
use crate::waiting::Waiting;

/// A consuming end that receives handles. Only this crate implements it.
pub trait Receiver: Source<Error = PopError> + Inlet<Error = PopError> + Sealed {}

impl Receiver for spsc::Consumer<Handle> {}
impl Receiver for mpmc::Consumer<Handle> {}

impl<E: Receiver> Async<E> {
    /// The next payload, as [`Pool::receive`]. A future that is dropped before it is finished has received
    /// nothing.
    ///
    /// # Errors
    /// [`ReceiveError::Channel`] as [`pop`](Self::pop); [`ReceiveError::Refused`] when a handle was popped
    /// that names no payload, such as that of a sender that died while it sent: go on with the next.
    pub async fn receive(&mut self, pool: &Pool) -> Result<View, ReceiveError<PopError>> {
        let waiting = Waiting(self);
        poll_fn(|context| waiting.0.poll_receive(pool, context)).await
    }

    /// As [`receive`](Self::receive), for hand-written futures. Cancel with [`cancel`](Self::cancel).
    pub fn poll_receive(
        &mut self,
        pool: &Pool,
        context: &mut Context<'_>,
    ) -> Poll<Result<View, ReceiveError<PopError>>> {
        let taken = self.poll_with(context, |end| match pool.try_receive(end) {
            Ok(view) => Ok(Some(Ok(view))),
            Err(ReceiveError::Channel(PopError::Empty | PopError::Busy { .. })) => Ok(None),
            Err(ReceiveError::Channel(error)) => Err(error),
            Err(ReceiveError::Refused(refused)) => Ok(Some(Err(refused))),
            Err(_) => Ok(Some(Err(Refused::Contended))),
        });
        taken.map(|taken| taken.map_err(ReceiveError::Channel)?.map_err(ReceiveError::Refused))
    }
}

/// A producing end that sends handles. Only this crate implements it.
pub trait Sender: Target<Item = Handle, Error = PushError<()>> + Sealed {
    /// Identifies the channel.
    fn route(&self) -> ipc_ring::pool::Route;
}

impl Sender for spsc::Producer<Handle> {
    fn route(&self) -> ipc_ring::pool::Route {
        self.route()
    }
}

impl Sender for mpmc::Producer<Handle> {
    fn route(&self) -> ipc_ring::pool::Route {
        self.route()
    }
}

impl<E: Sender> Async<E> {
    /// Sends a block to the process that receives its handle from this channel, waiting for room, as
    /// [`Loan::send`]. A future that is dropped before it is finished returns the block to its pool: nothing
    /// is sent.
    ///
    /// # Errors
    /// [`SendError`] with the loan, and the reason as [`push`](Self::push).
    pub async fn send(&mut self, loan: Loan) -> Result<(), SendError<PushError<()>>> {
        let send = |end: &mut E, loan: Loan| {
            let route = end.route();
            loan.send_with(route, |handle| match end.try_send(&handle) {
                Ok(true) => Ok(()),
                Ok(false) => Err(PushError::Full(())),
                Err(error) => Err(error),
            })
        };
        self.give(loan, send, |end, news| if news == News::PeerGone { end.gone() } else { end.ended() }).await
    }
}

impl Async<Lender> {
    /// A block for `len` bytes, as soon as one is free, as [`Lender::loan`]. A future that is dropped before
    /// it is finished has lent nothing; a wake-up that it received is passed on to another lender.
    ///
    /// # Errors
    /// As [`Lender::loan`].
    pub async fn loan(&mut self, len: usize) -> Result<Loan, LoanError> {
        let waiting = Waiting(self);
        poll_fn(|context| waiting.0.poll_loan(len, context)).await
    }

    /// As [`loan`](Self::loan), for hand-written futures. Cancel with [`cancel`](Self::cancel), also before a
    /// request for another number of bytes.
    ///
    /// # Errors
    /// As [`loan`](Self::loan).
    pub fn poll_loan(&mut self, len: usize, context: &mut Context<'_>) -> Poll<Result<Loan, LoanError>> {
        let lend = |end: &mut Lender| match end.try_loan(len) {
            Ok(loan) => Ok(Some(loan)),
            Err(LoanError::Exhausted { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let failed = |_: &Lender, error| match error {
            WaitSetError::System(error) => LoanError::Unknown { reason: error.kind() },
            _ => LoanError::Forked,
        };
        self.poll_until(context, lend, |_, _| None, failed)
    }
}

impl Async<payloads::Publisher> {
    /// Publishes what was written, in a gated channel waiting for room, as [`payloads::Publisher::push`].
    /// A future that is dropped before it is finished returns the block to its pool: nothing is published.
    ///
    /// # Errors
    /// As [`payloads::Publisher::push`].
    ///
    /// # Panics
    /// When the loan is of another pool.
    pub async fn push(&mut self, payload: Loan) -> Result<(), SendError<PushError<()>>> {
        self.give(payload, payloads::Publisher::try_push, |_, _| None).await
    }
}

impl<E: ipc_ring::Waitable> Async<E> {
    /// Passes a loan to an end, which hands it back while it has no room.
    async fn give(
        &mut self,
        loan: Loan,
        mut give: impl FnMut(&mut E, Loan) -> Result<(), SendError<PushError<()>>>,
        over: impl Fn(&mut E, News) -> Option<PushError<()>>,
    ) -> Result<(), SendError<PushError<()>>> {
        let waiting = Waiting(self);
        let mut kept = Some(loan);
        let given = poll_fn(|context| {
            let attempt = |end: &mut E| match give(end, kept.take().expect("handed back by each attempt")) {
                Ok(()) => Ok(Some(())),
                Err(SendError { loan, error }) => {
                    kept = Some(loan);
                    if matches!(error, PushError::Full(())) { Ok(None) } else { Err(error) }
                }
            };
            waiting.0.poll_until(context, attempt, &over, |_, error| crate::ends::not_pushed(error))
        })
        .await;
        given.map_err(|error| SendError { loan: kept.take().expect("handed back with an error"), error })
    }
}
