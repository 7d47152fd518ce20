//! The consuming end of a channel.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::builder::{Attached, Builder};
use crate::apart::apart;
use crate::channel::end::{End, PeerState, Segment};
use crate::channel::kernel::Kernel;
use crate::channel::pair::{self, Ending};
use crate::channel::successor::{self, Followed as _, Follower};
use crate::end::{item, spsc as end};
use crate::error::{AttachError, PopError};
use crate::layout::LINE;
use crate::message::Message;
use crate::ring::spsc::{self as ring, Corruption, Mapped};

mod view;

pub use view::View;

/// The consuming end: one holder at a time, in one thread at a time.
///
/// Dropping it detaches: the channel stays, and another consumer may continue. [`close`](Self::close) ends
/// the stream: the producer learns that its messages will not be popped.
///
/// As an iterator over itself (`for message in &mut consumer`) it waits for each message and ends when the
/// channel is closed, or on an error; [`last_error`](Self::last_error) shows which.
#[derive(Debug)]
pub struct Consumer<T: Message> {
    pub(super) core: end::Consumer<Mapped<T>, Segment, Kernel>,
    ending: Ending,
    last_error: Option<PopError>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

/// A pop by value: of a message that is ready, without a second copy; else `$slowly`.
///
/// A message of up to a few registers need not be in memory at all ([`copy`](crate::copy)). A longer one is
/// written by a call that returns it: the compiler passes that call the place of the pop's result, or of the
/// caller's variable.
macro_rules! pop_by_value {
    ($self:ident, $slowly:expr) => {{
        if size_of::<T>() > crate::copy::IN_REGISTERS {
            if $self.core.knows_next() {
                // SAFETY: popped, so every byte was written.
                return Ok(unsafe { $self.take_known().assume_init() });
            }
        } else {
            let mut place = MaybeUninit::uninit();
            if $self.pop_ready(&mut place) {
                // SAFETY: as above.
                return Ok(unsafe { place.assume_init() });
            }
        }
        apart($slowly)
    }};
}

impl<T: Message> Consumer<T> {
    crate::interrupter::interruptible!(core.end);
    crate::interrupter::shares_interrupts!(core.end);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes the consuming end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the ring found is of another type, or the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_consumer()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_consumer()
    }

    pub(in crate::channel) fn new(attached: Attached<T>) -> Self {
        let Attached { ring, end } = attached;
        let core = end::Consumer::new(ring::Consumer::attach(ring), end);
        Self { core, ending: Ending::Detach, last_error: None, origin: None }
    }

    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn of(mut self, builder: &Builder<T>) -> Self {
        if self.core.end.is_open() {
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

    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`]; [`PopError::Closed`] when there is nothing and never will be;
    /// [`PopError::PeerGone`] when there is nothing and the producer has detached; [`PopError::Corrupt`].
    /// Only [`pop`](Self::pop) and [`peer`](Self::peer) notice that a producer died, since the check costs a
    /// system call.
    ///
    /// # Blocking
    /// Never. One system call when the producer sleeps, to wake it.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, self.try_pop_slowly())
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Closed`]; [`PopError::PeerGone`] when everything pushed has been popped and the producer
    /// has detached or died; [`PopError::Corrupt`]; [`PopError::System`]. A producer that has never attached
    /// is waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls waits for a batch of messages, where that has been useful
    /// lately, for a few microseconds at most; for some tens of microseconds if they are longer than a KiB.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        pop_by_value!(self, self.pop_value_slowly(None))
    }

