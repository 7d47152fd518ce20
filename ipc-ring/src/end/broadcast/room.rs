//! How a gated publisher waits for room.

use std::time::Instant;

use ipc_core::Error;

use super::end::End;
use crate::end::participant::{Participant, Seats};
use crate::error::PushError;
use crate::ring::broadcast::{Control, Corruption};
use crate::wait::Wait;
use crate::wait::host::Host;
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::signal::POISONED;

/// A publisher, as far as waiting for room is concerned.
pub trait Room {
    /// Whether there is room now.
    ///
    /// # Errors
    /// When the words of the ring are invalid.
    fn has_room(&mut self) -> Result<bool, Corruption>;
    /// Drops the subscriber that is in the way, if it is dead.
    fn drop_dead(&mut self, is_alive: &dyn Fn(u64) -> bool) -> bool;
}

/// Waiting for room.
struct ForRoom<'a, R, F: Control, W: Seats, H: Host> {
    ring: &'a mut R,
    end: &'a mut End<F, W, H>,
}

/// Waits until there is room.
///
/// # Errors
/// [`PushError`], except [`PushError::Full`].
#[cold]
#[track_caller]
pub(crate) fn wait_for_room<F, W, H>(
    ring: &mut impl Room,
    end: &mut End<F, W, H>,
    deadline: Option<Instant>,
) -> Result<(), PushError<()>>
where
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    park(&mut ForRoom { ring, end }, deadline)
}

impl<R, F, W, H> Attempt for ForRoom<'_, R, F, W, H>
where
    R: Room,
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    type Waiter = Participant<W, H>;
    type Output = ();
    type Error = PushError<()>;

    // Subscribers check for a waiting publisher only when they have read a quarter of the ring, or wait
    // themselves.
    const NEEDS_POLLING: bool = true;

    fn waiter(&self) -> &Participant<W, H> {
        &self.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, PushError<()>> {
        let has_room = self.ring.has_room().map_err(|corruption| PushError::Corrupt((), corruption))?;
        if has_room {
            self.end.place.waits.finished(wait);
        }
        Ok(has_room.then_some(()))
    }

    fn look(&mut self) -> Look {
        let is_full = matches!(self.ring.has_room(), Ok(false)) && self.end.bits() & POISONED == 0;
        if is_full { Look::Nothing } else { Look::Ready }
    }

    fn is_owed(&mut self) -> bool {
        // Subscribers notify of room for a quarter of the ring, or when they sleep themselves.
        self.end.do_all_subscribers_wait() && matches!(self.ring.has_room(), Ok(true))
            || self.end.bits() & POISONED != 0
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PushError<()>>, PushError<()>> {
        let changed =
            ask && drop_all_dead(self.ring, self.end).map_err(|error| PushError::System((), error))?;
        Ok(if changed { Presence::Changed } else { Presence::There })
    }
}

/// Whether there is room once the dead subscribers in the way are dropped.
///
/// # Errors
/// As [`drop_all_dead`].
#[cold]
pub(super) fn has_room_without_the_dead<F, W, H>(
    ring: &mut impl Room,
    end: &End<F, W, H>,
) -> Result<bool, Error>
where
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    Ok(drop_all_dead(ring, end)? && matches!(ring.has_room(), Ok(true)))
}

/// Drops the dead subscribers in the way, one after the other. True when there was one.
///
/// # Errors
/// When the liveness of the one in the way is unknown and none before it was dead.
pub(crate) fn drop_all_dead<F, W, H>(ring: &mut impl Room, end: &End<F, W, H>) -> Result<bool, Error>
where
    F: Control,
    W: Seats<Platform = F::Platform>,
    H: Host,
{
    let mut any = false;
    // Only another check finds the next one in the way.
    while end.place.asking(|is_alive| ring.drop_dead(is_alive))? {
        any = true;
        if !matches!(ring.has_room(), Ok(false)) {
            break;
        }
    }
    Ok(any)
}
