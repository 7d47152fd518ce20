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

use super::directory::{Entry, channel};
use super::image::ImageId;
use super::layout::{
    C_FINISHED, C_GENERATION, C_KIND, C_LEFT, C_STATE, CHANNELS, FREE, H_DEPARTED, H_SETTLED, LISTENER, LIVE,
};
use super::lock::Lock;
use super::table::Table;
use super::{Locked, Member};
use crate::leaving;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::seats;

impl Member {
    /// By what others know that this program is there, for the lock.
    pub(super) fn image_id(&self) -> ImageId {
        self.image.as_ref().expect("a member has an image").id()
    }

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
            if is_finished {
                leaving::note::<Native>(self.table.word(at + C_FINISHED), entry.generation);
            }
            leaving::note::<Native>(self.table.word(at + C_LEFT), entry.generation);
        }
        self.leave_rest();
    }

    /// Counts that something was left to the next process that has the lock, and deals with it if the lock is free.
    pub(crate) fn leave_rest(&self) {
        leaving::count::<Native>(self.table.half(H_DEPARTED));
        self.settle_departures();
    }

    /// Deals with what was left while this process had the lock. To be called after each release of it.
    pub(super) fn settle_departures(&self) {
        leaving::settle(
            || is_unsettled(&self.table),
            || Lock::try_take(self.semaphores, self.image_id()).ok().flatten(),
            |_: &Lock| {
                let locked = Locked { member: self };
                // When it cannot be known who is alive, the next one asks again.
                locked.sweep_departed(locked.departed()).is_ok()
            },
        );
    }
}

/// Whether something was left that nobody has dealt with.
pub(super) fn is_unsettled(table: &Table) -> bool {
    leaving::is_unsettled::<Native>(table.half(H_DEPARTED), table.half(H_SETTLED))
}

impl Locked<'_> {
    /// How many departures are counted now.
    pub(super) fn departed(&self) -> u32 {
        leaving::counted::<Native>(self.member.table.half(H_DEPARTED))
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
            let is_live = table.get_half(at + C_STATE) == LIVE;
            let generation = table.get(at + C_GENERATION);
            if is_live && leaving::is_noted::<Native>(table.word(at + C_LEFT), generation) {
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
        let Some(entry) = self.entry(index)? else { return Ok(()) };
        // Of memory that this process may not look at, and of owners of whom it cannot be known, the next one judges.
        let is_deserted = leaving::is_deserted::<Native>(table.word(at + C_LEFT), || {
            let region = Region::segment(entry.segment.attach_read_only().ok()?);
            let mut identities = seats::identities(entry.kind, &region)?;
            self.member.asking(|is_alive| identities.any(is_alive)).ok()
        });
        if is_deserted {
            let is_finished = table.get(at + C_FINISHED) == entry.generation;
            self.remove(&entry);
            if is_finished {
                // Somebody else may have removed it already.
                let _ = entry.end();
            }
        }
        Ok(())
    }
}
