//! The wrapper, and what it requires of an end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use ipc_ring::readiness::Registration;
use ipc_ring::{AttachError, News, WaitSetError, Waitable};

use crate::turn::Turn;
use crate::waiting::{Operation, Waiting};

/// How often a poll retries immediately when other ends are faster each time.
const TRIES: u32 = 8;

/// An end of a channel for async tasks.
///
/// Use [`get_mut`](Self::get_mut) for everything that does not wait. It waits only as this crate does: the
/// end's own wait strategy applies to its blocking calls only.
#[derive(Debug)]
pub struct Async<E: Waitable> {
    pub(crate) end: E,
    pub(crate) registration: Registration,
    /// Nothing more will come: the end reports that once, and it is kept here.
    has_ended: bool,
    /// The stream has returned its last error, or ended.
    is_over: bool,
    turn: Turn,
}

/// An end that delivers items. Only this crate implements it.
pub trait Source: Waitable + sealed::Sealed {
    /// The type of the items.
    type Item;
    /// Why no item comes.
    type Error;
    /// The next item; `None` when there is none now.
    ///
    /// # Errors
    /// As the `try_` form of the end.
    fn try_next(&mut self) -> Result<Option<Self::Item>, Self::Error>;
    /// The error to return when the other side is found to be gone without closing. `None`: go on waiting.
    fn gone(&mut self) -> Option<Self::Error>;
    /// The error to return when nothing more will pass, and trying does not report it.
    fn ended(&mut self) -> Option<Self::Error> {
        None
    }
    /// The error to return when waiting failed.
    fn failed(&self, error: WaitSetError) -> Self::Error;
    /// What an error means for a stream.
    fn meaning(error: &Self::Error) -> Meaning;
}

/// An end that accepts items. Only this crate implements it.
pub trait Target: Waitable + sealed::Sealed {
    /// The type of the items.
    type Item: ?Sized;
    /// Why no item is accepted.
    type Error;
    /// Pushes; false when there is no room now.
    ///
    /// # Errors
    /// As the `try_` form of the end.
    fn try_send(&mut self, item: &Self::Item) -> Result<bool, Self::Error>;
    /// The error to return when the other side is found to be gone without closing. `None`: go on waiting.
    fn gone(&mut self) -> Option<Self::Error>;
    /// The error to return when nothing more will pass, and trying does not report it.
    fn ended(&mut self) -> Option<Self::Error> {
        None
    }
    /// The error to return when waiting failed.
    fn failed(&self, error: WaitSetError) -> Self::Error;
}

/// What an error means for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The stream has ended regularly.
    End,
    /// The stream goes on.
    Gap,
    /// The stream has ended with an error.
    Failure,
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

impl<E: Waitable> Async<E> {
    /// Wraps an end. The first one of a domain starts a thread, which ends with the last one.
    ///
    /// # Errors
    /// As [`Driver::of`](ipc_ring::readiness::Driver::of).
    ///
    /// # Panics
    /// As [`Driver::of`](ipc_ring::readiness::Driver::of).
    ///
    /// # Blocking
    /// The first one of a domain waits for the domain's lock, which others hold for microseconds.
    pub fn new(end: E) -> Result<Self, AttachError> {
        let registration = Registration::new(&end)?;
        Ok(Self { end, registration, has_ended: false, is_over: false, turn: Turn::default() })
    }

    /// The end.
    pub fn get_ref(&self) -> &E {
        &self.end
    }

    /// The end.
    pub fn get_mut(&mut self) -> &mut E {
        &mut self.end
    }

    /// For how long a task that finds nothing yields to others before it arms; 20 µs by default. Zero: it
    /// arms at once, which takes one or two system calls each time.
    pub fn set_budget(&mut self, budget: Duration) {
        self.registration.set_budget(budget);
    }

