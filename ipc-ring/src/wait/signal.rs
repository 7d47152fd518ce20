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
//!   look at the ring again                   signal & WAITING ?
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

/// Announces that this end is going to sleep. Afterwards it must check the ring once more, then sleep or
/// [`withdraw`].
///
/// # Errors
/// As [`Platform::heavy`]. Then it must not sleep, but [`withdraw`]: a notifier need not see the
/// announcement.
#[inline]
pub fn announce<P: Platform>(signal: &P::U32, barrier: Barrier) -> Result<(), ipc_core::Error> {
    mark::<P>(signal);
    P::heavy(barrier)
}

/// The first half of [`announce`], for a waiter that announces at several ends and runs the heavy barrier
/// once, after all of them.
#[inline]
pub fn mark<P: Platform>(signal: &P::U32) {
    // [W1] Release → `take`: the number of this end's semaphore is written before. The heavy barrier ensures
    // that the bit is seen in time.
    signal.fetch_or(WAITING, P::ordering(Edge::WaitAnnounce));
    P::crash_point(Site::WaitAnnounced);
}

/// Withdraws the announcement. True if a notifier was faster: then a token was or will be posted.
#[inline]
pub fn withdraw<P: Platform>(signal: &P::U32) -> bool {
    // [W3] Acquire ← `take`: a waiter whose bit was taken may pass the wake on, and then sees what it was
    // for, and who else waits.
    signal.fetch_and(!WAITING, P::ordering(Edge::WaitWithdraw)) & WAITING == 0
}

/// Whether an announcement is pending that no notifier has taken. For a process that monitors the ends of
/// others: if it is taken, a token has been posted or will be.
pub fn is_waiting<P: Platform>(signal: &P::U32) -> bool {
    signal.load(core::sync::atomic::Ordering::Relaxed) & WAITING != 0 // A token from its taker orders it, or is still to come.
}

/// The notifier's check of the other end's signal, after a publication; 0 is the case that must cost nothing.
#[inline(always)]
pub fn look<P: Platform>(signal: &P::U32, barrier: Barrier) -> u32 {
    P::light(barrier);
    signal.load(core::sync::atomic::Ordering::Relaxed) // The light barrier above orders it after the publication.
}

/// Takes the waiting bit. True if this call cleared it: then the caller must post one token to the waiter.
#[cold]
pub fn take<P: Platform>(signal: &P::U32) -> bool {
    // [W1] Acquire ← `announce`: a successor may have set the bit that this call takes, and waits on another
    // semaphore than its predecessor. [W3] Release → `withdraw`.
    let taken = signal.fetch_and(!WAITING, P::ordering(Edge::WaitTake)) & WAITING != 0;
    if taken {
        P::crash_point(Site::WaitTaken);
    }
    taken
}

/// Sets bits of this end's own signal, which the other end sees after everything this end did before.
pub fn raise<P: Platform>(signal: &P::U32, bits: u32) {
    // [C1] Release → `seen`: what this end pushed or popped before is visible to an end that sees the bit.
    signal.fetch_or(bits, P::ordering(Edge::CloseSet));
}

/// Clears bits that a predecessor set. Under the domain's lock.
pub(crate) fn clear<P: Platform>(signal: &P::U32, bits: u32) {
    signal.fetch_and(!bits, core::sync::atomic::Ordering::Relaxed); // Under the lock.
}

/// The other end's state bits. If one is set, the caller checks the ring again.
pub fn seen<P: Platform>(signal: &P::U32) -> u32 {
    // [C1] Acquire ← `raise`.
    signal.load(P::ordering(Edge::CloseSeen))
}
