//! The consuming end of a channel.

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use super::builder::Builder;
use super::end::{End, Patience, Role};
use crate::apart::apart;
use crate::channel::participant::Participant;
use crate::channel::seated::Seated;
use crate::channel::successor::{self, Follower};
use crate::channel::wait_set::News;
use crate::error::{AttachError, Forked, PeerExit, PopError};
use crate::message::Message;
use crate::ring::mpmc::{self as ring, Lent, Mapped, Memory as _, Nothing, recovery};
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::slip::Slip;
use crate::wait::{Wait, pause};

/// A consuming end: one of many, each in one thread at a time. Dropping it gives its seat back.
#[derive(Debug)]
pub struct Consumer<T: Message> {
    /// Taken only by `drop`.
    ring: Option<ring::Consumer<Mapped<T>>>,
    end: End<T>,
    /// Messages popped since producers were last looked at.
    popped: u64,
    /// Producers are woken when so many slots have come free, or nothing is left.
    quarter: u64,
    /// A set was woken for this end, and nothing has been popped since.
    woken_in_set: bool,
    /// What this end knows about messages that come in runs.
    slip: Slip,
    /// While it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

/// What a consumer does for others when it pops, all of it before the slot is given back: a process that is killed in a system call
/// of it takes no message with it.
struct Duties<'a, T: Message> {
    end: &'a mut End<T>,
    popped: &'a mut u64,
    quarter: u64,
    woken_in_set: &'a mut bool,
}

impl<T: Message> Duties<'_, T> {
    /// So many slots will come free at once: is there a producer to wake?
    #[inline(always)]
    fn before_freeing(&mut self, ring: &mut ring::Consumer<Mapped<T>>, count: u64) {
        *self.popped += count;
        if *self.popped >= self.quarter {
            // The parts, not the whole: it would have to be put together for each pop.
            look_at_producers(self.end, self.popped, self.woken_in_set, ring);
        }
    }

    fn look_at_producers(&mut self, ring: &mut ring::Consumer<Mapped<T>>) {
        look_at_producers(self.end, self.popped, self.woken_in_set, ring);
    }

    fn pass_on(&mut self, ring: &mut ring::Consumer<Mapped<T>>) {
        pass_on(self.end, ring);
    }
}

/// A quarter of the ring comes free: is there a producer to wake?
#[cold]
#[inline(never)]
fn look_at_producers<T: Message>(
    end: &mut End<T>,
    popped: &mut u64,
    woken_in_set: &mut bool,
    ring: &mut ring::Consumer<Mapped<T>>,
) {
    *popped = 0;
    end.wake_one(Role::Producer);
    if std::mem::take(woken_in_set) {
        pass_on(end, ring);
    }
}

/// One that was woken and took a message wakes the next, if there is more: producers wake one for all that lie behind each
/// other.
#[cold]
fn pass_on<T: Message>(end: &mut End<T>, ring: &mut ring::Consumer<Mapped<T>>) {
    if ring.look_behind().is_ok() {
        end.wake_one(Role::Consumer);
    }
}

impl<T: Message> Consumer<T> {
    crate::interrupter::interruptible!(end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat as a consumer.
    ///
    /// # Errors
    /// [`AttachError`].
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

    pub(super) fn new(mut end: End<T>) -> Self {
        let seat = end.seat.take().expect("an end has its seat until here");
        let quarter = (end.ring.capacity() / 4).max(1);
        Self {
            ring: Some(ring::Consumer::attach(end.ring.clone(), seat)),
            end,
            popped: 0,
            quarter,
            woken_in_set: false,
            slip: Slip::new(),
            origin: None,
        }
    }

    /// Keeps what it takes to open the channel again, as long as that may have to be.
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
    fn ring(&mut self) -> &mut ring::Consumer<Mapped<T>> {
        self.ring.as_mut().expect("only drop takes it")
    }

    /// The ring's end, and what is done for others.
    #[inline(always)]
    fn parts(&mut self) -> (&mut ring::Consumer<Mapped<T>>, Duties<'_, T>) {
        let Self { ring, end, popped, quarter, woken_in_set, .. } = self;
        let duties = Duties { end, popped, quarter: *quarter, woken_in_set };
        (ring.as_mut().expect("only drop takes it"), duties)
    }

    /// Pops the next message if there is one.
    ///
    /// # Errors
    /// [`PopError::Empty`], which is exact; [`PopError::Busy`]; [`PopError::Closed`]; [`PopError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when a producer sleeps, to wake it, or when the next message is being written, to
    /// learn whether its producer is alive.
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        let mut place = MaybeUninit::uninit();
        self.try_pop_to(&mut place)?;
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    /// Pops the next message, waiting for it.
    ///
    /// # Errors
    /// [`PopError::Closed`]; [`PopError::PeerGone`] when everything is popped and every producer is gone;
    /// [`PopError::Corrupt`]; [`PopError::System`]. Producers that have never come are waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls lets messages of more than 48 bytes gather, where that has been of use
    /// lately, for a few microseconds at most; for some tens of microseconds if they are longer than a KiB.
    #[inline]
    pub fn pop(&mut self) -> Result<T, PopError> {
        let mut place = MaybeUninit::uninit();
        self.pop_to(&mut place, None)?;
        // SAFETY: popped, so every byte was written.
        Ok(unsafe { place.assume_init() })
    }

    /// As [`pop`](Self::pop), until a point in time.
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

    /// As [`pop`](Self::pop), for a length of time.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.pop_deadline(crate::clock::after(timeout))
    }

