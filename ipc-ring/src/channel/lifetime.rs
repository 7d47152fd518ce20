//! How long a channel lives, and how one that outlives its processes is found again.
//!
//! A persistent channel's segment has a key of its own, derived from the domain's key and the channel's name.
//! The domain's directory lists it only while a process is attached; later openers find it by the key. All of
//! this happens under the domain's lock.

use ipc_core::shm::{Attachment, SharedMemory, Size};
use ipc_core::{ErrorKind, Key};
use ipc_describe::Fnv;

use crate::domain::{Domain, Entry, Locked};
use crate::error::{AttachError, AttachErrorKind, Creator};
use crate::layout;
use crate::region::Region;

/// How long a channel lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lifetime {
    /// Until no process is attached: then the kernel frees the memory, messages and all, however the last
    /// process ended.
    #[default]
    Ephemeral,
    /// Until it is removed, its stream has ended, or the machine restarts. All ends may leave or be killed,
    /// and come back later: the stream continues where it stopped. See [`Domain::remove_channel`].
    ///
    /// Where the kernel removes a segment as soon as no process is attached (`kernel.shm_rmid_forced`) no
    /// such channel can be made: [`NotKept`](crate::AttachErrorKind::NotKept). logind removes what an
    /// ordinary user has made when the user's last session ends, unless `logind.conf` has `RemoveIPC=no`;
    /// `ipc-bench doctor` warns of both.
    Persistent,
}

impl Entry {
    pub(super) fn lifetime(&self) -> Lifetime {
        if self.is_persistent { Lifetime::Persistent } else { Lifetime::Ephemeral }
    }
}

/// The key of a persistent channel.
pub(crate) fn key(domain: Key, name: &str) -> Key {
    let mut hash = Fnv::new();
    hash.write(b"ipc-ring channel");
    hash.write(&domain.as_raw().to_le_bytes());
    hash.write(name.as_bytes());
    crate::key::of(&hash)
}

/// Attaches to a new segment that is to outlive its users. Detaches once to see whether the kernel keeps a
/// segment without users.
///
/// # Errors
/// [`NotKept`](crate::AttachErrorKind::NotKept) when the kernel has removed the segment meanwhile.
pub(super) fn attach_kept(segment: SharedMemory) -> Result<Attachment, AttachError> {
    drop(segment.attach()?);
    segment.attach().map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::Removed => AttachErrorKind::NotKept.into(),
        _ => error.into(),
    })
}

/// Looks for a persistent channel without attached processes, and enters it in the directory. The unfinished
/// remains of a creator that died are removed.
///
/// # Errors
/// [`KeyTaken`](crate::AttachErrorKind::KeyTaken) when the key belongs to another channel or another
/// program's memory.
pub(super) fn adopt(locked: &Locked<'_>, domain: &Domain, name: &str) -> Result<Option<Entry>, AttachError> {
    let member = domain.member();
    let key = key(member.key(), name);
    let segment = match SharedMemory::open(key, Size::Any, member.trust()) {
        Ok(segment) => segment,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let region = Region::segment(segment.attach_read_only()?);
    match layout::name_plate(&region) {
        layout::Plate::Ring { kind, generation, name: found } if found == name => {
            locked.enter(name, kind, segment, generation).map(Some)
        }
        // The maker of a ring holds the domain's lock until it is complete. We hold it, so that maker is
        // dead.
        layout::Plate::Unfinished => {
            segment.remove()?;
            Ok(None)
        }
        layout::Plate::Ring { .. } | layout::Plate::Foreign => {
            let taken = AttachError::from(AttachErrorKind::KeyTaken { key: key.as_raw() });
            Err(taken.made_by(|| Creator::of(segment)))
        }
    }
}

/// As [`adopt`], for a user of the name that wants a channel of this lifetime. Any user can take a key, and
/// the key of a persistent channel follows from its name: what a stranger has put there blocks a persistent
/// channel only; any other channel treats it as absent.
///
/// # Errors
/// As [`adopt`], if a persistent channel is wanted.
pub(super) fn adopt_for(
    lifetime: Lifetime,
    locked: &Locked<'_>,
    domain: &Domain,
    name: &str,
) -> Result<Option<Entry>, AttachError> {
    match adopt(locked, domain, name) {
        Err(error) if lifetime == Lifetime::Ephemeral && belongs_to_another(&error) => Ok(None),
        result => result,
    }
}

/// Whether what was found under a key has nothing to do with this domain's channels.
fn belongs_to_another(error: &AttachError) -> bool {
    match error.kind() {
        AttachErrorKind::KeyTaken { .. } => true,
        AttachErrorKind::System(error) => {
            matches!(error.kind(), ErrorKind::Untrusted | ErrorKind::PermissionDenied | ErrorKind::NotOwner)
        }
        _ => false,
    }
}

/// Why what lies under the key of a persistent channel of this name was not accepted: it belongs to another
/// program or user.
pub(super) fn refused(domain: &Domain, name: &str) -> Option<String> {
    let member = domain.member();
    let error = SharedMemory::open(key(member.key(), name), Size::Any, member.trust()).err()?;
    (!matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed)).then(|| error.to_string())
}
