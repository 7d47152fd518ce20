//! An end with exactly one peer: its seat, what it signals to the peer, and how it is woken.
//!
//! Each end has a record: its holder, what the holder sleeps on, and a signal word whose bits show the peer
//! that this end waits or is gone. [`wait::signal`](crate::wait::signal) describes sleeping and waking.

use ipc_core::Error;

use crate::error::{Forked, PeerExit};
use crate::platform::{Barrier, Platform, Word};
use crate::wait::fences::{self, PEER};
use crate::wait::host::Host;
use crate::wait::news::News;
use crate::wait::park::Waiter;
use crate::wait::signal::{self, CLOSED, DETACHED, POISONED, WAITING};
use crate::wait::{WaitStrategy, Waits};
use core::sync::atomic::Ordering::Relaxed;

/// The state of the other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerState {
    /// Attached, and its process is alive.
    Alive {
        /// Its process.
        pid: u32,
    },
    /// The channel has been closed for good.
    Closed,
    /// Not attached, but the channel is open.
    Gone(PeerExit),
}

/// One of the two ends, as seen from one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This end.
    Own,
    /// The other one.
    Peer,
}

/// The words of two ends.
pub trait Words {
    /// The platform of these words.
    type Platform: Platform;

    /// The signal word of an end: see [`signal`].
    fn signal(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// The holder of the end; 0: none. The other words of the record are written before it.
    fn owner(&self, side: Side) -> &<Self::Platform as Platform>::U64;
    /// Number of times the end has been taken.
    fn times(&self, side: Side) -> &<Self::Platform as Platform>::U64;
    /// The holder's process number, for display.
    fn pid(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// What the holder sleeps on, alone or together with other waiters; 0: nothing.
    fn wake(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// What a token is posted to when the holder dies; 0: nothing.
    fn armed(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// The CPU the holder was last seen on, plus one; 0: unknown.
    fn cpu(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// Whether an end [fences its looks](crate::wait::fences) at the other's signal.
    fn fences(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// Number of wakes this end has made.
    fn wakes(&self) -> &<Self::Platform as Platform>::U64;
}

/// The new holder of a seat.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Its identity, not 0.
    pub owner: u64,
    /// Its process number, for display.
    pub pid: u32,
}

/// The words that show whether an end is attached.
pub(crate) struct Held<'a, P: Platform> {
    pub(crate) signal: &'a P::U32,
    pub(crate) owner: &'a P::U64,
    pub(crate) times: &'a P::U64,
    pub(crate) pid: &'a P::U32,
}

/// Whether the end with these words is attached. Asks the kernel if it is. Only reads.
///
/// # Errors
/// When it is unknown whether its process is alive.
pub(crate) fn state<P: Platform>(
    held: &Held<'_, P>,
    is_alive: impl FnOnce(u64) -> Result<bool, Error>,
) -> Result<PeerState, Error> {
    if signal::load_state::<P>(held.signal) & CLOSED != 0 {
        return Ok(PeerState::Closed);
    }
    // [E1] Acquire ← the Release in `Endpoint::take_seat`.
    let owner = held.owner.load(core::sync::atomic::Ordering::Acquire);
    let pid = held.pid.load(Relaxed); // For display.
    if owner == 0 {
        let ever = held.times.load(Relaxed) > 0; // For the answer only.
        return Ok(PeerState::Gone(if ever { PeerExit::Detached } else { PeerExit::NeverAttached }));
    }
    Ok(if is_alive(owner)? { PeerState::Alive { pid } } else { PeerState::Gone(PeerExit::Died { pid }) })
}

/// The process that holds an end, dead or alive; 0: none.
pub(crate) fn owner<W: Words>(words: &W, side: Side) -> u64 {
    // [E1] Acquire ← the Release in `Endpoint::take_seat` or `free_seat`: what the holder or its predecessor
    // wrote into the record.
    words.owner(side).load(core::sync::atomic::Ordering::Acquire)
}

/// An attached end.
#[derive(Debug)]
pub struct Endpoint<W: Words, H: Host> {
    pub(crate) words: W,
    pub(crate) host: H,
    barrier: Barrier,
    pub(crate) waits: Waits,
    /// What this process's death posts to, once arranged.
    armed: Option<H::Wake>,
    /// The error of the last wake, if it failed after its caller had been given success.
    untold: Option<Error>,
    /// The count of takers of the peer's seat when a set was last notified that its holder is gone.
    told: Option<u64>,
    /// Whether a set was notified that the stream has ended.
    ended: bool,
}

impl<W: Words, H: Host> Endpoint<W, H> {
    /// Takes a seat that is free or whose holder is dead, and wakes the peer: it may be waiting for a holder,
    /// or have lost a wake-up meant to come from the predecessor.
    pub fn take_seat(words: W, host: H, barrier: Barrier, holder: Holder, strategy: WaitStrategy) -> Self {
        let times = words.times(Side::Own);
        times.store(times.load(Relaxed).wrapping_add(1), Relaxed); // Under the lock.
        words.pid(Side::Own).store(holder.pid, Relaxed); // Before the owner.
        words.wake(Side::Own).store(H::wake_to_raw(host.wake()), Relaxed); // Before the owner.
        words.armed(Side::Own).store(0, Relaxed); // Before the owner.
        // [E1] Release → `owner`: a reader that sees the owner sees what it sleeps on and its process number.
        words.owner(Side::Own).store(holder.owner, core::sync::atomic::Ordering::Release);
        // Clear what the predecessor left. This follows the store to the owner: a death in between leaves a
        // dead owner, not an end that is neither held nor detached and that the peer waits for.
        words.signal(Side::Own).fetch_and(!(WAITING | DETACHED), Relaxed);
        let waits = Waits::new(strategy);
        let mut end =
            Self { words, host, barrier, waits, armed: None, untold: None, told: None, ended: false };
        end.wake_peer_if(end.peek());
        end
    }

    /// Frees the record, for a successor.
    pub(crate) fn free_seat(&self) {
        self.words.wake(Side::Own).store(0, Relaxed); // Before the owner.
        // [E1] Release → `owner`: the record is free.
        self.words.owner(Side::Own).store(0, core::sync::atomic::Ordering::Release);
    }

    /// Signals that this end detaches, and cancels what was arranged for its death.
    pub fn detach(&mut self) {
        self.set_flags(DETACHED);
        if let Some(armed) = self.armed.take() {
            self.host.no_post_at_death(armed);
        }
    }

    /// The words of the two ends.
    pub fn words(&self) -> &W {
        &self.words
    }

    /// The peer's signal word, as a notifier reads it that need not be fast.
    fn peek(&self) -> u32 {
        signal::peek::<W::Platform>(self.words.signal(Side::Peer), Barrier::Fence)
    }

    /// The peer's state bits; check the ring again after seeing one.
    pub fn peer_bits(&self) -> u32 {
        signal::load_state::<W::Platform>(self.words.signal(Side::Peer))
    }

    /// This end's state bits.
    pub(crate) fn own_bits(&self) -> u32 {
        self.words.signal(Side::Own).load(Relaxed) // Only this end sets the bits that callers check.
    }

    /// Acts on the peer's signal word as the ring returned it: wakes the peer if it waits. For an end that
    /// holds something that must not be lost: an error is kept, and reported by `tell`.
    #[cold]
    pub fn wake_peer_if(&mut self, bits: u32) {
        if let Err(error) = self.wake_peer(bits) {
            self.keep(error);
        }
    }

    /// Keeps the error of a wake for [`tell`](Self::tell).
    pub(crate) fn keep(&mut self, error: Error) {
        self.untold = Some(error);
    }

    /// The error of a wake that could not be reported when it happened.
    ///
    /// # Errors
    /// That of the last wake that failed. Reported once.
    #[inline(always)]
    pub(crate) fn tell(&mut self) -> Result<(), Error> {
        if self.untold.is_some() { self.untold.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// As [`wake_peer_if`](Self::wake_peer_if).
    ///
    /// # Errors
    /// When the peer waits and could not be woken.
    #[cold]
    pub(crate) fn wake_peer(&mut self, bits: u32) -> Result<(), Error> {
        if bits & WAITING == 0 {
            return Ok(());
        }
        // Before the bit is taken: a process that dies with it has the sleeper woken all the same.
        self.arrange_for_death();
        let signal = self.words.signal(Side::Peer);
        if !signal::claim_wake::<W::Platform>(signal) {
            return Ok(());
        }
        // Again, for a successor that has set the bit since.
        let Some(wake) = self.arrange_for_death() else { return Ok(()) };
        self.note_cpu();
        // A peer that could not be woken still waits; the next publication finds its bit set.
        let signal = self.words.signal(Side::Peer);
        self.host.post(wake).inspect_err(|_| signal::set_waiting::<W::Platform>(signal))?;
        let wakes = self.words.wakes();
        wakes.store(wakes.load(Relaxed).wrapping_add(1), Relaxed); // Only this end writes it.
        Ok(())
    }

    /// Arranges that this process's death posts to what the peer sleeps on, which is returned.
    fn arrange_for_death(&mut self) -> Option<H::Wake> {
        let wake = H::wake_from(self.words.wake(Side::Peer).load(Relaxed))?; // Stable during a wait.
        if self.armed != Some(wake) {
            if let Some(old) = self.armed.take() {
                self.host.no_post_at_death(old);
            }
            self.armed = self.host.post_at_death(wake).then_some(wake);
            let raw = self.armed.map_or(0, H::wake_to_raw);
            self.words.armed(Side::Own).store(raw, Relaxed); // Before the token.
        }
        Some(wake)
    }

    /// Records the CPU this thread runs on, when it waits and when it wakes; 0 when it is unknown.
    fn note_cpu(&self) -> u32 {
        let mine = self.host.cpu();
        let noted = self.words.cpu(Side::Own);
        if noted.load(Relaxed) != mine {
            noted.store(mine, Relaxed); // A hint for the peer.
        }
        mine
    }

    /// Whether the peer is attached. Asks the kernel if it is.
    ///
    /// # Errors
    /// When it is unknown whether its process is alive.
    pub(crate) fn state_of_peer(&self) -> Result<PeerState, Error> {
        let words = &self.words;
        let held = Held::<W::Platform> {
            signal: words.signal(Side::Peer),
            owner: words.owner(Side::Peer),
            times: words.times(Side::Peer),
            pid: words.pid(Side::Peer),
        };
        state(&held, |owner| self.host.is_alive(owner))
    }

    /// What a set needs to know about the peer: [`News::Ended`] once when it has ended the stream,
    /// [`News::PeerGone`] once for each holder that left without ending it.
    ///
    /// # Errors
    /// When it is unknown whether the peer's process is alive.
    pub(crate) fn news_of_peer(&mut self, probe: bool) -> Result<Option<News>, Error> {
        self.tell()?;
        let bits = self.peer_bits();
        if bits & (CLOSED | POISONED) != 0 {
            return Ok((!std::mem::replace(&mut self.ended, true)).then_some(News::Ended));
        }
        // [E1] The count is at least as new as the holder read here.
        let holder = owner(&self.words, Side::Peer);
        let times = self.words.times(Side::Peer).load(Relaxed); // See above.
        if self.told == Some(times) {
            return Ok(None);
        }
        let dead = probe && holder != 0 && !self.host.is_alive(holder)?;
        if bits & DETACHED == 0 && !dead {
            return Ok(None);
        }
        self.told = Some(times);
        Ok(Some(News::PeerGone))
    }

    /// Clears the waiting bit of this end. True when a notifier was faster.
    pub(crate) fn clear_waiting(&self) -> bool {
        signal::clear_waiting::<W::Platform>(self.words.signal(Side::Own))
    }

    /// Whether the peer sleeps, or is about to: its waiting bit is set.
    pub(crate) fn is_peer_waiting(&self) -> bool {
        self.peer_bits() & WAITING != 0
    }

    /// Sets bits of this end's signal word and wakes the peer to see them. A peer that cannot be woken sees
    /// them the next time it looks.
    pub fn set_flags(&mut self, bits: u32) {
        signal::set_flags::<W::Platform>(self.words.signal(Side::Own), bits);
        self.wake_peer_if(self.peek());
    }

    /// Signals to the peer that the ring is corrupt.
    #[cold]
    pub(crate) fn poison(&mut self) {
        self.set_flags(POISONED);
    }

    /// Whether this is the process that opened the end, not a forked child.
    pub(crate) fn is_ours(&self) -> bool {
        self.host.is_ours()
    }

    /// As [`ours`](Self::ours), at the lowest cost; may return false for the right process. For fast paths,
    /// which then make no call that they have to return from.
    #[inline(always)]
    pub(crate) fn is_surely_ours(&self) -> bool {
        self.host.is_surely_ours()
    }

    /// Checks that this end was opened by the calling process. Runs at the start of each operation: a load
    /// and a comparison.
    #[inline(always)]
    pub(crate) fn ours(&self) -> Result<(), Forked> {
        if self.host.is_ours() { Ok(()) } else { Err(Forked) }
    }
}

impl<W: Words, H: Host> Waiter for Endpoint<W, H> {
    type Platform = W::Platform;
    type Host = H;

    fn host(&self) -> &H {
        &self.host
    }

    fn waits(&self) -> &Waits {
        &self.waits
    }

    fn waits_mut(&mut self) -> &mut Waits {
        &mut self.waits
    }

    /// A fence, if the peer runs one too.
    fn barrier(&self) -> Barrier {
        let fences = self.words.fences(Side::Peer);
        fences::required::<W::Platform>(self.barrier, || fences::is_fencing::<W::Platform>(fences, PEER))
    }

    fn arm(&self, wake: H::Wake) {
        self.words.wake(Side::Own).store(H::wake_to_raw(wake), Relaxed); // Before the waiting bit.
        signal::set_waiting::<W::Platform>(self.words.signal(Side::Own));
    }

    fn disarm(&self) -> usize {
        usize::from(self.clear_waiting())
    }

    /// Records this thread's CPU for the peer.
    fn shares_cpu(&self) -> bool {
        let mine = self.note_cpu();
        mine != 0 && self.words.cpu(Side::Peer).load(Relaxed) == mine // A guess.
    }

    fn is_told_of_death(&self) -> bool {
        let armed = self.words.armed(Side::Peer).load(Relaxed); // Set before its first token.
        armed == H::wake_to_raw(self.host.wake())
    }

    fn has_peer_died(&self) -> bool {
        self.host.is_dead(owner(&self.words, Side::Peer))
    }
}
