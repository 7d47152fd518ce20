//! Leaving without the lock.
//!
//! An end that is dropped must not wait, and the lock may be in the hands of a process that is stopped. What belongs to the end
//! alone it frees itself: its seat, its wake semaphore, its queue. They are taken only under the lock and only while they are
//! free, so nobody else changes one that is taken.
//!
//! Two things are judged under the lock: whether a channel's name goes, because no living end is left, and whether the domain
//! does. An end that leaves without the lock writes a note into the channel's entry of the directory, counts it, and tries the
//! lock again. Each process that gives the lock back looks at the count afterwards and deals with the notes. Nothing falls
//! between the two: the kernel carries out the operations on the lock one after the other, so an attempt that fails comes before
//! the release that follows, and the note was counted before the attempt. When the holder is killed instead, the next process
//! to take the lock finds the notes.

use std::sync::atomic::Ordering;

use super::directory::{Entry, channel};
use super::layout::{
    C_FINISHED, C_GENERATION, C_KIND, C_LEFT, C_STATE, CHANNELS, FREE, H_DEPARTED, H_SETTLED, LISTENER, LIVE,
};
use super::lock::Lock;
use super::table::Table;
use super::{Locked, Member};
use crate::region::Region;
use crate::ring::seats;

impl Member {
    /// Gives an end up, at once. `vacate` frees what is the end's own. When the lock is free, `is_deserted` says whether any
    /// living end is left; when none is, the channel's name goes, and if it `is_finished` its memory too. When the lock is not
    /// free, the next process that has it does that.
    pub(crate) fn depart(
        &self,
        entry: &Entry,
        vacate: impl FnOnce(),
        is_deserted: impl FnOnce() -> Result<bool, ipc_core::Error>,
        is_finished: impl FnOnce() -> bool,
    ) {
        let mut rest = Some((vacate, is_deserted, is_finished));
        self.try_locked(|locked| {
            let Some((vacate, is_deserted, is_finished)) = rest.take() else { return };
            vacate();
            // One of which it cannot be known whether it is alive keeps the channel.
            if matches!(is_deserted(), Ok(true)) {
                locked.remove(entry);
                if is_finished() {
                    // Somebody else may have removed it already.
                    let _ = entry.end();
                }
            }
        });
        if let Some((vacate, _, is_finished)) = rest {
            vacate();
            self.note(entry, is_finished());
        }
    }

    /// Writes down that an end of a channel has gone.
    fn note(&self, entry: &Entry, is_finished: bool) {
        if let Some(at) = entry.index.map(channel) {
            let raise = |field| {
                // A late note about a channel that had the entry before does not hide one about this channel.
                self.table.word(at + field).fetch_max(entry.generation, Ordering::Relaxed); // Before the count, [G1].
            };
            if is_finished {
                raise(C_FINISHED);
            }
            raise(C_LEFT);
        }
        self.leave_rest();
    }

    /// Counts that something was left to the next process that has the lock, and deals with it if the lock is free.
    pub(crate) fn leave_rest(&self) {
        // [G1] Release → `departed`: what was freed and noted before.
        self.table.half(H_DEPARTED).fetch_add(1, Ordering::Release);
        self.settle_departures();
    }

    /// Deals with what was left while this process had the lock. To be called after each release of it.
    pub(super) fn settle_departures(&self) {
        while is_unsettled(&self.table) {
            let Ok(Some(lock)) = Lock::try_take(self.semaphores, self.image.id()) else { return };
            let locked = Locked { member: self };
            let swept = locked.sweep_departed(locked.departed());
            drop(lock);
            if swept.is_err() {
                // It cannot be known who is alive. The next one asks again.
                return;
            }
        }
    }
}

/// Whether something was left that nobody has dealt with.
pub(super) fn is_unsettled(table: &Table) -> bool {
    // Relaxed: whoever counted before its attempt at the lock failed is seen behind the release of the lock.
    table.half(H_DEPARTED).load(Ordering::Relaxed) != table.get_half(H_SETTLED)
}

impl Locked<'_> {
    /// How many departures are counted now.
    pub(super) fn departed(&self) -> u32 {
        // [G1] Acquire ← `leave_rest`.
        self.member.table.half(H_DEPARTED).load(Ordering::Acquire)
    }

    /// Does what was left to whoever has the lock next, up to this count. Two loads when nothing was.
    ///
    /// # Errors
    /// When it cannot be known who is alive. Then it is done the next time.
    pub(super) fn sweep_departed(&self, departed: u32) -> Result<(), ipc_core::Error> {
        let table = &self.member.table;
        if departed == table.get_half(H_SETTLED) {
            return Ok(());
        }
        for index in 0..CHANNELS {
            let at = channel(index);
            if table.get_half(at + C_STATE) == LIVE && table.get(at + C_LEFT) == table.get(at + C_GENERATION)
            {
                self.settle(index)?;
            }
        }
        self.sweep()?;
        table.set_half(H_SETTLED, departed);
        Ok(())
    }

    /// Takes a channel whose ends have left out of the directory, unless a living end is there.
    fn settle(&self, index: usize) -> Result<(), ipc_core::Error> {
        let table = &self.member.table;
        let at = channel(index);
        if table.get_half(at + C_KIND) == LISTENER {
            table.set_half(at + C_STATE, FREE);
            return Ok(());
        }
        // Before the look at the seats: an end that leaves after the look writes another note. [G1] Acquire: one that has
        // written its note has left its seat.
        let noted = table.word(at + C_LEFT).swap(0, Ordering::Acquire);
        let Some(entry) = self.entry(index)? else { return Ok(()) };
        let is_held = entry.segment.attach_read_only().ok().and_then(|attached| {
            let region = Region::segment(attached);
            let mut identities = seats::identities(entry.kind, &region)?;
            self.member.asking(|is_alive| identities.any(is_alive)).ok()
        });
        match is_held {
            // Memory that this process may not look at, or owners of whom it cannot be known: the next one looks.
            None => {
                table.word(at + C_LEFT).fetch_max(noted, Ordering::Relaxed); // As `note`; still to be settled.
            }
            Some(true) => {}
            Some(false) => {
                let is_finished = table.get(at + C_FINISHED) == entry.generation;
                self.remove(&entry);
                if is_finished {
                    // Somebody else may have removed it already.
                    let _ = entry.end();
                }
            }
        }
        Ok(())
    }
}
