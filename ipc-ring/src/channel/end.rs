//! What every end of a channel does beside moving messages: holding its seat, sleeping, waking, and noticing that the
//! other end is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use ipc_core::ProcessMark;

use super::announce::announce;
use super::open::Found;
use super::roster::EndRole;
use super::settings::Settings;
use super::successor::{self, Followed};
use super::wait_set::News;
use super::wait_set::sealed::{Bell, Home, Waiting};
use crate::domain::{Domain, Entry, Locked, Member, Owner, WakeSemaphore};
use crate::error::{AttachError, AttachErrorKind, Forked, PeerExit};
use crate::frame::FrameKind;
use crate::interrupter::Interrupter;
use crate::platform::{Barrier, Native};
use crate::region::Region;
use crate::ring::spsc::{Corruption, PRODUCER_RECORD};
use crate::wait::signal::{self, CLOSED, DETACHED, POISONED, WAITING};
use crate::wait::{HEARTBEAT, Nap, WaitStrategy, Waits, cpu};

/// Whether the other end of a channel is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// Attached, and its process is alive.
    Alive {
        /// Its process.
        pid: u32,
    },
    /// It has closed the channel for good.
    Closed,
    /// It is not there, but the channel is open.
    Gone(PeerExit),
}

/// One end's record in shared memory, 128 bytes: owner (8), wake semaphore (4), process number (4), times attached (8),
/// the CPU it was last seen on plus one (4), the wake semaphore that its death posts to (4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    offset: usize,
}

const OWNER: usize = 0;
const WAKE: usize = 8;
const PID: usize = 12;
const TIMES: usize = 16;
const CPU: usize = 24;
const ARMED: usize = 28;

/// The wake semaphore in the record of an end, as the record has it.
pub(super) fn wake_of(region: &Region, record: Record) -> u32 {
    record.wake(region).load(Ordering::Relaxed) // Changes only while nobody waits.
}

impl Record {
    pub(super) const fn at(offset: usize) -> Self {
        Self { offset }
    }

    fn owner(self, region: &Region) -> &AtomicU64 {
        region.word(self.offset + OWNER)
    }

    fn times(self, region: &Region) -> &AtomicU64 {
        region.word(self.offset + TIMES)
    }

    fn wake(self, region: &Region) -> &AtomicU32 {
        region.half(self.offset + WAKE)
    }

    fn cpu(self, region: &Region) -> &AtomicU32 {
        region.half(self.offset + CPU)
    }

    fn armed(self, region: &Region) -> &AtomicU32 {
        region.half(self.offset + ARMED)
    }

    /// Who holds the end, for who looks from outside.
    pub(super) fn holder(self, region: &Region) -> (Owner, u32) {
        // [E1] Acquire ← the Release in `take_seat`.
        let owner = Owner::from_raw(self.owner(region).load(Ordering::Acquire));
        (owner, self.pid(region).load(Ordering::Relaxed)) // For display.
    }

    fn pid(self, region: &Region) -> &AtomicU32 {
        region.half(self.offset + PID)
    }
}

/// The words of the two ends, in the order own, other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seats {
    pub(super) own: Record,
    pub(super) peer: Record,
    /// Offset of this end's signal word.
    pub(super) own_signal: usize,
    /// Offset of the other end's signal word.
    pub(super) peer_signal: usize,
    /// Offset of this end's count of wakes given.
    pub(super) own_wakes: usize,
}

