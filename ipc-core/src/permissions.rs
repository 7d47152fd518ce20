//! The nine mode bits and the permission structure that every object carries.

use core::fmt;

use crate::key::Key;
use crate::sys::IpcPerm;

/// The nine permission bits of an object: read and write (for semaphores: read and alter) for owner, group
/// and others.
///
/// The umask is not applied to System V objects, so the mode given here is the only protection. The default
/// is 0600.
///
/// ```
/// use ipc_core::Mode;
///
/// assert_eq!(Mode::default(), Mode::PRIVATE);
/// assert_eq!(Mode::PRIVATE.group_read().to_string(), "0640");
/// assert_eq!(Mode::new(0o1777), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mode(u16);

impl Mode {
    /// 0600: the owner and the creator only.
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::PRIVATE.bits(), 0o600);
    /// ```
    pub const PRIVATE: Mode = Mode(0o600);

    /// No right at all: requested when opening to read the record, to change and to remove.
    pub(crate) const NONE: Mode = Mode(0);

    /// 0777: everything.
    pub(crate) const ALL: Mode = Mode(0o777);

    /// The right to read, requested when opening to observe.
    pub(crate) const READ: Mode = Mode(0o400);

    /// The right to write (alter), requested when opening to send or to alter.
    pub(crate) const WRITE: Mode = Mode(0o200);

    /// The rights to read and write that this mode gives to creator and owner.
    pub(crate) const fn of_owner(self) -> Mode {
        Mode(self.0 & Mode::PRIVATE.0)
    }

    /// What either gives.
    pub(crate) const fn or(self, other: Mode) -> Mode {
        Mode(self.0 | other.0)
    }

    /// A mode of these bits; `None` if any bit other than the nine is set.
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::new(0o640).unwrap().bits(), 0o640);
    /// ```
    #[must_use]
    pub const fn new(bits: u16) -> Option<Mode> {
        if bits <= 0o777 { Some(Mode(bits)) } else { None }
    }

    /// The nine bits.
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::PRIVATE.bits(), 0o600);
    /// ```
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Also lets the group read.
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::PRIVATE.group_read().bits(), 0o640);
    /// ```
    #[must_use]
    pub const fn group_read(self) -> Mode {
        Mode(self.0 | 0o040)
    }

    /// Also lets the group write (alter).
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::PRIVATE.group_write().bits(), 0o620);
    /// ```
    #[must_use]
    pub const fn group_write(self) -> Mode {
        Mode(self.0 | 0o020)
    }

    /// Also lets every user read.
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::PRIVATE.others_read().bits(), 0o604);
    /// ```
    #[must_use]
    pub const fn others_read(self) -> Mode {
        Mode(self.0 | 0o004)
    }

    /// Also lets every user write (alter).
    ///
    /// ```
    /// assert_eq!(ipc_core::Mode::PRIVATE.others_write().bits(), 0o602);
    /// ```
    #[must_use]
    pub const fn others_write(self) -> Mode {
        Mode(self.0 | 0o002)
    }

    /// Whether this mode gives no right that `other` does not give.
    ///
    /// ```
    /// use ipc_core::Mode;
    ///
    /// assert!(Mode::PRIVATE.is_within(Mode::PRIVATE.group_read()));
    /// assert!(!Mode::PRIVATE.others_read().is_within(Mode::PRIVATE));
    /// ```
    #[must_use]
    pub const fn is_within(self, other: Mode) -> bool {
        self.0 & !other.0 == 0
    }
}

impl Default for Mode {
    fn default() -> Mode {
        Mode::PRIVATE
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mode({self})")
    }
}

/// The permission structure of an object (`struct ipc_perm`): its creator, its owner, and the mode.
///
/// The kernel looks at the classes in turn and stops at the first that fits: effective user equal to **owner
/// or creator** → the user bits; one of the caller's groups equal to the owner's or creator's group → the
/// group bits; else the other bits. So mode 0066 shuts out the owner and admits all other users. Finally,
/// CAP_IPC_OWNER grants access.
///
/// The creator can never be changed, and keeps all rights of the owner, including removal, after the object
/// was given away.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, msg};
///
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// let permissions = queue.stat()?.permissions();
/// assert_eq!(permissions.mode(), Mode::PRIVATE);
/// assert_eq!(permissions.uid(), permissions.cuid());
/// assert_eq!(permissions.key(), Key::PRIVATE);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "ipc_perm")]
pub struct Permissions {
    key: Key,
    uid: u32,
    gid: u32,
    cuid: u32,
    cgid: u32,
    mode: Mode,
    seq: u16,
}

impl Permissions {
    pub(crate) fn from_raw(raw: &IpcPerm) -> Permissions {
        Permissions {
            key: Key::from_raw(raw.key),
            uid: raw.uid,
            gid: raw.gid,
            cuid: raw.cuid,
            cgid: raw.cgid,
            mode: Mode(raw.mode as u16 & 0o777),
            seq: raw.seq,
        }
    }

    /// Of a file, whose owner counts as its creator.
    pub(crate) fn of_file(uid: u32, gid: u32, mode: Mode) -> Permissions {
        Permissions { key: Key::PRIVATE, uid, gid, cuid: uid, cgid: gid, mode, seq: 0 }
    }

    #[cfg(test)]
    pub(crate) fn for_test(uid: u32, cuid: u32, mode: u16) -> Permissions {
        Permissions { key: Key::PRIVATE, uid, gid: 0, cuid, cgid: 0, mode: Mode(mode), seq: 0 }
    }

    /// The key; [`Key::PRIVATE`] also for a segment that was removed and has not been detached by all
    /// processes.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// let key = Key::random()?;
    /// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(key, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().key(), key);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// User id of the owner. 65534 also stands for an id that does not exist in the caller's user namespace.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().uid(), nix::unistd::geteuid().as_raw());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Group id of the owner.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().gid(), nix::unistd::getegid().as_raw());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Effective user id of the process that created the object. Attested by the kernel; it cannot be
    /// changed.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().cuid(), nix::unistd::geteuid().as_raw());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn cuid(&self) -> u32 {
        self.cuid
    }

    /// Effective group id of the process that created the object.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().cgid(), nix::unistd::getegid().as_raw());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn cgid(&self) -> u32 {
        self.cgid
    }

    /// The nine permission bits.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().mode(), Mode::PRIVATE);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Sequence number of the slot: the upper part of the identifier, which distinguishes an object from an
    /// earlier one in the same slot.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg};
    /// # let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let seq = i32::from(queue.stat()?.permissions().seq());
    /// assert!(seq <= queue.id().as_raw() >> 15 || std::path::Path::new("/proc/sys/kernel/ipcmni_extend").exists());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn seq(&self) -> u16 {
        self.seq
    }
}
