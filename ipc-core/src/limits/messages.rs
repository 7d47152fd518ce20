//! Limits and usage of message queues.

use super::{count, failure};
use crate::error::Result;
use crate::sys;

/// The limits on message queues (`struct msginfo` of `IPC_INFO`).
///
/// ```
/// use ipc_core::{Limit, limits::MessageLimits};
///
/// let limits = MessageLimits::read()?;
/// assert_eq!(Some(limits.queue_bytes), Limit::QueueBytes.value());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "msginfo")]
pub struct MessageLimits {
    /// MSGMAX: bytes of text in one message.
    pub message_bytes: u64,
    /// MSGMNB: bytes of text in one queue, unless the queue has a lower bound of its own.
    pub queue_bytes: u64,
    /// MSGMNI: queues.
    pub queues: u64,
}

impl MessageLimits {
    /// `msgctl(0, IPC_INFO)`—the limits now, in the caller's IPC namespace.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) (ENOSYS): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::limits::MessageLimits;
    /// assert!(MessageLimits::read()?.queues > 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "IPC_INFO")]
    pub fn read() -> Result<MessageLimits> {
        let (_, raw) = sys::msg_info(false).map_err(|errno| failure("msgctl", "IPC_INFO", errno))?;
        Ok(MessageLimits {
            message_bytes: count(raw.msgmax),
            queue_bytes: count(raw.msgmnb),
            queues: count(raw.msgmni),
        })
    }
}

/// Current usage of message queues (`struct msginfo` of `MSG_INFO`).
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, limits::MessageUsage, msg};
///
/// let queue = RemoveOnDrop::new(msg::MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// queue.send_bytes(msg::MessageType::ONE, b"hello")?;
/// let usage = MessageUsage::read()?;
/// assert!(usage.queues >= 1 && usage.messages >= 1 && usage.bytes >= 5);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageUsage {
    /// Queues.
    pub queues: u64,
    /// Messages in all queues together.
    pub messages: u64,
    /// Bytes of text in all queues together.
    pub bytes: u64,
    /// The highest slot in use, for a walk over all.
    pub(crate) highest_slot: i32,
}

impl MessageUsage {
    /// `msgctl(0, MSG_INFO)`—the usage now, in the caller's IPC namespace.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) (ENOSYS): no System V IPC here.
    ///
    /// ```
    /// # use ipc_core::{Limit, limits::MessageUsage};
    /// assert!(Some(MessageUsage::read()?.queues) <= Limit::Queues.value());
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[doc(alias = "MSG_INFO")]
    pub fn read() -> Result<MessageUsage> {
        let (highest_slot, raw) =
            sys::msg_info(true).map_err(|errno| failure("msgctl", "MSG_INFO", errno))?;
        // With MSG_INFO these three fields are counts, whatever their names say.
        Ok(MessageUsage {
            queues: count(raw.msgpool),
            messages: count(raw.msgmap),
            bytes: count(raw.msgtql),
            highest_slot,
        })
    }
}
