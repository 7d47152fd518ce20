//! The reading end of a channel.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::end::End;
use super::position::Position;
use super::settle::{self, Nothing};
use super::waiting::{self, Poll};
use crate::channel::end::PeerState;
use crate::channel::participant::Participant;
use crate::channel::seated::Seated;
use crate::channel::successor::{self, Follower};
use crate::channel::wait_set::News;
use crate::error::{AttachError, Missed, PopError};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Corruption, Mapped, Mode, Pop};

/// A reading end: one of many, each in one thread at a time. Dropping it gives its seat back.
///
/// As an iterator over itself (`for message in &mut subscriber`) it waits for each message, reports those
/// missed in between, and ends when the channel is closed, or on an error; [`last_error`](Self::last_error)
/// shows which.
#[derive(Debug)]
#[doc(alias = "Consumer")]
pub struct Subscriber<T: Message> {
    /// Taken only by `drop`.
    ring: Option<ring::Subscriber<Mapped<T>>>,
    end: End,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

/// A pop that waits.
struct Popping<'a, T: Message> {
    subscriber: &'a mut Subscriber<T>,
    place: &'a mut MaybeUninit<T>,
}

impl<T: Message> Poll for Popping<'_, T> {
    type Item = ();

    fn poll(&mut self) -> Result<(), PopError> {
        let pop = self.subscriber.ring().try_pop_into(self.place);
        self.subscriber.settle(pop, self.place)
    }

    fn has_something(&self) -> bool {
        self.subscriber.look().has_something()
    }

    fn end(&mut self) -> &mut End {
        &mut self.subscriber.end
    }

    fn seat(&self) -> &End {
        &self.subscriber.end
    }
}

impl<T: Message> Subscriber<T> {
    crate::interrupter::interruptible!(end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat, to start with
    /// the oldest message.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another type, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_subscriber()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_subscriber()
    }

    pub(super) fn new(ring: ring::Subscriber<Mapped<T>>, end: End) -> Self {
        Self { ring: Some(ring), end, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder<T>) -> Self {
        if self.end.place.is_open() {
            self.origin = Some(Box::new(builder.clone()));
        }
        self
    }

    /// Continues at the ring that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    fn follow(&mut self) -> bool {
        successor::follow(self)
    }

    #[inline(always)]
    fn ring(&mut self) -> &mut ring::Subscriber<Mapped<T>> {
        self.ring.as_mut().expect("only drop takes it")
    }

