//! How a producer waits for room.

use std::time::Instant;

use super::end::Role;
use super::patience::Patience;
use super::producer::Producer;
use crate::end::participant::{Participant, Seats};
use crate::error::{PeerExit, PushError};
use crate::memory::Item;
use crate::ring::mpmc::{ENDPOINTS, Memory, Refused};
use crate::wait::host::Host;
use crate::wait::park::{Attempt, Look, Presence, park};
use crate::wait::turns::Attempts;
use crate::wait::{Wait, pause};

impl<M, W, H> Producer<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// A push found no room, or a claimed slot.
    #[cold]
    #[inline(never)]
    pub(super) fn push_slowly(
        &mut self,
        item: &Item<M>,
        refused: Refused,
        deadline: Option<Instant>,
    ) -> Result<(), PushError<()>> {
        let is_full = matches!(refused, Refused::Full);
        let (patience, attempts) = (Patience::default(), Attempts::default());
        let mut pushing = Pushing { producer: self, item, refused, patience, attempts };
        if is_full {
            pushing.stand_back(deadline);
            pushing.producer.let_come_free();
        }
        park(&mut pushing, deadline)
    }

    /// An end that sleeps stands back while others have their turn. Not beyond the deadline, nor for longer
    /// than each could have had one, nor for a ring that has ended.
    fn stand_back(&mut self, attempts: &mut Attempts, deadline: Option<Instant>) {
        if !self.end.place.waits.sleeps() {
            return;
        }
        for _ in 0..ENDPOINTS {
            let (place, turn) = (&self.end.place, self.end.ring.turn());
            let Some(left) = attempts.stand_back(turn, place.number(), &place.host) else {
                return;
            };
            if attempts.passes() {
                self.end.wake_one(Role::Producer); // Perhaps the one whose turn it is.
            }
            let is_late = deadline.is_some_and(|deadline| Instant::now() + left >= deadline);
            let is_over = matches!(self.ring.look(), Err(Refused::Closed | Refused::Corrupt(_)));
            if is_late || is_over {
                return;
            }
            self.end.place.host.rest(left);
        }
    }
}

/// A push that waits for room.
struct Pushing<'a, M: Memory, W: Seats, H: Host> {
    producer: &'a mut Producer<M, W, H>,
    item: &'a Item<M>,
    /// Why the last attempt pushed nothing.
    refused: Refused,
    patience: Patience,
    attempts: Attempts,
}

impl<M, W, H> Pushing<'_, M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    fn stand_back(&mut self, deadline: Option<Instant>) {
        self.producer.stand_back(&mut self.attempts, deadline);
    }
}

impl<M, W, H> Attempt for Pushing<'_, M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    type Waiter = Participant<W, H>;
    type Output = ();
    type Error = PushError<()>;

    fn waiter(&self) -> &Participant<W, H> {
        &self.producer.end.place
    }

    fn waiter_mut(&mut self) -> &mut Participant<W, H> {
        &mut self.producer.end.place
    }

    fn attempt(&mut self, wait: &Wait) -> Result<Option<()>, PushError<()>> {
        match self.producer.ring.try_push(self.item) {
            Ok(()) => {
                self.producer.end.place.waits.finished(wait);
                let pushed = self.producer.pushed();
                if wait.has_slept() {
                    self.producer.pass_on();
                }
                pushed.map(Some)
            }
            Err(refused @ (Refused::Closed | Refused::Corrupt(_))) => Err(self.producer.refuse((), refused)),
            Err(refused) => {
                self.attempts.failed();
                self.refused = refused;
                self.producer.end.place.tell().map_err(|error| PushError::System((), error))?;
                Ok(None)
            }
        }
    }

    fn look(&mut self) -> Look {
        // Consumers that have left since may have found no sleepers.
        match self.producer.ring.look() {
            Err(Refused::Full | Refused::Busy(_)) if self.producer.end.ends_without(Role::Consumer) => {
                Look::Ready
            }
            // It is about to be freed, and its consumer may have checked for sleepers already.
            Err(Refused::Busy(holder)) if holder.is_reading() => Look::Soon,
            Err(Refused::Full | Refused::Busy(_)) => Look::Nothing,
            _ => Look::Ready,
        }
    }

    fn is_owed(&mut self) -> bool {
        // Consumers notify of room when a quarter of the ring is free, or when they sleep themselves, to one
        // producer, which wakes the next.
        match self.producer.ring.look() {
            Ok(()) => self.producer.end.do_all_wait(Role::Consumer),
            Err(Refused::Closed | Refused::Corrupt(_)) => true,
            Err(_) => self.producer.end.ends_without(Role::Consumer),
        }
    }

    fn poll(&mut self) -> Result<(), PushError<()>> {
        if let Refused::Busy(holder) = &self.refused
            && self.patience.is_over(1)
        {
            self.producer.end.repair_or_give_way(holder).map_err(|error| PushError::System((), error))?;
        }
        pause();
        Ok(())
    }

    fn presence(&mut self, ask: bool) -> Result<Presence<PushError<()>>, PushError<()>> {
        if ask {
            self.producer.end.recover().map_err(|error| PushError::System((), error))?;
        }
        let is_deserted = self.producer.end.ends_without(Role::Consumer)
            && matches!(self.producer.ring.look(), Err(Refused::Full));
        Ok(if is_deserted { Presence::Gone(PushError::PeerGone((), PeerExit::All)) } else { Presence::There })
    }

    fn sleeps(&mut self, deadline: Option<Instant>) {
        self.attempts.sleeps(self.producer.end.place.host.now());
        self.stand_back(deadline);
    }

    fn slept(&mut self, is_woken: bool, deadline: Option<Instant>) {
        self.attempts.slept(is_woken);
        self.stand_back(deadline);
    }
}
