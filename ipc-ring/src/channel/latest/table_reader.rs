//! The reading end of a table.

use std::time::{Duration, Instant};

use super::TableBuilder;
use super::end::{End, Topic};
use super::reading::{Reading, Reopen};
use crate::channel::PeerState;
use crate::channel::seated::{Seat as _, has_core};
use crate::error::ReadError;
use crate::memory::Of;
use crate::message::Message;
use crate::ring::latest::{self as ring, Mapped, Trouble, Value};

/// A reading end of a table: one of many, each in one thread at a time.
///
/// It remembers what it has read of each key. *Newer* means newer than that, whichever method read it.
#[derive(Debug)]
pub struct TableReader<T: Message> {
    reading: Reading<Of<T>>,
}

impl<T: Message> TableReader<T> {
    crate::interrupter::interruptible!(reading.core.end.place.host);

    pub(super) fn new(end: End<Of<T>>, builder: &TableBuilder<T>) -> Self {
        Self { reading: Reading::new(end, || Box::new(builder.kept())) }
    }

    /// The newest value of a key, even if it was read before; `None` as long as there is none.
    ///
    /// # Errors
    /// [`ReadError::NoSuchKey`], [`ReadError::Contended`], [`ReadError::Corrupt`].
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn get(&mut self, key: u32) -> Result<Option<Value<T>>, ReadError> {
        self.reading.read(key, |ring| ring.newest_value(key))
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
        self.reading.read(key, |ring| ring.newer_value(key))
    }

    /// As [`get`](Self::get), into the caller's variable, which is overwritten even on an error.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_into(&mut self, key: u32, place: &mut T) -> Result<Option<Value<()>>, ReadError> {
        // SAFETY: only whole elements are copied there, or nothing.
        let place = unsafe { crate::copy::as_uninit_one(place) };
        self.reading.read(key, |ring| ring.read(key, place))
    }

    /// The sequence of the newest value of a key, without a copy of the value; 0 as long as there is none.
    /// Does not count as reading it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline]
    pub fn sequence(&mut self, key: u32) -> Result<u64, ReadError> {
        let newest = self.reading.read(key, |ring| Ok(Some(ring.newest(key)?).filter(|newest| *newest != 0)));
        Ok(newest?.unwrap_or(0))
    }

    /// The sequence of the value of a key that was read last; 0 for none.
    ///
    /// # Errors
    /// [`ReadError::NoSuchKey`].
    pub fn seen(&self, key: u32) -> Result<u64, ReadError> {
        match self.reading.core.ring.seen(key) {
            Err(Trouble::NoSuchKey) if self.reading.is_undecided() => Ok(0),
            seen => self.reading.answer(key, seen),
        }
    }

    /// A key that has a newer value, if there is one. Keys are reported in no particular order, each until
    /// its value is read.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`].
    pub fn changed(&mut self) -> Result<Option<u32>, ReadError> {
        self.reading.read(0, ring::Reader::next_change)
    }

    /// Waits for a newer value of a key.
    ///
    /// # Errors
    /// [`ReadError::Closed`] and [`ReadError::PeerGone`] when there is none and no writer to publish one; a
    /// writer that has never attached is waited for. And as [`get`](Self::get).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn wait(&mut self, key: u32) -> Result<Value<T>, ReadError> {
        self.reading.core.end.place.ours()?;
        match self.reading.core.ring.newer_value(key) {
            Ok(Some(value)) => Ok(value),
            _ => self.wait_slowly(key, None),
        }
    }

    /// As [`wait`](Self::wait), until a deadline.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, key: u32, deadline: Instant) -> Result<Value<T>, ReadError> {
        self.wait_slowly(key, Some(deadline))
    }

    /// As [`wait`](Self::wait), with a timeout.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, key: u32, timeout: Duration) -> Result<Value<T>, ReadError> {
        self.wait_deadline(key, crate::clock::after(timeout))
    }

    /// Waits for a newer value of any key; returns the key too.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    pub fn wait_any(&mut self) -> Result<(u32, Value<T>), ReadError> {
        self.wait_any_until(None)
    }

    /// As [`wait_any`](Self::wait_any), until a deadline.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_any_deadline(&mut self, deadline: Instant) -> Result<(u32, Value<T>), ReadError> {
        self.wait_any_until(Some(deadline))
    }

    /// As [`wait_any`](Self::wait_any), with a timeout.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_any_timeout(&mut self, timeout: Duration) -> Result<(u32, Value<T>), ReadError> {
        self.wait_any_deadline(crate::clock::after(timeout))
    }

    #[cold]
    #[inline(never)]
    fn wait_slowly(&mut self, key: u32, deadline: Option<Instant>) -> Result<Value<T>, ReadError> {
        self.reading.wait_until(
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
        self.reading.wait_until(0, Topic::Any, deadline, next, ring::Reader::has_change)
    }

    /// Whether the writer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        Ok(self.reading.core.end.place.unless_replaced(self.reading.core.end.writer()?))
    }

    /// Sleeps until a writer is attached or has closed the channel, or the timeout has passed. Returns its
    /// state then.
    ///
    /// # Errors
    /// When the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, whatever this end's wait strategy; woken when a writer attaches.
    pub fn wait_for_peer(&mut self, timeout: Option<Duration>) -> Result<PeerState, ipc_core::Error> {
        let deadline = timeout.map(crate::clock::after);
        loop {
            match self.reading.core.end.wait_for_peer(deadline)? {
                PeerState::Closed if self.reading.follow() => {}
                state => return Ok(state),
            }
        }
    }

    /// Number of keys; 1 as long as a writer may still [choose](TableBuilder::keys) it.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.reading.keys()
    }
}

impl<T: Message> Reopen<Of<T>> for TableBuilder<T> {
    fn reopen(&self) -> Option<Reading<Of<T>>> {
        Some(self.open_receiver().ok()?.reading)
    }
}

has_core!([T: Message] TableReader<T>, of Reading<Of<T>>, reading);
