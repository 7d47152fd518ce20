//! The reading end of a table.

use std::time::{Duration, Instant};

use super::Builder;
use super::end::{End, Topic};
use super::error::ReadError;
use crate::channel::PeerState;
use crate::channel::participant::Participant;
use crate::channel::successor::{self, Followed as _, Follower};
use crate::channel::wait_set::News;
use crate::channel::wait_set::sealed::{Await, Bell, Home, Waiting};
use crate::error::PeerExit;
use crate::message::Message;
use crate::platform::Barrier;
use crate::ring::latest::{self as ring, Mapped, Memory as _, Trouble, Value};
use crate::wait::Wait;
use crate::wait::park::{Attempt, Look, Presence, park};

/// A reading end of a table: one of many, each in one thread at a time.
///
/// It remembers what it has read of each key. *Newer* means newer than that, whichever method read it.
#[derive(Debug)]
pub struct TableReader<T: Message> {
    ring: ring::Reader<Mapped<T>>,
    end: End<T>,
    /// A set was told that the writer is gone, and nothing was published since.
    told: bool,
    /// A set was told that the channel has ended.
    ended: bool,
    /// While it may have to follow the channel.
    origin: Option<Box<Builder<T>>>,
}

impl<T: Message> TableReader<T> {
    crate::interrupter::interruptible!(end.place);

    pub(super) fn new(end: End<T>) -> Self {
        Self { ring: ring::Reader::attach(end.ring.clone()), end, told: false, ended: false, origin: None }
    }

    /// Keeps what it takes to open the table again, as long as that may have to be.
    pub(super) fn of(mut self, builder: &Builder<T>) -> Self {
        if self.end.place.is_open() {
            self.origin = Some(Box::new(builder.clone()));
        }
        self
    }

    /// What an attempt to read gives. Where there is nothing, the table may have been replaced by what a writer has chosen.
    #[inline(always)]
    fn read<R>(
        &mut self,
        key: u32,
        mut attempt: impl FnMut(&mut ring::Reader<Mapped<T>>) -> Result<Option<R>, Trouble>,
    ) -> Result<Option<R>, ReadError> {
        self.end.place.ours()?;
        let mut followed = false;
        // One place for both attempts, so that the first one is inlined.
        loop {
            let nothing = match attempt(&mut self.ring) {
                Ok(Some(something)) => return Ok(Some(something)),
                Ok(None) => Ok(()),
                Err(trouble) => Err(trouble),
            };
            if self.origin.is_none() || followed || !self.follow() {
                return self.nothing(key, nothing).map(|()| None);
            }
            followed = true;
        }
    }

    /// Nothing was read. While a writer may still choose the number of keys, a key beyond it has no value yet.
    fn nothing(&self, key: u32, nothing: Result<(), Trouble>) -> Result<(), ReadError> {
        match nothing {
            Err(Trouble::NoSuchKey) if self.is_undecided() => Ok(()),
            nothing => self.answer(key, nothing),
        }
    }

    /// Whether a writer may still choose the number of keys.
    fn is_undecided(&self) -> bool {
        self.origin.is_some() && self.end.place.is_capacity_open()
    }

