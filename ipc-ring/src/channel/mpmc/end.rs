//! What every end does beside moving messages: holding its seat, sleeping, waking others, and clearing up after the dead.
//!
//! How ends sleep and wake each other is told in [`sleepers`]. A notifier that dies between taking a bit and posting leaves a
//! sleeper to its heartbeat, a tenth of a second.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use crate::channel::open::Found;
use crate::domain::{Domain, Entry, Locked, Member, Owner, WakeSemaphore};
use crate::error::AttachError;
use crate::message::Message;
use crate::platform::{Barrier, Native, Platform as _};
use crate::region::Region;
use crate::ring::mpmc::recovery::{self, Repair, Report};
use crate::ring::mpmc::sleepers::{self, Crowd};
use crate::ring::mpmc::{ENDPOINTS, Holder, Mapped, Memory as _, SEAT_SIZE, SEATS, Seat, is_closed};
use crate::wait::signal::{self, WAITING};
use crate::wait::{WaitStrategy, Waits};

/// A seat's record, behind the identity that the ring keeps there.
const WAKE: usize = 8;
const PID: usize = 12;
const ROLE: usize = 16;
const SIGNAL: usize = 20;

/// The side of the ring an end is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Role {
    Producer = 1,
    Consumer = 2,
}

/// An attached end, still without its half of the ring's algorithm.
#[derive(Debug)]
pub(super) struct End<T> {
    pub(super) ring: Mapped<T>,
    /// Until the ring's end takes it.
    pub(super) seat: Option<Seat>,
    number: u16,
    member: Arc<Member>,
    region: Region,
    entry: Entry,
    barrier: Barrier,
    wake: WakeSemaphore,
    pub(super) waits: Waits,
    /// Where to look first for somebody to wake, so that all have their turn.
    turn: u16,
}

/// The ends of one role.
struct Side<'a> {
    region: &'a Region,
    mask: &'a AtomicU64,
    role: Role,
}

impl Crowd for Side<'_> {
    type Platform = Native;

    #[inline(always)]
    fn mask(&self) -> &AtomicU64 {
        self.mask
    }

    fn signal(&self, number: u16) -> &AtomicU32 {
        self.region.half(SEATS + usize::from(number) * SEAT_SIZE + SIGNAL)
    }

    fn belongs(&self, number: u16) -> bool {
        let role = self.region.half(SEATS + usize::from(number) * SEAT_SIZE + ROLE);
        role.load(Ordering::Relaxed) == self.role as u32 // Written before the end waits for the first time.
    }

    fn seats(&self) -> u16 {
        ENDPOINTS
    }
}

impl<T: Message> End<T> {
    /// Takes a seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`AttachError::Closed`] for a producer; [`AttachError::DomainFull`] when all seats are taken by living ends.
    pub(super) fn take_seat(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        role: Role,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let Found { region, geometry, barrier, entry } = found;
        let ring = Mapped::<T>::new(region.clone(), &geometry);
        if role == Role::Producer && is_closed(&ring) {
            return Err(AttachError::Closed);
        }
        let member = Arc::clone(domain.member());
        let identity = NonZeroU64::new(member.me().as_raw()).expect("a member is somebody");
        let wake = locked.claim_wake()?;
        let seat = Seat::take(&ring, identity).or_else(|_| {
            recovery::recover(&ring, |identity| member.is_alive(Owner::from_raw(identity)));
            Seat::take(&ring, identity)
        });
        let Ok(seat) = seat else {
            locked.free_wake(wake);
            return Err(AttachError::DomainFull {
                what: "ends of one channel",
                limit: usize::from(ENDPOINTS),
            });
        };
        let number = seat.number();
        let end = Self {
            ring,
            seat: Some(seat),
            number,
            member,
            region,
            entry,
            barrier,
            wake,
            waits: Waits::new(strategy),
            turn: number,
        };
        // A predecessor's waiting bit may bring a token or two to the semaphore; they end one sleep early.
        end.half(number, SIGNAL).fetch_and(!WAITING, Ordering::Relaxed); // Under the lock.
        end.half(number, WAKE).store(wake.as_raw(), Ordering::Relaxed); // Before the waiting bit.
        end.half(number, PID).store(std::process::id(), Ordering::Relaxed); // For display.
        end.half(number, ROLE).store(role as u32, Ordering::Relaxed); // Before the waiting bit.
        end.ring.attached(role as u32).fetch_add(1, Ordering::Relaxed); // For an answer only.
        Ok(end)
    }

    fn half(&self, number: u16, offset: usize) -> &AtomicU32 {
        self.region.half(SEATS + usize::from(number) * SEAT_SIZE + offset)
    }

