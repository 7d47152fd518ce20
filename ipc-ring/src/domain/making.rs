//! The one moment at which a kill could leave a data segment behind is between the system call that makes it
//! and the one that marks it for removal.
//!
//! So a segment is made under a random key. The key is written into a table of the domain **before** the
//! segment exists, and the entry is freed when the segment is marked, which removes its key. The maker holds
//! the domain's lock meanwhile. If it dies, the kernel frees the lock, and the next holder finds the note and
//! removes the segment under the key, if the kernel permits it. If not, because the maker was another user,
//! the note stays for a process that is permitted. No process number is involved: the next holder may be in
//! another process namespace.

use ipc_core::list;
use ipc_core::shm::{Attachment, Options, SharedMemory, ShmId, Size, Stat};
use ipc_core::{ErrorKind, Key, Trust};

use super::layout::{FREE, H_NOTES, MAKING, N_KEY, N_SIZE, N_STATE, N_UID, NOTE_SIZE, NOTE_TABLE, NOTES};
use super::table::Table;
use super::{Locked, Member};
use crate::error::{AttachError, AttachErrorKind};
use crate::platform::{Native, Platform as _, Site};

/// How many random keys are tried when a key is taken.
const ATTEMPTS: usize = 100;

fn note(index: usize) -> usize {
    NOTE_TABLE + index * NOTE_SIZE
}

impl Locked<'_> {
    /// Makes a segment of zeros, marks it for removal, and attaches it. It belongs to this user and, with
    /// `also`, to that one.
    ///
    /// # Errors
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull) if there are too many segments of dead makers that
    /// no process could remove; [`System`](crate::AttachErrorKind::System).
    pub(crate) fn make_segment(
        &self,
        size: usize,
        options: &Options,
        also: Option<u32>,
    ) -> Result<(SharedMemory, Attachment), AttachError> {
        let table = &self.member.table;
        let index = (0..NOTES).find(|index| table.get_half(note(*index) + N_STATE) == FREE).ok_or(
            AttachErrorKind::DomainFull { what: "segments of dead makers of other users", limit: NOTES },
        )?;
        let at = note(index);
        table.set(at + N_SIZE, size as u64);
        table.set_half(at + N_UID, nix::unistd::geteuid().as_raw());
        table.set_half(H_NOTES, table.get_half(H_NOTES) + 1);
        let made = make(table, at, size, options, also);
        if made.is_ok() || remove(&Note::read(table, at)) {
            table.set_half(at + N_STATE, FREE);
        }
        count(table);
        made
    }
}

fn make(
    table: &Table,
    at: usize,
    size: usize,
    options: &Options,
    also: Option<u32>,
) -> Result<(SharedMemory, Attachment), AttachError> {
    let mut attempt = 1;
    let segment = loop {
        let key = Key::random()?;
        table.set_half(at + N_KEY, key.as_raw() as u32);
        table.set_half(at + N_STATE, MAKING);
        Native::crash_point(Site::DomainSegmentNoted);
        match SharedMemory::create_new(key, size, options) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            result => break result?,
        }
    };
    Native::crash_point(Site::DomainSegmentMade);
    let attached = segment.attach();
    let granted = also.map_or(Ok(()), |uid| segment.grant(uid));
    Native::crash_point(Site::DomainSegmentAttached);
    segment.remove()?;
    Native::crash_point(Site::DomainSegmentMarked);
    granted?;
    Ok((segment, attached?))
}

/// To be called by each process that has just taken the lock: removes what a dead maker left behind.
pub(super) fn finish_interrupted(member: &Member) {
    let table = &member.table;
    if table.get_half(H_NOTES) == 0 {
        return;
    }
    for index in 0..NOTES {
        let at = note(index);
        if table.get_half(at + N_STATE) != FREE && remove(&Note::read(table, at)) {
            table.set_half(at + N_STATE, FREE);
        }
    }
    count(table);
}

/// Counts the notes, so that a holder of the lock need not search for them if there are none.
fn count(table: &Table) {
    let notes = (0..NOTES).filter(|index| table.get_half(note(*index) + N_STATE) != FREE).count();
    table.set_half(H_NOTES, notes as u32);
}

/// What a maker noted. Read without the lock, so the maker may still be at work.
pub(super) struct Note {
    key: Key,
    size: u64,
    uid: u32,
}

impl Note {
    fn read(table: &Table, at: usize) -> Self {
        Self {
            key: Key::from_raw(table.get_half(at + N_KEY) as i32),
            size: table.get(at + N_SIZE),
            uid: table.get_half(at + N_UID),
        }
    }

    /// All notes of a domain.
    pub(super) fn all(table: &Table) -> Vec<Self> {
        (0..NOTES)
            .map(note)
            .filter(|at| table.get_half(at + N_STATE) != FREE)
            .map(|at| Self::read(table, at))
            .collect()
    }

    /// Whether a segment is the one that was being made: the key, which was free then, the size, the user.
    pub(super) fn is_about(&self, stat: &Stat) -> bool {
        let permissions = stat.permissions();
        self.key != Key::PRIVATE
            && permissions.key() == self.key
            && permissions.cuid() == self.uid
            && stat.size() as u64 == self.size
            && !stat.is_marked_for_removal()
    }
}

/// Removes the segment under the key of a dead maker's note. True if the note has served its purpose; false
/// if another process may know more or may do more.
fn remove(note: &Note) -> bool {
    if note.key == Key::PRIVATE {
        return true;
    }
    // Opening is a cheap check for any object under the key, whatever its owner.
    match SharedMemory::open(note.key, Size::Any, &Trust::anyone()) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => return true,
        _ => {}
    }
    let Ok(segments) = list::segments() else { return false };
    let found: Option<(ShmId, Stat)> =
        segments.into_iter().find(|(_, stat)| stat.permissions().key() == note.key);
    let Some((id, stat)) = found else { return true };
    if stat.size() as u64 != note.size {
        // Not the maker's segment, which would have this size.
        return true;
    }
    // A user namespace that shows other numbers, or memory that a thread of a dying process still has
    // attached.
    if !note.is_about(&stat) || stat.attachments() > 0 {
        return false;
    }
    match SharedMemory::from_id(id).remove() {
        Ok(()) => true,
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed),
    }
}