    /// Continues at the table that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    fn follow(&mut self) -> bool {
        if !self.end.place.is_open() {
            self.origin = None; // A writer has come, and everything is chosen.
        }
        successor::follow(self)
    }

    /// The newest value of a key, also if it was read before; `None` as long as there is none.
    ///
    /// # Errors
    /// [`ReadError::NoSuchKey`], [`ReadError::Contended`], [`ReadError::Corrupt`].
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn get(&mut self, key: u32) -> Result<Option<Value<T>>, ReadError> {
        self.read(key, |ring| ring.newest_value(key))
    }

    /// The newest value of a key if it is newer than the one read last.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn get_newer(&mut self, key: u32) -> Result<Option<Value<T>>, ReadError> {
        self.read(key, |ring| ring.newer_value(key))
    }

    /// As [`get`](Self::get), into a place of the caller's, which is overwritten also when the answer is an error.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_into(&mut self, key: u32, place: &mut T) -> Result<Option<Value<()>>, ReadError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let place = unsafe { crate::copy::as_uninit_one(place) };
        self.read(key, |ring| ring.read(key, place))
    }

    /// The sequence of the newest value of a key, without a copy of the value; 0 as long as there is none. Does not count as
    /// reading it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline]
    pub fn sequence(&mut self, key: u32) -> Result<u64, ReadError> {
        let newest = self.read(key, |ring| Ok(Some(ring.newest(key)?).filter(|newest| *newest != 0)));
        Ok(newest?.unwrap_or(0))
    }

    /// The sequence of the value of a key that was read last; 0 for none.
    ///
    /// # Errors
    /// [`ReadError::NoSuchKey`].
    pub fn seen(&self, key: u32) -> Result<u64, ReadError> {
        match self.ring.seen(key) {
            Err(Trouble::NoSuchKey) if self.is_undecided() => Ok(0),
            seen => self.answer(key, seen),
        }
    }

    /// A key that has a newer value, if there is one. Keys are told of in no particular order; each until its value is read.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`].
    pub fn changed(&mut self) -> Result<Option<u32>, ReadError> {
        self.read(0, ring::Reader::next_change)
    }

    /// Waits for a newer value of a key.
    ///
    /// # Errors
    /// [`ReadError::Closed`] and [`ReadError::PeerGone`] when there is none and nobody to publish one; a writer that has
    /// never come is waited for. And as [`get`](Self::get).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn wait(&mut self, key: u32) -> Result<Value<T>, ReadError> {
        self.end.place.ours()?;
        match self.ring.newer_value(key) {
            Ok(Some(value)) => Ok(value),
            _ => self.wait_slowly(key, None),
        }
    }

    /// As [`wait`](Self::wait), until a point in time.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, key: u32, deadline: Instant) -> Result<Value<T>, ReadError> {
        self.wait_slowly(key, Some(deadline))
    }

    /// As [`wait`](Self::wait), for a length of time.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, key: u32, timeout: Duration) -> Result<Value<T>, ReadError> {
        self.wait_deadline(key, crate::clock::after(timeout))
    }

    /// Waits for a newer value of any key; gives the key too.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn wait_any(&mut self) -> Result<(u32, Value<T>), ReadError> {
        self.wait_any_until(None)
    }

    /// As [`wait_any`](Self::wait_any), until a point in time.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_any_deadline(&mut self, deadline: Instant) -> Result<(u32, Value<T>), ReadError> {
        self.wait_any_until(Some(deadline))
    }

    /// As [`wait_any`](Self::wait_any), for a length of time.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_any_timeout(&mut self, timeout: Duration) -> Result<(u32, Value<T>), ReadError> {
        self.wait_any_deadline(crate::clock::after(timeout))
    }

    #[cold]
    #[inline(never)]
    fn wait_slowly(&mut self, key: u32, deadline: Option<Instant>) -> Result<Value<T>, ReadError> {
        self.wait_until(
            key,
            Topic::Key(key),
            deadline,
            |ring| ring.newer_value(key),
            |ring| ring.has_newer(key),
        )
    }

    fn wait_any_until(&mut self, deadline: Option<Instant>) -> Result<(u32, Value<T>), ReadError> {
        let next = |ring: &mut ring::Reader<Mapped<T>>| match ring.next_change()? {
            Some(key) => Ok(ring.newer_value(key)?.map(|value| (key, value))),
            None => Ok(None),
        };
        self.wait_until(0, Topic::Any, deadline, next, ring::Reader::has_change)
    }

    /// Waits until `read` gives something. `has_something` is the same by a look that changes nothing.
    #[track_caller]
    fn wait_until<R>(
        &mut self,
        key: u32,
        topic: Topic,
        deadline: Option<Instant>,
        read: impl FnMut(&mut ring::Reader<Mapped<T>>) -> Result<Option<R>, Trouble>,
        has_something: impl Fn(&ring::Reader<Mapped<T>>) -> bool,
    ) -> Result<R, ReadError> {
        self.end.place.ours()?;
        park(&mut Reading { reader: self, key, topic, read, has_something }, deadline)
    }

    #[inline]
    fn answer<R>(&self, key: u32, result: Result<R, Trouble>) -> Result<R, ReadError> {
        result.map_err(|trouble| ReadError::from_trouble(trouble, key, self.keys()))
    }

    /// Whether the writer is there. A system call when it is.
    ///
    /// # Errors
    /// When it cannot be known whether its process is alive: the domain's semaphores were removed, or this process may not
    /// read them any more.
    pub fn writer(&self) -> Result<PeerState, ipc_core::Error> {
        let state = self.end.writer()?;
        // Another table has replaced this one, whose writer is not known before a read follows.
        let replaced = state == PeerState::Closed && self.end.place.is_replaced();
        Ok(if replaced { PeerState::Gone(PeerExit::NeverAttached) } else { state })
    }

    /// Sleeps until a writer is there, or has closed the channel; for so long at most. Gives its state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when a writer comes.
    pub fn wait_for_writer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        let deadline = timeout.map(crate::clock::after);
        loop {
            let state = self.end.wait_for_writer(deadline)?;
            if !self.end.place.is_replaced() || !self.follow() {
                return Ok(state);
            }
        }
    }

    /// Number of keys; 1 as long as a writer may still [choose](Builder::keys) it.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.ring.memory().keys()
    }
}