    /// As [`pop`](Self::pop), into a place of the caller's: a large message is copied once then. After an error the place
    /// is as it was.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    #[inline]
    pub fn pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, None)
    }

    /// As [`pop_into`](Self::pop_into), until a point in time.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    #[inline]
    pub fn pop_into_deadline(&mut self, message: &mut T, deadline: Instant) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.pop_to(unsafe { crate::copy::as_uninit_one(message) }, Some(deadline))
    }

    /// As [`try_pop`](Self::try_pop), into a place of the caller's.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    #[inline]
    pub fn try_pop_into(&mut self, message: &mut T) -> Result<(), PopError> {
        // SAFETY: only whole elements are copied there, or nothing.
        self.try_pop_to(unsafe { crate::copy::as_uninit_one(message) })
    }

    #[inline(always)]
    fn try_pop_to(&mut self, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        self.pop_or(place, |consumer, nothing, place| consumer.try_again(nothing, place))
    }

    #[inline(always)]
    fn pop_to(&mut self, place: &mut MaybeUninit<T>, deadline: Option<Instant>) -> Result<(), PopError> {
        self.pop_or(place, |consumer, nothing, place| consumer.pop_slowly(nothing, place, deadline))
    }

    /// Pops the next message. Why there was none is for `otherwise`.
    #[inline(always)]
    fn pop_or(
        &mut self,
        place: &mut MaybeUninit<T>,
        otherwise: impl FnOnce(&mut Self, Nothing, &mut MaybeUninit<T>) -> Result<(), PopError>,
    ) -> Result<(), PopError> {
        self.end.place.ours()?;
        let (ring, mut duties) = self.parts();
        match ring.pop_after(place, |ring| duties.before_freeing(ring, 1)) {
            Ok(_) => Ok(()),
            Err(nothing) => apart(otherwise(self, nothing, place)),
        }
    }

    /// Pops as many messages as are ready and fit, in order; gives their number.
    ///
    /// # Errors
    /// When there is none, as [`try_pop`](Self::try_pop).
    pub fn try_pop_slice(&mut self, out: &mut [T]) -> Result<usize, PopError> {
        self.end.place.ours()?;
        // SAFETY: only whole elements are copied there, or nothing.
        let places = unsafe { crate::copy::as_uninit(out) };
        let mut popped = self.pop_slice(places);
        if matches!(popped, (0, Err(Nothing::Closed))) && self.search_the_dead()? {
            popped = self.pop_slice(places);
        }
        match popped {
            (0, Err(nothing)) => {
                self.look_at_producers();
                Err(self.explain(nothing))
            }
            (done, _) => Ok(done),
        }
    }

    fn pop_slice(&mut self, places: &mut [MaybeUninit<T>]) -> (usize, Result<(), Nothing>) {
        let (ring, mut duties) = self.parts();
        ring.pop_slice_after(places, |ring, count| duties.before_freeing(ring, count as u64))
    }

    /// Gives the next message to `f` and pops it. Wakes before `f` and does nothing but pop behind it: what `f` made is with the
    /// caller then. When the process dies in `f`, or `f` panics, the message goes to a consumer again.
    pub(in crate::channel) fn try_take_with<R>(&mut self, f: impl FnOnce(T) -> R) -> Result<R, PopError> {
        self.end.place.ours()?;
        let (ring, mut duties) = self.parts();
        match ring.pop_with_after(|lent| f(lent.read()), |ring| duties.before_freeing(ring, 1)) {
            Ok(result) => Ok(result),
            Err(nothing) => Err(self.nothing_to_take(nothing)?),
        }
    }

    /// As [`try_take_with`](Self::try_take_with), waiting for a message.
    pub(in crate::channel) fn take_with<R>(
        &mut self,
        f: impl FnOnce(T) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        self.end.place.ours()?;
        let mut f = Some(f);
        loop {
            if let Err(nothing) = self.ring().look() {
                self.wait_for(nothing, deadline, |ring, _| ring.look())?;
            }
            // When another consumer is faster, nothing is called.
            let (ring, mut duties) = self.parts();
            let take = |lent: &Lent<'_, Mapped<T>>| f.take().map(|f| f(lent.read()));
            if let Ok(Some(result)) = ring.pop_with_after(take, |ring| duties.before_freeing(ring, 1)) {
                return Ok(result);
            }
        }
    }

    /// Lends the next message to `f` where it lies, and pops it when `f` returns: delivered at least once. When the process
    /// dies in `f`, or `f` panics, the message goes to a consumer again; [`Lent::attempt`] tells how often that was. After
    /// the fifteenth time it is given up and counted as a dead letter.
    ///
    /// # Errors
    /// As [`try_pop`](Self::try_pop).
    pub fn try_pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R) -> Result<R, PopError> {
        self.end.place.ours()?;
        match self.lend(f) {
            Ok(result) => {
                let result = result?;
                self.freed(1);
                Ok(result)
            }
            Err(nothing) => Err(self.nothing_to_take(nothing)?),
        }
    }

    /// Why there was nothing to be lent.
    #[cold]
    fn nothing_to_take(&mut self, nothing: Nothing) -> Result<PopError, PopError> {
        match &nothing {
            Nothing::Busy(holder) => {
                self.end.repair(holder).map_err(PopError::System)?;
            }
            Nothing::Closed => {
                self.search_the_dead()?;
                if self.ring().look().is_ok() {
                    return Ok(PopError::Empty); // It was, a moment ago.
                }
            }
            _ => {}
        }
        self.look_at_producers();
        Ok(self.explain(nothing))
    }

    /// As [`try_pop_with`](Self::try_pop_with), waiting for a message.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn pop_with<R>(&mut self, f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R) -> Result<R, PopError> {
        self.pop_with_until(f, None)
    }

    /// As [`pop_with`](Self::pop_with), until a point in time.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`pop`](Self::pop).
    pub fn pop_with_deadline<R>(
        &mut self,
        f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R,
        deadline: Instant,
    ) -> Result<R, PopError> {
        self.pop_with_until(f, Some(deadline))
    }

    fn pop_with_until<R>(
        &mut self,
        f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R,
        deadline: Option<Instant>,
    ) -> Result<R, PopError> {
        self.end.place.ours()?;
        let mut f = Some(f);
        loop {
            if let Err(nothing) = self.ring().look() {
                self.wait_for(nothing, deadline, |ring, _| ring.look())?;
            }
            // When another consumer is faster, nothing is called.
            if let Ok(popped) = self.lend(|lent| f.take().map(|f| f(lent)))
                && let Some(result) = popped?
            {
                self.freed(1);
                return Ok(result);
            }
        }
    }

    /// Lends the next message to `f` and pops it, but not in a child that `f` made by fork: the parent pops it.
    #[inline]
    fn lend<R>(&mut self, f: impl FnOnce(&Lent<'_, Mapped<T>>) -> R) -> Result<Result<R, Forked>, Nothing> {
        let lent = self.ring.as_mut().expect("only drop takes it").try_lend()?;
        let result = f(&lent);
        if self.end.place.is_ours() {
            lent.release();
            Ok(Ok(result))
        } else {
            std::mem::forget(lent);
            Ok(Err(Forked))
        }
    }

    /// `count` slots have come free, of messages that were used where they lay: is there a producer to wake?
    #[inline(always)]
    fn freed(&mut self, count: u64) {
        self.popped += count;
        if self.popped >= self.quarter {
            self.look_at_producers();
        }
    }

    #[inline]
    fn look_at_producers(&mut self) {
        let (ring, mut duties) = self.parts();
        duties.look_at_producers(ring);
    }

    #[cold]
    fn try_again(&mut self, nothing: Nothing, place: &mut MaybeUninit<T>) -> Result<(), PopError> {
        let again = match &nothing {
            Nothing::Busy(holder) => self.end.repair(holder).map_err(PopError::System)?,
            Nothing::Closed if self.follow() => true,
            Nothing::Closed => self.search_the_dead()?,
            Nothing::Contended => true,
            _ => false,
        };
        let (ring, mut duties) = self.parts();
        let answer =
            if again { ring.pop_after(place, |ring| duties.before_freeing(ring, 1)) } else { Err(nothing) };
        match answer {
            Ok(_) => Ok(()),
            Err(nothing) => {
                self.look_at_producers();
                Err(self.explain(nothing))
            }
        }
    }

    /// The stream is at its end; but a consumer may have died with a message in hand, and nobody else may be left to find
    /// it. True: it is worth trying once more, whoever cleared up.
    #[cold]
    fn search_the_dead(&mut self) -> Result<bool, PopError> {
        self.end.recover().map_err(PopError::System)?;
        Ok(true)
    }

    fn explain(&mut self, nothing: Nothing) -> PopError {
        if let Err(error) = self.end.place.tell() {
            return PopError::System(error);
        }
        match nothing {
            Nothing::Empty | Nothing::Contended => PopError::Empty,
            Nothing::Busy(holder) => PopError::Busy { pid: self.end.place.pid(holder.endpoint) },
            Nothing::Closed if self.follow() => PopError::Empty,
            Nothing::Closed => PopError::Closed,
            Nothing::Corrupt(corruption) => {
                self.end.poison();
                PopError::Corrupt(corruption)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn pop_slowly(
        &mut self,
        nothing: Nothing,
        place: &mut MaybeUninit<T>,
        deadline: Option<Instant>,
    ) -> Result<(), PopError> {
        self.wait_for(nothing, deadline, |ring, before| ring.pop_after(place, before).map(drop))
    }

    /// Waits until `take` succeeds, which may pop and then does what it is given before it frees the slot. `nothing` is what was found
    /// before.
    fn wait_for(
        &mut self,
        nothing: Nothing,
        deadline: Option<Instant>,
        take: impl FnMut(
            &mut ring::Consumer<Mapped<T>>,
            &mut dyn FnMut(&mut ring::Consumer<Mapped<T>>),
        ) -> Result<(), Nothing>,
    ) -> Result<(), PopError> {
        self.look_at_producers();
        let mut waiting =
            Taking { consumer: self, take, nothing, searched: false, patience: Patience::default() };
        park(&mut waiting, deadline)
    }

    /// Lets a run of messages gather, when that has been of use lately or is due to be tried.
    fn let_gather(&mut self) {
        let ring = self.ring.as_ref().expect("only drop takes it");
        self.slip.let_gather(size_of::<T>(), ring.memory().run(), |count| ring.is_full_ahead(count));
    }

    /// Clears up after dead ends now, instead of when somebody waits for one. Nothing in a child of fork that inherited the end.
    ///
    /// # Blocking
    /// Never; one system call for each end of the channel.
    ///
    /// # Errors
    /// When it cannot be known of some end whether its process is alive: the domain's semaphores were removed, or this process
    /// may not read them any more. Nothing was taken from that one; the others are cleared up after.
    pub fn recover(&mut self) -> Result<recovery::Report, ipc_core::Error> {
        self.end.recover()
    }

    /// Number of slots.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.end.ring.capacity()
    }

    /// Number of messages waiting. Wrong by what is going on now.
    #[must_use]
    pub fn len(&self) -> u64 {
        ring::len(&self.end.ring)
    }

    /// Whether nothing is waiting, as [`len`](Self::len) sees it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The memory of the ring, for its counters.
    #[must_use]
    pub fn memory(&self) -> &Mapped<T> {
        &self.end.ring
    }

    /// Ends the stream for all producers. What was pushed can still be popped by the other consumers.
    pub fn close(mut self) {
        self.end.close();
    }
}

/// A wait for a message, to be popped or to be lent.
struct Taking<'a, T: Message, F> {
    consumer: &'a mut Consumer<T>,
    take: F,
    /// What was found last.
    nothing: Nothing,
    /// The dead were cleared up after, since the stream is at its end.
    searched: bool,
    patience: Patience,
}

impl<T, F> Attempt for Taking<'_, T, F>
where
    T: Message,
    F: FnMut(
        &mut ring::Consumer<Mapped<T>>,
        &mut dyn FnMut(&mut ring::Consumer<Mapped<T>>),
    ) -> Result<(), Nothing>,
{
    type Waiter = Participant;
    type Output = ();
    type Error = PopError;

    fn waiter(&self) -> &Participant {
        &self.consumer.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant {
        &mut self.consumer.end.place
    }

    fn begin(&mut self) {
        if matches!(self.nothing, Nothing::Empty | Nothing::Busy(_)) {
            self.consumer.let_gather();
            self.consumer.ring().take_line();
        }
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, PopError> {
        loop {
            let (ring, mut duties) = self.consumer.parts();
            let mut is_done = false;
            let mut before = |ring: &mut ring::Consumer<Mapped<T>>| {
                is_done = true;
                duties.end.place.waits.finished(wait);
                duties.before_freeing(ring, 1);
                if wait.has_slept() {
                    duties.pass_on(ring);
                }
            };
            match (self.take)(ring, &mut before) {
                Ok(()) => {
                    if !is_done {
                        // Only looked.
                        duties.end.place.waits.finished(wait);
                        if wait.has_slept() {
                            duties.pass_on(ring);
                        }
                    }
                    return Ok(Some(()));
                }
                Err(Nothing::Closed) if self.consumer.follow() => {}
                Err(Nothing::Closed) if !self.searched => self.searched = self.consumer.search_the_dead()?,
                Err(nothing @ (Nothing::Closed | Nothing::Corrupt(_))) => {
                    return Err(self.consumer.explain(nothing));
                }
                Err(nothing) => {
                    self.nothing = nothing;
                    self.consumer.end.place.tell().map_err(PopError::System)?;
                    return Ok(None);
                }
            }
        }
    }

    fn look(&mut self) -> Look {
        // Whoever left since may have found nobody asleep.
        let is_over = self.consumer.end.ends_without(Role::Producer);
        if !is_over && looks_empty(self.consumer.ring()) { Look::Nothing } else { Look::Ready }
    }

    /// Looks a few times more whether something is there, by a look that costs little.
    #[inline(always)]
    fn poll(&mut self) -> Result<(), PopError> {
        let looks = self.consumer.end.place.waits.looks(1);
        if let Nothing::Busy(holder) = &self.nothing
            && self.patience.is_over(looks)
        {
            self.consumer.end.repair_or_give_way(holder).map_err(PopError::System)?;
        }
        let ring = self.consumer.ring();
        for _ in 0..looks {
            pause();
            if ring.has_item() {
                break;
            }
        }
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PopError>, PopError> {
        if ask {
            self.consumer.end.recover().map_err(PopError::System)?;
        }
        let is_deserted = self.consumer.end.ends_without(Role::Producer)
            && matches!(self.consumer.ring().look(), Err(Nothing::Empty));
        Ok(if is_deserted { Presence::Gone(PopError::PeerGone(PeerExit::All)) } else { Presence::There })
    }
}

/// Whether nothing can be popped now, and may be later.
fn looks_empty<T: Message>(ring: &mut ring::Consumer<Mapped<T>>) -> bool {
    matches!(ring.look(), Err(Nothing::Empty | Nothing::Busy(_)))
}

impl<T: Message> Follower for Consumer<T> {
    type Seat = Participant;

    fn seat(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_consumer().ok()
    }
}

impl<T: Message> Drop for Consumer<T> {
    fn drop(&mut self) {
        if let Some(ring) = self.ring.take()
            && self.end.place.is_ours()
        {
            self.end.leave(Role::Consumer, || ring.detach());
        }
    }
}

impl<T: Message> Seated for Consumer<T> {
    type Seat = Participant;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        let recovered = if probe { self.end.recover().map(drop) } else { Ok(()) };
        match self.ring().look() {
            Err(Nothing::Empty | Nothing::Busy(_)) => {}
            Err(Nothing::Closed | Nothing::Corrupt(_)) => {
                return Ok((!std::mem::replace(&mut self.end.ended, true)).then_some(News::Ended));
            }
            Ok(()) | Err(Nothing::Contended) => return Ok(Some(News::Ready)),
        }
        recovered?;
        Ok((probe && self.end.newly_deserted(Role::Producer)).then_some(News::PeerGone))
    }

    fn begin_wait(&mut self, _is_worth_it: bool) {
        self.let_gather();
    }

    fn withdraw(&mut self) -> bool {
        let woken = self.end.place.withdraw();
        if woken {
            self.woken_in_set = true;
            self.popped = self.quarter; // The next pop looks at what it was woken for.
        }
        woken
    }

    fn is_passed_over(&mut self) {
        if std::mem::take(&mut self.woken_in_set) {
            let (ring, mut duties) = self.parts();
            duties.pass_on(ring);
        }
    }
}