    fn look(&self) -> &ring::Subscriber<Mapped<T>> {
        self.ring.as_ref().expect("only drop takes it")
    }

    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Missed`]; [`PopError::Closed`] when there is nothing and never will
    /// be; [`PopError::PeerGone`] when there is nothing and the publisher has detached;
    /// [`PopError::Corrupt`]. Only [`pop`](Self::pop) and [`publisher`](Self::publisher) notice that a
    /// publisher died, since the check costs a system call.
    ///
    /// # Blocking
    /// Never. One system call when the publisher of a gated channel sleeps, to wake it.
    #[inline]
    #[doc(alias = "try_receive")]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        self.end.place.ours()?;
        let mut place = MaybeUninit::uninit();
        match self.ring().try_pop_into(&mut place) {
            Pop::Item { look: false, .. } => {}
            other => self.settle(other, &mut place)?,
        }
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    /// Lets `pop` try to pop, and handles the result.
    #[inline]
    pub(super) fn try_pop_by<R>(
        &mut self,
        mut pop: impl FnMut(&mut ring::Subscriber<Mapped<T>>) -> Pop<R>,
    ) -> Result<R, PopError> {
        self.end.place.ours()?;
        let mut over = None;
        loop {
            match pop(self.ring()) {
                Pop::Item { item, look } => {
                    self.look_at_publisher(look);
                    return Ok(item);
                }
                Pop::Missed { count } => return Err(PopError::Missed(Missed { count })),
                Pop::Corrupt(corruption) => return Err(self.poison(corruption)),
                Pop::Empty { look } => {
                    self.look_at_publisher(look);
                    self.end.place.tell().map_err(PopError::System)?;
                    if let Some(error) = over {
                        return Err(if self.follow() { PopError::Empty } else { error });
                    }
                    // [C1] If the bit is seen, everything published before is visible too. Check once more.
                    over = Some(waiting::ended(self.end.bits(), self.sequence()).ok_or(PopError::Empty)?);
                }
            }
        }
    }

    /// Whether there is something, by a check that changes nothing.
    pub(super) fn has_something(&self) -> bool {
        self.look().has_something()
    }

    /// The seat.
    pub(super) fn end(&mut self) -> &mut End {
        &mut self.end
    }

    /// The seat, read-only.
    pub(super) fn seat(&self) -> &End {
        &self.end
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Missed`]; [`PopError::Closed`]; [`PopError::PeerGone`] when everything published has been
    /// read and the publisher has detached or died; [`PopError::Corrupt`]; [`PopError::System`]. A publisher
    /// that has never attached is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    #[doc(alias = "receive")]
    pub fn pop(&mut self) -> Result<T, PopError> {
        let mut place = MaybeUninit::uninit();
        self.pop_to(&mut place, None)?;
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<T, PopError> {
        let mut place = MaybeUninit::uninit();
        self.pop_to(&mut place, Some(deadline))?;
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the caller's variable: a large message is then copied only once. After an
    /// error the variable holds some message's bytes.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, None)
    }

    #[inline(always)]
    fn pop_to(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.end.place.ours()?;
        match self.ring().try_pop_into(place) {
            Pop::Item { look: false, .. } => Ok(()),
            other => match self.settle(other, place) {
                Err(error) if waiting::goes_on(&self.end, &error) => {
                    waiting::wait_and_pop(&mut Popping { subscriber: self, place }, deadline)
                }
                result => result,
            },
        }
    }

    /// Pops as many messages as are ready and fit into `out`, from its front; returns their number.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), when there are none. The contents of `out` are then unspecified.
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.end.place.ours()?;
        // SAFETY: only whole elements are copied there, or nothing.
        let places = unsafe { crate::copy::as_uninit(out) };
        if places.is_empty() {
            return Ok(0);
        }
        match self.ring().try_pop_slice(places) {
            Pop::Item { item, look } => {
                self.look_at_publisher(look);
                Ok(item)
            }
            Pop::Empty { look } => self.settle(Pop::Empty { look }, &mut places[0]).map(|()| 1),
            Pop::Missed { count } => Err(PopError::Missed(Missed { count })),
            Pop::Corrupt(corruption) => Err(self.poison(corruption)),
        }
    }

    /// Waits for a message, then pops it and as many more as are ready and fit into `out`, from its front;
    /// returns their number.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub fn pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.pop_slice_until(out, None)
    }

    /// As [`pop_slice`](Self::pop_slice), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_slice_deadline(&mut self, out: &mut [T], deadline: Instant) -> Result<usize, PopError> {
        self.pop_slice_until(out, Some(deadline))
    }

    fn pop_slice_until(&mut self, out: &mut [T], deadline: Option<Instant>) -> Result<usize, PopError> {
        self.end.place.ours()?;
        let Some((first, rest)) = out.split_first_mut() else { return Ok(0) };
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(first) }, deadline)?;
        if !self.look().has_something() {
            return Ok(1);
        }
        let before = self.sequence();
        match self.try_pop_slice(rest) {
            Ok(count) => Ok(1 + count),
            // The report of missed messages would be lost here; go back, so that the next call gets it.
            Err(PopError::Missed(_)) => {
                self.ring().go_back(before);
                Ok(1)
            }
            // An end of the stream found here is found again by the next call.
            Err(_) => Ok(1),
        }
    }

    /// Lends the next message of a gated channel in place. [`View::release`] pops it; dropping the view
    /// leaves it.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    ///
    /// # Panics
    /// In a lossy channel, whose publisher may write there at any time.
    pub fn try_view(&mut self) -> Result<View<'_, T>, PopError> {
        self.end.place.ours()?;
        if let Err(pop) = self.ring().try_view().map(|_| ()) {
            match pop {
                Pop::Missed { count } => return Err(PopError::Missed(Missed { count })),
                Pop::Corrupt(corruption) => return Err(self.poison(corruption)),
                Pop::Empty { look } | Pop::Item { look, .. } => {
                    self.look_at_publisher(look);
                    self.end.place.tell().map_err(PopError::System)?;
                    let position = self.sequence();
                    // [C1] As in `settle`: what was published before the end is visible now. Check once more.
                    if let Some(error) = waiting::ended(self.end.bits(), position)
                        && !self.look().has_something()
                        && !self.follow()
                    {
                        return Err(error);
                    }
                }
            }
        }
        let end = &mut self.end;
        let ring = self.ring.as_mut().expect("only drop takes it");
        ring.try_view().map(|view| View { view, end }).map_err(|_| PopError::Empty)
    }

    /// A pop that was not a plain success.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, pop: Pop<()>, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        let ring = self.ring.as_mut().expect("only drop takes it");
        match settle::popped(ring, &mut self.end, pop, place) {
            Ok(()) => Ok(()),
            Err(Nothing::Because(error)) => Err(error),
            Err(Nothing::Ended(error)) => Err(if self.follow() { PopError::Empty } else { error }),
        }
    }

    #[inline]
    fn look_at_publisher(&mut self, look: bool) {
        if look {
            self.end.wake_publisher();
        }
    }

    #[cold]
    fn poison(&mut self, corruption: Corruption) -> PopError {
        settle::poison(&mut self.end, corruption)
    }

    /// Whether the publisher is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    #[doc(alias = "peer")]
    pub fn publisher(&self) -> Result<PeerState, ipc_core::Error> {
        self.end.publisher()
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.end.front.capacity()
    }

    /// How the channel treats slow subscribers.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.end.front.mode()
    }

    /// The sequence number of the next message, which is the number of messages published before it. That of
    /// the message popped last is one less.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.look().position()
    }

    /// The position of this subscriber, to be saved and started from later: see
    /// [`Start::Saved`](super::Start::Saved).
    #[must_use]
    pub fn position(&self) -> Position {
        Position { generation: self.end.generation(), sequence: self.sequence(), offset: self.sequence() }
    }

    /// Number of published messages still to be read, or already overwritten. Racy.
    #[must_use]
    #[doc(alias = "len")]
    pub fn behind(&self) -> u64 {
        self.look().behind()
    }

    /// Why the iteration over this end stopped, unless the channel was closed.
    #[must_use]
    pub fn last_error(&self) -> Option<&PopError> {
        self.last_error.as_ref()
    }

    /// What the ends have counted so far.
    #[must_use]
    pub fn counters(&self) -> super::Counters {
        super::Counters::read(&self.end.front)
    }

    /// Gives the seat back. The same as dropping.
    pub fn detach(self) {}
}

