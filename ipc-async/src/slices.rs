//! Several messages at a time, and one message into a buffer of the caller's.

use std::task::{Context, Poll};

use ipc_ring::{Message, News, PopError, PushError, broadcast, mpmc, spsc};

use crate::r#async::{Async, in_parts, whole};
use crate::ends::not_pushed;
use crate::traits::{Source, Target};
use crate::waiting::Operation;

/// An end that delivers several messages at a time. Only this crate implements it.
pub trait SliceSource: Source<Error = PopError> {
    /// Pops as many messages as are there and fit into `out`, from its front; returns their number, 0 when
    /// there is none.
    ///
    /// # Errors
    /// As the `try_` form of the end.
    fn try_next_slice(&mut self, out: &mut [Self::Item]) -> Result<usize, PopError>;
}

/// An end that accepts several messages at a time. Only this crate implements it.
pub trait SliceTarget: Target<Error = PushError<()>> {
    /// Pushes messages from the front of a slice while there is room; returns their number, 0 when there is
    /// no room.
    ///
    /// # Errors
    /// As the `try_` form of the end, with the number of messages pushed before.
    fn try_send_slice(&mut self, items: &[Self::Item]) -> Result<usize, PushError<usize>>
    where
        Self::Item: Sized;
}

macro_rules! slices {
    ($module:ident: $consumer:ident, $producer:ident, $push:ident) => {
        impl<T: Message> SliceSource for $module::$consumer<T> {
            fn try_next_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
                match self.try_pop_slice(out) {
                    Err(PopError::Empty | PopError::Busy { .. }) => Ok(0),
                    result => result,
                }
            }
        }

        impl<T: Message> SliceTarget for $module::$producer<T> {
            fn try_send_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
                match self.$push(items) {
                    Err(PushError::Full(_) | PushError::Busy(..)) => Ok(0),
                    result => result,
                }
            }
        }
    };
}

slices!(spsc: Consumer, Producer, try_push_slice);
slices!(mpmc: Consumer, Producer, try_push_slice);
slices!(broadcast: Subscriber, Publisher, try_push_slice);

impl<E: SliceSource> Async<E> {
    /// Waits for a message, then pops it and as many more as are there and fit into `out`, from its front;
    /// returns their number. One wait and one pass through the runtime for all of them.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, out: &mut [E::Item]) -> impl Future<Output = Result<usize, PopError>> {
        Operation::new(self, |this: &mut Self, context: &mut Context<'_>| this.poll_pop_slice(out, context))
    }

    /// As [`pop_slice`](Self::pop_slice), for hand-written futures. Cancel with [`cancel`](Self::cancel).
    pub fn poll_pop_slice(
        &mut self,
        out: &mut [E::Item],
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, PopError>> {
        if out.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_with(context, |end| Ok(Some(end.try_next_slice(out)?).filter(|count| *count > 0)))
    }
}

impl<E: SliceTarget> Async<E>
where
    E::Item: Sized,
{
    /// Waits for room, then pushes as many messages from the front of a slice as there is room for; returns
    /// their number, which is 0 only for an empty slice. A future that is dropped before it is finished has
    /// pushed none.
    ///
    /// # Errors
    /// As [`push`](Self::push). The error carries the number of messages pushed.
    pub fn push_some(&mut self, items: &[E::Item]) -> impl Future<Output = Result<usize, PushError<usize>>> {
        Operation::new(self, |this: &mut Self, context: &mut Context<'_>| this.poll_push_some(items, context))
    }

    /// As [`push_some`](Self::push_some), for hand-written futures. Cancel with [`cancel`](Self::cancel).
    pub fn poll_push_some(
        &mut self,
        items: &[E::Item],
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, PushError<usize>>> {
        if items.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let attempt = |end: &mut E| Ok(Some(end.try_send_slice(items)?).filter(|count| *count > 0));
        let over = |end: &mut E, news| {
            let over = if news == News::PeerGone { end.gone() } else { end.ended() };
            over.map(|error| error.with(0))
        };
        self.poll_until(context, attempt, over, |_, error| not_pushed(error).with(0))
    }
}

macro_rules! into_a_place {
    ($($consumer:ty, $ready:expr);+) => {$(
        impl<T: Message> Async<$consumer> {
            /// As [`pop`](Self::pop), into a buffer of the caller's: a large message is then copied only
            /// once. After an error the buffer is unchanged.
            ///
            /// # Errors
            /// As [`pop`](Self::pop).
            #[inline(always)]
            pub fn pop_into(&mut self, place: &mut T) -> impl Future<Output = Result<(), PopError>> {
                Operation::new(self, |this: &mut Self, context: &mut Context<'_>| {
                    this.poll_pop_into(place, context)
                })
            }

            /// As [`pop_into`](Self::pop_into), for hand-written futures. Cancel with
            /// [`cancel`](Self::cancel).
            #[inline(always)]
            pub fn poll_pop_into(
                &mut self,
                place: &mut T,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), PopError>> {
                if !self.is_counted() {
                    return self.poll_pop_into_anyhow(place, context);
                }
                let ready: fn(&mut $consumer, &mut T) -> bool = $ready;
                if self.is_quick() && ready(self.get_mut(), place) {
                    return Poll::Ready(Ok(()));
                }
                let mut error = None;
                whole(self.poll_pop_into_slowly(place, context, &mut error), error)
            }

            #[inline(never)]
            fn poll_pop_into_slowly(
                &mut self,
                place: &mut T,
                context: &mut Context<'_>,
                error: &mut Option<PopError>,
            ) -> Poll<bool> {
                in_parts(self.poll_pop_into_anyhow(place, context), error)
            }

            #[inline(always)]
            fn poll_pop_into_anyhow(
                &mut self,
                place: &mut T,
                context: &mut Context<'_>,
            ) -> Poll<Result<(), PopError>> {
                self.poll_with(context, |end| unless_empty(end.try_pop_into(place)))
            }
        }
    )+};
}

into_a_place!(
    spsc::Consumer<T>, spsc::Consumer::pop_into_if_known;
    mpmc::Consumer<T>, |_, _| false
);

#[inline(always)]
fn unless_empty(popped: Result<(), PopError>) -> Result<Option<()>, PopError> {
    match popped {
        Ok(()) => Ok(Some(())),
        Err(PopError::Empty | PopError::Busy { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
