//! Reading, and waiting for newer values, for elements of any shape.

use std::fmt::{self, Debug, Formatter};
use std::time::Instant;

use super::end::{End, Topic};
use super::error::ReadError;
use crate::channel::participant::Participant;
use crate::channel::seated::Seated;
use crate::channel::successor::{self, Follower};
use crate::channel::wait_set::News;
use crate::memory::Shape;
use crate::ring::latest::{self as ring, MappedOf, Memory as _, Trouble};
use crate::wait::Wait;
use crate::wait::park::{Attempt, Look, Presence, park};

/// What is needed to open a table again that may be replaced.
pub(in crate::channel) trait Reopen<S: Shape>: Send + Sync {
    /// The end opened again as it was opened before.
    fn reopen(&self) -> Option<Reading<S>>;
}

impl<S: Shape> Debug for dyn Reopen<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Reopen")
    }
}

/// The reading end of a table.
#[derive(Debug)]
pub(in crate::channel) struct Reading<S: Shape> {
    pub(in crate::channel) ring: ring::Reader<MappedOf<S>>,
    pub(in crate::channel) end: End<S>,
    /// Whether a set was notified that the writer is gone.
    told: bool,
    /// Whether a set was notified that the channel is closed.
    ended: bool,
    /// Set while it may have to follow the channel.
    origin: Option<Box<dyn Reopen<S>>>,
}

impl<S: Shape> Reading<S> {
    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn new(end: End<S>, origin: impl FnOnce() -> Box<dyn Reopen<S>>) -> Self {
        let origin = end.place.is_open().then(origin);
        Self { ring: ring::Reader::attach(end.ring.clone()), end, told: false, ended: false, origin }
    }

    /// The result of an attempt to read. If there is nothing, the table may have been replaced by one that a
    /// writer has chosen.
    #[inline(always)]
    pub(in crate::channel) fn read<R>(
        &mut self,
        key: u32,
        mut attempt: impl FnMut(&mut ring::Reader<MappedOf<S>>) -> Result<Option<R>, Trouble>,
    ) -> Result<Option<R>, ReadError> {
        self.end.place.ours()?;
        let mut followed = false;
        // One call site for both attempts, so that the first one is inlined.
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

    /// Nothing was read. While a writer may still choose the number of keys, a key beyond it has no value
    /// yet.
    pub(in crate::channel) fn nothing(
        &self,
        key: u32,
        nothing: Result<(), Trouble>,
    ) -> Result<(), ReadError> {
        match nothing {
            Err(Trouble::NoSuchKey) if self.is_undecided() => Ok(()),
            nothing => self.answer(key, nothing),
        }
    }

    /// Whether a writer may still choose the number of keys.
    pub(in crate::channel) fn is_undecided(&self) -> bool {
        self.origin.is_some() && self.end.place.is_capacity_open()
    }

    /// Continues at the table that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    pub(in crate::channel) fn follow(&mut self) -> bool {
        if !self.end.place.is_open() {
            self.origin = None; // A writer has attached, and every parameter is chosen.
        }
        successor::follow(self)
    }

    /// Waits until `read` returns something. `has_something` is the same by a check that changes nothing.
    #[track_caller]
    pub(in crate::channel) fn wait_until<R>(
        &mut self,
        key: u32,
        topic: Topic,
        deadline: Option<Instant>,
        read: impl FnMut(&mut ring::Reader<MappedOf<S>>) -> Result<Option<R>, Trouble>,
        has_something: impl Fn(&ring::Reader<MappedOf<S>>) -> bool,
    ) -> Result<R, ReadError> {
        self.end.place.ours()?;
        park(&mut Attempting { reader: self, key, topic, read, has_something }, deadline)
    }

    #[inline]
    pub(in crate::channel) fn answer<R>(&self, key: u32, result: Result<R, Trouble>) -> Result<R, ReadError> {
        result.map_err(|trouble| ReadError::from_trouble(trouble, key, self.keys()))
    }

    pub(in crate::channel) fn keys(&self) -> u32 {
        self.ring.memory().keys()
    }
}

impl<S: Shape> Follower for Reading<S> {
    type Seat = Participant;

    fn seat(&mut self) -> &mut Participant {
        &mut self.end.place
    }

    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.reopen()
    }
}

impl<S: Shape> Drop for Reading<S> {
    fn drop(&mut self) {
        if self.end.place.is_ours() {
            self.end.leave();
        }
    }
}

/// A wait for a newer value.
struct Attempting<'a, S: Shape, F, G> {
    reader: &'a mut Reading<S>,
    key: u32,
    topic: Topic,
    read: F,
    has_something: G,
}

impl<S, R, F, G> Attempt for Attempting<'_, S, F, G>
where
    S: Shape,
    F: FnMut(&mut ring::Reader<MappedOf<S>>) -> Result<Option<R>, Trouble>,
    G: Fn(&ring::Reader<MappedOf<S>>) -> bool,
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
            // Before the read: what the writer published before it went is checked for once more.
            let over = self.reader.end.unless_awaited(self.reader.end.ended());
            let answer = match (self.read)(&mut self.reader.ring) {
                // There is something; the next attempt may be fast enough.
                Err(Trouble::Contended) => Ok(None),
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
impl<S: Shape> Seated for Reading<S> {
    type Seat = Participant;

    fn waiter(&self) -> &Participant {
        &self.end.place
    }

    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        match self.ring.next_change() {
            Ok(None) => {}
            // Even when the writer is just too fast, or the memory is invalid: the next read reports it.
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
                // Without asking the kernel, a dead writer looks like a living one.
                self.told &= !probe;
                None
            }
        })
    }

    fn is_armed(&mut self) {
        self.end.place.wait_for(Topic::Any.side());
    }
}