impl<T: Message> Iterator for &mut Subscriber<T> {
    type Item = Result<T, Missed>;

    fn next(&mut self) -> Option<Result<T, Missed>> {
        match self.pop() {
            Ok(message) => Some(Ok(message)),
            Err(PopError::Missed(missed)) => Some(Err(missed)),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

impl<T: Message> Follower for Subscriber<T> {
    type Seat = Participant;

    fn seat(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_subscriber().ok()
    }
}

impl<T: Message> Drop for Subscriber<T> {
    fn drop(&mut self) {
        if let Some(ring) = self.ring.take()
            && self.end.place.is_ours()
        {
            self.end.leave(ring.into_seat());
        }
    }
}

/// The next message in place, from [`Subscriber::try_view`]. Dropping it leaves the message to be popped.
#[derive(Debug)]
pub struct View<'a, T: Message> {
    view: ring::View<'a, Mapped<T>>,
    end: &'a mut End,
}

impl<T: Message> View<'_, T> {
    /// The message's sequence number.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.view.position()
    }

    /// A pointer to the message: readable, aligned for `T`. A publisher that keeps to the protocol does not
    /// write it while the view lives.
    #[must_use]
    pub fn as_ptr(&self) -> *const T {
        self.view.with(|slot| slot)
    }

    /// Copies the message out and leaves it in the ring.
    #[must_use]
    pub fn read(&self) -> T {
        self.view.read()
    }

    /// Pops the message; not in a forked child that inherited the view.
    pub fn release(self) {
        if !self.end.place.is_ours() {
            return;
        }
        if self.view.release() {
            self.end.wake_publisher();
        }
    }
}

impl<T: Message> Seated for Subscriber<T> {
    type Seat = Participant;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.look().has_something() { Ok(Some(News::Ready)) } else { self.end.news_of_publisher(probe) }
    }
}
