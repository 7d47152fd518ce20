//! An end that faces one other: its seat, what it says to the other end, and how it is woken.
//!
//! Each end has a record: who holds it, what the holder sleeps on, and a signal word, by the bits of which the other end learns that this one waits or is
//! gone. How sleeping and waking work is told in [`wait::signal`](crate::wait::signal).

use ipc_core::Error;

use crate::error::{Forked, PeerExit};
use crate::platform::{Barrier, Platform, Word};
use crate::wait::host::Host;
use crate::wait::park::Waiter;
use crate::wait::signal::{self, CLOSED, DETACHED, POISONED, WAITING};
use crate::wait::{WaitStrategy, Waits};
use core::sync::atomic::Ordering::Relaxed;

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

/// One of two ends, as one of them sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This end.
    Own,
    /// The other one.
    Peer,
}

/// The words of two ends.
pub trait Words {
    /// The machine they belong to.
    type Platform: Platform;

    /// The signal word of an end: see [`signal`].
    fn signal(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// Who holds the end; 0: nobody. The other words of the record are written before it.
    fn owner(&self, side: Side) -> &<Self::Platform as Platform>::U64;
    /// How often the end has been taken.
    fn times(&self, side: Side) -> &<Self::Platform as Platform>::U64;
    /// The holder's process number, for display.
    fn pid(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// What the holder sleeps on, or who waits for it and others; 0: nothing.
    fn wake(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// What the holder's death posts a token to; 0: nothing.
    fn armed(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// The CPU that the holder was last seen on plus one; 0: not known.
    fn cpu(&self, side: Side) -> &<Self::Platform as Platform>::U32;
    /// How many wakes this end has given.
    fn wakes(&self) -> &<Self::Platform as Platform>::U64;
}

/// Who takes a seat.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    /// Its identity, not 0.
    pub owner: u64,
    /// Its process number, for display.
    pub pid: u32,
}

/// The words that say whether an end is there.
pub(crate) struct Held<'a, P: Platform> {
    pub(crate) signal: &'a P::U32,
    pub(crate) owner: &'a P::U64,
    pub(crate) times: &'a P::U64,
    pub(crate) pid: &'a P::U32,
}

/// Whether the end with these words is there. Asks the kernel when it is attached. Only reads.
///
/// # Errors
/// When it cannot be known whether its process is alive.
pub(crate) fn state<P: Platform>(
    held: &Held<'_, P>,
    is_alive: impl FnOnce(u64) -> Result<bool, Error>,
) -> Result<PeerState, Error> {
    if signal::seen::<P>(held.signal) & CLOSED != 0 {
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
    // [E1] Acquire ← the Release in `Endpoint::take_seat` or `free_seat`: what the holder or its predecessor wrote into the record.
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
    /// What the last wake came to, if it failed and its caller was told of success.
    untold: Option<Error>,
    /// How often the other seat had been taken when a set was told that its holder is gone.
    told: Option<u64>,
    /// Whether a set was told that the stream has ended.
    ended: bool,
}

/// What there is to know of the other end for who waits for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerNews {
    /// It has said its last word. Told once.
    Ended,
    /// Its holder left without one. Told once for each.
    Gone,
}

impl<W: Words, H: Host> Endpoint<W, H> {
    /// Takes a seat that is free or whose holder is dead, and wakes the other end: it may wait for somebody to come, or have lost
    /// a wake-up with the predecessor.
    pub fn take_seat(words: W, host: H, barrier: Barrier, holder: Holder, strategy: WaitStrategy) -> Self {
        let times = words.times(Side::Own);
        times.store(times.load(Relaxed).wrapping_add(1), Relaxed); // Under the lock.
        words.pid(Side::Own).store(holder.pid, Relaxed); // Before the owner.
        words.wake(Side::Own).store(H::wake_to_raw(host.wake()), Relaxed); // Before the owner.
        words.armed(Side::Own).store(0, Relaxed); // Before the owner.
        // [E1] Release → `owner`: who sees the owner sees what it sleeps on and its process number.
        words.owner(Side::Own).store(holder.owner, core::sync::atomic::Ordering::Release);
        // What the predecessor left; after the owner, so that a death in between leaves a dead owner and not an end that
        // nobody holds, nobody has left, and the other side waits for.
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

    /// Says that this end goes, and takes back what was arranged for its death.
    pub fn detach(&mut self) {
        self.raise(DETACHED);
        if let Some(armed) = self.armed.take() {
            self.host.no_post_at_death(armed);
        }
    }

    /// The words of the two ends.
    pub fn words(&self) -> &W {
        &self.words
    }

    /// The notifier's look at the other end's signal word.
    fn peek(&self) -> u32 {
        signal::look::<W::Platform>(self.words.signal(Side::Peer), self.barrier)
    }

    /// The other end's state bits; look at the ring again after seeing one.
    pub fn peer_bits(&self) -> u32 {
        signal::seen::<W::Platform>(self.words.signal(Side::Peer))
    }

    /// This end's state bits.
    pub(crate) fn own_bits(&self) -> u32 {
        self.words.signal(Side::Own).load(Relaxed) // Only this end sets those that are looked at.
    }

    /// Acts on the other end's signal word as the ring gave it: wakes it if it waits. For an end that has something in hand
    /// which must not be lost: an error is kept, and told by `tell`.
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

    /// What a wake came to that could not be told when it happened.
    ///
    /// # Errors
    /// That of the last wake that failed. Once.
    #[inline(always)]
    pub(crate) fn tell(&mut self) -> Result<(), Error> {
        if self.untold.is_some() { self.untold.take().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// As [`wake_peer_if`](Self::wake_peer_if).
    ///
    /// # Errors
    /// When the other end waits, and could not be woken.
    #[cold]
    pub(crate) fn wake_peer(&mut self, bits: u32) -> Result<(), Error> {
        if bits & WAITING == 0 {
            return Ok(());
        }
        // Before the bit is taken: a process that dies with it has the sleeper woken all the same.
        self.arrange_for_death();
        let signal = self.words.signal(Side::Peer);
        if !signal::take::<W::Platform>(signal) {
            return Ok(());
        }
        // Once more, for a successor that has set the bit since.
        let Some(wake) = self.arrange_for_death() else { return Ok(()) };
        self.note_cpu();
        // One that could not be woken waits still, and the next publication finds it so.
        let signal = self.words.signal(Side::Peer);
        self.host.post(wake).inspect_err(|_| signal::mark::<W::Platform>(signal))?;
        let wakes = self.words.wakes();
        wakes.store(wakes.load(Relaxed).wrapping_add(1), Relaxed); // Only this end writes it.
        Ok(())
    }

    /// Arranges that this process's death posts to what the other end sleeps on, which it gives.
    fn arrange_for_death(&mut self) -> Option<H::Wake> {
        let wake = H::wake_from(self.words.wake(Side::Peer).load(Relaxed))?; // Changes only while nobody waits.
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

    /// Writes down where this thread runs, when it waits and when it wakes; 0 when that cannot be known.
    fn note_cpu(&self) -> u32 {
        let mine = self.host.cpu();
        let noted = self.words.cpu(Side::Own);
        if noted.load(Relaxed) != mine {
            noted.store(mine, Relaxed); // A guess for the other end's comfort.
        }
        mine
    }

    /// Whether the other end is there. Asks the kernel when it is attached.
    ///
    /// # Errors
    /// When it cannot be known whether its process is alive.
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

    /// What a set has to know of the other end.
    ///
    /// # Errors
    /// When it cannot be known whether the other end's process is alive.
    pub(crate) fn news_of_peer(&mut self, probe: bool) -> Result<Option<PeerNews>, Error> {
        self.tell()?;
        let bits = self.peer_bits();
        if bits & (CLOSED | POISONED) != 0 {
            return Ok((!std::mem::replace(&mut self.ended, true)).then_some(PeerNews::Ended));
        }
        // [E1] The count is not older than the holder that is asked for.
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
        Ok(Some(PeerNews::Gone))
    }

    /// Takes back that somebody waits for this end. True when a notifier was faster.
    pub(crate) fn withdraw(&self) -> bool {
        signal::withdraw::<W::Platform>(self.words.signal(Side::Own))
    }

    /// Whether the other end sleeps, or is about to, so that it has nothing to do and has said so.
    pub(crate) fn is_peer_waiting(&self) -> bool {
        self.peer_bits() & WAITING != 0
    }

    /// Sets bits of this end's signal and wakes the other end, so that it sees them. One that cannot be woken sees them at its
    /// next look.
    pub fn raise(&mut self, bits: u32) {
        signal::raise::<W::Platform>(self.words.signal(Side::Own), bits);
        self.wake_peer_if(self.peek());
    }

    /// Tells the other end that the ring is corrupt.
    #[cold]
    pub(crate) fn poison(&mut self) {
        self.raise(POISONED);
    }

    /// Whether this is the process that opened the end, not a forked child.
    pub(crate) fn is_ours(&self) -> bool {
        self.host.is_ours()
    }

    /// As [`ours`](Self::ours), at the least cost; may say no without need. Where a fast path asks, so that
    /// it makes no call from which it would go on.
    #[inline(always)]
    pub(crate) fn is_surely_ours(&self) -> bool {
        self.host.is_surely_ours()
    }

    /// That this end was opened by the calling process. Asked at the beginning of each operation: a load and a comparison.
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

    fn barrier(&self) -> Barrier {
        self.barrier
    }

    fn arm(&self, wake: H::Wake) {
        self.words.wake(Side::Own).store(H::wake_to_raw(wake), Relaxed); // Before the waiting bit.
        signal::mark::<W::Platform>(self.words.signal(Side::Own));
    }

    fn disarm(&self) -> usize {
        usize::from(self.withdraw())
    }

    /// Notes this thread's CPU for the other end.
    fn shares_cpu(&self) -> bool {
        let mine = self.note_cpu();
        mine != 0 && self.words.cpu(Side::Peer).load(Relaxed) == mine // A guess.
    }

    fn is_told_of_death(&self) -> bool {
        let armed = self.words.armed(Side::Peer).load(Relaxed); // Set before its first token.
        armed == H::wake_to_raw(self.host.wake())
    }

    fn has_peer_died(&self) -> bool {
        let owner = owner(&self.words, Side::Peer);
        owner != 0 && matches!(self.host.is_alive(owner), Ok(false))
    }
}
