//! Reading, and waiting for newer values, for elements of any shape.

use std::fmt::{self, Debug, Formatter};
use std::time::Instant;

use super::end::{End, Topic};
use crate::channel::kernel::Kernel;
use crate::channel::participant::Participant;
use crate::channel::seated::{Seat as _, has_core};
use crate::channel::seats::Segment;
use crate::channel::successor::{self, Follower};
use crate::end::latest::{self as end, Wanted};
use crate::error::ReadError;
use crate::memory::Shape;
use crate::ring::latest::{self as ring, MappedOf, Memory as _, Trouble};

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
    pub(in crate::channel) core: end::Reader<MappedOf<S>, Segment, Kernel>,
    /// Set while it may have to follow the channel.
    origin: Option<Box<dyn Reopen<S>>>,
}

impl<S: Shape> Reading<S> {
    /// Keeps what is needed to open the channel again, as long as that may be necessary.
    pub(in crate::channel) fn new(end: End<S>, origin: impl FnOnce() -> Box<dyn Reopen<S>>) -> Self {
        let origin = end.place.is_open().then(origin);
        Self { core: end::Reader::new(end), origin }
    }

    /// The result of an attempt to read. If there is nothing, the table may have been replaced by one that a
    /// writer has chosen.
    #[inline(always)]
    pub(in crate::channel) fn read<R>(
        &mut self,
        key: u32,
        mut attempt: impl FnMut(&mut ring::Reader<MappedOf<S>>) -> Result<Option<R>, Trouble>,
    ) -> Result<Option<R>, ReadError> {
        self.core.end.place.ours()?;
        let mut followed = false;
        // One call site for both attempts, so that the first one is inlined.
        loop {
            let nothing = match attempt(&mut self.core.ring) {
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
        self.origin.is_some() && self.core.end.place.is_capacity_open()
    }

    /// Continues at the table that has replaced this one. See [`successor::follow`].
    #[cold]
    #[inline(never)]
    pub(in crate::channel) fn follow(&mut self) -> bool {
        if !self.core.end.place.is_open() {
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
        mut read: impl FnMut(&mut ring::Reader<MappedOf<S>>) -> Result<Option<R>, Trouble>,
        has_something: impl Fn(&ring::Reader<MappedOf<S>>) -> bool,
    ) -> Result<R, ReadError> {
        loop {
            let may_follow = self.origin.is_some();
            let is_undecided = |place: &Participant| may_follow && place.is_capacity_open();
            let wanted = Wanted { key, topic, read: &mut read, has_something: &has_something, is_undecided };
            match self.core.wait_until(wanted, deadline) {
                Err(ReadError::Closed | ReadError::PeerGone(_)) if self.follow() => {}
                result => return result,
            }
        }
    }

    #[inline]
    pub(in crate::channel) fn answer<R>(&self, key: u32, result: Result<R, Trouble>) -> Result<R, ReadError> {
        result.map_err(|trouble| ReadError::from_trouble(trouble, key, self.keys()))
    }

    pub(in crate::channel) fn keys(&self) -> u32 {
        self.core.ring.memory().keys()
    }
}

impl<S: Shape> Follower for Reading<S> {
    fn reopened(&self) -> Option<Self> {
        self.origin.as_ref()?.reopen()
    }
}

impl<S: Shape> Drop for Reading<S> {
    fn drop(&mut self) {
        if self.core.end.place.is_ours() {
            self.core.end.leave();
        }
    }
}

has_core!([S: Shape] Reading<S>, end::Reader<MappedOf<S>, Segment, Kernel>, core);
