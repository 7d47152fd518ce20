//! The changes of an `IPC_SET`, applied to a record that is read before and written back whole.

use core::fmt;

use crate::permissions::Mode;
use crate::sys::IpcPerm;
use crate::users::{self, Ids};

/// A change of one record. Fields that it does not name are written back as they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Owner and group.
    Owner {
        uid: u32,
        gid: u32,
    },
    /// Owner only.
    User(u32),
    Mode(Mode),
    /// `msg_qbytes`, which only queues have.
    CapacityBytes(u64),
}

impl Change {
    /// Applies it to the permission structure.
    ///
    /// # Errors
    /// An owner or group that is to stay but has no number in this user namespace: the number read in its
    /// place would, written back, name another user.
    pub(crate) fn put_into(self, raw: &mut IpcPerm) -> Result<(), String> {
        match self {
            Change::Owner { uid, gid } => (raw.uid, raw.gid) = (uid, gid),
            Change::User(uid) => {
                kept(Ids::Groups, raw.gid)?;
                raw.uid = uid;
            }
            Change::Mode(_) | Change::CapacityBytes(_) => {
                kept(Ids::Users, raw.uid)?;
                kept(Ids::Groups, raw.gid)?;
            }
        }
        if let Change::Mode(mode) = self {
            raw.mode = mode.bits().into();
        }
        Ok(())
    }

    /// Whether it names a user or group; the kernel may not know that one.
    pub(crate) fn names_somebody(self) -> bool {
        matches!(self, Change::Owner { .. } | Change::User(_))
    }
}

fn kept(ids: Ids, id: u32) -> Result<(), String> {
    if !users::is_unmapped(ids, id) {
        return Ok(());
    }
    let (role, kind) = match ids {
        Ids::Users => ("owner", "user"),
        Ids::Groups => ("group", "group"),
    };
    Err(format!(
        "its {role} has no number in this user namespace and is shown as {kind} {id}: writing the record back would give it to the {kind} of that number, if there is one; \
         name owner and group with set_owner"
    ))
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Owner { uid, gid } => write!(f, "IPC_SET, uid={uid}, gid={gid}"),
            Change::User(uid) => write!(f, "IPC_SET, uid={uid}"),
            Change::Mode(mode) => write!(f, "IPC_SET, mode={mode}"),
            Change::CapacityBytes(bytes) => write!(f, "IPC_SET, qbytes={bytes}"),
        }
    }
}