    /// Ends the waits, for instance because another branch of a `select!` was faster: nothing is lost, and a
    /// wake-up that this end has received is passed on to another one. Futures do so when they are dropped. A
    /// stream that is not polled any more does so only when it is dropped itself, unless this is called.
    #[inline(always)]
    pub fn cancel(&mut self) {
        self.registration.cancel(&mut self.end);
    }

    /// Waits until something may have changed at the end, after it was found to have nothing.
    ///
    /// # Errors
    /// [`WaitSetError`], except `TimedOut` and `Interrupted`.
    pub async fn changed(&mut self) -> Result<News, WaitSetError> {
        let waiting = Waiting(self);
        poll_fn(|context| waiting.0.registration.poll(&mut waiting.0.end, context)).await
    }
}

impl<E: Waitable> Async<E> {
    /// Returns the end.
    pub fn into_inner(self) -> E {
        let Self { mut end, mut registration, .. } = self;
        registration.cancel(&mut end);
        end
    }

    /// Tries until `attempt` succeeds; its `None` means nothing now. `over`: the result when the other side
    /// is gone, or nothing more will come; its `None` means to go on.
    #[inline(always)]
    pub(crate) fn poll_until<R, F>(
        &mut self,
        context: &mut Context<'_>,
        mut attempt: impl FnMut(&mut E) -> Result<Option<R>, F>,
        over: impl Fn(&mut E, News) -> Option<F>,
        failed: impl Fn(&E, WaitSetError) -> F,
    ) -> Poll<Result<R, F>> {
        if !self.turn.goes_on(self.end.passed()) {
            return self.poll_by_clock(context, attempt, over, failed);
        }
        match attempt(&mut self.end) {
            Ok(Some(done)) => {
                self.registration.popped(&mut self.end);
                Poll::Ready(Ok(done))
            }
            Ok(None) => self.wait_until(context, attempt, over, failed),
            Err(error) => self.failed(error),
        }
    }

    /// As [`poll_until`](Self::poll_until), unless the task has been kept busy for too long.
    #[cold]
    #[inline(never)]
    fn poll_by_clock<R, F>(
        &mut self,
        context: &mut Context<'_>,
        attempt: impl FnMut(&mut E) -> Result<Option<R>, F>,
        over: impl Fn(&mut E, News) -> Option<F>,
        failed: impl Fn(&E, WaitSetError) -> F,
    ) -> Poll<Result<R, F>> {
        if self.turn.is_over(self.end.passed()) {
            return give_way(context);
        }
        self.poll_until(context, attempt, over, failed) // It goes on, for the clock was read just now.
    }

    /// As [`poll_until`](Self::poll_until), after a first attempt found nothing.
    #[cold]
    #[inline(never)]
    fn wait_until<R, F>(
        &mut self,
        context: &mut Context<'_>,
        mut attempt: impl FnMut(&mut E) -> Result<Option<R>, F>,
        over: impl Fn(&mut E, News) -> Option<F>,
        failed: impl Fn(&E, WaitSetError) -> F,
    ) -> Poll<Result<R, F>> {
        for _ in 0..TRIES {
            if self.has_ended
                && let Some(error) = over(&mut self.end, News::Ended)
            {
                return Poll::Ready(Err(error));
            }
            let Poll::Ready(found) = self.registration.poll(&mut self.end, context) else {
                self.turn.ends(self.end.passed());
                return Poll::Pending;
            };
            match found {
                Ok(News::PeerGone) => {
                    if let Some(error) = over(&mut self.end, News::PeerGone) {
                        return Poll::Ready(Err(error));
                    }
                }
                Ok(news) => self.has_ended |= news == News::Ended,
                Err(error) => return Poll::Ready(Err(failed(&self.end, error))),
            }
            match attempt(&mut self.end) {
                Ok(Some(done)) => {
                    self.registration.popped(&mut self.end);
                    return Poll::Ready(Ok(done));
                }
                Ok(None) => {}
                Err(error) => return self.failed(error),
            }
        }
        self.turn.ends(self.end.passed());
        give_way(context)
    }