    #[inline(always)]
    fn side(&self, role: Role) -> Side<'_> {
        let mask = match role {
            Role::Producer => self.ring.producer_sleepers(),
            Role::Consumer => self.ring.consumer_sleepers(),
        };
        Side { region: &self.region, mask, role }
    }

    /// Wakes one sleeper of a side, after something was published for it. Costs nothing while nobody sleeps.
    #[inline(always)]
    pub(super) fn wake_one(&mut self, role: Role) {
        if sleepers::is_anybody(&self.side(role), self.barrier) {
            self.wake_some(role, 1);
        }
    }

    /// Wakes everybody on a side.
    pub(super) fn wake_all(&mut self, role: Role) {
        Native::light(self.barrier);
        self.wake_some(role, usize::MAX);
    }

    #[cold]
    #[inline(never)]
    fn wake_some(&mut self, role: Role, wanted: usize) {
        let mut turn = self.turn;
        sleepers::wake(&self.side(role), &mut turn, wanted, |number| self.post(number));
        self.turn = turn;
    }

    /// Posts a token to an end that waited. False when it is dead: then somebody else should have a token.
    fn post(&self, number: u16) -> bool {
        let Some(wake) = WakeSemaphore::from_raw(self.half(number, WAKE).load(Ordering::Relaxed)) else {
            return false;
        };
        self.member.wake(wake);
        let owner = Owner::from_raw(self.ring.seat(number).load(Ordering::Relaxed)); // A guess about whom to wake.
        owner.is_some() && self.member.is_alive(owner)
    }

    /// Says that this end is about to sleep. Look at the ring once more, then [`sleep`](Self::sleep) or
    /// [`do_not_sleep`](Self::do_not_sleep).
    pub(super) fn announce(&self, role: Role) {
        sleepers::announce(&self.side(role), self.number, self.barrier);
    }

    /// Sleeps until woken or until the time has come.
    ///
    /// # Errors
    /// When the semaphores were removed.
    pub(super) fn sleep(&self, until: Instant) -> Result<(), ipc_core::Error> {
        let woken = self.member.sleep(self.wake, until);
        let taken = signal::withdraw::<Native>(self.half(self.number, SIGNAL));
        if taken && matches!(woken, Ok(false)) {
            self.member.drain(self.wake);
        }
        woken.map(|_| ())
    }

    /// Takes the announcement back.
    pub(super) fn do_not_sleep(&self) {
        if signal::withdraw::<Native>(self.half(self.number, SIGNAL)) {
            self.member.drain(self.wake);
        }
    }

    /// The process number of an endpoint, for display.
    pub(super) fn pid(&self, endpoint: u16) -> u32 {
        if endpoint < ENDPOINTS { self.half(endpoint, PID).load(Ordering::Relaxed) } else { 0 }
    }

    /// Frees a met slot if its holder is dead. True when it is worth trying again.
    pub(super) fn repair(&mut self, holder: &Holder) -> bool {
        let member = &self.member;
        let repair =
            recovery::repair(&self.ring, holder, |identity| member.is_alive(Owner::from_raw(identity)));
        if matches!(repair, Repair::Repaired { .. }) {
            self.recover();
        }
        !matches!(repair, Repair::Alive { .. })
    }

    /// Clears up after all dead ends, and tells those who sleep if there was something.
    pub(super) fn recover(&mut self) -> Report {
        let member = &self.member;
        let report = recovery::recover(&self.ring, |identity| member.is_alive(Owner::from_raw(identity)));
        if report.seats > 0 || report.slots > 0 {
            self.wake_all(Role::Consumer);
            self.wake_all(Role::Producer);
        }
        report
    }

    /// Whether everybody on a side is gone, though somebody was there. Asks nobody: run [`recover`](Self::recover) before.
    pub(super) fn deserted(&self, role: Role) -> bool {
        self.ring.attached(role as u32).load(Ordering::Relaxed) > 0
            && !(0..ENDPOINTS).any(|number| {
                self.ring.seat(number).load(Ordering::Acquire) != 0
                    && self.half(number, ROLE).load(Ordering::Relaxed) == role as u32
            })
    }

    /// Ends the stream, and wakes everybody to see it.
    pub(super) fn close(&mut self) {
        crate::ring::mpmc::close(&self.ring);
        self.wake_all(Role::Consumer);
        self.wake_all(Role::Producer);
    }

    /// Whether this is the process that attached, not a forked child.
    pub(super) fn is_ours(&self) -> bool {
        self.member.is_ours()
    }

    /// Frees what the seat's record names, after `give_back` has freed the seat itself. Under the domain's lock, so
    /// nobody takes the seat in between.
    pub(super) fn leave(&mut self, role: Role, give_back: impl FnOnce()) {
        let member = Arc::clone(&self.member);
        let mut give_back = Some(give_back);
        let left = member.locked(|locked| {
            self.half(self.number, WAKE).store(0, Ordering::Relaxed); // Under the lock.
            self.half(self.number, ROLE).store(0, Ordering::Relaxed); // Under the lock.
            if let Some(give_back) = give_back.take() {
                give_back();
            }
            locked.free_wake(self.wake);
            let somebody = (0..ENDPOINTS).any(|number| {
                let owner = Owner::from_raw(self.ring.seat(number).load(Ordering::Relaxed)); // Under the lock.
                owner.is_some() && member.is_alive(owner)
            });
            if !somebody {
                locked.remove(&self.entry);
            }
            Ok(())
        });
        // When the lock cannot be had the seat is freed all the same: it holds nothing.
        if left.is_err()
            && let Some(give_back) = give_back.take()
        {
            give_back();
        }
        // A token that was meant for this end goes to another; and whoever waits for this side learns that it is empty.
        self.wake_one(role);
        let other = if role == Role::Producer { Role::Consumer } else { Role::Producer };
        self.wake_all(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Seat of an mpmc ring",
            &[("identity", 0), ("wake", WAKE), ("pid", PID), ("role", ROLE), ("signal", SIGNAL)],
        );
    }
}
