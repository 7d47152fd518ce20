//! Reading without taking part.

use super::end;
use crate::channel::PeerState;
use crate::domain::Domain;
use crate::error::ReadError;
use crate::message::Message;
use crate::ring::latest::{self as ring, Mapped, Memory as _, Trouble, Value};

/// A reader that is attached read-only, of a table or of one value (under the key 0): it takes no seat, can
/// neither disturb the ends nor change anything, and there may be any number. It cannot sleep until something
/// changes.
///
/// As long as it lives the channel's memory does, even when all ends are gone.
#[derive(Debug)]
pub struct Observer<T: Message> {
    domain: Domain,
    ring: ring::Reader<Mapped<T>>,
}

impl<T: Message> Observer<T> {
    pub(super) fn new(domain: Domain, table: Mapped<T>) -> Self {
        Self { domain, ring: ring::Reader::attach(table) }
    }

    /// The newest value of a key, even if it was read before; `None` as long as there is none.
    ///
    /// # Errors
    /// [`ReadError::NoSuchKey`], [`ReadError::Contended`], [`ReadError::Corrupt`].
    #[inline]
    pub fn get(&mut self, key: u32) -> Result<Option<Value<T>>, ReadError> {
        let value = self.ring.newest_value(key);
        self.answer(key, value)
    }

    /// The newest value of a key if it is newer than the one read last.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[inline]
    pub fn get_newer(&mut self, key: u32) -> Result<Option<Value<T>>, ReadError> {
        let value = self.ring.newer_value(key);
        self.answer(key, value)
    }

    /// The sequence of the newest value of a key; 0 as long as there is none.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn sequence(&self, key: u32) -> Result<u64, ReadError> {
        self.answer(key, self.ring.newest(key))
    }

    /// A key that has a newer value, if there is one. See
    /// [`TableReader::changed`](super::TableReader::changed).
    ///
    /// # Errors
    /// [`ReadError::Corrupt`].
    pub fn changed(&mut self) -> Result<Option<u32>, ReadError> {
        let changed = self.ring.next_change();
        self.answer(0, changed)
    }

    fn answer<R>(&self, key: u32, result: Result<R, Trouble>) -> Result<R, ReadError> {
        result.map_err(|trouble| ReadError::from_trouble(trouble, key, self.keys()))
    }

    /// Whether the writer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive: the domain's semaphores were removed, or this
    /// process may not read them any more.
    pub fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        end::observed_writer(self.domain.member(), self.ring.memory().region())
    }

    /// Number of keys.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.ring.memory().keys()
    }
}
