//! Calls: a request and its reply.

use std::future::poll_fn;
use std::task::{Context, Poll};

use ipc_ring::call::{CallError, Caller, Request, Responder};
use ipc_ring::{Message, PeerState, WaitSetError};

use crate::r#async::Async;
use crate::waiting::Waiting;

fn failed(error: WaitSetError) -> CallError {
    match error {
        WaitSetError::System(error) => CallError::System(error),
        _ => CallError::Forked,
    }
}

impl<Req: Message, Rep: Message> Async<Caller<Req, Rep>> {
    /// Sends a request, and waits for the reply.
    ///
    /// A future that is dropped before the reply came leaves the call in flight, for the responder may be
    /// working on it. The next call waits for that reply, drops it, and then sends its own request.
    ///
    /// # Errors
    /// As [`Caller::call`]. When the responder is gone without closing, that is reported once; the call stays
    /// in flight.
    pub async fn call(&mut self, request: Req) -> Result<Rep, CallError> {
        let waiting = Waiting(self);
        loop {
            match waiting.0.end.ask(request) {
                // No caller wants the reply of the call in flight.
                Err(CallError::Pending) => {
                    poll_fn(|context| waiting.0.poll_reply(context)).await?;
                }
                Ok(()) | Err(CallError::NotWoken(_)) => break,
                Err(error) => return Err(error),
            }
        }
        poll_fn(|context| waiting.0.poll_reply(context)).await
    }

    /// The reply to the call in flight.
    pub fn poll_reply(&mut self, context: &mut Context<'_>) -> Poll<Result<Rep, CallError>> {
        let over = |end: &mut Caller<Req, Rep>, _| gone(end.peer());
        self.poll_until(context, Caller::try_reply, over, |_, error| failed(error))
    }
}

/// The error to return when the other side is gone. `None`: a successor has come.
fn gone(state: Result<PeerState, ipc_core::Error>) -> Option<CallError> {
    match state {
        Ok(PeerState::Gone(exit)) => Some(CallError::PeerGone(exit)),
        Ok(PeerState::Closed) => Some(CallError::Closed),
        Ok(_) => None,
        Err(error) => Some(CallError::System(error)),
    }
}

impl<Req: Message, Rep: Message> Async<Responder<Req, Rep>> {
    /// The next request, to be answered with [`Request::reply`].
    ///
    /// # Errors
    /// As [`Responder::take`]. When the caller is gone without closing, that is reported once.
    pub async fn take(&mut self) -> Result<Request<'_, Req, Rep>, CallError> {
        {
            let waiting = Waiting(self);
            poll_fn(|context| waiting.0.poll_request(context)).await?;
        }
        match self.end.try_take()? {
            Some(request) => Ok(request),
            None => Err(CallError::NothingAsked),
        }
    }

    fn poll_request(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        let ready = |end: &mut Responder<Req, Rep>| Ok(end.has_request()?.then_some(()));
        let over = |end: &mut Responder<Req, Rep>, _| gone(end.peer());
        self.poll_until(context, ready, over, |_, error| failed(error))
    }
}
