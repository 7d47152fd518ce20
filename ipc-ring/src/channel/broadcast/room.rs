//! Publishers in a set and in an event loop: a gated one waits for room. A lossy one always has some.

/// Makes a publisher waitable, by its field `core`.
macro_rules! waits_for_room {
    ([$($generics:tt)*] $publisher:ty) => {
        /// In a set, a publisher is ready when there is room.
        impl<$($generics)*> $crate::channel::seated::Seated for $publisher {
            type Seat = $crate::channel::participant::Participant;

            fn waiter(&self) -> &$crate::channel::participant::Participant {
                &self.core.end.place
            }

            fn news(
                &mut self,
                probe: bool,
            ) -> Result<Option<$crate::channel::wait_set::News>, ipc_core::Error> {
                $crate::end::broadcast::room_news(&mut self.core.ring, &mut self.core.end, probe)
            }

            fn is_unannounced(&self) -> bool {
                true // Subscribers announce room for a quarter of the ring, or when they sleep themselves.
            }
        }
    };
}

pub(super) use waits_for_room;
