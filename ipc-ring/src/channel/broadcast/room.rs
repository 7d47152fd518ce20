//! Publishers in a set and in an event loop: a gated one waits for room. A lossy one always has some.

use super::end::End;
use super::waiting::{self, Room};
use crate::channel::wait_set::News;

/// The event that a publisher has to report: it is ready when there is room, which the last check of a wait
/// also makes by dropping dead subscribers in the way. The next publication reports a corrupt ring.
///
/// # Errors
/// That of a wake that was kept; with `probe`, when the liveness of a subscriber is unknown.
pub(super) fn news(
    ring: &mut impl Room,
    end: &mut End,
    probe: bool,
) -> Result<Option<News>, ipc_core::Error> {
    end.place.tell()?;
    let has_room =
        !matches!(ring.has_room(), Ok(false)) || (probe && waiting::has_room_without_the_dead(ring, end)?);
    Ok(has_room.then_some(News::Ready))
}

/// Makes a publisher waitable, using its fields `ring` and `end`.
macro_rules! waits_for_room {
    ([$($generics:tt)*] $publisher:ty) => {
        /// In a set, a publisher is ready when there is room.
        impl<$($generics)*> $crate::channel::seated::Seated for $publisher {
            type Seat = $crate::channel::participant::Participant;

            fn waiter(&self) -> &$crate::channel::participant::Participant {
                &self.end.place
            }

            fn news(
                &mut self,
                probe: bool,
            ) -> Result<Option<$crate::channel::wait_set::News>, ipc_core::Error> {
                $crate::channel::broadcast::room::news(&mut self.ring, &mut self.end, probe)
            }

            fn is_unannounced(&self) -> bool {
                true // Subscribers announce room for a quarter of the ring, or when they sleep themselves.
            }
        }
    };
}

pub(super) use waits_for_room;