/// Whether the end with this record and this signal word is there. One system call when it is attached. Only reads.
///
/// # Errors
/// When it cannot be known whether its process is alive.
pub(super) fn state(
    member: &Member,
    region: &Region,
    record: Record,
    signal: usize,
) -> Result<PeerState, ipc_core::Error> {
    if signal::seen::<Native>(region.half(signal)) & CLOSED != 0 {
        return Ok(PeerState::Closed);
    }
    // [E1] Acquire ← the Release in `take_seat`.
    let owner = Owner::from_raw(record.owner(region).load(Ordering::Acquire));
    let pid = record.pid(region).load(Ordering::Relaxed); // For display.
    if !owner.is_some() {
        let ever = record.times(region).load(Ordering::Relaxed) > 0; // For the answer only.
        return Ok(PeerState::Gone(if ever { PeerExit::Detached } else { PeerExit::NeverAttached }));
    }
    let alive = member.is_alive(owner)?;
    Ok(if alive { PeerState::Alive { pid } } else { PeerState::Gone(PeerExit::Died { pid }) })
}

/// An attached end.
#[derive(Debug)]
pub(super) struct End {
    /// The process that opened the end, as the membership has it, but nearer.
    process: ProcessMark,
    member: Arc<Member>,
    region: Region,
    entry: Entry,
    seats: Seats,
    barrier: Barrier,
    wake: WakeSemaphore,
    /// The semaphore that this process's death posts to, once arranged.
    armed: Option<WakeSemaphore>,
    /// What the last wake came to, if it failed and its caller was told of success.
    untold: Option<ipc_core::Error>,
    pub(super) waits: Waits,
    /// How often the other seat had been taken when a set was told that its holder is gone.
    told: Option<u64>,
    /// Whether a set was told that the stream has ended.
    ended: bool,
}

impl End {
    /// Takes a seat. The domain's lock is held.
    ///
    /// # Errors
    /// [`EndTaken`](crate::AttachErrorKind::EndTaken) by a live process, this one included;
    /// [`Closed`](crate::AttachErrorKind::Closed) when this end was closed before.
    pub(super) fn take_seat(
        locked: &Locked<'_>,
        domain: &Domain,
        found: Found,
        seats: Seats,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let Found { region, entry, barrier, .. } = found;
        let member = Arc::clone(domain.member());
        // [E1] Acquire ← the Release in `give_up`, which is not always under the lock: what the predecessor wrote into the
        // record comes before what is written here.
        let owner = Owner::from_raw(seats.own.owner(&region).load(Ordering::Acquire));
        if owner.is_some() && member.is_alive(owner)? {
            return Err(
                AttachErrorKind::EndTaken { pid: seats.own.pid(&region).load(Ordering::Relaxed) }.into()
            );
        }
        let signal = region.half(seats.own_signal);
        let peer_signal = region.half(seats.peer_signal);
        let bits = (signal.load(Ordering::Relaxed), peer_signal.load(Ordering::Relaxed)); // Under the lock.
        if (bits.0 | bits.1) & POISONED != 0 {
            return Err(AttachErrorKind::Corrupt(Corruption::told(0, bits.0 | bits.1)).into());
        }
        if bits.0 & CLOSED != 0 {
            return Err(AttachErrorKind::Closed.into());
        }
        let wake = locked.claim_wake()?;
        let predecessor = seats.own.pid(&region).load(Ordering::Relaxed); // For display.
        let times = seats.own.times(&region);
        times.store(times.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed); // Under the lock.
        seats.own.pid(&region).store(std::process::id(), Ordering::Relaxed); // Before the owner.
        seats.own.wake(&region).store(wake.as_raw(), Ordering::Relaxed); // Before the owner.
        seats.own.armed(&region).store(0, Ordering::Relaxed); // Before the owner.
        // [E1] Release → `peer_owner`: who sees the owner sees its semaphore and process number.
        seats.own.owner(&region).store(member.me().as_raw(), Ordering::Release);
        // What the predecessor left; after the owner, so that a death in between leaves a dead owner and not an end that
        // nobody holds, nobody has left, and the other side waits for.
        signal.fetch_and(!(WAITING | DETACHED), Ordering::Relaxed);
        let mut end = Self {
            process: member.process(),
            member,
            region,
            entry,
            seats,
            barrier,
            wake,
            armed: None,
            untold: None,
            waits: Waits::new(strategy),
            told: None,
            ended: false,
        };
        let (role, generation) = (end.role(), end.entry.generation);
        if owner.is_some() {
            announce(&end.member, generation, FrameKind::Died, role, (owner, predecessor));
        }
        announce(&end.member, generation, FrameKind::Joined, role, (end.member.me(), std::process::id()));
        // A peer that waits for this end to come looks again.
        end.wake_peer_if(signal::look::<Native>(end.region.half(seats.peer_signal), barrier));
        Ok(end)
    }