    #[cold]
    #[inline(never)]
    fn failed<R, F>(&mut self, error: F) -> Poll<Result<R, F>> {
        self.cancel();
        Poll::Ready(Err(error))
    }
}

/// Has the task polled again, after the other tasks.
#[cold]
pub(crate) fn give_way<R>(context: &Context<'_>) -> Poll<R> {
    context.waker().wake_by_ref();
    Poll::Pending
}

impl<E: Source> Async<E> {
    /// The next message, reply, value, connection or event.
    ///
    /// # Errors
    /// As the waiting form of the end, with one exception: when the other side is gone without closing, this
    /// is reported once each time it happens; the next `pop` waits for a successor.
    #[inline(always)]
    pub fn pop(&mut self) -> impl Future<Output = Result<E::Item, E::Error>> {
        Operation::new(self, |this: &mut Self, context: &mut Context<'_>| this.poll_pop(context))
    }

    /// As [`pop`](Self::pop), for hand-written futures. Cancel with [`cancel`](Self::cancel).
    #[inline(always)]
    pub fn poll_pop(&mut self, context: &mut Context<'_>) -> Poll<Result<E::Item, E::Error>> {
        self.poll_with(context, E::try_next)
    }

    /// Pops by the given attempt.
    #[inline(always)]
    pub(crate) fn poll_with<R>(
        &mut self,
        context: &mut Context<'_>,
        pop: impl FnMut(&mut E) -> Result<Option<R>, E::Error>,
    ) -> Poll<Result<R, E::Error>> {
        let over = |end: &mut E, news| if news == News::PeerGone { end.gone() } else { end.ended() };
        self.poll_until(context, pop, over, E::failed)
    }
}

/// Returns items until the other side closes; then the stream ends. It also ends after any other error, which
/// it returns first; messages that a lossy subscriber missed do not end it.
impl<E: Source + Unpin> Stream for Async<E> {
    type Item = Result<E::Item, E::Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        match ready!(this.poll_pop(context)) {
            Ok(item) => Poll::Ready(Some(Ok(item))),
            Err(error) => {
                let meaning = E::meaning(&error);
                this.is_over = matches!(meaning, Meaning::End | Meaning::Failure);
                Poll::Ready(if meaning == Meaning::End { None } else { Some(Err(error)) })
            }
        }
    }
}

impl<E: Target> Async<E> {
    /// Pushes, waiting for room.
    ///
    /// # Errors
    /// As the waiting form of the end, with one exception: when the other side is gone without closing, this
    /// is reported once each time it happens; the next `push` to a full ring waits for a successor.
    #[inline(always)]
    pub fn push(&mut self, item: &E::Item) -> impl Future<Output = Result<(), E::Error>> {
        Operation::new(self, |this: &mut Self, context: &mut Context<'_>| this.poll_push(item, context))
    }

    /// As [`push`](Self::push), for hand-written futures. Cancel with [`cancel`](Self::cancel).
    #[inline(always)]
    pub fn poll_push(&mut self, item: &E::Item, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
        let push = |end: &mut E| Ok(end.try_send(item)?.then_some(()));
        let over = |end: &mut E, news| if news == News::PeerGone { end.gone() } else { end.ended() };
        self.poll_until(context, push, over, E::failed)
    }

    /// Whether the task has been kept busy for too long.
    #[inline(always)]
    pub(crate) fn has_to_yield(&mut self) -> bool {
        !self.turn.goes_on(self.end.passed()) && self.turn.is_over(self.end.passed())
    }

    /// Pushes if there is room; false if there is none.
    #[inline(always)]
    pub(crate) fn try_send(&mut self, item: &E::Item) -> Result<bool, E::Error> {
        let sent = self.end.try_send(item);
        match sent {
            Ok(true) => self.registration.popped(&mut self.end),
            Ok(false) => {}
            Err(_) => self.cancel(),
        }
        sent
    }
}
