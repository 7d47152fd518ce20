//! Handling the results of a publication or a pop other than a plain success, for elements of any shape.

use super::end::End;
use super::waiting::{self, Room};
use crate::error::{Missed, PopError, PushError};
use crate::memory::{Item, Place};
use crate::ring::broadcast::{self as ring, Corruption, Memory, Pop, Publish};
use crate::wait::signal::POISONED;

impl<M: Memory> Room for ring::Publisher<M> {
    fn has_room(&mut self) -> Result<bool, Corruption> {
        self.has_room()
    }

    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool {
        self.drop_dead(is_alive)
    }
}

/// The result of an attempt to publish. In a full ring, dropping dead subscribers makes room.
pub(in crate::channel) fn published<M: Memory>(
    ring: &mut ring::Publisher<M>,
    end: &mut End,
    item: &Item<M>,
    publish: Publish,
) -> Result<(), PushError<()>> {
    match publish {
        Publish::Done => Ok(()),
        Publish::Full => match waiting::has_room_without_the_dead(ring, end) {
            Ok(true) if ring.try_publish(item) == Publish::Done => not_woken(end.wake_subscribers(), ()),
            Ok(_) => Err(PushError::Full(())),
            Err(error) => Err(PushError::System((), error)),
        },
        Publish::Corrupt(corruption) => Err(PushError::Corrupt((), corruption)),
    }
}

/// The result of the wakes after a publication.
#[inline(always)]
pub(in crate::channel) fn not_woken<V>(
    woken: Result<(), ipc_core::Error>,
    value: V,
) -> Result<(), PushError<V>> {
    match woken {
        Ok(()) => Ok(()),
        Err(error) => Err(PushError::NotWoken(value, error)),
    }
}

/// Why nothing was popped.
pub(in crate::channel) enum Nothing {
    /// For this reason.
    Because(PopError),
    /// The stream has ended this way, unless another ring has replaced its ring.
    Ended(PopError),
}

/// The result of an attempt to pop.
pub(in crate::channel) fn popped<M: Memory>(
    ring: &mut ring::Subscriber<M>,
    end: &mut End,
    pop: Pop<()>,
    place: &mut Place<M>,
) -> Result<(), Nothing> {
    let look = match item(end, pop)? {
        None => return Ok(()),
        Some(look) => look,
    };
    if look {
        end.wake_publisher();
    }
    end.place.tell().map_err(|error| Nothing::Because(PopError::System(error)))?;
    let over = waiting::ended(end.bits(), ring.position()).ok_or(Nothing::Because(PopError::Empty))?;
    // [C1] The bit is seen: everything published before is visible too. Check once more.
    let pop = ring.try_pop_into(place);
    match item(end, pop)? {
        None => Ok(()),
        Some(_) => Err(Nothing::Ended(over)),
    }
}

/// `None`: an element was popped; otherwise there is none, and the value says whether to check the publisher.
fn item(end: &mut End, pop: Pop<()>) -> Result<Option<bool>, Nothing> {
    match pop {
        Pop::Item { look, .. } => {
            if look {
                end.wake_publisher();
            }
            Ok(None)
        }
        Pop::Empty { look } => Ok(Some(look)),
        Pop::Missed { count } => Err(Nothing::Because(PopError::Missed(Missed { count }))),
        Pop::Corrupt(corruption) => Err(Nothing::Because(poison(end, corruption))),
    }
}

/// Signals to all ends that the ring is corrupt.
#[cold]
pub(in crate::channel) fn poison(end: &mut End, corruption: Corruption) -> PopError {
    end.raise(POISONED);
    PopError::Corrupt(corruption)
}