    /// See `interruptible!`.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter::new(&self.member, self.wake, self.waits.interrupts())
    }

    /// See `interruptible!`.
    pub(super) fn set_interruptible(&mut self, by_signals: bool) {
        self.waits.set_interruptible(by_signals);
    }

    /// Waits in the way of these settings from now on.
    pub(super) fn settle(&mut self, settings: &Settings) {
        self.wake = self.wake.by(settings.parker);
        self.waits.set_awaits_successors(settings.awaits_successors);
    }

    /// The channel, for who keeps books about it.
    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    fn role(&self) -> EndRole {
        if self.seats.own.offset == PRODUCER_RECORD { EndRole::Producer } else { EndRole::Consumer }
    }

    pub(super) fn own_signal(&self) -> &AtomicU32 {
        self.region.half(self.seats.own_signal)
    }

    fn peer_signal(&self) -> &AtomicU32 {
        self.region.half(self.seats.peer_signal)
    }

    /// The other end's state bits; look at the ring again after seeing one.
    pub(super) fn peer_bits(&self) -> u32 {
        signal::seen::<Native>(self.peer_signal())
    }

    /// Acts on the other end's signal word as the ring gave it: wakes it if it waits. For an end that has something in hand
    /// which must not be lost: an error is kept, and told by [`tell`](Self::tell).
    #[cold]
    pub(super) fn wake_peer_if(&mut self, bits: u32) {
        if let Err(error) = self.wake_peer(bits) {
            self.keep(error);
        }
    }

    /// Keeps the error of a wake for [`tell`](Self::tell).
    pub(super) fn keep(&mut self, error: ipc_core::Error) {
        self.untold = Some(error);
    }

    /// What a wake came to that could not be told when it happened.
    ///
    /// # Errors
    /// That of the last wake that failed. Once.
    #[inline(always)]
    pub(super) fn tell(&mut self) -> Result<(), ipc_core::Error> {
        if self.untold.is_some() { self.untold.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// As [`wake_peer_if`](Self::wake_peer_if).
    ///
    /// # Errors
    /// When the other end waits, and could not be woken.
    #[cold]
    pub(super) fn wake_peer(&mut self, bits: u32) -> Result<(), ipc_core::Error> {
        if bits & WAITING == 0 {
            return Ok(());
        }
        // Before the bit is taken: a process that dies with it has the sleeper woken all the same.
        self.arm();
        if !signal::take::<Native>(self.peer_signal()) {
            return Ok(());
        }
        // Once more, for a successor that has set the bit since.
        let Some(wake) = self.arm() else { return Ok(()) };
        self.note_cpu();
        // One that could not be woken waits still, and the next publication finds it so.
        self.member.wake(wake).inspect_err(|_| signal::mark::<Native>(self.peer_signal()))?;
        let wakes = self.region.word(self.seats.own_wakes);
        wakes.store(wakes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed); // Only this end writes it.
        Ok(())
    }

    /// Arranges that this process's death posts to the semaphore that the other end sleeps on, which it gives.
    fn arm(&mut self) -> Option<WakeSemaphore> {
        let raw = self.seats.peer.wake(&self.region).load(Ordering::Relaxed); // Changes only while nobody waits.
        let wake = WakeSemaphore::from_raw(raw)?;
        if self.armed != Some(wake) {
            if let Some(old) = self.armed.take() {
                self.member.no_wake_at_my_death(old);
            }
            self.armed = self.member.wake_at_my_death(wake).then_some(wake);
            let raw = self.armed.map_or(0, WakeSemaphore::as_raw);
            self.seats.own.armed(&self.region).store(raw, Ordering::Relaxed); // Before the token.
        }
        Some(wake)
    }

    /// Whether the other end was last seen on the CPU this thread runs on, so that it cannot run while this one polls.
    /// Notes this thread's CPU for the other end.
    pub(super) fn shares_cpu(&self) -> bool {
        let mine = self.note_cpu();
        mine != 0 && self.seats.peer.cpu(&self.region).load(Ordering::Relaxed) == mine // A guess.
    }

    /// Writes down where this thread runs, when it waits and when it wakes; 0 when that cannot be known.
    fn note_cpu(&self) -> u32 {
        let mine = cpu::current();
        let noted = self.seats.own.cpu(&self.region);
        if noted.load(Ordering::Relaxed) != mine {
            noted.store(mine, Ordering::Relaxed); // A guess for the other end's comfort.
        }
        mine
    }

    /// Whether the other end's death would post to this end's semaphore: then it need not be asked for before a sleep, only
    /// after one that was in vain.
    pub(super) fn death_wakes(&self) -> bool {
        self.seats.peer.armed(&self.region).load(Ordering::Relaxed) == self.wake.as_raw() // Set before its first token.
    }

    /// Says that this end is about to sleep. Look at the ring once more, then [`sleep`](Self::sleep) or
    /// [`do_not_sleep`](Self::do_not_sleep).
    ///
    /// # Errors
    /// When the barrier was refused; then the end says so no more.
    pub(super) fn announce(&self) -> Result<(), ipc_core::Error> {
        self.seats.own.wake(&self.region).store(self.wake.as_raw(), Ordering::Relaxed); // Before the waiting bit.
        signal::announce::<Native>(self.own_signal(), self.barrier).inspect_err(|_| self.do_not_sleep())
    }

    /// As [`announce`](Self::announce), for a thread that sleeps on another semaphore of the domain and runs the barrier
    /// itself.
    pub(super) fn mark(&self, bell: Bell) -> Barrier {
        self.seats.own.wake(&self.region).store(bell.0.as_raw(), Ordering::Relaxed); // Before the waiting bit.
        signal::mark::<Native>(self.own_signal());
        self.barrier
    }

    /// Takes back what [`mark`](Self::mark) said. True when a notifier was faster.
    pub(super) fn unmark(&self) -> bool {
        signal::withdraw::<Native>(self.own_signal())
    }

    /// What a set has to know of the other end: [`News::Ended`] once when it has said its last word, [`News::PeerGone`] once for
    /// each holder that left without one.
    ///
    /// # Errors
    /// When it cannot be known whether the other end's process is alive.
    pub(super) fn news_of_peer(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        self.tell()?;
        let bits = self.peer_bits();
        if bits & (CLOSED | POISONED) != 0 {
            return Ok((!std::mem::replace(&mut self.ended, true)).then_some(News::Ended));
        }
        // [E1] Acquire ← the Release in `take_seat`: the count below is not older than the holder that is asked for.
        let holder = Owner::from_raw(self.seats.peer.owner(&self.region).load(Ordering::Acquire));
        let times = self.seats.peer.times(&self.region).load(Ordering::Relaxed); // See above.
        if self.told == Some(times) {
            return Ok(None);
        }
        let dead = probe && holder.is_some() && !self.member.is_alive(holder)?;
        if bits & DETACHED == 0 && !dead {
            return Ok(None);
        }
        self.told = Some(times);
        Ok(Some(News::PeerGone))
    }

    /// The domain that this end belongs to, for who waits for it.
    pub(super) fn home(&self) -> Home<'_> {
        Home(&self.member)
    }

    /// Where this end's waiting bit lies.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        Some(Waiting::new(&self.region, self.seats.own_signal))
    }

    /// Sleeps until woken or until the time has come. `is_owed`: whether something is there for which the other end must
    /// have woken this one.
    ///
    /// # Errors
    /// When the semaphores were removed.
    #[track_caller]
    pub(super) fn sleep(&self, nap: Nap, mut is_owed: impl FnMut() -> bool) -> Result<(), ipc_core::Error> {
        let woken = nap.take(
            |until| self.member.sleep(self.wake, until, self.waits.interrupts()),
            |last| is_owed() && !(last && self.has_peer_died()),
        );
        let taken = signal::withdraw::<Native>(self.own_signal());
        if taken && matches!(woken, Ok(false)) {
            // A token is on its way, or there already: one that comes later ends the next sleep early, no more.
            self.member.drain(self.wake);
        }
        woken.map(|_| ())
    }

    /// Takes the announcement back.
    pub(super) fn do_not_sleep(&self) {
        if signal::withdraw::<Native>(self.own_signal()) {
            self.member.drain(self.wake);
        }
    }

    /// Whether a death can still be learned of, for an end that polls. One system call.
    ///
    /// # Errors
    /// When the semaphores were removed, or this process may not read them any more.
    pub(super) fn check(&self) -> Result<(), ipc_core::Error> {
        self.member.check_semaphores()
    }

    /// Whether the other end is there. One system call when it is attached.
    ///
    /// # Errors
    /// When it cannot be known whether its process is alive.
    pub(super) fn peer(&self) -> Result<PeerState, ipc_core::Error> {
        self.process.check("peer")?;
        state(&self.member, &self.region, self.seats.peer, self.seats.peer_signal)
    }

    /// Whether the other end's holder died, as far as that can be known.
    pub(super) fn has_peer_died(&self) -> bool {
        self.peer_owner().is_some_and(|owner| matches!(self.member.is_alive(owner), Ok(false)))
    }

    /// Whether the other end sleeps, or is about to, so that it has nothing to do and has said so.
    pub(super) fn is_peer_waiting(&self) -> bool {
        self.peer_bits() & WAITING != 0
    }

    /// The process that holds the other end, dead or alive.
    fn peer_owner(&self) -> Option<Owner> {
        // [E1] Acquire ← the Release in `take_seat`.
        let owner = Owner::from_raw(self.seats.peer.owner(&self.region).load(Ordering::Acquire));
        owner.is_some().then_some(owner)
    }

    /// Kills the process that holds the other end, unless it is this one. True when nobody holds it any more.
    ///
    /// # Errors
    /// As [`Domain::evict`].
    pub(super) fn evict_peer(&self, deadline: Instant) -> Result<bool, AttachError> {
        self.member.check_process()?;
        match self.peer_owner() {
            Some(owner) if owner == self.member.me() => {
                Err(self.member.explain(AttachErrorKind::SelfEviction))
            }
            Some(owner) => self.member.evict(owner, deadline).map_err(|error| self.member.explain(error)),
            None => Ok(true),
        }
    }

    /// Sleeps until the other end is there, or closed, or the time has come; gives its state then. Whoever takes the other
    /// seat wakes this end.
    ///
    /// # Errors
    /// When the semaphores were removed.
    pub(super) fn wait_for_peer(&self, deadline: Option<Instant>) -> Result<PeerState, ipc_core::Error> {
        self.process.check("waiting for the other end")?;
        loop {
            if self.waits.interrupts().take(true) {
                return Err(ipc_core::Error::interrupted("wait for the other end"));
            }
            self.announce()?;
            let state = self.peer().inspect_err(|_| self.do_not_sleep())?;
            let now = Instant::now();
            let over = deadline.is_some_and(|deadline| now >= deadline);
            if over || !matches!(state, PeerState::Gone(_)) {
                self.do_not_sleep();
                return Ok(state);
            }
            let nap = Nap::new(now + HEARTBEAT, deadline);
            self.sleep(nap, || !matches!(self.peer(), Ok(PeerState::Gone(_))))?;
        }
    }

    /// Runs `f` if no living process holds the other end, and none can take it meanwhile. `None` when one does.
    ///
    /// # Errors
    /// When the domain's lock cannot be had until then, or it cannot be known whether the holder is alive.
    pub(super) fn without_peer<R>(
        &self,
        until: Instant,
        f: impl FnOnce() -> R,
    ) -> Result<Option<R>, AttachError> {
        self.member.locked(until, |_| {
            let peer = Owner::from_raw(self.seats.peer.owner(&self.region).load(Ordering::Relaxed)); // Under the lock.
            Ok(if peer.is_some() && self.member.is_alive(peer)? { None } else { Some(f()) })
        })
    }

    /// The semaphore that this end sleeps on.
    pub(super) fn wake(&self) -> WakeSemaphore {
        self.wake
    }

    /// Sets bits of this end's signal and wakes the other end, so that it sees them. One that cannot be woken sees them at its
    /// next look.
    pub(super) fn raise(&mut self, bits: u32) {
        signal::raise::<Native>(self.own_signal(), bits);
        let peer = signal::look::<Native>(self.peer_signal(), self.barrier);
        self.wake_peer_if(peer);
    }

    /// Whether this is the process that opened the end, not a forked child.
    pub(super) fn is_ours(&self) -> bool {
        self.process.is_current()
    }

    /// That this end was opened by the calling process. Asked at the beginning of each operation: a load and a comparison.
    #[inline(always)]
    pub(super) fn ours(&self) -> Result<(), Forked> {
        if self.process.is_current() { Ok(()) } else { Err(Forked) }
    }

    /// Whether something about the ring was open when this end came.
    pub(super) fn is_open(&self) -> bool {
        successor::is_open(&self.region)
    }

    /// Whether the channel outlives its processes.
    pub(super) fn is_persistent(&self) -> bool {
        self.entry.is_persistent
    }

    /// Gives the seat up. The ring stays for the other end, or for a successor of this one; when nobody is left and the
    /// stream is `finished`, a persistent channel goes too.
    pub(super) fn give_up(&mut self, finished: bool) {
        if !self.member.is_ours() {
            return;
        }
        self.raise(DETACHED);
        if let Some(armed) = self.armed.take() {
            self.member.no_wake_at_my_death(armed);
        }
        let closed = self.own_signal().load(Ordering::Relaxed) & CLOSED != 0; // Only this end sets it.
        let kind = if closed { FrameKind::Closing } else { FrameKind::Left };
        let (member, end) = (&self.member, &*self);
        member.depart(
            &end.entry,
            || {
                end.seats.own.wake(&end.region).store(0, Ordering::Relaxed); // Before the owner.
                // [E1] Release → `take_seat`, `peer`: the record is free.
                end.seats.own.owner(&end.region).store(Owner::NONE.as_raw(), Ordering::Release);
                member.free_wake(end.wake);
                let subject = (member.me(), std::process::id());
                announce(member, end.entry.generation, kind, end.role(), subject);
            },
            || {
                let peer = end.seats.peer.owner(&end.region).load(Ordering::Relaxed); // Taken under the lock.
                let peer = Owner::from_raw(peer);
                Ok(!peer.is_some() || !member.is_alive(peer)?)
            },
            || finished,
        );
    }
}

impl Followed for End {
    fn is_replaced(&self) -> bool {
        successor::is_replaced(&self.region)
    }

    fn generation(&self) -> u64 {
        self.entry.generation
    }

    fn hand_over(&mut self, new: &mut Self) {
        self.waits.hand_over(&mut new.waits, new.wake.as_raw());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_has_the_same_offsets() {
        crate::documented::assert_table(
            "Record of an end",
            &[
                ("owner", OWNER),
                ("wake", WAKE),
                ("pid", PID),
                ("times", TIMES),
                ("cpu", CPU),
                ("armed", ARMED),
            ],
        );
    }
}
