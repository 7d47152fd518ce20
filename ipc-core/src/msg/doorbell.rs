//! Deadlines for queues without polling: a semaphore in addition to the queue, raised when something changes.

use std::time::{Duration, Instant};

use super::{MessageBuffer, MessageQueue, Select};
use crate::error::Result;
use crate::sem::{Op, SemaphoreSet};

/// The longest a waiter sleeps before it checks again.
const PATIENCE: Duration = Duration::from_millis(100);

/// One semaphore used as a bell: zero is silent, one has rung. Ringing a bell that has rung changes nothing,
/// so it never overflows.
///
/// A bell wakes one waiter: give each waiter its own.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, msg::Doorbell, sem::SemaphoreSet};
/// use std::time::Instant;
///
/// let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
/// let bell = Doorbell::new(*set, 0);
/// bell.ring()?;
/// bell.ring()?;
/// assert!(bell.wait_deadline(Instant::now())?);
/// assert!(!bell.wait_deadline(Instant::now())?);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Doorbell {
    set: SemaphoreSet,
    index: u16,
}

impl Doorbell {
    /// The bell on semaphore `index` of a set. Makes no system call; zero, as in a new set, is silent.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::Doorbell, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// let bell = Doorbell::new(*set, 0);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn new(set: SemaphoreSet, index: u16) -> Doorbell {
        Doorbell { set, index }
    }

    /// Rings: the waiter wakes, or will not sleep next time.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::try_perform`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::Doorbell, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// Doorbell::new(*set, 0).ring()?;
    /// assert_eq!(set.value(0)?, 1);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn ring(self) -> Result<()> {
        self.set
            .try_perform(&[Op::wait_zero(self.index).no_wait(), Op::add(self.index, 1).no_wait()])
            .map(drop)
    }

    /// Waits until it has rung, and resets it: `false` when the deadline passed.
    ///
    /// # Errors
    /// As of [`SemaphoreSet::perform_deadline`].
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::Doorbell, sem::SemaphoreSet};
    /// # let set = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 1, Mode::PRIVATE)?);
    /// assert!(!Doorbell::new(*set, 0).wait_deadline(std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn wait_deadline(self, deadline: Instant) -> Result<bool> {
        self.set.wait_deadline(self.index, deadline)
    }

    /// Retries until it works or the deadline has passed: once at first, whenever the bell has rung, every
    /// [`PATIENCE`], and once more at the deadline. The bell may have rung for an earlier event, so it is
    /// only a reason to check again; and it stays silent if the process that should have rung it was killed
    /// before.
    fn wait_until(self, deadline: Instant, mut attempt: impl FnMut() -> Result<bool>) -> Result<bool> {
        loop {
            // Read before the attempt, so that the last attempt comes after the deadline.
            let now = Instant::now();
            if attempt()? {
                return Ok(true);
            }
            if now >= deadline {
                return Ok(false);
            }
            self.wait_deadline(now.checked_add(PATIENCE).map_or(deadline, |look| look.min(deadline)))?;
        }
    }
}

/// A queue with two bells, for one sender and one receiver: waits with a deadline sleep in the kernel and are
/// woken at once.
///
/// Both sides must use it: a plain send does not ring. A waiter also checks every 100 ms and at its deadline,
/// so the message or room left by a process killed before it could ring is noticed late but not missed. With
/// several receivers the bell may wake the wrong one; give each a queue of its own, or use the deadlines of
/// [`MessageQueue`]. The same holds for several senders that wait for room.
///
/// ```
/// use ipc_core::{Key, Mode, RemoveOnDrop, sem::SemaphoreSet};
/// use ipc_core::msg::{Doorbell, MessageBuffer, MessageQueue, MessageType, RingingQueue, Select};
/// use std::time::{Duration, Instant};
///
/// let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
/// let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
/// let ringing = RingingQueue::new(*queue, Doorbell::new(*bells, 0), Doorbell::new(*bells, 1));
///
/// let sender = std::thread::spawn(move || {
///     let mut message = MessageBuffer::with_capacity(8);
///     message.set(MessageType::ONE, b"hello")?;
///     ringing.send_deadline(&message, Instant::now() + Duration::from_secs(60))
/// });
/// let mut buffer = MessageBuffer::with_capacity(8);
/// assert!(ringing.receive_deadline(&mut buffer, Select::Any, Instant::now() + Duration::from_secs(60))?);
/// assert_eq!(buffer.bytes(), b"hello");
/// assert!(sender.join().unwrap()?);
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RingingQueue {
    queue: MessageQueue,
    arrived: Doorbell,
    room: Doorbell,
}

impl RingingQueue {
    /// The queue, the bell that notifies the receiver of a message, and the bell that notifies the sender of
    /// room.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{Doorbell, MessageQueue, RingingQueue}, sem::SemaphoreSet};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// # let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// let ringing = RingingQueue::new(*queue, Doorbell::new(*bells, 0), Doorbell::new(*bells, 1));
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub const fn new(queue: MessageQueue, arrived: Doorbell, room: Doorbell) -> RingingQueue {
        RingingQueue { queue, arrived, room }
    }

    /// Sends a message and rings, waiting for room until the deadline: `false` when it passed.
    ///
    /// # Errors
    /// As of [`MessageQueue::send`] and [`Doorbell::ring`]. When ringing fails, the message has been sent.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{Doorbell, MessageBuffer, MessageQueue, RingingQueue}, sem::SemaphoreSet};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// # let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// # let ringing = RingingQueue::new(*queue, Doorbell::new(*bells, 0), Doorbell::new(*bells, 1));
    /// assert!(ringing.send_deadline(&MessageBuffer::with_capacity(0), std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn send_deadline(self, message: &MessageBuffer, deadline: Instant) -> Result<bool> {
        if !self.room.wait_until(deadline, || self.queue.try_send(message))? {
            return Ok(false);
        }
        self.arrived.ring()?;
        Ok(true)
    }

    /// Takes a message and notifies the sender of the room, waiting until the deadline: `false` when it
    /// passed.
    ///
    /// # Errors
    /// As of [`MessageQueue::receive`] and [`Doorbell::ring`]. When ringing fails, the message is in the
    /// buffer.
    ///
    /// ```
    /// # use ipc_core::{Key, Mode, RemoveOnDrop, msg::{Doorbell, MessageBuffer, MessageQueue, RingingQueue, Select}, sem::SemaphoreSet};
    /// # let queue = RemoveOnDrop::new(MessageQueue::create_new(Key::PRIVATE, Mode::PRIVATE)?);
    /// # let bells = RemoveOnDrop::new(SemaphoreSet::create_new(Key::PRIVATE, 2, Mode::PRIVATE)?);
    /// # let ringing = RingingQueue::new(*queue, Doorbell::new(*bells, 0), Doorbell::new(*bells, 1));
    /// let mut buffer = MessageBuffer::with_capacity(8);
    /// assert!(!ringing.receive_deadline(&mut buffer, Select::Any, std::time::Instant::now())?);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn receive_deadline(
        self,
        buffer: &mut MessageBuffer,
        select: Select,
        deadline: Instant,
    ) -> Result<bool> {
        if !self.arrived.wait_until(deadline, || self.queue.try_receive(buffer, select))? {
            return Ok(false);
        }
        self.room.ring()?;
        Ok(true)
    }
}