impl<T: Message> Follower for TableReader<T> {
    type Seat = Participant;

    fn seat(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.open_table_reader().ok()
    }
}

impl<T: Message> Drop for TableReader<T> {
    fn drop(&mut self) {
        if self.end.place.is_ours() {
            self.end.leave();
        }
    }
}

/// A wait for a newer value.
struct Reading<'a, T: Message, F, G> {
    reader: &'a mut TableReader<T>,
    key: u32,
    topic: Topic,
    read: F,
    has_something: G,
}

impl<T, R, F, G> Attempt for Reading<'_, T, F, G>
where
    T: Message,
    F: FnMut(&mut ring::Reader<Mapped<T>>) -> Result<Option<R>, Trouble>,
    G: Fn(&ring::Reader<Mapped<T>>) -> bool,
{
    type Waiter = Participant;
    type Output = R;
    type Error = ReadError;

    fn waiter(&self) -> &Participant {
        &self.reader.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant {
        &mut self.reader.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<R>, ReadError> {
        loop {
            // Before the look: what the writer published before it went is looked for once more.
            let over = self.reader.end.unless_awaited(self.reader.end.ended());
            let answer = match (self.read)(&mut self.reader.ring) {
                Err(Trouble::Contended) => Ok(None), // There is something; the next attempt may be fast enough.
                answer => answer,
            };
            let something = match answer {
                Ok(Some(something)) => Some(something),
                Ok(None) => None,
                Err(trouble) => self.reader.nothing(self.key, Err(trouble)).map(|()| None)?,
            };
            match (something, over) {
                (None, None) => return Ok(None),
                (None, Some(_)) if self.reader.follow() => {}
                (None, Some(over)) => return Err(over),
                (something, _) => {
                    self.reader.end.place.waits.finished(wait);
                    return Ok(something);
                }
            }
        }
    }

    fn look(&mut self) -> Look {
        let end = &self.reader.end;
        let is_over = || end.unless_awaited(end.ended()).is_some();
        if (self.has_something)(&self.reader.ring) || is_over() { Look::Ready } else { Look::Nothing }
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<ReadError>, ReadError> {
        let died = if ask { self.reader.end.died()? } else { None };
        Ok(self.reader.end.unless_awaited(died).map_or(Presence::There, Presence::Gone))
    }

    fn sleeps(&mut self, _deadline: Option<Instant>) {
        self.reader.end.place.wait_for(self.topic.side());
    }
}

/// In a set a table is ready when any of its keys has a newer value.
impl<T: Message> Await for TableReader<T> {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.end.place.is_replaced() {
            return Ok(Some(News::Ready)); // The next read follows.
        }
        match self.ring.next_change() {
            Ok(None) => {}
            // Also when the writer is just too fast, or the memory makes no sense: the next read tells.
            Ok(Some(_)) | Err(_) => {
                self.told = false;
                return Ok(Some(News::Ready));
            }
        }
        let over = match self.end.ended() {
            None if probe => self.end.died().unwrap_or_else(Some),
            over => over,
        };
        Ok(match over {
            Some(ReadError::Closed) => (!std::mem::replace(&mut self.ended, true)).then_some(News::Ended),
            Some(ReadError::System(error)) => return Err(error),
            Some(_) if !std::mem::replace(&mut self.told, true) => Some(News::PeerGone),
            Some(_) => None,
            None => {
                // Without a question a dead writer looks like a living one.
                self.told &= !probe;
                None
            }
        })
    }

    fn mark(&mut self, bell: Bell) -> Barrier {
        self.end.place.wait_for(Topic::Any.side());
        self.end.place.arm_for(bell)
    }

    fn has_peer_died(&self) -> bool {
        self.end.place.has_anybody_died()
    }

    fn unmark(&mut self) -> bool {
        self.end.place.withdraw()
    }

    fn awaits_successors(&self) -> bool {
        self.end.place.waits.awaits_successors()
    }

    fn home(&self) -> Home<'_> {
        self.end.place.home()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.end.place.waiting()
    }
}
