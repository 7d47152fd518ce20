//! What a producer and a consumer have in common besides moving elements: their seat, and recovery after
//! deaths.

use core::sync::atomic::Ordering::Relaxed;

use ipc_core::Error;

use crate::end::participant::{ANY_KEY, Notifiers, Participant, Seats, WaiterClass};
use crate::platform::Word;
use crate::ring::mpmc::recovery::{self, Repair, Report};
use crate::ring::mpmc::{self as ring, CONSUMER_SLEEPERS, Holder, Memory, PRODUCER_SLEEPERS};
use crate::wait::host::Host;

/// The side of the ring an end is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Role {
    /// Pushes.
    Producer = 1,
    /// Pops.
    Consumer = 2,
}

impl Role {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Role::Producer => Role::Consumer,
            Role::Consumer => Role::Producer,
        }
    }

    /// The ends of this side, all of which wait for the same event.
    #[must_use]
    pub const fn waiters(self) -> WaiterClass {
        let mask = match self {
            Role::Producer => PRODUCER_SLEEPERS,
            Role::Consumer => CONSUMER_SLEEPERS,
        };
        WaiterClass { role: self as u32, mask, key: ANY_KEY, notifiers: Notifiers::All }
    }
}

/// An attached end, without its half of the ring's algorithm.
#[derive(Debug)]
pub struct End<M: Memory, W: Seats, H: Host> {
    /// The memory of the ring.
    pub ring: M,
    /// Its seat among the others.
    pub place: Participant<W, H>,
    /// How many ends had attached to the other side when a set was notified that it is deserted.
    told: Option<u32>,
    /// Whether a set was notified that the stream has ended.
    ended: bool,
}

impl<M, W, H> End<M, W, H>
where
    M: Memory,
    W: Seats<Platform = M::Platform>,
    H: Host,
{
    /// An end of this ring in this seat.
    pub fn new(ring: M, place: Participant<W, H>, role: Role) -> Self {
        ring.attached(role as usize - 1).fetch_add(1, Relaxed); // For an answer only.
        let place = place.facing(role.other() as u32);
        Self { ring, place, told: None, ended: false }
    }

    /// Wakes one sleeper of a side, after something was published for it. Costs nothing while there are no
    /// sleepers. An error is kept.
    #[inline(always)]
    pub(crate) fn wake_one(&mut self, role: Role) {
        let mask = match role {
            Role::Producer => self.ring.producer_sleepers(),
            Role::Consumer => self.ring.consumer_sleepers(),
        };
        let woken = self.place.wake_one(role.waiters(), mask);
        self.place.keep(woken);
    }

    /// Wakes one sleeping consumer after a push, unless one was already woken for earlier elements.
    ///
    /// # Errors
    /// When no consumer could be woken.
    #[inline(always)]
    pub(crate) fn pushed(&mut self, is_behind_another: impl FnOnce() -> bool) -> Result<(), Error> {
        let mask = self.ring.consumer_sleepers();
        self.place.wake_one_unless(Role::Consumer.waiters(), mask, is_behind_another)
    }

    /// Wakes all sleepers of both sides.
    fn wake_all(&mut self) {
        self.place.wake_all(Role::Consumer.waiters());
        self.place.wake_all(Role::Producer.waiters());
    }

    /// Frees a claimed slot that was found if its holder is dead. True when a retry is worthwhile.
    ///
    /// # Errors
    /// When the holder's liveness is unknown.
    pub(crate) fn repair(&mut self, holder: &Holder) -> Result<bool, Error> {
        let repair = self.place.asking(|is_alive| recovery::repair(&self.ring, holder, is_alive))?;
        if matches!(repair, Repair::Repaired { .. }) {
            self.recover()?;
        }
        Ok(!matches!(repair, Repair::Alive { .. }))
    }

    /// As [`repair`](Self::repair), for an end that polls. A live holder may be waiting for this very CPU, to
    /// go on or to die: a killed process needs one to exit.
    ///
    /// # Errors
    /// As [`repair`](Self::repair).
    #[cold]
    pub(super) fn repair_or_give_way(&mut self, holder: &Holder) -> Result<(), Error> {
        if !self.repair(holder)? {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Recovers from all dead ends, and wakes all sleepers to see it if there was something to repair.
    ///
    /// # Errors
    /// When the liveness of an end is unknown. Nothing was taken from that one.
    pub fn recover(&mut self) -> Result<Report, Error> {
        self.place.host.check_process("recover")?;
        // Before a seat is freed: an end whose token went to a dead one has another, or finds the dead one.
        if self.place.has_holder_died() {
            self.wake_all();
        }
        let mut report = Report::default();
        let asked = self.place.asking(|is_alive| report = recovery::recover(&self.ring, is_alive));
        if report.seats > 0 || report.slots > 0 {
            self.wake_all();
        }
        asked?;
        self.place.tell()?;
        Ok(report)
    }

    fn times_attached(&self, role: Role) -> u32 {
        self.ring.attached(role as usize - 1).load(Relaxed) // For an answer only.
    }

    /// Whether all ends of a side are gone, after at least one was attached. Does not check liveness: run
    /// [`recover`](Self::recover) first.
    fn is_deserted(&self, role: Role) -> bool {
        self.times_attached(role) > 0 && !self.place.is_taken(role as u32)
    }

    /// Whether there are ends on a side, all of which sleep or are about to.
    pub(super) fn do_all_wait(&self, role: Role) -> bool {
        self.place.do_all_wait(role as u32)
    }

    /// Whether waiting for a side ends because it is deserted.
    pub(super) fn ends_without(&self, role: Role) -> bool {
        !self.place.waits.awaits_successors() && self.is_deserted(role)
    }

    /// Whether a side is deserted and this has not been reported since an end last attached to it.
    pub(super) fn is_newly_deserted(&mut self, role: Role) -> bool {
        let times = self.times_attached(role);
        if self.told == Some(times) || !self.is_deserted(role) {
            return false;
        }
        self.told = Some(times);
        true
    }

    /// Whether the end of the stream is still to be reported: once.
    pub(super) fn is_newly_ended(&mut self) -> bool {
        !std::mem::replace(&mut self.ended, true)
    }

    /// Marks the ring as corrupt and wakes all sleepers to see it, unless that was done before.
    #[cold]
    pub(crate) fn poison(&mut self) {
        if ring::poison(&self.ring) {
            self.wake_all();
        }
    }

    /// Ends the stream, and wakes all sleepers to see it.
    pub fn close(&mut self) {
        ring::close(&self.ring);
        self.wake_all();
    }

    /// After the seat is given up: wakes the other side, so that ends waiting for this side find it empty.
    pub fn left(&mut self, role: Role) {
        self.place.wake_all(role.other().waiters());
    }
}
