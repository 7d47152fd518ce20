//! An end of a channel with two ends: [`pair`](crate::end::pair) over a segment and a domain's semaphores,
//! and what needs the domain: taking a seat, giving it up, and notifying watchers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use super::kernel::Kernel;
use super::notify_watchers::notify_watchers;
use super::open::Found;
use super::record::{ARMED, CPU, OWNER, PID, Record, TIMES, WAKE};
use super::role::EndRole;
use super::seated::{self, Seat};
use super::settings::Settings;
use super::successor;
use crate::domain::{Domain, Entry, Locked, Owner, WakeSemaphore};
use crate::end::pair::{self, Endpoint, Held, Holder, PeerState, Side, Words};
use crate::error::{AttachError, AttachErrorKind};
use crate::frame::FrameKind;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::spsc::{Corruption, PRODUCER_RECORD};
use crate::wait::WaitStrategy;
use crate::wait::host::Host as _;
use crate::wait::signal::{CLOSED, POISONED};

/// The words of the two ends, in the order own, other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seats {
    pub(super) own: Record,
    pub(super) peer: Record,
    /// Offset of this end's signal word.
    pub(super) own_signal: usize,
    /// Offset of the other end's signal word.
    pub(super) peer_signal: usize,
    /// Offset of the word in which this end says whether it fences its looks.
    pub(super) own_fences: usize,
    /// That of the other end.
    pub(super) peer_fences: usize,
    /// Offset of this end's count of wakes made.
    pub(super) own_wakes: usize,
}

/// The words of two ends in a segment, and the channel that it holds.
#[derive(Debug)]
pub struct Segment {
    region: Region,
    seats: Seats,
    /// As in the directory.
    entry: Entry,
}

impl Segment {
    fn record(&self, side: Side) -> usize {
        match side {
            Side::Own => self.seats.own.offset,
            Side::Peer => self.seats.peer.offset,
        }
    }
}

impl Words for Segment {
    type Platform = Native;

    fn signal(&self, side: Side) -> &AtomicU32 {
        self.region.half(match side {
            Side::Own => self.seats.own_signal,
            Side::Peer => self.seats.peer_signal,
        })
    }

    fn owner(&self, side: Side) -> &AtomicU64 {
        self.region.word(self.record(side) + OWNER)
    }

    fn times(&self, side: Side) -> &AtomicU64 {
        self.region.word(self.record(side) + TIMES)
    }

    fn pid(&self, side: Side) -> &AtomicU32 {
        self.region.half(self.record(side) + PID)
    }

    fn wake(&self, side: Side) -> &AtomicU32 {
        self.region.half(self.record(side) + WAKE)
    }

    fn armed(&self, side: Side) -> &AtomicU32 {
        self.region.half(self.record(side) + ARMED)
    }

    fn cpu(&self, side: Side) -> &AtomicU32 {
        self.region.half(self.record(side) + CPU)
    }

    fn fences(&self, side: Side) -> &AtomicU32 {
        self.region.half(match side {
            Side::Own => self.seats.own_fences,
            Side::Peer => self.seats.peer_fences,
        })
    }

    fn wakes(&self) -> &AtomicU64 {
        self.region.word(self.seats.own_wakes)
    }
}

/// Whether the end with this record and this signal word is attached. One system call if it is. Only reads.
///
/// # Errors
/// When it is unknown whether its process is alive.
pub(super) fn state(
    is_alive: impl FnOnce(Owner) -> Result<bool, ipc_core::Error>,
    region: &Region,
    record: Record,
    signal: usize,
) -> Result<PeerState, ipc_core::Error> {
    let held = Held::<Native> {
        signal: region.half(signal),
        owner: region.word(record.offset + OWNER),
        times: region.word(record.offset + TIMES),
        pid: region.half(record.offset + PID),
    };
    pair::state(&held, |owner| is_alive(Owner::from_raw(owner)))
}

/// An attached end.
pub(super) type End = Endpoint<Segment, Kernel>;

