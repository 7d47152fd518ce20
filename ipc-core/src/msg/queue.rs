//! The handle of a message queue.

use core::fmt;

use nix::libc;

use super::{Stat, failure};
use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::open::{self, Disposition};
use crate::permissions::{Mode, Permissions};
use crate::record;
use crate::sys;
use crate::trust::Trust;

/// The kernel's number for a message queue. Not a key. 0 is an ordinary identifier.
///
/// ```
/// # use ipc_core::msg::MsgId;
/// assert_eq!(MsgId::from_raw(32768).to_string(), "32768");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MsgId(i32);

impl MsgId {
    /// The identifier of this number, received from another process.
    ///
    /// ```
    /// # use ipc_core::msg::MsgId;
    /// assert_eq!(MsgId::from_raw(3).as_raw(), 3);
    /// ```
    #[must_use]
    pub const fn from_raw(id: i32) -> MsgId {
        MsgId(id)
    }

    /// The number.
    ///
    /// ```
    /// # use ipc_core::msg::MsgId;
    /// assert_eq!(MsgId::from_raw(3).as_raw(), 3);
    /// ```
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The handle of a message queue: its identifier. Copying it copies the number; dropping it does nothing: the
/// queue and its messages stay until it is removed.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg};
///
/// let key = Key::random()?;
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(key, Mode::PRIVATE)?);
/// msg::MessageQueue::open(key, &Trust::same_user())?.send_bytes(msg::MessageType::ONE, b"hello")?;
/// assert_eq!(queue.stat()?.messages(), 1);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageQueue {
    id: MsgId,
}

impl MessageQueue {
    /// `int msgget(key_t key, int msgflg)` with `IPC_CREAT | IPC_EXCL`—creates an empty queue.
    ///
    /// # Errors
    /// - [`ErrorKind::AlreadyExists`] (EEXIST): the key is taken.
    /// - [`ErrorKind::LimitReached`] of `Queues` (ENOSPC).
    /// - [`ErrorKind::OutOfMemory`] (ENOMEM).
    /// - [`ErrorKind::Unsupported`] (ENOSYS, EPERM): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// let key = Key::random()?;
    /// let queue = RemoveOnDrop::new(MessageQueue::create_new(key, Mode::PRIVATE)?);
    /// let error = MessageQueue::create_new(key, Mode::PRIVATE).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgget(2)
    #[doc(alias = "msgget")]
    pub fn create_new(key: Key, mode: Mode) -> Result<MessageQueue> {
        sys::msgget(key.as_raw(), libc::IPC_CREAT | libc::IPC_EXCL | i32::from(mode.bits()))
            .map(|id| MessageQueue { id: MsgId(id) })
            .map_err(|errno| failure::create(key, mode, errno))
    }

    /// `int msgget(key_t key, 0600)`—opens the queue of this key for sending and receiving, and checks who
    /// owns it.
    ///
    /// # Errors
    /// - [`ErrorKind::NotFound`] (ENOENT): no such key.
    /// - [`ErrorKind::PermissionDenied`] (EACCES): its mode denies access; another program may have taken the
    ///   key. Never delete and retry.
    /// - [`ErrorKind::Untrusted`]: creator, owner or mode is outside the policy.
    /// - [`ErrorKind::Removed`]: it vanished between the two calls.
    /// - [`ErrorKind::Invalid`]: [`Key::PRIVATE`] names no object that could be opened.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg::MessageQueue};
    /// let key = Key::random()?;
    /// let queue = RemoveOnDrop::new(MessageQueue::create_new(key, Mode::PRIVATE)?);
    /// assert_eq!(MessageQueue::open(key, &Trust::same_user())?, *queue);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgget(2)
    #[doc(alias = "msgget")]
    pub fn open(key: Key, trust: &Trust) -> Result<MessageQueue> {
        MessageQueue::open_with(key, Mode::PRIVATE, trust)
    }

