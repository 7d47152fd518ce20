//! The sleep protocol: how a waiter and a notifier agree without a lock, and without a system call while no
//! end sleeps.
//!
//! Each end of a channel owns one signal word. Its bits say that the end is waiting, or gone. The other end
//! checks the word after each publication. The race that must not be lost:
//! ```text
//!   waiter                                   notifier
//!   --------------------------------------   --------------------------------------
//!   signal |= WAITING                        publish (the element, or the freed slot)
//!   heavy barrier                            light barrier
//!   check the ring again                     signal & WAITING ?
//!   nothing: sleep until a token is posted   then signal &= !WAITING, and post a token
//! ```
//!
//! The two barriers are a pair: either the waiter sees the publication, or the notifier sees the bit. Who
//! pays for them, the waiter or the notifier, changes with the traffic: see [`fences`](super::fences). The
//! side that clears the bit owes exactly one token; System V semaphores remember tokens, so one that is
//! posted before the sleep is not lost. This is the eventcount of Vyukov and of the futex papers, with a bit
//! instead of a counter: a bit has an owner and cannot leak when its owner dies.

use crate::edge::Edge;
use crate::platform::{Barrier, Platform, Site, Word};

/// This end sleeps, or is about to.
pub const WAITING: u32 = 1;
/// This end is finished for good: it will send nothing more.
pub const CLOSED: u32 = 2;
/// This end detached, or its process died; a successor may take its place.
pub const DETACHED: u32 = 4;
/// The ring is corrupt and must not be used.
pub const POISONED: u32 = 8;

/// Sets the waiting bit of an end that is about to sleep. Before it sleeps it must run the heavy barrier and
/// check the ring once more: see [`Waiter::prepare_wait`](super::park::Waiter::prepare_wait).
#[inline]
pub fn set_waiting<P: Platform>(signal: &P::U32) {
    // [W1] Release → `claim_wake`: the number of this end's semaphore is written before. The heavy barrier
    // ensures that the bit is seen in time.
    signal.fetch_or(WAITING, P::ordering(Edge::SetWaiting));
    P::crash_point(Site::WaitingSet);
}

/// Clears the waiting bit. True if a notifier was faster: then a token was or will be posted.
#[inline]
pub fn clear_waiting<P: Platform>(signal: &P::U32) -> bool {
    // [W3] Acquire ← `claim_wake`: a waiter whose bit was claimed may pass the wake-up on, and then sees what
    // it was for, and which other ends wait.
    signal.fetch_and(!WAITING, P::ordering(Edge::ClearWaiting)) & WAITING == 0
}

/// Whether the waiting bit is set, and no notifier has claimed it. For a process that monitors the ends of
/// others: if it is claimed, a token has been posted or will be.
pub fn is_waiting<P: Platform>(signal: &P::U32) -> bool {
    signal.load(core::sync::atomic::Ordering::Relaxed) & WAITING != 0 // The token orders it, or is still to come.
}

/// The notifier's check of the other end's signal word, after a publication; 0 is the case that must cost
/// nothing.
#[inline(always)]
pub fn peek<P: Platform>(signal: &P::U32, barrier: Barrier) -> u32 {
    P::light(barrier);
    signal.load(core::sync::atomic::Ordering::Relaxed) // The light barrier above orders it after the publication.
}

/// Clears the waiting bit of an end that is to be woken. True if this call cleared it: then the caller must
/// post one token to the waiter.
#[cold]
pub fn claim_wake<P: Platform>(signal: &P::U32) -> bool {
    // [W1] Acquire ← `set_waiting`: a successor may have set the bit that this call clears, and waits on
    // another semaphore than its predecessor. [W3] Release → `clear_waiting`.
    let is_claimed = signal.fetch_and(!WAITING, P::ordering(Edge::ClaimWake)) & WAITING != 0;
    if is_claimed {
        P::crash_point(Site::WakeClaimed);
    }
    is_claimed
}

/// Sets bits of this end's own signal word. An end that sees them also sees everything this end did before.
pub fn set_flags<P: Platform>(signal: &P::U32, bits: u32) {
    // [C1] Release → `load_state`: what this end pushed or popped before is visible to an end that sees the
    // bit.
    signal.fetch_or(bits, P::ordering(Edge::CloseSet));
}

/// Clears bits that a predecessor set. Under the domain's lock.
pub(crate) fn clear_flags<P: Platform>(signal: &P::U32, bits: u32) {
    signal.fetch_and(!bits, core::sync::atomic::Ordering::Relaxed); // Under the lock.
}

/// The other end's state bits. If one is set, the caller checks the ring again.
pub fn load_state<P: Platform>(signal: &P::U32) -> u32 {
    // [C1] Acquire ← `set_flags`.
    signal.load(P::ordering(Edge::CloseLoad))
}
