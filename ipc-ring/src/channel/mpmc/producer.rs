//! The producing end of a channel.

use std::time::{Duration, Instant};

use super::builder::Builder;
use super::end::{End, Patience, Role};
use crate::apart::apart;
use crate::channel::participant::Participant;
use crate::channel::seated::Seated;
use crate::channel::wait_set::News;
use crate::error::{AttachError, PeerExit, PushError};
use crate::message::Message;
use crate::ring::mpmc::{self as ring, ENDPOINTS, Mapped, Memory as _, Refused, Words as _, recovery};
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::slip::{self, Pace};
use crate::wait::turns::Chances;
use crate::wait::{Wait, pause};

/// A producing end: one of many, each in one thread at a time. Dropping it gives its seat back.
#[derive(Debug)]
pub struct Producer<T: Message> {
    /// Taken only by `drop`.
    ring: Option<ring::Producer<Mapped<T>>>,
    end: End<T>,
    /// When to look whether the ring is about to be full.
    pace: Pace,
    /// Woken for room in a set or a task.
    woken_in_set: bool,
}

impl<T: Message> Producer<T> {
    crate::interrupter::interruptible!(end.place);

    /// Makes the channel of this name in the user's own domain, or finds it, and takes a seat as a producer.
    ///
    /// # Errors
    /// [`AttachError`].
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).create_producer()
    }

    /// As [`create`](Self::create), but the channel must exist.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
    pub fn open(name: &str) -> Result<Self, AttachError> {
        Builder::new(name).open_producer()
    }

    pub(super) fn new(mut end: End<T>) -> Self {
        let seat = end.seat.take().expect("an end has its seat until here");
        let run = if end.place.waits.polls() { end.ring.free_run() } else { 0 };
        let ring = Some(ring::Producer::attach(end.ring.clone(), seat));
        Self { ring, end, pace: Pace::new(run), woken_in_set: false }
    }

    #[inline(always)]
    fn ring(&mut self) -> &mut ring::Producer<Mapped<T>> {
        self.ring.as_mut().expect("only drop takes it")
    }

    /// A message was pushed: is there a consumer to wake?
    #[inline(always)]
    fn pushed<V>(&mut self, value: V) -> Result<(), PushError<V>> {
        let ring = self.ring.as_ref().expect("only drop takes it");
        let woken = self.end.pushed(|| ring.is_behind_another());
        woken.map_err(|error| PushError::NotWoken(value, error))
    }

    /// As [`pushed`](Self::pushed), for a slice.
    #[inline]
    fn pushed_slice(&mut self, count: usize) -> Result<usize, PushError<usize>> {
        let ring = self.ring.as_ref().expect("only drop takes it");
        match self.end.pushed(|| ring.slice_is_behind_another()) {
            Ok(()) => Ok(count),
            Err(error) => Err(PushError::NotWoken(count, error)),
        }
    }

    /// Pushes a message if there is room.
    ///
    /// # Errors
    /// [`PushError::Full`], [`PushError::Busy`], [`PushError::Closed`], [`PushError::Corrupt`].
    ///
    /// # Blocking
    /// Never. One system call when a consumer sleeps and the ring was empty, to wake it, or when the next slot is in somebody's
    /// hands, to learn whether that one is alive.
    #[inline]
    pub fn try_push(&mut self, message: T) -> Result<(), PushError<T>> {
        self.try_push_from(&message).map_err(|error| error.with(message))
    }

    /// As [`try_push`](Self::try_push), from where the message lies.
    ///
    /// # Errors
    /// As [`try_push`](Self::try_push), without the message.
    #[inline]
    pub fn try_push_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        match self.ring().try_push(message) {
            Ok(()) => self.pushed(()),
            Err(refused) => apart(self.try_again(message, refused)),
        }
    }

    /// Pushes a message, waiting for room.
    ///
    /// # Errors
    /// [`PushError::Closed`]; [`PushError::PeerGone`] when the ring is full and every consumer is gone;
    /// [`PushError::Corrupt`]; [`PushError::NotWoken`]; [`PushError::System`]. Consumers that have never come are waited for.
    ///
    /// # Blocking
    /// By this end's wait strategy. One that polls also waits for a few microseconds in a ring that is nearly full. One that
    /// sleeps stands back in a full ring while a producer that starves has its turn: a millisecond for each of them.
    #[inline]
    pub fn push(&mut self, message: T) -> Result<(), PushError<T>> {
        self.push_from(&message).map_err(|error| error.with(message))
    }

    /// As [`push`](Self::push), from where the message lies: a large one is copied once then.
    ///
    /// # Errors
    /// As [`push`](Self::push), without the message.
    #[inline]
    pub fn push_from(&mut self, message: &T) -> Result<(), PushError<()>> {
        self.push_from_until(message, None)
    }

    /// As [`push_from`](Self::push_from), until a point in time.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_from`](Self::push_from).
    #[inline]
    pub fn push_from_deadline(&mut self, message: &T, deadline: Instant) -> Result<(), PushError<()>> {
        self.push_from_until(message, Some(deadline))
    }

    #[inline(always)]
    fn push_from_until(&mut self, message: &T, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        if self.pace.is_due() {
            self.let_come_free();
        }
        match self.ring().try_push(message) {
            Ok(()) => self.pushed(()),
            Err(refused) => apart(self.push_slowly(message, refused, deadline)),
        }
    }

    /// As [`push`](Self::push), until a point in time.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    #[inline]
    pub fn push_deadline(&mut self, message: T, deadline: Instant) -> Result<(), PushError<T>> {
        self.push_from_deadline(&message, deadline).map_err(|error| error.with(message))
    }

    /// As [`push`](Self::push), for a length of time.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push`](Self::push).
    pub fn push_timeout(&mut self, message: T, timeout: Duration) -> Result<(), PushError<T>> {
        self.push_deadline(message, crate::clock::after(timeout))
    }

    /// Pushes messages from the front of a slice while there is room; gives their number. One wake at most.
    ///
    /// # Errors
    /// When there is room for none, as [`try_push`](Self::try_push), with 0 for the value.
    pub fn try_push_slice(&mut self, messages: &[T]) -> Result<usize, PushError<usize>> {
        self.end.place.ours()?;
        match self.ring().try_push_slice(messages) {
            (0, Err(refused)) => Err(self.refuse(0, refused)),
            (done, _) => {
                if done > 0 {
                    self.pushed_slice(done)
                } else {
                    Ok(done)
                }
            }
        }
    }

    /// Pushes a whole slice, waiting for room. Its messages stay in order; those of others may come between them.
    ///
    /// # Errors
    /// As [`push`](Self::push). The value handed back is the number of messages pushed before.
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn push_slice(&mut self, messages: &[T]) -> Result<(), PushError<usize>> {
        self.push_slice_until(messages, None)
    }

    /// As [`push_slice`](Self::push_slice), until a point in time.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`push_slice`](Self::push_slice).
    pub fn push_slice_deadline(&mut self, messages: &[T], deadline: Instant) -> Result<(), PushError<usize>> {
        self.push_slice_until(messages, Some(deadline))
    }

    fn push_slice_until(
        &mut self,
        messages: &[T],
        deadline: Option<Instant>,
    ) -> Result<(), PushError<usize>> {
        let mut done = 0;
        while done < messages.len() {
            match self.try_push_slice(&messages[done..]) {
                Ok(count) => done += count,
                Err(PushError::Full(_) | PushError::Busy(..)) => {
                    // One that waits, and repairs what is in dead hands; then as many more as there is room for.
                    done += 1;
                    self.push_from_until(&messages[done - 1], deadline).map_err(|error| {
                        if error.was_pushed() { error.with(done) } else { error.with(done - 1) }
                    })?;
                }
                Err(PushError::NotWoken(count, error)) => {
                    return Err(PushError::NotWoken(done + count, error));
                }
                Err(other) => return Err(other.with(done)),
            }
        }
        Ok(())
    }

    /// A push that met a slot in somebody's hands: once more, if that somebody is dead.
    #[cold]
    fn try_again(&mut self, message: &T, refused: Refused) -> Result<(), PushError<()>> {
        let again = match &refused {
            Refused::Busy(holder) => self.end.repair(holder).map_err(|error| PushError::System((), error))?,
            Refused::Contended => true,
            _ => false,
        };
        let answer = if again { self.ring().try_push(message) } else { Err(refused) };
        match answer {
            Ok(()) => self.pushed(()),
            Err(refused) => Err(self.refuse((), refused)),
        }
    }

    fn refuse<V>(&mut self, value: V, refused: Refused) -> PushError<V> {
        match refused {
            Refused::Full | Refused::Contended => PushError::Full(value),
            Refused::Busy(holder) => PushError::Busy(value, self.end.place.pid(holder.endpoint)),
            Refused::Closed => PushError::Closed(value),
            Refused::Corrupt(corruption) => {
                self.end.poison();
                PushError::Corrupt(value, corruption)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn push_slowly(
        &mut self,
        message: &T,
        refused: Refused,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        let is_full = matches!(refused, Refused::Full);
        let mut pushing = Pushing {
            producer: self,
            message,
            refused,
            patience: Patience::default(),
            chances: Chances::default(),
        };
        if is_full {
            pushing.stand_back(deadline);
            pushing.producer.let_come_free();
        }
        park(&mut pushing, deadline)
    }

    /// Stands back while others have a turn, by an end that sleeps. Not beyond the deadline, nor for longer than everybody
    /// could have had one, nor for a ring that is over.
    fn stand_back(&mut self, chances: &mut Chances, deadline: Option<Instant>) {
        if !self.end.place.waits.sleeps() {
            return;
        }
        for _ in 0..ENDPOINTS {
            let Some(left) = chances.stand_back(self.end.ring.turn(), self.end.place.number()) else {
                return;
            };
            if chances.passes() {
                self.end.wake_one(Role::Producer); // Perhaps the one whose turn it is.
            }
            let is_late = deadline.is_some_and(|deadline| Instant::now() + left >= deadline);
            let is_over = matches!(self.ring().look(), Err(Refused::Closed | Refused::Corrupt(_)));
            if is_late || is_over {
                return;
            }
            std::thread::sleep(left);
        }
    }

    /// Lets a run of slots come free when the ring is full, or about to be.
    #[cold]
    #[inline(never)]
    fn let_come_free(&mut self) {
        self.pace.looked();
        let ring = self.ring.as_ref().expect("only drop takes it");
        let run = self.pace.run();
        if run == 0 {
            return;
        }
        slip::watch(|| !ring.is_untaken_ahead(run));
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

    /// Which channel this is, for a [pool](crate::pool) whose handles travel in its messages.
    #[must_use]
    pub fn route(&self) -> crate::pool::Route {
        crate::channel::pool::route(self.end.entry())
    }

    /// The memory of the ring, for its counters.
    #[must_use]
    pub fn memory(&self) -> &Mapped<T> {
        &self.end.ring
    }

    /// Ends the stream for all producers. What was pushed can still be popped.
    pub fn close(mut self) {
        self.end.close();
    }
}

/// A push that waits for room.
struct Pushing<'a, T: Message> {
    producer: &'a mut Producer<T>,
    message: &'a T,
    /// Why nothing was pushed last.
    refused: Refused,
    patience: Patience,
    chances: Chances,
}

impl<T: Message> Pushing<'_, T> {
    fn stand_back(&mut self, deadline: Option<Instant>) {
        self.producer.stand_back(&mut self.chances, deadline);
    }
}

impl<T: Message> Attempt for Pushing<'_, T> {
    type Waiter = Participant;
    type Output = ();
    type Error = PushError<()>;

    fn waiter(&self) -> &Participant {
        &self.producer.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant {
        &mut self.producer.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, PushError<()>> {
        match self.producer.ring().try_push(self.message) {
            Ok(()) => {
                self.producer.end.place.waits.finished(wait);
                let pushed = self.producer.pushed(());
                if wait.has_slept() && self.producer.ring().look().is_ok() {
                    self.producer.end.wake_one(Role::Producer); // The baton.
                }
                pushed.map(Some)
            }
            Err(refused @ (Refused::Closed | Refused::Corrupt(_))) => Err(self.producer.refuse((), refused)),
            Err(refused) => {
                self.chances.failed();
                self.refused = refused;
                self.producer.end.place.tell().map_err(|error| PushError::System((), error))?;
                Ok(None)
            }
        }
    }

    fn look(&mut self) -> Look {
        // Whoever left since may have found nobody asleep.
        match self.producer.ring().look() {
            Err(Refused::Full | Refused::Busy(_)) if self.producer.end.ends_without(Role::Consumer) => {
                Look::Ready
            }
            // It comes free at once, and its consumer may have looked for sleepers already.
            Err(Refused::Busy(holder)) if holder.is_reading() => Look::Soon,
            Err(Refused::Full | Refused::Busy(_)) => Look::Nothing,
            _ => Look::Ready,
        }
    }

    fn is_owed(&mut self) -> bool {
        // Consumers announce room for a quarter of the ring, or when they sleep themselves, to one producer that tells the next.
        match self.producer.ring().look() {
            Ok(()) => self.producer.end.do_all_wait(Role::Consumer),
            Err(Refused::Closed | Refused::Corrupt(_)) => true,
            Err(_) => self.producer.end.ends_without(Role::Consumer),
        }
    }

    fn poll(&mut self) -> Result<(), PushError<()>> {
        if let Refused::Busy(holder) = &self.refused
            && self.patience.is_over(1)
        {
            self.producer.end.repair_or_give_way(holder).map_err(|error| PushError::System((), error))?;
        }
        pause();
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PushError<()>>, PushError<()>> {
        if ask {
            self.producer.end.recover().map_err(|error| PushError::System((), error))?;
        }
        let is_deserted = self.producer.end.ends_without(Role::Consumer)
            && matches!(self.producer.ring().look(), Err(Refused::Full));
        Ok(if is_deserted { Presence::Gone(PushError::PeerGone((), PeerExit::All)) } else { Presence::There })
    }

    fn sleeps(&mut self, deadline: Option<Instant>) {
        self.chances.sleeps();
        self.stand_back(deadline);
    }

    fn slept(&mut self, is_woken: bool, deadline: Option<Instant>) {
        self.chances.slept(is_woken);
        self.stand_back(deadline);
    }
}

/// In a set a producer has something to do when there is room, or nobody is left to make some. Who pushes and finds more room
/// tells the next one.
impl<T: Message> Seated for Producer<T> {
    type Seat = Participant;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        let recovered = if probe { self.end.recover().map(drop) } else { Ok(()) };
        self.end.place.tell()?;
        match self.ring().look() {
            Err(Refused::Full | Refused::Busy(_)) => {}
            Err(Refused::Closed | Refused::Corrupt(_)) => {
                return Ok((!std::mem::replace(&mut self.end.ended, true)).then_some(News::Ended));
            }
            Ok(()) | Err(Refused::Contended) => return Ok(Some(News::Ready)),
        }
        recovered?;
        Ok((probe && self.end.newly_deserted(Role::Consumer)).then_some(News::PeerGone))
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        if is_worth_it {
            self.let_come_free();
        }
    }

    fn withdraw(&mut self) -> bool {
        let woken = self.end.place.withdraw();
        self.woken_in_set |= woken;
        woken
    }

    fn is_passed_over(&mut self) {
        if std::mem::take(&mut self.woken_in_set) {
            self.end.wake_one(Role::Producer);
        }
    }

    fn is_served(&mut self) {
        if std::mem::take(&mut self.woken_in_set) && self.ring().look().is_ok() {
            self.end.wake_one(Role::Producer); // The baton.
        }
    }

    fn is_unannounced(&self) -> bool {
        true // Consumers announce room for a quarter of the ring, or when they sleep themselves.
    }

    fn is_soon(&mut self) -> bool {
        let look = self.ring.as_mut().map(|ring| ring.look());
        matches!(look, Some(Err(Refused::Busy(holder))) if holder.is_reading())
    }
}

impl<T: Message> Drop for Producer<T> {
    fn drop(&mut self) {
        if let Some(ring) = self.ring.take()
            && self.end.place.is_ours()
        {
            self.end.leave(Role::Producer, || ring.detach());
        }
    }
}
