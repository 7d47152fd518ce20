//! The publishing end of a channel of elements.

use std::time::Instant;

use super::attached::Attached;
use super::room::{Room, wait_for_room};
use crate::apart::apart;
use crate::end::participant::Seats;
use crate::error::PushError;
use crate::memory::{Item, Of};
use crate::message::Message;
use crate::ring::broadcast::{self as ring, Control, Corruption, Memory, Publish};
use crate::wait::host::Host;

/// The publishing end.
pub type Publisher<M, F, W, H> = Attached<ring::Publisher<M>, F, W, H>;

impl<M: Memory> Room for ring::Publisher<M> {
    fn has_room(&mut self) -> Result<bool, Corruption> {
        self.has_room()
    }

    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool {
        self.drop_dead(is_alive)
    }
}

impl<M, F, W, H> Publisher<M, F, W, H>
where
    M: Memory,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Publishes an element if there is room; a lossy channel always has room.
    ///
    /// # Errors
    /// [`PushError::Full`] in a gated channel; [`PushError::Corrupt`]; [`PushError::NotWoken`].
    #[inline(always)]
    pub fn try_publish(&mut self, item: &Item<M>) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        match self.ring.try_publish(item) {
            Publish::Done => self.pushed(()),
            other => apart(self.settle(item, other)),
        }
    }

    /// Publishes an element, in a gated channel waiting for room.
    ///
    /// # Errors
    /// [`PushError`], except [`PushError::Full`].
    #[inline(always)]
    pub fn publish(&mut self, item: &Item<M>, deadline: Option<Instant>) -> Result<(), PushError<()>> {
        self.end.place.ours()?;
        match self.ring.try_publish(item) {
            Publish::Done => self.pushed(()),
            other => apart(self.publish_slowly(item, other, deadline)),
        }
    }

    /// Nothing was published: once more, if dropping dead subscribers makes room.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, item: &Item<M>, publish: Publish) -> Result<(), PushError<()>> {
        match publish {
            Publish::Done => Ok(()),
            Publish::Full => {
                if self.after_full()? && self.ring.try_publish(item) == Publish::Done {
                    self.pushed(())
                } else {
                    Err(PushError::Full(()))
                }
            }
            Publish::Corrupt(corruption) => Err(PushError::Corrupt((), corruption)),
        }
    }

    /// Nothing was published: once more, as soon as there is room.
    #[cold]
    #[inline(never)]
    fn publish_slowly(
        &mut self,
        item: &Item<M>,
        mut publish: Publish,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        loop {
            match publish {
                Publish::Done => return self.pushed(()),
                Publish::Full => wait_for_room(&mut self.ring, &mut self.end, deadline)?,
                Publish::Corrupt(corruption) => return Err(PushError::Corrupt((), corruption)),
            }
            publish = self.ring.try_publish(item);
        }
    }
}

impl<T, M, F, W, H> Publisher<M, F, W, H>
where
    T: Message,
    M: Memory<Shape = Of<T>>,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    /// Publishes elements from the front of a slice while there is room; returns their number. One wake at
    /// most.
    ///
    /// # Errors
    /// When there is no room at all, as [`try_publish`](Self::try_publish), with 0 for the value.
    pub fn try_publish_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
        self.end.place.ours()?;
        match self.put_slice(items) {
            Ok(0) if !items.is_empty() => match self.after_full() {
                Err(error) => Err(error.with(0)),
                Ok(true) => self.put_slice(items),
                Ok(false) => Err(PushError::Full(0)),
            },
            result => result,
        }
    }

    /// Publishes a whole slice, in order, in a gated channel waiting for room.
    ///
    /// # Errors
    /// As [`publish`](Self::publish). The value is the number of elements published before the error.
    pub fn publish_slice(&mut self, items: &[T], deadline: Option<Instant>) -> Result<(), PushError<usize>> {
        self.end.place.ours()?;
        let mut done = 0;
        while done < items.len() {
            done += match self.put_slice(&items[done..]) {
                Ok(0) => {
                    wait_for_room(&mut self.ring, &mut self.end, deadline)
                        .map_err(|error| error.with(done))?;
                    0
                }
                Ok(count) => count,
                Err(PushError::NotWoken(count, error)) => {
                    return Err(PushError::NotWoken(done + count, error));
                }
                Err(other) => return Err(other.with(done)),
            };
        }
        Ok(())
    }

    fn put_slice(&mut self, items: &[T]) -> Result<usize, PushError<usize>> {
        let before = self.ring.position();
        let result = self.ring.try_publish_slice(items);
        let woken = if self.ring.position() == before { Ok(()) } else { self.end.wake_subscribers() };
        let count = result.map_err(|corruption| PushError::Corrupt(0, corruption))?;
        woken.map_err(|error| PushError::NotWoken(count, error))?;
        Ok(count)
    }
}
