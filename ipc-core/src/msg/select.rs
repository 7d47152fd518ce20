//! Message types and the choice of a message to take.

use core::fmt;

use nix::libc;

/// The type of a message: a positive number, the sender's choice.
///
/// ```
/// use ipc_core::msg::MessageType;
///
/// assert_eq!(MessageType::new(7).unwrap().get(), 7);
/// assert_eq!(MessageType::new(0), None);
/// assert_eq!(MessageType::new(-1), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "mtype")]
pub struct MessageType(i64);

impl MessageType {
    /// Type 1, for queues that need no types.
    ///
    /// ```
    /// # use ipc_core::msg::MessageType;
    /// assert_eq!(MessageType::ONE.get(), 1);
    /// ```
    pub const ONE: MessageType = MessageType(1);

    /// The type of this number; `None` unless it is positive.
    ///
    /// ```
    /// # use ipc_core::msg::MessageType;
    /// assert!(MessageType::new(i64::MAX).is_some());
    /// assert!(MessageType::new(i64::MIN).is_none());
    /// ```
    #[must_use]
    pub const fn new(number: i64) -> Option<MessageType> {
        if number > 0 { Some(MessageType(number)) } else { None }
    }

    /// The number.
    ///
    /// ```
    /// # use ipc_core::msg::MessageType;
    /// assert_eq!(MessageType::new(3).unwrap().get(), 3);
    /// ```
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which message to take.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, MessageType, Select}};
///
/// let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// let [two, three] = [2, 3].map(|number| MessageType::new(number).unwrap());
/// queue.send_bytes(three, b"c")?;
/// queue.send_bytes(two, b"b")?;
/// let mut buffer = MessageBuffer::with_capacity(8);
/// assert!(!queue.try_receive(&mut buffer, Select::Type(MessageType::ONE))?);
/// assert!(queue.try_receive(&mut buffer, Select::Except(three))?);
/// assert_eq!(buffer.bytes(), b"b");
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "msgtyp")]
pub enum Select {
    /// The oldest message.
    Any,
    /// The oldest message of this type.
    Type(MessageType),
    /// The message with the lowest type, if that is no more than this; the oldest among equals. This is
    /// Linux's behaviour: macOS and FreeBSD take the first that fits.
    LowestUpTo(MessageType),
    /// The oldest message of any other type. Linux only (`MSG_EXCEPT`).
    Except(MessageType),
}

impl Select {
    /// `msgtyp` and the flag.
    pub(super) const fn raw(self) -> (i64, i32) {
        match self {
            Select::Any => (0, 0),
            Select::Type(message_type) => (message_type.0, 0),
            Select::LowestUpTo(message_type) => (-message_type.0, 0),
            Select::Except(message_type) => (message_type.0, libc::MSG_EXCEPT),
        }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Select::Any => f.write_str("any type"),
            Select::Type(message_type) => write!(f, "type {message_type}"),
            Select::LowestUpTo(message_type) => write!(f, "lowest type up to {message_type}"),
            Select::Except(message_type) => write!(f, "any type but {message_type}"),
        }
    }
}
