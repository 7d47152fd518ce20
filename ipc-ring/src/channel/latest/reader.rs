//! The reading end of a channel of one value.

use std::time::{Duration, Instant};

use super::{Builder, ReadError, TableReader, Value};
use crate::channel::PeerState;
use crate::channel::builder::by_name;
use crate::channel::seated::has_core;
use crate::message::Message;

/// A reading end of one value: one of many, each in one thread at a time.
///
/// It remembers what it has read. *Newer* means newer than that, whichever method read it.
#[derive(Debug)]
pub struct Reader<T: Message>(TableReader<T>);

impl<T: Message> Reader<T> {
    crate::interrupter::interruptible!(0);

    by_name!(Builder<T>: create_receiver, create_new_receiver, open_receiver);

    pub(super) fn new(table: TableReader<T>) -> Self {
        Self(table)
    }

    /// The newest value, even if it was read before; `None` as long as there is none.
    ///
    /// # Errors
    /// [`ReadError::Contended`], [`ReadError::Corrupt`].
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn get(&mut self) -> Result<Option<Value<T>>, ReadError> {
        self.0.get(0)
    }

    /// The newest value if it is newer than the one read last.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Blocking
    /// Never.
    #[inline]
    pub fn get_newer(&mut self) -> Result<Option<Value<T>>, ReadError> {
        self.0.get_newer(0)
    }

    /// As [`get`](Self::get), into the caller's variable, which is overwritten even on an error.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_into(&mut self, place: &mut T) -> Result<Option<Value<()>>, ReadError> {
        self.0.get_into(0, place)
    }

    /// The sequence of the newest value, without a copy of the value; 0 as long as there is none. Does not
    /// count as reading it.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline]
    pub fn sequence(&mut self) -> Result<u64, ReadError> {
        self.0.sequence(0)
    }

    /// Waits for a newer value.
    ///
    /// # Errors
    /// [`ReadError::Closed`] and [`ReadError::PeerGone`] when there is none and no writer to publish one; a
    /// writer that has never attached is waited for. And as [`get`](Self::get).
    ///
    /// # Blocking
    /// By this end's wait strategy.
    #[inline]
    pub fn wait(&mut self) -> Result<Value<T>, ReadError> {
        self.0.wait(0)
    }

    /// As [`wait`](Self::wait), until a deadline.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<Value<T>, ReadError> {
        self.0.wait_deadline(0, deadline)
    }

    /// As [`wait`](Self::wait), with a timeout.
    ///
    /// # Errors
    /// [`ReadError::TimedOut`], and as [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Value<T>, ReadError> {
        self.0.wait_timeout(0, timeout)
    }

    /// Whether the writer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.0.peer()
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
        self.0.wait_for_peer(timeout)
    }
}

has_core!([T: Message] Reader<T>, of TableReader<T>, 0);
