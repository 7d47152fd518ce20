//! Leaving without the lock.
//!
//! An end that is dropped must not wait, and the lock may be held by a process that is stopped. The end's own
//! resources it frees itself: its seat, its wake semaphore, its queue. They are taken only under the lock and
//! only while free, so no other process changes one that is taken.
//!
//! Two decisions need the lock: whether a channel's name goes, because no live end is left, and whether the
//! domain does. An end that leaves without the lock writes a note into the channel's directory entry,
//! increments a count, and tries the lock again. Each process that releases the lock checks the count
//! afterwards and handles the notes. No note is missed in between: the kernel carries out the operations on
//! the lock one after the other, so an attempt that fails comes before the release that follows, and the note
//! was counted before the attempt. If the holder is killed instead, the next process to take the lock finds
//! the notes.

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
    /// What identifies this program to others, for the lock.
    pub(super) fn image_id(&self) -> ImageId {
        self.image.as_ref().expect("a member has an image").id()
    }

    /// Gives an end up, at once. `vacate` frees the end's own resources. If the lock is free, `is_deserted`
    /// says whether any live end is left; if none is, the channel's name goes, and if it `is_finished` its
    /// memory too. If the lock is not free, the next process that takes it does that.
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
            // An owner whose liveness cannot be determined keeps the channel.
            if matches!(is_deserted(), Ok(true)) {
                locked.remove(entry);
                if is_finished() {
                    // Another process may have removed it already.
                    let _ = entry.end();
                }
            }
        });
        if let Some((vacate, _, is_finished)) = rest {
            vacate();
            self.note(entry, is_finished());
        }
    }

    /// Notes that an end of a channel has gone.
    fn note(&self, entry: &Entry, is_finished: bool) {
        if let Some(at) = entry.index.map(channel) {
            if is_finished {
                leaving::note::<Native>(self.table.word(at + C_FINISHED), entry.generation);
            }
            leaving::note::<Native>(self.table.word(at + C_LEFT), entry.generation);
        }
        self.leave_rest();
    }

    /// Counts that work was left to the next holder of the lock, and does it if the lock is free.
    pub(crate) fn leave_rest(&self) {
        leaving::count::<Native>(self.table.half(H_DEPARTED));
        self.settle_departures();
    }

    /// Handles what was left while this process had the lock. To be called after each release of the lock.
    pub(super) fn settle_departures(&self) {
        leaving::settle(
            || is_unsettled(&self.table),
            || Lock::try_take(self.semaphores, self.image_id()).ok().flatten(),
            |_: &Lock| {
                let locked = Locked { member: self };
                // If liveness cannot be determined, the next holder tries again.
                locked.sweep_departed(locked.departed()).is_ok()
            },
        );
    }
}

/// Whether some departure has not been handled yet.
pub(super) fn is_unsettled(table: &Table) -> bool {
    leaving::is_unsettled::<Native>(table.half(H_DEPARTED), table.half(H_SETTLED))
}

impl Locked<'_> {
    /// The current count of departures.
    pub(super) fn departed(&self) -> u32 {
        leaving::counted::<Native>(self.member.table.half(H_DEPARTED))
    }

    /// Does what was left to the next holder of the lock, up to this count. Two loads if nothing was.
    ///
    /// # Errors
    /// If liveness cannot be determined. Then it is done the next time.
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

    /// Removes from the directory a channel whose ends have left, unless a live end is there.
    fn settle(&self, index: usize) -> Result<(), ipc_core::Error> {
        let table = &self.member.table;
        let at = channel(index);
        if table.get_half(at + C_KIND) == LISTENER {
            table.set_half(at + C_STATE, FREE);
            return Ok(());
        }
        let Some(entry) = self.entry(index)? else { return Ok(()) };
        // Memory that this process may not read, and owners whose liveness it cannot determine, are left to
        // the next process.
        let is_deserted = leaving::is_deserted::<Native>(table.word(at + C_LEFT), || {
            let region = Region::segment(entry.segment.attach_read_only().ok()?);
            let mut identities = seats::identities(entry.kind, &region)?;
            self.member.asking(|is_alive| identities.any(is_alive)).ok()
        });
        if is_deserted {
            let is_finished = table.get(at + C_FINISHED) == entry.generation;
            self.remove(&entry);
            if is_finished {
                // Another process may have removed it already.
                let _ = entry.end();
            }
        }
        Ok(())
    }
}
