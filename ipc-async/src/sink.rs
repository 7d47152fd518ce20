//! Producing ends as sinks.

use std::borrow::Borrow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use ipc_ring::Waitable;

use crate::r#async::{Async, give_way};
use crate::traits::Target;

impl<E: Target> Async<E> {
    /// Turns it into a sink, which keeps an item for which there is no room.
    pub fn into_sink<I: Borrow<E::Item>>(self) -> Outbox<E, I> {
        Outbox { target: self, waits: None }
    }
}

/// A [`Sink`] over a producing end, from [`Async::into_sink`]. An item is pushed as soon as it is sent; if
/// there is no room, the sink holds it until the next poll. Dropping the sink drops that item.
#[derive(Debug)]
pub struct Outbox<E: Waitable, I> {
    target: Async<E>,
    waits: Option<I>,
}

impl<E: Target, I: Borrow<E::Item>> Outbox<E, I> {
    /// The end, and the item that waits for room.
    pub fn into_parts(self) -> (Async<E>, Option<I>) {
        (self.target, self.waits)
    }

    #[inline(always)]
    fn poll_empty(&mut self, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        if self.waits.is_none() { Poll::Ready(Ok(())) } else { self.push_waiting(context) }
    }

    #[cold]
    #[inline(never)]
    fn push_waiting(&mut self, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        if let Some(item) = &self.waits {
            let pushed = ready!(self.target.poll_push(item.borrow(), context));
            self.waits = None;
            pushed?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<E: Target + Unpin, I: Borrow<E::Item> + Unpin> Sink<I> for Outbox<E, I> {
    type Error = E::Error;

    #[inline]
    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        let this = self.get_mut();
        if this.target.has_to_yield() {
            return give_way(context);
        }
        this.poll_empty(context)
    }

    #[inline]
    fn start_send(self: Pin<&mut Self>, item: I) -> Result<(), E::Error> {
        let this = self.get_mut();
        if !this.target.try_send(item.borrow())? {
            this.waits = Some(item);
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        self.get_mut().poll_empty(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        self.get_mut().poll_empty(context)
    }
}
