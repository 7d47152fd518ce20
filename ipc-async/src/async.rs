//! The wrapper.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use ipc_ring::readiness::Registration;
use ipc_ring::{AttachError, News, WaitSetError, Waitable};

use crate::traits::{Meaning, Source, Target};
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

    /// Whether the end counts its operations.
    #[inline(always)]
    pub(crate) fn is_counted(&self) -> bool {
        self.end.passed().is_some()
    }

    /// Whether an operation of an end that counts its operations may do what is ready, and nothing else: no
    /// wait has to be taken back, and it is not time to read the clock.
    #[inline(always)]
    pub(crate) fn is_quick(&self) -> bool {
        self.registration.is_idle() && self.end.passed().is_some_and(|passed| self.turn.has_time(passed))
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
        if self.registration.is_idle() && self.turn.goes_on(self.end.passed()) {
            return match attempt(&mut self.end) {
                Ok(Some(done)) => {
                    self.end.is_served();
                    Poll::Ready(Ok(done))
                }
                attempted => apart(self.poll_on(attempted, context, attempt, over, failed)),
            };
        }
        apart(self.poll_slowly(context, attempt, over, failed))
    }

    /// As [`poll_until`](Self::poll_until), unless the task has been kept busy for too long.
    #[cold]
    #[inline(never)]
    fn poll_slowly<R, F>(
        &mut self,
        context: &mut Context<'_>,
        mut attempt: impl FnMut(&mut E) -> Result<Option<R>, F>,
        over: impl Fn(&mut E, News) -> Option<F>,
        failed: impl Fn(&E, WaitSetError) -> F,
    ) -> Poll<Result<R, F>> {
        if self.turn.is_over(self.end.passed()) {
            return give_way(context);
        }
        let attempted = attempt(&mut self.end);
        self.poll_on(attempted, context, attempt, over, failed)
    }

    /// As [`poll_until`](Self::poll_until), after a first attempt.
    #[cold]
    #[inline(never)]
    fn poll_on<R, F>(
        &mut self,
        attempted: Result<Option<R>, F>,
        context: &mut Context<'_>,
        attempt: impl FnMut(&mut E) -> Result<Option<R>, F>,
        over: impl Fn(&mut E, News) -> Option<F>,
        failed: impl Fn(&E, WaitSetError) -> F,
    ) -> Poll<Result<R, F>> {
        match attempted {
            Ok(Some(done)) => {
                self.registration.popped(&mut self.end);
                Poll::Ready(Ok(done))
            }
            Ok(None) => self.wait_until(context, attempt, over, failed),
            Err(error) => self.failed(error),
        }
    }

    /// As [`poll_until`](Self::poll_until), after a first attempt found nothing.
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

    fn failed<R, F>(&mut self, error: F) -> Poll<Result<R, F>> {
        self.cancel();
        Poll::Ready(Err(error))
    }
}

/// The result of a call that is not inlined, taken to pieces and put together again, so that the compiler
/// does not keep one place in memory for it and for the success beside it.
#[inline(always)]
#[expect(clippy::needless_match, reason = "the compiler needs it")]
fn apart<R, F>(result: Poll<Result<R, F>>) -> Poll<Result<R, F>> {
    match result {
        Poll::Ready(Ok(done)) => Poll::Ready(Ok(done)),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => Poll::Pending,
    }
}

/// As [`apart`], of a call that returns a number and leaves an error in a place of its own, so that the
/// result need not be in memory: whether it is a success.
pub(crate) fn in_parts<F>(polled: Poll<Result<(), F>>, place: &mut Option<F>) -> Poll<bool> {
    polled.map(|done| done.map_err(|error| *place = Some(error)).is_ok())
}

/// The result from its parts.
#[inline(always)]
pub(crate) fn whole<F>(polled: Poll<bool>, error: Option<F>) -> Poll<Result<(), F>> {
    polled.map(|is_done| if is_done { Ok(()) } else { Err(error.expect("set by a failure")) })
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
        if !self.is_counted() {
            return self.poll_with(context, E::try_next);
        }
        if self.is_quick()
            && let Some(item) = self.end.next_ready()
        {
            return Poll::Ready(Ok(item));
        }
        let mut place = None;
        match self.poll_pop_slowly(context, &mut place) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(place.expect("set by success"))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// As [`poll_pop`](Self::poll_pop), to a place that only this call knows, so that an item that is ready
    /// need not be in memory.
    #[inline(never)]
    fn poll_pop_slowly(
        &mut self,
        context: &mut Context<'_>,
        place: &mut Option<E::Item>,
    ) -> Poll<Result<(), E::Error>> {
        self.poll_with(context, E::try_next).map_ok(|item| *place = Some(item))
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

    #[inline(always)]
    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        match ready!(this.poll_pop(context)) {
            Ok(item) => Poll::Ready(Some(Ok(item))),
            Err(error) => Poll::Ready(this.ends_by(error).map(Err)),
        }
    }
}

impl<E: Source> Async<E> {
    /// What a stream returns for an error.
    #[cold]
    #[inline(never)]
    fn ends_by(&mut self, error: E::Error) -> Option<E::Error> {
        let meaning = E::meaning(&error);
        self.is_over = matches!(meaning, Meaning::End | Meaning::Failure);
        (meaning != Meaning::End).then_some(error)
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
        if !self.is_counted() {
            return self.poll_push_anyhow(item, context);
        }
        let known = if self.is_quick() { self.end.send_ready(item) } else { None };
        if known == Some(0) {
            return Poll::Ready(Ok(()));
        }
        let mut error = None;
        whole(self.poll_push_slowly(known, item, context, &mut error), error)
    }

    #[cold]
    #[inline(never)]
    fn poll_push_slowly(
        &mut self,
        known: Option<u32>,
        item: &E::Item,
        context: &mut Context<'_>,
        error: &mut Option<E::Error>,
    ) -> Poll<bool> {
        let polled = match known.map(|signal| self.end.sent(signal)) {
            None => self.poll_push_anyhow(item, context),
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(error)) => self.failed(error),
        };
        in_parts(polled, error)
    }

    #[inline(always)]
    fn poll_push_anyhow(&mut self, item: &E::Item, context: &mut Context<'_>) -> Poll<Result<(), E::Error>> {
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
        let known = if self.registration.is_idle() { self.end.send_ready(item) } else { None };
        if known == Some(0) { Ok(true) } else { self.try_send_slowly(known, item) }
    }

    #[inline(never)]
    fn try_send_slowly(&mut self, known: Option<u32>, item: &E::Item) -> Result<bool, E::Error> {
        let sent = match known {
            Some(signal) => self.end.sent(signal).map(|()| true),
            None => self.end.try_send(item),
        };
        match sent {
            Ok(true) => self.registration.popped(&mut self.end),
            Ok(false) => {}
            Err(_) => self.cancel(),
        }
        sent
    }
}
