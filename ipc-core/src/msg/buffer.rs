//! A reusable message buffer.

use core::fmt;

use super::MessageType;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::MESSAGE_HEADER;

/// A reusable buffer for one message, type and text. The kernel reads and writes it directly.
///
/// ```
/// use ipc_core::msg::{MessageBuffer, MessageType};
///
/// let mut buffer = MessageBuffer::with_capacity(16);
/// buffer.set(MessageType::ONE, b"hello")?;
/// assert_eq!(buffer.bytes(), b"hello");
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone)]
#[doc(alias = "msgbuf")]
pub struct MessageBuffer {
    /// Type in the machine's byte order, then room for the text.
    bytes: Box<[u8]>,
    length: usize,
}

impl MessageBuffer {
    /// Room for a text of up to `bytes` bytes, holding an empty message of type 1. MSGMAX, 8192 by default,
    /// is enough for any message.
    ///
    /// # Panics
    /// As `Vec::with_capacity`, for more bytes than memory could ever have;
    /// [`try_with_capacity`](Self::try_with_capacity) returns an error.
    ///
    /// ```
    /// # use ipc_core::msg::MessageBuffer;
    /// let buffer = MessageBuffer::with_capacity(8192);
    /// assert_eq!((buffer.capacity(), buffer.bytes().len()), (8192, 0));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_capacity(bytes: usize) -> MessageBuffer {
        match MessageBuffer::try_with_capacity(bytes) {
            Ok(buffer) => buffer,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`with_capacity`](Self::with_capacity), for a number that comes from outside.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`].
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, msg::MessageBuffer};
    /// assert_eq!(MessageBuffer::try_with_capacity(8192)?.capacity(), 8192);
    /// assert_eq!(MessageBuffer::try_with_capacity(usize::MAX).unwrap_err().kind(), ErrorKind::OutOfMemory);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn try_with_capacity(bytes: usize) -> Result<MessageBuffer> {
        let mut room = Vec::new();
        // A number that overflows is also more than memory can have.
        let length = bytes.saturating_add(MESSAGE_HEADER);
        if room.try_reserve_exact(length).is_err() {
            let hint = "there is not so much memory".to_owned();
            let arguments = format!("{bytes} bytes");
            return Err(Error::refused("MessageBuffer", arguments, ErrorKind::OutOfMemory, hint));
        }
        room.resize(length, 0);
        let mut buffer = MessageBuffer { bytes: room.into_boxed_slice(), length: 0 };
        buffer.set_type(MessageType::ONE);
        Ok(buffer)
    }

    /// The longest text it can hold, in bytes.
    ///
    /// ```
    /// # use ipc_core::msg::MessageBuffer;
    /// assert_eq!(MessageBuffer::with_capacity(10).capacity(), 10);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len() - MESSAGE_HEADER
    }

    /// Stores a message, for sending.
    ///
    /// # Errors
    /// [`ErrorKind::BufferTooSmall`] when the text is longer than the capacity.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, msg::{MessageBuffer, MessageType}};
    /// let error = MessageBuffer::with_capacity(2).set(MessageType::ONE, b"abc").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
    /// ```
    #[inline]
    pub fn set(&mut self, message_type: MessageType, text: &[u8]) -> Result<()> {
        let Some(room) = self.bytes.get_mut(MESSAGE_HEADER..MESSAGE_HEADER + text.len()) else {
            let hint = format!("the buffer has room for {} bytes", self.capacity());
            let arguments = format!("{} bytes", text.len());
            return Err(Error::refused("MessageBuffer::set", arguments, ErrorKind::BufferTooSmall, hint));
        };
        room.copy_from_slice(text);
        self.length = text.len();
        self.set_type(message_type);
        Ok(())
    }

    /// Changes the type only.
    ///
    /// ```
    /// # use ipc_core::msg::{MessageBuffer, MessageType};
    /// let mut buffer = MessageBuffer::with_capacity(2);
    /// buffer.set_type(MessageType::new(9).unwrap());
    /// assert_eq!(buffer.message_type().get(), 9);
    /// ```
    #[inline]
    pub fn set_type(&mut self, message_type: MessageType) {
        if let Some(header) = self.bytes.first_chunk_mut() {
            *header = message_type.get().to_ne_bytes();
        }
    }

    /// The type of the stored message.
    ///
    /// ```
    /// # use ipc_core::msg::{MessageBuffer, MessageType};
    /// assert_eq!(MessageBuffer::with_capacity(0).message_type(), MessageType::ONE);
    /// ```
    #[inline]
    #[must_use]
    pub fn message_type(&self) -> MessageType {
        let number = self.bytes.first_chunk().map_or(1, |header| i64::from_ne_bytes(*header));
        // The kernel accepts and returns positive types only.
        MessageType::new(number).unwrap_or(MessageType::ONE)
    }

    /// The text of the stored message.
    ///
    /// ```
    /// # use ipc_core::msg::MessageBuffer;
    /// assert_eq!(MessageBuffer::with_capacity(10).bytes(), b"");
    /// ```
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[MESSAGE_HEADER..MESSAGE_HEADER + self.length]
    }

    /// The text of the stored message, to be changed in place. Its length stays.
    ///
    /// ```
    /// # use ipc_core::msg::{MessageBuffer, MessageType};
    /// let mut buffer = MessageBuffer::with_capacity(3);
    /// buffer.set(MessageType::ONE, b"abc")?;
    /// buffer.bytes_mut()[0] = b'x';
    /// assert_eq!(buffer.bytes(), b"xbc");
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[MESSAGE_HEADER..MESSAGE_HEADER + self.length]
    }

    /// Type and text contiguously, as `msgsnd` expects them.
    #[inline]
    pub(super) fn message(&self) -> &[u8] {
        &self.bytes[..MESSAGE_HEADER + self.length]
    }

    /// The whole buffer, as `msgrcv` expects it.
    #[inline]
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Call after `msgrcv` wrote this amount of text. On failure the kernel wrote nothing, and the old
    /// message stays.
    #[inline]
    pub(super) fn received(&mut self, length: usize) {
        self.length = length.min(self.capacity());
    }
}

impl fmt::Debug for MessageBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageBuffer")
            .field("message_type", &self.message_type().get())
            .field("length", &self.length)
            .field("capacity", &self.capacity())
            .finish()
    }
}
