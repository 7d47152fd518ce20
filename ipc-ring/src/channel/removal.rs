//! Removing a channel by its name.

use super::lifetime;
use super::open::explain;
use crate::domain::layout::LISTENER;
use crate::domain::{Domain, Locked};
use crate::error::AttachError;

impl Domain {
    /// Removes a channel: its name is free at once, its memory when the last attached end is dropped.
    /// Attached ends continue as before. True when there was such a channel.
    ///
    /// This is how a [`Persistent`](crate::Lifetime::Persistent) channel ends before its stream does.
    ///
    /// # Errors
    /// [`KeyTaken`](crate::AttachErrorKind::KeyTaken); [`System`](crate::AttachErrorKind::System) when the
    /// kernel refuses.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn remove_channel(&self, name: &str) -> Result<bool, AttachError> {
        let remove = |locked: &Locked<'_>| {
            let found = match locked.find(name)? {
                Some(entry) => Some(entry),
                None => lifetime::adopt(locked, self, name)?,
            };
            let Some(entry) = found.filter(|entry| entry.kind != LISTENER) else { return Ok(false) };
            locked.remove(&entry);
            entry.end()?;
            Ok(true)
        };
        let removed = crate::domain::check_name(name).and_then(|()| self.locked(remove));
        removed.map_err(|error| explain(error, self, name))
    }
}
