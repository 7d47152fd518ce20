//! `msgrcv`.

use nix::libc;

use super::{MessageBuffer, MessageQueue, Select, failure};
use crate::error::Result;
use crate::sys::{self, Raw};

impl MessageQueue {
    #[inline]
    fn take(self, buffer: &mut MessageBuffer, select: Select, flags: i32) -> Raw<()> {
        let (message_type, except) = select.raw();
        let length = sys::msgrcv(self.id().as_raw(), buffer.room(), message_type, except | flags)?;
        buffer.received(length);
        Ok(())
    }

    /// `ssize_t msgrcv(int msqid, void *msgp, size_t msgsz, long msgtyp, int msgflg)`—takes a message from
    /// the queue, waiting without limit.
    ///
    /// One system call, straight into the buffer. On an error the buffer is unchanged.
    ///
    /// # Errors
    /// - [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) (E2BIG): the message is longer than the buffer,
    ///   and stays in the queue. Messages are never truncated.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied) (EACCES) without the right to read, also
    ///   when it was revoked while waiting.
    /// - [`Removed`](crate::ErrorKind::Removed) (EINVAL, EIDRM), also while waiting.
    ///
    /// # Blocking
    /// Until there is a message that fits the selection. An interruption by a signal (EINTR, never restarted
    /// by the kernel) is retried; nothing was taken then.
    ///
    /// ```
    /// # use ipc_core::{ErrorKind, Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, MessageType, Select}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.send_bytes(MessageType::ONE, b"hello")?;
    /// let error = queue.receive(&mut MessageBuffer::with_capacity(4), Select::Any).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::BufferTooSmall);
    /// let mut buffer = MessageBuffer::with_capacity(5);
    /// queue.receive(&mut buffer, Select::Any)?;
    /// assert_eq!(buffer.bytes(), b"hello");
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgop(2)
    #[inline]
    #[doc(alias = "msgrcv")]
    pub fn receive(self, buffer: &mut MessageBuffer, select: Select) -> Result<()> {
        loop {
            match self.take(buffer, select, 0) {
                Ok(()) => return Ok(()),
                Err(errno) if errno.0 == libc::EINTR => {}
                Err(errno) => {
                    return Err(failure::receive(self.id(), buffer.capacity(), &select.to_string(), errno));
                }
            }
        }
    }

    /// As [`receive`](Self::receive), but returns [`Interrupted`](crate::ErrorKind::Interrupted) when a
    /// signal handler ran.
    ///
    /// # Errors
    /// As of [`receive`](Self::receive), and `Interrupted` (EINTR).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, MessageType, Select}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.send_bytes(MessageType::ONE, b"")?;
    /// queue.receive_interruptible(&mut MessageBuffer::with_capacity(0), Select::Any)?;
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn receive_interruptible(self, buffer: &mut MessageBuffer, select: Select) -> Result<()> {
        self.take(buffer, select, 0)
            .map_err(|errno| failure::receive(self.id(), buffer.capacity(), &select.to_string(), errno))
    }

    /// `msgrcv` with `IPC_NOWAIT`—takes a message if there is one now: `false` when none fits the selection.
    ///
    /// # Errors
    /// As of [`receive`](Self::receive).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, Select}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(!queue.try_receive(&mut MessageBuffer::with_capacity(0), Select::Any)?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[inline]
    pub fn try_receive(self, buffer: &mut MessageBuffer, select: Select) -> Result<bool> {
        match self.take(buffer, select, libc::IPC_NOWAIT) {
            Ok(()) => Ok(true),
            Err(errno) if errno.0 == libc::ENOMSG => Ok(false),
            Err(errno) => Err(failure::receive(self.id(), buffer.capacity(), &select.to_string(), errno)),
        }
    }

    /// `msgrcv` with `MSG_COPY | IPC_NOWAIT`—copies the message at position `index`, counted from 0 at the
    /// oldest, and leaves it there: `false` past the last.
    ///
    /// Needs the right to read. Leaves no trace in the record of the queue. Messages may come and go between
    /// two calls, so positions shift.
    ///
    /// # Errors
    /// [`BufferTooSmall`](crate::ErrorKind::BufferTooSmall) (E2BIG);
    /// [`LimitReached`](crate::ErrorKind::LimitReached) of `MessageBytes` (EINVAL): a message that was sent
    /// when MSGMAX was higher, which can still be received; [`Unsupported`](crate::ErrorKind::Unsupported)
    /// (ENOSYS): a kernel without CONFIG_CHECKPOINT_RESTORE;
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied) (EACCES);
    /// [`Removed`](crate::ErrorKind::Removed) (EINVAL, EIDRM).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, MessageType}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// queue.send_bytes(MessageType::ONE, b"first")?;
    /// queue.send_bytes(MessageType::ONE, b"second")?;
    /// let mut buffer = MessageBuffer::with_capacity(8192);
    /// assert!(queue.peek(&mut buffer, 1)?);
    /// assert_eq!(buffer.bytes(), b"second");
    /// assert!(!queue.peek(&mut buffer, 2)?);
    /// assert_eq!(queue.stat()?.messages(), 2);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    ///
    /// # References
    /// msgop(2)
    #[doc(alias = "MSG_COPY")]
    pub fn peek(self, buffer: &mut MessageBuffer, index: usize) -> Result<bool> {
        let Ok(place) = i64::try_from(index) else { return Ok(false) };
        match sys::msgrcv(self.id().as_raw(), buffer.room(), place, libc::MSG_COPY | libc::IPC_NOWAIT) {
            Ok(length) => {
                buffer.received(length);
                Ok(true)
            }
            Err(errno) if errno.0 == libc::ENOMSG => Ok(false),
            Err(errno) => Err(failure::peek(self.id(), buffer.capacity(), index, errno)),
        }
    }
}