    /// As [`pop`](Self::pop), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_deadline(&mut self, deadline: Instant) -> Result<T, PopError> {
        pop_by_value!(self, self.pop_value_slowly(Some(deadline)))
    }

    /// As [`pop`](Self::pop), with a timeout.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into the caller's variable: a large message is then copied only once. An error
    /// leaves the variable unchanged.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, None)
    }

    /// As [`pop_into`](Self::pop_into), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_into_deadline(&mut self, message: &mut T, deadline: Instant) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, Some(deadline))
    }

    /// As [`try_pop`](Self::try_pop), into the caller's variable.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.try_pop_to(unsafe { crate::copy::as_uninit_one(message) })
    }

    /// Pops a message that is ready, in the caller's frame. No pointer to the destination leaves that frame;
    /// the calls that continue after it have their own. Small messages that need a separate check are left to
    /// those calls.
    #[inline(always)]
    fn pop_ready(&mut self, place: &mut MaybeUninit<T>) -> bool {
        self.core.pop_known(place) || (size_of::<T>() > LINE && self.core.pop_ready(place))
    }

    /// Pops a message that is [known](end::Consumer::knows_next) to be ready, to where the result of this
    /// call goes.
    #[inline(never)]
    fn take_known(&mut self) -> MaybeUninit<T> {
        let mut place = MaybeUninit::uninit();
        assert!(self.core.pop_ready(&mut place), "what is known to be there is popped without a look");
        place
    }

    #[inline(never)]
    fn try_pop_slowly(&mut self) -> Result<T, PopError> {
        let mut place = MaybeUninit::uninit();
        self.try_pop_one(&mut place)?;
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    #[inline(never)]
    fn pop_value_slowly(&mut self, deadline: Option<Instant>) -> Result<T, PopError> {
        let mut place = MaybeUninit::uninit();
        self.pop_one(&mut place, deadline)?;
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    #[inline(always)]
    fn try_pop_to(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        if self.core.pop_known(place) { Ok(()) } else { apart(self.try_pop_one(place)) }
    }

    /// Pops a message that may need a separate check.
    #[inline(never)]
    fn try_pop_one(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.core.end.ours()?;
        match self.core.pop_next(place) {
            Ok(()) => Ok(()),
            Err(found) => self.settle(found, place),
        }
    }

    #[inline(always)]
    fn pop_to(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        if self.core.pop_known(place) { Ok(()) } else { apart(self.pop_one(place, deadline)) }
    }

    /// As [`try_pop_one`](Self::try_pop_one), waiting for a message.
    #[inline(never)]
    fn pop_one(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.core.end.ours()?;
        match self.core.pop_next(place) {
            Ok(()) => Ok(()),
            Err(found) => self.pop_slowly(found, place, deadline),
        }
    }

    /// What was found instead of a message: the producer's signal, or an invalid word.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, found: Result<u32, Corruption>, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        let settled = self.core.settle(found, place);
        self.unless_followed(settled)
    }

    #[cold]
    #[inline(never)]
    fn pop_slowly(
        &mut self,
        found: Result<u32, Corruption>,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        let mut popped = self.core.pop_slowly(found, place, deadline);
        while matches!(popped, Err(PopError::Closed)) && self.follow() {
            popped = self.core.pop(place, deadline);
        }
        popped
    }

    /// Waits until there is a message, which stays in the ring.
    fn wait_for_item(&mut self, deadline: Option<Instant>) -> Result<(), PopError> {
        loop {
            match self.core.wait_for_item(deadline) {
                Err(PopError::Closed) if self.follow() => {}
                result => return result,
            }
        }
    }

    /// The result of an attempt: a channel that continues elsewhere is not closed, but empty.
    fn unless_followed<R>(&mut self, result: Result<R, PopError>) -> Result<R, PopError> {
        match result {
            Err(PopError::Closed) if self.follow() => Err(PopError::Empty),
            result => result,
        }
    }

    /// Pops as many messages as are ready and fit into `out`, from its front; returns their number.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop), when there are none.
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.core.end.ours()?;
        if out.is_empty() {
            return Ok(0);
        }
        // SAFETY: only whole elements are copied there, or nothing.
        let places = unsafe { crate::copy::as_uninit(out) };
        match self.core.ring.pop_slice(places, |signal| self.core.end.wake_peer_if(signal)) {
            Ok(0) => {
                // SAFETY: as above.
                let place = unsafe { crate::copy::as_uninit_one(&mut out[0]) };
                self.settle(Ok(0), place).map(|()| 1)
            }
            Ok(count) => Ok(count),
            Err(corruption) => Err(self.core.poison(corruption)),
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
        self.core.end.ours()?;
        match self.try_pop_slice(out) {
            // All of them in one pop: none is held while waiting for others.
            Err(error) if item::goes_on(&self.core.end, &error) => {
                self.wait_for_item(deadline)?;
                self.try_pop_slice(out)
            }
            result => result,
        }
    }

    /// Lends the next message in place. [`View::release`] pops it; dropping the view leaves it.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    pub fn try_view(&mut self) -> Result<View<'_, T>, PopError> {
        let looked = self.core.look();
        self.unless_followed(looked)?;
        let end::Consumer { ring, end, .. } = &mut self.core;
        match ring.try_view() {
            Ok(Ok(view)) => Ok(View { view, end }),
            _ => Err(PopError::Empty),
        }
    }

    /// Lends the next message to `f` in place, and pops it when `f` returns. If `f` panics, or the process
    /// dies in it, the message stays, and is popped next.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&View<'_, T>) -> R) -> Result<R, PopError> {
        let view = self.try_view()?;
        let result = f(&view);
        view.release();
        Ok(result)
    }

    /// As [`try_pop_with`](Self::try_pop_with), waiting for a message.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn pop_with<R>(&mut self, f: impl FnOnce(&View<'_, T>) -> R) -> Result<R, PopError> {
        if !self.core.ring.has_item() {
            self.wait_for_item(None)?;
        }
        self.try_pop_with(f)
    }

    /// As [`pop_with`](Self::pop_with), until a deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_with_deadline<R>(
        &mut self,
        f: impl FnOnce(&View<'_, T>) -> R,
        deadline: Instant,
    ) -> Result<R, PopError> {
        if !self.core.ring.has_item() {
            self.wait_for_item(Some(deadline))?;
        }
        self.try_pop_with(f)
    }

    /// Gives the next message to `f` and pops it. Wakes the producer before `f`, and only pops after it: by
    /// then the caller has what `f` made.
    #[inline(always)]
    pub(in crate::channel) fn try_take_with<R>(&mut self, f: impl FnOnce(T) -> R) -> Result<R, PopError> {
        self.core.end.ours()?;
        if !self.core.ring.has_item() {
            self.has_ended()?;
        }
        let popped =
            self.core.ring.pop_next_with(|view| f(view.read()), |signal| self.core.end.wake_peer_if(signal));
        popped.map_err(|_| PopError::Empty)
    }

    /// An error unless there is a message: the end of the stream, or a corrupt ring.
    #[inline(never)]
    fn has_ended(&mut self) -> Result<(), PopError> {
        self.try_view().map(drop)
    }

    /// As [`try_take_with`](Self::try_take_with), waiting for a message.
    #[inline(always)]
    pub(in crate::channel) fn take_with<R>(
        &mut self,
        f: impl FnOnce(T) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        if !self.core.ring.has_item() {
            self.wait_for_item(deadline)?;
        }
        self.try_take_with(f)
    }

    /// Takes every message that is ready now, without waiting.
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain { consumer: self }
    }

    /// Whether the producer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        Ok(self.core.end.unless_replaced(self.core.end.peer()?))
    }

    /// Kills the process that holds the producer's end, with SIGKILL, and waits until it is gone: for one
    /// that is stopped or stuck, which counts as alive. A successor may then take its place. True when that
    /// end has no holder any more.
    ///
    /// # Errors
    /// As [`Domain::evict`](crate::Domain::evict).
    ///
    /// # Blocking
    /// Until the process is gone or the deadline has passed.
    pub fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.core.end.evict_peer(deadline)
    }

    /// Sleeps until a producer is attached and alive, or has closed the channel, or the timeout has passed.
    /// Returns its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when the end is taken.
    pub fn wait_for_producer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        let deadline = timeout.map(crate::clock::after);
        loop {
            match self.core.end.wait_for_peer(deadline)? {
                PeerState::Closed if self.follow() => {}
                state => return Ok(state),
            }
        }
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.core.ring.memory().capacity()
    }

    /// Number of messages popped since the channel was made, by this holder and its predecessors: the
    /// sequence number of the next message.
    #[must_use]
    pub fn popped(&self) -> u64 {
        self.core.ring.position()
    }

    /// Why the iteration over this end stopped, unless the channel was closed.
    #[must_use]
    pub fn last_error(&self) -> Option<&PopError> {
        self.last_error.as_ref()
    }

    /// Ends the stream: the producer learns that nothing more will be popped.
    pub fn close(mut self) {
        self.ending = Ending::Close;
    }

    /// Detaches and leaves the stream to a successor. The same as dropping.
    pub fn detach(self) {}
}

impl<T: Message> Iterator for &mut Consumer<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self.pop() {
            Ok(message) => Some(message),
            Err(PopError::Closed) => None,
            Err(error) => {
                self.last_error = Some(error);
                None
            }
        }
    }
}

impl<T: Message> Follower for Consumer<T> {
    type Seat = End;

    fn seat(&mut self) -> &mut End {
        &mut self.core.end
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_consumer().ok()
    }
}

impl<T: Message> Drop for Consumer<T> {
    fn drop(&mut self) {
        let has_item = self.core.end.is_ours() && self.core.ring.has_item();
        pair::leave_consumer(&mut self.core.end, self.ending, has_item);
    }
}

/// An iterator over the messages that are ready, from [`Consumer::drain`].
#[derive(Debug)]
pub struct Drain<'a, T: Message> {
    consumer: &'a mut Consumer<T>,
}

impl<T: Message> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.consumer.try_pop().ok()
    }
}