impl End {
    /// Takes a seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`EndTaken`](crate::AttachErrorKind::EndTaken) by a live process, this one included;
    /// [`Closed`](crate::AttachErrorKind::Closed) when this end was closed before.
    pub(super) fn take_seat_at(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        seats: Seats,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let Found { region, entry, barrier, .. } = found;
        let member = Arc::clone(domain.member());
        let words = Segment { region, seats, entry };
        let predecessor = words.pid(Side::Own).load(Ordering::Relaxed); // For display.
        // [E1] A seat is not always given up under the lock.
        let owner = Owner::from_raw(pair::owner(&words, Side::Own));
        if owner.is_some() && member.is_alive(owner)? {
            let taken = AttachError::from(AttachErrorKind::EndTaken { pid: predecessor });
            return Err(taken.held_here(owner == member.me()));
        }
        let bits = [Side::Own, Side::Peer].map(|side| words.signal(side).load(Ordering::Relaxed)); // Under the lock.
        if (bits[0] | bits[1]) & POISONED != 0 {
            return Err(AttachErrorKind::Corrupt(Corruption::told(0, bits[0] | bits[1])).into());
        }
        if bits[0] & CLOSED != 0 {
            return Err(AttachErrorKind::Closed.into());
        }
        let kernel = Kernel::new(Arc::clone(&member), locked.claim_wake()?);
        let me = Holder { owner: member.me().as_raw(), pid: std::process::id() };
        let end = Self::take_seat(words, kernel, barrier, me, strategy);
        if owner.is_some() {
            end.notify_watchers(FrameKind::Died, (owner, predecessor));
        }
        end.notify_watchers(FrameKind::Joined, (member.me(), me.pid));
        Ok(end)
    }

    /// Notifies the channel's watchers that a holder of this end comes or goes.
    fn notify_watchers(&self, kind: FrameKind, subject: (Owner, u32)) {
        notify_watchers(&self.host.member, self.words.entry.generation, kind, self.role(), subject);
    }

    fn role(&self) -> EndRole {
        if self.words.seats.own.offset == PRODUCER_RECORD { EndRole::Producer } else { EndRole::Consumer }
    }

    /// Uses the wait strategy of these settings from now on.
    pub(super) fn settle(&mut self, settings: &Settings) {
        self.host.sleep_by(settings.parker);
        self.waits.set_awaits_successors(settings.awaits_successors);
    }

    /// Whether the peer is attached. One system call if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub(super) fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.host.check_process("peer")?;
        self.state_of_peer()
    }

    /// Kills the process that holds the other end, unless it is this one. True when that end has no holder
    /// any more.
    ///
    /// # Errors
    /// As [`Domain::evict`].
    pub(super) fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.host.evict(pair::owner(&self.words, Side::Peer), deadline)
    }

    /// Sleeps until the peer is attached or closed, or the deadline has passed; returns its state then.
    /// Taking the other seat wakes this end.
    ///
    /// # Errors
    /// When the semaphores were removed.
    pub(super) fn wait_for_peer(&self, deadline: Option<Instant>) -> Result<PeerState, ipc_core::Error> {
        seated::wait_for_peer(self, deadline, || self.peer())
    }

    /// Runs `f` if no living process holds the other end; none can take it meanwhile. `None` if one does.
    ///
    /// # Errors
    /// When the domain's lock cannot be acquired until then, or it is unknown whether the holder is alive.
    pub(super) fn without_peer<R>(
        &self,
        until: Instant,
        f: impl FnOnce() -> R,
    ) -> Result<Option<R>, AttachError> {
        let member = &self.host.member;
        member.locked(until, |_| {
            let peer = Owner::from_raw(self.words.owner(Side::Peer).load(Ordering::Relaxed)); // Under the lock.
            Ok(if peer.is_some() && member.is_alive(peer)? { None } else { Some(f()) })
        })
    }

    /// The semaphore that this end sleeps on.
    pub(super) fn wake(&self) -> WakeSemaphore {
        self.host.wake()
    }

    /// Gives the seat up. The ring stays for the other end, or for a successor of this one; when no end is
    /// left and the stream is `finished`, a persistent channel is removed too.
    pub(super) fn give_up(&mut self, finished: bool) {
        if !self.host.member.is_ours() {
            return;
        }
        self.detach();
        let kind = if self.own_bits() & CLOSED != 0 { FrameKind::Closing } else { FrameKind::Left };
        let (end, member) = (&*self, &self.host.member);
        member.depart(
            &end.words.entry,
            || {
                end.free_seat();
                member.free_wake(end.host.wake());
                end.notify_watchers(kind, (member.me(), std::process::id()));
            },
            || {
                let peer = end.words.owner(Side::Peer).load(Ordering::Relaxed); // Taken under the lock.
                let peer = Owner::from_raw(peer);
                Ok(!peer.is_some() || !member.is_alive(peer)?)
            },
            || finished,
        );
    }
}

impl Seat for End {
    fn region(&self) -> &Region {
        &self.words.region
    }

    fn signal(&self) -> usize {
        self.words.seats.own_signal
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