    /// As [`open`](Self::open), asking for the right to read only: for receiving and peeking.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg::{MessageBuffer, MessageQueue, Select}};
    /// let (key, mode) = (Key::random()?, Mode::new(0o400).unwrap());
    /// let queue = RemoveOnDrop::new(MessageQueue::create_new(key, mode)?);
    /// let inbox = MessageQueue::open_read_only(key, &Trust::same_user())?;
    /// assert!(!inbox.try_receive(&mut MessageBuffer::with_capacity(8), Select::Any)?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_read_only(key: Key, trust: &Trust) -> Result<MessageQueue> {
        MessageQueue::open_with(key, Mode::READ, trust)
    }

    /// As [`open`](Self::open), asking for the right to write only: for sending.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg::{MessageQueue, MessageType}};
    /// let (key, mode) = (Key::random()?, Mode::new(0o200).unwrap());
    /// let queue = RemoveOnDrop::new(MessageQueue::create_new(key, mode)?);
    /// MessageQueue::open_write_only(key, &Trust::same_user())?.send_bytes(MessageType::ONE, b"for the readers")?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_write_only(key: Key, trust: &Trust) -> Result<MessageQueue> {
        MessageQueue::open_with(key, Mode::WRITE, trust)
    }

    /// As [`open`](Self::open), asking for no right: for the record, and for changing and removing the queue,
    /// which need none in the mode.
    ///
    /// # Errors
    /// As of [`open`](Self::open), but never `PermissionDenied`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, Trust, msg::MessageQueue};
    /// let key = Key::random()?;
    /// MessageQueue::create_new(key, Mode::new(0).unwrap())?;
    /// MessageQueue::find(key, &Trust::same_user())?.remove()?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn find(key: Key, trust: &Trust) -> Result<MessageQueue> {
        MessageQueue::open_with(key, Mode::NONE, trust)
    }

    fn open_with(key: Key, rights: Mode, trust: &Trust) -> Result<MessageQueue> {
        if key == Key::PRIVATE {
            let hint = "IPC_PRIVATE always creates; hand over the identifier instead".to_owned();
            return Err(Error::refused("msgget", format!("key={key}"), ErrorKind::Invalid, hint));
        }
        let id = sys::msgget(key.as_raw(), i32::from(rights.bits()))
            .map_err(|errno| failure::open(key, rights, errno))?;
        let queue = MessageQueue::from_id(MsgId(id));
        queue.verify(trust)?;
        Ok(queue)
    }

    /// Creates the queue, or opens the existing one, and reports which. Retries, at most a hundred times, if
    /// the queue appears and disappears in between.
    ///
    /// An existing queue may hold messages from earlier use. It is opened for the rights that `mode` gives
    /// its owner, and may have that mode in addition to those the policy allows.
    ///
    /// # Errors
    /// As of [`create_new`](Self::create_new) and [`open`](Self::open).
    ///
    /// ```
    /// # use ipc_core::{Disposition, Key, Mode, RemoveOnDrop, Trust, msg::MessageQueue};
    /// let (queue, how) = MessageQueue::open_or_create(Key::random()?, Mode::PRIVATE, &Trust::same_user())?;
    /// let queue = RemoveOnDrop::new(queue);
    /// assert_eq!(how, Disposition::Created);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn open_or_create(key: Key, mode: Mode, trust: &Trust) -> Result<(MessageQueue, Disposition)> {
        open::open_or_create(
            || MessageQueue::create_new(key, mode),
            || MessageQueue::open_with(key, mode.of_owner(), &trust.with_mode(mode)),
        )
    }

    /// The handle of a queue whose identifier came from another process. Checks nothing: use
    /// [`verify`](Self::verify), or [`Verified`](crate::Verified) for an identifier that was stored for a
    /// long time.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg::{MessageQueue, MsgId}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let told = queue.id().as_raw();
    /// MessageQueue::from_id(MsgId::from_raw(told)).verify(&Trust::same_user())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn from_id(id: MsgId) -> MessageQueue {
        MessageQueue { id }
    }

    /// The identifier.
    ///
    /// ```
    /// # use ipc_core::msg::{MessageQueue, MsgId};
    /// assert_eq!(MessageQueue::from_id(MsgId::from_raw(5)).id().as_raw(), 5);
    /// ```
    #[inline]
    #[must_use]
    pub const fn id(self) -> MsgId {
        self.id
    }

    /// `msgctl(IPC_STAT)`—the kernel's record of the queue. A process without the right to read, for example
    /// one that may only send, reads it by `MSG_STAT_ANY`, which needs no right.
    ///
    /// # Errors
    /// [`ErrorKind::Removed`] (EINVAL, EIDRM); [`ErrorKind::PermissionDenied`] (EACCES) without the right to
    /// read on kernels before 4.17.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.messages(), 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgctl(2)
    #[doc(alias = "msgctl")]
    pub fn stat(self) -> Result<Stat> {
        self.raw_stat().map(|raw| Stat::from_raw(&raw))
    }

    fn raw_stat(self) -> Result<sys::MsqidDs> {
        record::of(self.id.0, sys::msg_stat, sys::msg_stat_slot)
            .map_err(|errno| failure::control(self.id, "IPC_STAT", errno))
    }

    /// Checks creator, owner and mode. Opening by key does this; call it yourself after
    /// [`from_id`](Self::from_id).
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], and those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, Trust, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.verify(&Trust::same_user())?.messages(), 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn verify(self, trust: &Trust) -> Result<Stat> {
        let stat = self.stat()?;
        trust.check(&stat.permissions())?;
        Ok(stat)
    }

    /// `msgctl(IPC_RMID)`—removes the queue at once with its messages, and wakes every waiter on it with
    /// [`ErrorKind::Removed`].
    ///
    /// # Errors
    /// [`ErrorKind::NotOwner`] (EPERM) unless creator, owner or privileged; [`ErrorKind::Removed`] (EINVAL,
    /// EIDRM).
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, msg::MessageQueue};
    /// let queue = MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?;
    /// queue.remove()?;
    /// assert_eq!(queue.remove().unwrap_err().kind(), ErrorKind::Removed);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgctl(2)
    #[doc(alias = "IPC_RMID")]
    pub fn remove(self) -> Result<()> {
        sys::msg_remove(self.id.0).map_err(|errno| failure::control(self.id, "IPC_RMID", errno))
    }

    /// `msgctl(IPC_SET)`—changes the number of bytes that the queue may hold, which is also the maximum
    /// number of messages. Wakes the senders whose messages fit now.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] of `QueueBytes` (EPERM): above MSGMNB needs CAP_SYS_RESOURCE in the
    /// initial user namespace; [`ErrorKind::NotOwner`] (EPERM); [`ErrorKind::Invalid`]: the owner or group
    /// that stays has no number in this user namespace, and would be written back as another one; those of
    /// [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.set_capacity_bytes(1000)?;
    /// assert_eq!(queue.stat()?.capacity_bytes(), 1000);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgctl(2)
    #[doc(alias = "msg_qbytes")]
    pub fn set_capacity_bytes(self, bytes: u64) -> Result<()> {
        self.change(Change::CapacityBytes(bytes))
    }

    /// `msgctl(IPC_SET)`—gives the queue to another user and group. The creator keeps all its rights.
    ///
    /// # Errors
    /// [`ErrorKind::NotOwner`] (EPERM) unless creator, owner or privileged; [`ErrorKind::Invalid`] (EINVAL):
    /// no such user or group in this user namespace; [`ErrorKind::LimitReached`] of `QueueBytes` (EPERM) when
    /// the queue was made larger than MSGMNB allows; those of [`stat`](Self::stat).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let found = queue.stat()?.permissions();
    /// queue.set_owner(found.uid(), found.gid())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_SET")]
    pub fn set_owner(self, uid: u32, gid: u32) -> Result<()> {
        self.change(Change::Owner { uid, gid })
    }

    /// `msgctl(IPC_SET)`—changes the permission bits. A receiver that sleeps on the queue and loses the right
    /// to it gets [`ErrorKind::PermissionDenied`] at once; a sender, when there is room for its message.
    ///
    /// # Errors
    /// As of [`set_owner`](Self::set_owner); [`ErrorKind::Invalid`]: the owner or group that is kept has no
    /// number in this user namespace, and would be written back as another one.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.set_mode(Mode::PRIVATE.group_write())?;
    /// assert_eq!(queue.stat()?.permissions().mode().bits(), 0o620);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_SET")]
    pub fn set_mode(self, mode: Mode) -> Result<()> {
        self.change(Change::Mode(mode))
    }

    /// Makes `uid` the owner and leaves the group. With mode 0600 the queue is then for exactly two users:
    /// its creator and `uid`.
    ///
    /// # Errors
    /// As of [`set_mode`](Self::set_mode).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.grant(queue.stat()?.permissions().uid())?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn grant(self, uid: u32) -> Result<()> {
        self.change(Change::User(uid))
    }

    fn change(self, change: Change) -> Result<()> {
        let mut raw = self.raw_stat()?;
        let found = Permissions::from_raw(&raw.msg_perm);
        change.put_into(&mut raw.msg_perm).map_err(|hint| {
            Error::refused("msgctl", format!("id={}, {change}", self.id), ErrorKind::Invalid, hint)
        })?;
        if let Change::CapacityBytes(bytes) = change {
            raw.msg_qbytes = bytes;
        }
        sys::msg_set(self.id.0, &raw)
            .map_err(|errno| failure::set(self.id, change, &found, raw.msg_qbytes, errno))
    }
}
