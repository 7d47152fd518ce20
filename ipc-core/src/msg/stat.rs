//! The record the kernel keeps of a queue.

use std::time::SystemTime;

use crate::permissions::Permissions;
use crate::sys::MsqidDs;
use crate::time::stamp;

/// The kernel's record of a queue (`struct msqid_ds`), as it was at the moment of the call.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, msg};
///
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// queue.send_bytes(msg::MessageType::ONE, b"hello")?;
/// let stat = queue.stat()?;
/// assert_eq!((stat.messages(), stat.bytes()), (1, 5));
/// assert_eq!(stat.last_sender_pid(), Some(std::process::id()));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "msqid_ds")]
pub struct Stat {
    permissions: Permissions,
    sent_at: i64,
    received_at: i64,
    changed_at: i64,
    bytes: u64,
    messages: u64,
    capacity_bytes: u64,
    last_sender_pid: i32,
    last_receiver_pid: i32,
}

impl Stat {
    pub(crate) fn from_raw(raw: &MsqidDs) -> Stat {
        Stat {
            permissions: Permissions::from_raw(&raw.msg_perm),
            sent_at: raw.msg_stime,
            received_at: raw.msg_rtime,
            changed_at: raw.msg_ctime,
            bytes: raw.msg_cbytes,
            messages: raw.msg_qnum,
            capacity_bytes: raw.msg_qbytes,
            last_sender_pid: raw.msg_lspid,
            last_receiver_pid: raw.msg_lrpid,
        }
    }

    /// Key, owner, creator and mode.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.permissions().mode(), Mode::PRIVATE);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Number of messages in the queue.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.messages(), 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_qnum")]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Bytes of text in the queue.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.bytes(), 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_cbytes")]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of text the queue may hold; also the maximum number of messages.
    ///
    /// ```
    /// # use ipc_core::{Key, Limit, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(Some(queue.stat()?.capacity_bytes()), Limit::QueueBytes.value());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_qbytes")]
    pub fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes
    }

    /// When a message was last sent, in whole seconds; `None`: never.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.sent_at(), None);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_stime")]
    pub fn sent_at(&self) -> Option<SystemTime> {
        stamp(self.sent_at)
    }

    /// When a message was last received, in whole seconds; `None`: never.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.received_at(), None);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_rtime")]
    pub fn received_at(&self) -> Option<SystemTime> {
        stamp(self.received_at)
    }

    /// When the queue was created or its owner, mode or capacity last changed, in whole seconds.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(queue.stat()?.changed_at().is_some());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_ctime")]
    pub fn changed_at(&self) -> Option<SystemTime> {
        stamp(self.changed_at)
    }

    /// Process id of the last sender; `None`: none yet, or not visible from the caller's PID namespace.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.last_sender_pid(), None);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_lspid")]
    pub fn last_sender_pid(&self) -> Option<u32> {
        u32::try_from(self.last_sender_pid).ok().filter(|&pid| pid != 0)
    }

    /// Process id of the last receiver; `None`: none yet, or not visible. A **thread** that slept in the call
    /// leaves its thread id, which need not be a process id.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::MessageQueue};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert_eq!(queue.stat()?.last_receiver_pid(), None);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "msg_lrpid")]
    pub fn last_receiver_pid(&self) -> Option<u32> {
        u32::try_from(self.last_receiver_pid).ok().filter(|&pid| pid != 0)
    }
}
