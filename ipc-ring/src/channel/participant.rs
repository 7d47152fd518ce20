//! An end of a channel with many ends on a side: [`participant`](crate::end::participant) over a segment and
//! a domain's semaphores, and what needs the domain: taking a seat, giving it up, and notifying watchers.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use super::kernel::Kernel;
use super::notify_watchers::notify_watchers;
use super::open::Found;
use super::role::EndRole;
use super::seated::Seat;
use super::seats::{Segment, Table};
use super::settings::Settings;
use super::successor;
use crate::domain::{Domain, Entry, Locked, Owner, Questions};
use crate::end::participant::{self, Seats as _, WaiterClass};
use crate::error::AttachError;
use crate::frame::FrameKind;
use crate::region::Region;
use crate::wait::WaitStrategy;
use crate::wait::host::Host as _;

/// An attached end among others.
pub(super) type Participant = participant::Participant<Segment, Kernel>;

impl Participant {
    /// Takes a seat under the domain's lock. `seat` takes a seat of the ring for an identity and returns the
    /// seat's number; it is given a function that says whether an identity is alive. It takes no seat of an
    /// identity whose state is unknown.
    ///
    /// # Errors
    /// Those of `seat`; [`DomainFull`](crate::AttachErrorKind::DomainFull) when no wake semaphore is free.
    pub(super) fn take_seat<S>(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        (table, class): (Table, WaiterClass),
        strategy: WaitStrategy,
        seat: impl FnOnce(u64, &Questions<'_>) -> Result<(S, u16), AttachError>,
    ) -> Result<(Self, S), AttachError> {
        let Found { region, barrier, entry, .. } = found;
        let member = Arc::clone(domain.member());
        let wake = locked.claim_wake()?;
        let (seat, number) = match seat(member.me().as_raw(), &member.questions()) {
            Ok(taken) => taken,
            Err(error) => {
                member.free_wake(wake);
                return Err(error);
            }
        };
        // [E1] Acquire ← the end that gave the seat back: what it wrote into the record comes before what is
        // written here.
        fence(Ordering::Acquire);
        let words = Segment::new(region, table, entry);
        let holder = (number, std::process::id());
        let end = Self::sit_down(words, Kernel::new(member, wake), holder, class, barrier, strategy);
        end.notify_watchers(FrameKind::Joined);
        Ok((end, seat))
    }

    /// Notifies the channel's watchers that this end comes or goes.
    fn notify_watchers(&self, kind: FrameKind) {
        if let Some(role) = EndRole::from_raw(self.role()) {
            let (member, subject) = (&self.host.member, (self.host.member.me(), std::process::id()));
            notify_watchers(member, self.words.entry.generation, kind, role, subject);
        }
    }

    /// Uses the wait strategy of these settings from now on.
    pub(super) fn settle(&mut self, settings: &Settings) {
        self.host.sleep_by(settings.parker);
        self.waits.set_awaits_successors(settings.awaits_successors);
    }

    /// From now on, when this end goes, watchers are notified that it was closed.
    pub(super) fn closes(&mut self) {
        self.words.departure = FrameKind::Closing;
    }

    /// Whether the capacity of the ring is still open.
    pub(super) fn is_capacity_open(&self) -> bool {
        successor::is_capacity_open(&self.words.region)
    }

    /// Frees what the seat's record names, and with `give_back` the seat itself. The last end removes the
    /// channel from the directory; if `is_finished` returns true, a persistent one ends. Never waits: see
    /// [`departure`](crate::domain).
    pub(super) fn leave(&mut self, give_back: impl FnOnce(), is_finished: impl FnOnce() -> bool) {
        let (member, end) = (Arc::clone(&self.host.member), &*self);
        member.depart(
            &end.words.entry,
            || {
                end.vacate(give_back);
                member.free_wake(end.host.wake());
                end.notify_watchers(end.words.departure);
            },
            || {
                member.asking(|is_alive| {
                    !(0..end.words.seats()).any(|number| {
                        // Taken under the lock.
                        let identity = end.words.identity(number).load(Ordering::Relaxed);
                        Owner::from_raw(identity).is_some() && is_alive(identity)
                    })
                })
            },
            is_finished,
        );
        self.hand_on();
    }
}

impl Seat for Participant {
    fn region(&self) -> &Region {
        &self.words.region
    }

    fn signal(&self) -> usize {
        self.words.table.signal(self.number())
    }

    fn entry(&self) -> &Entry {
        &self.words.entry
    }

    fn host_mut(&mut self) -> &mut Kernel {
        &mut self.host
    }

    fn is_replaced(&self) -> bool {
        successor::is_replaced(&self.words.region)
    }

    fn is_open(&self) -> bool {
        successor::is_open(&self.words.region)
    }
}
