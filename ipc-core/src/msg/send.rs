//! `msgsnd`.

use nix::libc;

use super::{MessageBuffer, MessageQueue, MessageType, failure};
use crate::error::{ErrorKind, Result};
use crate::sys::{self, Errno, MESSAGE_HEADER, Raw};

/// What is sent: a buffer with type and text next to each other, or the two separately.
#[derive(Clone, Copy)]
pub(super) enum Message<'a> {
    Whole(&'a MessageBuffer),
    Parts(MessageType, &'a [u8]),
}

impl Message<'_> {
    #[inline]
    fn send(self, queue: MessageQueue, flags: i32) -> Raw<()> {
        match self {
            Message::Whole(buffer) => sys::msgsnd(queue.id().as_raw(), buffer.message(), flags),
            Message::Parts(message_type, text) => {
                sys::msgsnd_parts(queue.id().as_raw(), message_type.get(), text, flags)
            }
        }
    }

    fn length(self) -> usize {
        match self {
            Message::Whole(buffer) => buffer.message().len() - MESSAGE_HEADER,
            Message::Parts(_, text) => text.len(),
        }
    }
}

impl MessageQueue {
    /// `int msgsnd(int msqid, const void *msgp, size_t msgsz, int msgflg)`—sends a message, waiting for room
    /// without limit.
    ///
    /// One system call while there is room. When there is none, the queue's capacity is checked first, since
    /// the kernel would wait for ever for a message that can never fit; a capacity lowered later, during the
    /// wait, goes unnoticed.
    ///
    /// The queue is full when the new message would exceed its capacity in bytes, or when its number of
    /// messages would exceed the same figure. There is no fairness: a small message overtakes a large one
    /// that waits.
    ///
    /// # Errors
    /// - [`MessageTooLargeForQueue`](crate::ErrorKind::MessageTooLargeForQueue): above the queue's capacity.
    /// - [`LimitReached`](crate::ErrorKind::LimitReached) of `MessageBytes` (EINVAL): above MSGMAX.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) (EACCES) without the right to write, also
    ///   when it was revoked while waiting.
    /// - [`Removed`](crate::ErrorKind::Removed) (EINVAL, EIDRM), also while waiting.
    /// - [`OutOfMemory`](crate::ErrorKind::OutOfMemory) (ENOMEM).
    ///
    /// # Blocking
    /// While the queue is full. An interruption by a signal (EINTR, never restarted by the kernel) is
    /// retried; nothing was sent then.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, MessageType}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let mut buffer = MessageBuffer::with_capacity(64);
    /// buffer.set(MessageType::ONE, b"hello")?;
    /// queue.send(&buffer)?;
    /// assert_eq!(queue.stat()?.bytes(), 5);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgop(2)
    #[inline]
    #[doc(alias = "msgsnd")]
    pub fn send(self, message: &MessageBuffer) -> Result<()> {
        self.send_waiting(Message::Whole(message))
    }

    /// As [`send`](Self::send), from a type and a text that are not in a buffer: assembles them on the stack,
    /// above 8 KiB on the heap.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, msg::{MessageQueue, MessageType}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.set_capacity_bytes(100)?;
    /// queue.send_bytes(MessageType::ONE, &[0; 100])?;
    /// let error = queue.send_bytes(MessageType::ONE, &[0; 101]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::MessageTooLargeForQueue);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    #[doc(alias = "msgsnd")]
    pub fn send_bytes(self, message_type: MessageType, text: &[u8]) -> Result<()> {
        self.send_waiting(Message::Parts(message_type, text))
    }

    #[inline]
    fn send_waiting(self, message: Message<'_>) -> Result<()> {
        if self.send_now(message)? {
            return Ok(());
        }
        loop {
            match message.send(self, 0) {
                Err(errno) if errno.0 == libc::EINTR => {}
                other => return other.map_err(|errno| self.failed(message, errno)),
            }
        }
    }

    /// As [`send`](Self::send), but returns [`Interrupted`](crate::ErrorKind::Interrupted) when a signal
    /// handler ran while it waited.
    ///
    /// # Errors
    /// As of [`send`](Self::send), and `Interrupted` (EINTR).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.send_interruptible(&MessageBuffer::with_capacity(0))?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn send_interruptible(self, message: &MessageBuffer) -> Result<()> {
        let message = Message::Whole(message);
        if self.send_now(message)? {
            return Ok(());
        }
        message.send(self, 0).map_err(|errno| self.failed(message, errno))
    }

    /// The bare `msgsnd`: one system call always, retried when a signal interrupts. A message that can never
    /// fit **waits for ever**.
    ///
    /// For callers that know the capacity of the queue and often find it full, in which case
    /// [`send`](Self::send) needs two more calls.
    ///
    /// # Errors
    /// As of [`send`](Self::send), but never `MessageTooLargeForQueue`.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.send_unchecked(&MessageBuffer::with_capacity(0))?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn send_unchecked(self, message: &MessageBuffer) -> Result<()> {
        let message = Message::Whole(message);
        loop {
            match message.send(self, 0) {
                Err(errno) if errno.0 == libc::EINTR => {}
                other => return other.map_err(|errno| self.failed(message, errno)),
            }
        }
    }

    /// `msgsnd` with `IPC_NOWAIT`—sends if there is room now: `false` when there is none.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.set_capacity_bytes(1)?;
    /// let empty = MessageBuffer::with_capacity(0);
    /// assert!(queue.try_send(&empty)?);
    /// assert!(!queue.try_send(&empty)?); // a queue of one byte holds one message
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn try_send(self, message: &MessageBuffer) -> Result<bool> {
        self.send_now(Message::Whole(message))
    }

    /// As [`try_send`](Self::try_send), from a type and a text that are not in a buffer.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageQueue, MessageType}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(queue.try_send_bytes(MessageType::ONE, b"now")?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn try_send_bytes(self, message_type: MessageType, text: &[u8]) -> Result<bool> {
        self.send_now(Message::Parts(message_type, text))
    }

    /// One attempt. When the queue is full, also finds out whether the message could ever fit.
    #[inline]
    pub(super) fn send_now(self, message: Message<'_>) -> Result<bool> {
        match message.send(self, libc::IPC_NOWAIT) {
            Ok(()) => Ok(true),
            Err(errno) if errno.0 == libc::EAGAIN => self.could_fit(message).map(|()| false),
            Err(errno) => Err(self.failed(message, errno)),
        }
    }

    /// An error when the message is above the capacity. On kernels before 4.17 a process that may not read
    /// the queue cannot find out, and waits.
    #[cold]
    fn could_fit(self, message: Message<'_>) -> Result<()> {
        let capacity = match self.stat() {
            Ok(stat) => stat.capacity_bytes(),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
            Err(error) => return Err(error),
        };
        if message.length() as u64 > capacity || capacity == 0 {
            return Err(failure::never_fits(self.id(), message.length(), capacity));
        }
        Ok(())
    }

    #[cold]
    fn failed(self, message: Message<'_>, errno: Errno) -> crate::Error {
        failure::send(self.id(), message.length(), errno)
    }
}
