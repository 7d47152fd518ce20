//! The words by which work and resources pass from one process to another without a common lock: work left to
//! the next holder of the domain's lock, resources given back while another process holds it, and entries
//! found by processes that do not take it.
//!
//! ```text
//!   an end that leaves while another has the lock     the holder
//!   -----------------------------------------------   -----------------------------------------------
//!   its seat = free                                    gives the lock back
//!   note                            [G1] Release       counted != settled ?
//!   departed += 1                   [G1] Release       tries the lock
//!   tries the lock                                     departed ?                       [G1] Acquire
//!   no: the holder sees the count                      takes the note, checks seats     [G1] Acquire
//! ```
//!
//! The algorithms are in `domain/`; this is the part that a model checker can run.

use core::sync::atomic::Ordering::Relaxed;

use crate::edge::Edge;
use crate::platform::{Platform, Word};

/// Writes a note about a channel's generation into the channel's word. A late note about a channel that had
/// the entry before does not hide one about this channel.
pub fn note<P: Platform>(word: &P::U64, generation: u64) {
    let mut found = word.load(Relaxed); // A guess, which the exchange checks.
    loop {
        // [G1] Release → `take_note`: the seat has been left. The exchange is needed even if the same note is
        // there already: otherwise the note may be taken on behalf of its first writer only.
        let exchange =
            word.compare_exchange(found, found.max(generation), P::ordering(Edge::DepartureNote), Relaxed);
        match exchange {
            Ok(_) => return,
            Err(other) => found = other,
        }
    }
}

/// Whether there is a note about this generation. Under the lock.
pub fn is_noted<P: Platform>(word: &P::U64, generation: u64) -> bool {
    word.load(Relaxed) == generation // Behind `counted`, [G1].
}

/// Takes the note and determines whether a live end is left: `look` says so, or `None` if that cannot be
/// determined. True if none is. Under the lock. If it cannot be determined, the note stays.
pub fn is_deserted<P: Platform>(word: &P::U64, look: impl FnOnce() -> Option<bool>) -> bool {
    // Before `look`: an end that leaves after it writes another note.
    // [G1] Acquire ← `note`: an end that has written its note has left its seat.
    let noted = word.fetch_and(0, P::ordering(Edge::DepartureNoteTaken));
    match look() {
        Some(is_held) => !is_held,
        None => {
            note::<P>(word, noted);
            false
        }
    }
}

/// Counts that work was left. Try the lock after it.
pub fn count<P: Platform>(departed: &P::U32) {
    // [G1] Release → `counted`: what was freed and noted before.
    departed.fetch_add(1, P::ordering(Edge::DepartureCount));
}

/// The number of times that work was left. Under the lock, before the check of the notes.
pub fn counted<P: Platform>(departed: &P::U32) -> u32 {
    // [G1] Acquire ← `count`.
    departed.load(P::ordering(Edge::DepartureCounted))
}

/// Whether work was left that no process has done. To be checked after each release of the lock.
pub fn is_unsettled<P: Platform>(departed: &P::U32, settled: &P::U32) -> bool {
    // Relaxed: an end that counted before its attempt at the lock failed is visible after the release of the
    // lock.
    departed.load(Relaxed) != settled.load(Relaxed)
}

/// Does what was left, as long as there is work and the lock is free. `sweep` returns false if it cannot be
/// done now.
pub fn settle<L>(
    is_unsettled: impl Fn() -> bool,
    try_lock: impl Fn() -> Option<L>,
    sweep: impl Fn(&L) -> bool,
) {
    while is_unsettled() {
        let Some(lock) = try_lock() else { return };
        let swept = sweep(&lock);
        drop(lock);
        if !swept {
            return;
        }
    }
}

/// Gives back a resource with an owner word, without the lock; nothing happens if the word names another
/// owner.
pub fn give_back<P: Platform>(owner: &P::U64, me: u64, no_owner: u64) {
    // Relaxed: only its owner, or a process that finds the owner dead, passes it on.
    if owner.load(Relaxed) == me {
        // [G2] Release → `owner_of`: the last use is over. Fails if the domain was remade meanwhile.
        let _ = owner.compare_exchange(me, no_owner, P::ordering(Edge::WakeGivenBack), Relaxed);
    }
}

/// The owner, for a process that takes the resource if it has none. Under the lock.
pub fn owner_of<P: Platform>(owner: &P::U64) -> u64 {
    // [G2] Acquire ← `give_back`.
    owner.load(P::ordering(Edge::WakeClaimed))
}

/// Makes an entry visible to processes that read the table without the lock.
pub fn publish<P: Platform>(state: &P::U32, live: u32) {
    // [G3] Release → `is_published`: the entry's content.
    state.store(live, P::ordering(Edge::QueueLive));
}

/// Whether an entry can be read.
pub fn is_published<P: Platform>(state: &P::U32, live: u32) -> bool {
    // [G3] Acquire ← `publish`.
    state.load(P::ordering(Edge::QueueSeen)) == live
}
