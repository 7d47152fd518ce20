//! Deadlines for queues, which the kernel does not offer: retries with growing pauses.

use std::time::{Duration, Instant};

use super::send::Message;
use super::{MessageBuffer, MessageQueue, MessageType, Select};
use crate::error::Result;
use crate::time::left;

/// First pause between attempts, after a few that only yield the processor.
const FIRST_PAUSE: Duration = Duration::from_micros(20);
/// Longest pause, and so the most by which a message may be noticed late.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);
/// Attempts that only yield.
const YIELDS: u32 = 8;

/// Tries until it works or the deadline has passed; always at least once, and once more at the deadline.
fn keep_trying(deadline: Instant, mut attempt: impl FnMut() -> Result<bool>) -> Result<bool> {
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0_u32;
    loop {
        if attempt()? {
            return Ok(true);
        }
        let left = left(deadline);
        if left.is_zero() {
            return Ok(false);
        }
        attempts += 1;
        if attempts <= YIELDS {
            std::thread::yield_now();
        } else {
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl MessageQueue {
    /// Takes a message, waiting until the deadline: `false` when it passed.
    ///
    /// The kernel has no such call, so this retries with growing pauses, up to a millisecond: waiting costs a
    /// little processor time, and the message is noticed up to a millisecond late. If both sides use a
    /// [`RingingQueue`](super::RingingQueue), they sleep and are woken instead.
    ///
    /// # Errors
    /// As of [`receive`](Self::receive).
    ///
    /// # Blocking
    /// Until the deadline. A deadline in the past means one attempt. Signals do not interrupt it.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue, Select}};
    /// use std::time::{Duration, Instant};
    ///
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// let deadline = Instant::now() + Duration::from_millis(3);
    /// assert!(!queue.receive_deadline(&mut MessageBuffer::with_capacity(8), Select::Any, deadline)?);
    /// assert!(Instant::now() >= deadline);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn receive_deadline(
        self,
        buffer: &mut MessageBuffer,
        select: Select,
        deadline: Instant,
    ) -> Result<bool> {
        keep_trying(deadline, || self.try_receive(buffer, select))
    }

    /// Sends a message, waiting for room until the deadline: `false` when it passed. Waits as
    /// [`receive_deadline`](Self::receive_deadline) does.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    ///
    /// # Blocking
    /// Until the deadline. A deadline in the past means one attempt. Signals do not interrupt it.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageBuffer, MessageQueue}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(queue.send_deadline(&MessageBuffer::with_capacity(0), std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn send_deadline(self, message: &MessageBuffer, deadline: Instant) -> Result<bool> {
        keep_trying(deadline, || self.send_now(Message::Whole(message)))
    }

    /// As [`send_deadline`](Self::send_deadline), from a type and a text that are not in a buffer.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{MessageQueue, MessageType}};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// assert!(queue.send_bytes_deadline(MessageType::ONE, b"x", std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn send_bytes_deadline(
        self,
        message_type: MessageType,
        text: &[u8],
        deadline: Instant,
    ) -> Result<bool> {
        keep_trying(deadline, || self.send_now(Message::Parts(message_type, text)))
    }
}
