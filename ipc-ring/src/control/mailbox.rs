//! Message queues with a wake semaphore, over which control frames are sent and received. The only module of
//! the control traffic that accesses a queue.
//!
//! A queue cannot be polled together with anything else, so the sender of a frame also rings the recipient's
//! wake semaphore, of the same kind as those that the ends of channels sleep on.

use std::sync::Arc;
use std::time::Instant;

use ipc_core::msg::{MessageBuffer, MessageQueue, MessageType, MsgId, Select, Stat};
use ipc_core::{Error, ErrorKind, Mode};

use crate::domain::{ListenerEntry, Locked, Member, QueueSlot, WakeSemaphore};
use crate::frame::{Frame, FrameError, HEADER_SIZE, MAX_BODY};
use crate::interrupter::Interrupter;
use crate::wait::Nap;
use crate::wait::interrupt::Interrupts;

/// A queue that belongs to this process. Dropping it removes the queue.
#[derive(Debug)]
pub(super) struct Mailbox {
    member: Arc<Member>,
    slot: QueueSlot,
    wake: WakeSemaphore,
    /// Whether the semaphore is freed with the queue; otherwise it belongs to an end of a channel.
    owns_wake: bool,
    /// Whether another semaphore is rung instead, that of a set.
    is_in_set: bool,
    buffer: MessageBuffer,
    interrupts: Interrupts,
}

impl Mailbox {
    /// Wraps a queue made under the domain's lock.
    pub(super) fn new(member: &Arc<Member>, slot: QueueSlot, wake: WakeSemaphore, owns_wake: bool) -> Self {
        let buffer = MessageBuffer::with_capacity(HEADER_SIZE + MAX_BODY);
        let (member, interrupts) = (Arc::clone(member), Interrupts::default());
        Self { member, slot, wake, owns_wake, is_in_set: false, buffer, interrupts }
    }

    pub(super) fn queue(&self) -> MsgId {
        self.slot.queue.id()
    }

    /// The number of events lost because the queue was full.
    pub(super) fn missed(&self) -> u64 {
        self.member.missed(self.slot)
    }

    pub(super) fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Takes the oldest frame, if there is one; or the error of a message that is not a frame.
    ///
    /// # Errors
    /// When the queue was removed.
    pub(super) fn try_receive(&mut self) -> Result<Option<Result<Frame, FrameError>>, Error> {
        let queue = self.slot.queue;
        let received = match queue.try_receive(&mut self.buffer, Select::Any) {
            // No frame is that long; it is taken out all the same, or it would stay in the queue for ever.
            Err(error) if error.kind() == ErrorKind::BufferTooSmall => {
                let longest = usize::try_from(queue.stat()?.capacity_bytes()).unwrap_or(usize::MAX);
                self.buffer = MessageBuffer::with_capacity(longest.max(self.buffer.capacity()));
                queue.try_receive(&mut self.buffer, Select::Any)?
            }
            result => result?,
        };
        Ok(received.then(|| Frame::decode(self.buffer.bytes())))
    }

    /// Whether a frame waits. One system call. True when that cannot be determined: the caller then tries to
    /// receive and gets the error.
    pub(super) fn has_frame(&self) -> bool {
        self.slot.queue.stat().map_or(true, |stat| stat.messages() > 0)
    }

    /// As [`has_frame`](Self::has_frame), for a set; it makes a system call only if the set is to `probe`, or
    /// is about to sleep: what was sent before [`ring_at`](Self::ring_at) was announced elsewhere.
    pub(super) fn is_ready(&self, probe: bool) -> bool {
        (probe || self.is_in_set) && self.has_frame()
    }

    /// Makes senders ring `wake` from now on, or with `None` the mailbox's own semaphore again.
    pub(super) fn ring_at(&mut self, wake: Option<WakeSemaphore>) -> WakeSemaphore {
        self.is_in_set = wake.is_some();
        let wake = wake.unwrap_or(self.wake);
        self.member.set_queue_wake(self.slot, wake);
        wake
    }

    /// Sleeps until the semaphore is rung or the nap is over; true if it was rung. Look for frames before and
    /// after.
    ///
    /// # Errors
    /// When the semaphores were removed, or with [`ErrorKind::Interrupted`].
    #[track_caller]
    pub(super) fn sleep(&self, nap: Nap) -> Result<bool, Error> {
        self.sleep_unless_owed(nap, || self.is_owed())
    }

    /// As [`sleep`](Self::sleep), for something other than a frame. `is_owed`: see [`Nap::take`].
    ///
    /// # Errors
    /// As [`sleep`](Self::sleep).
    #[track_caller]
    pub(super) fn sleep_unless_owed(
        &self,
        nap: Nap,
        mut is_owed: impl FnMut() -> bool,
    ) -> Result<bool, Error> {
        self.check_interrupted()?;
        let rung = nap.take(
            &mut is_owed,
            |_, until| self.member.sleep(self.wake, until, &self.interrupts),
            |is_owed| is_owed(),
        )?;
        self.check_interrupted()?;
        Ok(rung)
    }

    /// Whether a frame waits for which a process of the domain must ring, and is alive to ring. A frame that
    /// a process outside the domain puts into the queue is not announced, nor is one whose sender died before
    /// it rang.
    fn is_owed(&self) -> bool {
        let Ok(stat) = self.slot.queue.stat() else { return false };
        if stat.messages() == 0 {
            return false;
        }
        // Both numbers are the kernel's, in this process's numbering.
        stat.last_sender_pid().is_some_and(|pid| matches!(self.member.owner_of(pid), Ok(Some(_))))
    }

    fn check_interrupted(&self) -> Result<(), Error> {
        self.interrupts.check("wait for a frame")
    }

    /// Makes this interrupter end the sleeps from now on; with `None`, a flag of the mailbox's own.
    pub(super) fn share_interrupts(&mut self, with: Option<&Interrupter>) {
        // Drop the old one first, since dropping it removes what the mailbox sleeps on.
        drop(std::mem::take(&mut self.interrupts));
        if let Some(interrupter) = with {
            self.interrupts = interrupter.of_waits(&self.member, self.wake, 0);
        }
    }

    /// See `interruptible!`.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter::of_end(&self.member, self.wake, &self.interrupts)
    }

    /// See `interruptible!`.
    pub(super) fn set_interruptible(&mut self, by_signals: bool) {
        self.interrupts.set_by_signals(by_signals);
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        if !self.member.is_ours() {
            return;
        }
        if self.owns_wake {
            self.member.free_wake(self.wake);
        }
        let removed = self.member.try_locked(|locked| remove(locked, self.slot));
        if removed.is_none() {
            self.member.abandon_queue(self.slot);
            self.member.leave_rest();
        }
    }
}

/// The mode of a listener's queue: every process of the domain may write, only the server's user may read.
pub(super) fn write_only(domain: Mode) -> Mode {
    let mode = Mode::PRIVATE;
    let group = if domain.bits() & 0o020 == 0 { mode } else { mode.group_write() };
    if domain.bits() & 0o002 == 0 { group } else { group.others_write() }
}

/// Removes a queue for which no mailbox was made.
pub(super) fn remove(locked: &Locked<'_>, slot: QueueSlot) {
    locked.remove_queue(slot);
}

/// The queue of another process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    queue: MessageQueue,
    bell: Bell,
}

/// What to ring after sending.
#[derive(Clone, Copy, Debug)]
enum Bell {
    Nothing,
    Semaphore(WakeSemaphore),
    /// The semaphore that the directory names at that moment.
    Listener {
        index: usize,
        generation: u64,
    },
}

/// The outcome of sending a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    Sent,
    /// The queue is full.
    Full,
    /// The queue does not exist any more.
    Gone,
}

impl Address {
    pub(super) fn new(queue: MsgId, wake: Option<WakeSemaphore>) -> Self {
        let bell = wake.map_or(Bell::Nothing, Bell::Semaphore);
        Self { queue: MessageQueue::from_id(queue), bell }
    }

    pub(super) fn of_listener(listener: &ListenerEntry) -> Self {
        let bell = Bell::Listener { index: listener.index, generation: listener.generation };
        Self { queue: MessageQueue::from_id(listener.queue), bell }
    }

    pub(super) fn queue(&self) -> MsgId {
        self.queue.id()
    }

    /// Sends a frame and rings. Never waits.
    ///
    /// # Errors
    /// If the kernel refuses, as when this process may not write to the queue.
    pub(super) fn post(&self, member: &Member, frame: &Frame) -> Result<Posted, Error> {
        self.post_until(member, frame, None)
    }

    /// Sends a frame and rings, waiting for room until the deadline.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub(super) fn post_deadline(
        &self,
        member: &Member,
        frame: &Frame,
        deadline: Instant,
    ) -> Result<Posted, Error> {
        self.post_until(member, frame, Some(deadline))
    }

    fn post_until(&self, member: &Member, frame: &Frame, deadline: Option<Instant>) -> Result<Posted, Error> {
        let bytes = frame.encode();
        let sent = match deadline {
            None => self.queue.try_send_bytes(MessageType::ONE, &bytes),
            Some(deadline) => self.queue.send_bytes_deadline(MessageType::ONE, &bytes, deadline),
        };
        match sent {
            Ok(true) => {
                let wake = match self.bell {
                    Bell::Nothing => None,
                    // The recipient may be part of a set, and sleep on the set's semaphore.
                    Bell::Semaphore(wake) => Some(member.queue_wake(self.queue.id()).unwrap_or(wake)),
                    Bell::Listener { index, generation } => member.listener_wake(index, generation),
                };
                if let Some(wake) = wake {
                    // A recipient that is not woken looks by itself before long. If this process may not
                    // change the semaphores any more, its own next sleep reports that.
                    let _ = member.ring(wake);
                }
                Ok(Posted::Sent)
            }
            Ok(false) => Ok(Posted::Full),
            Err(error) if error.kind() == ErrorKind::Removed => Ok(Posted::Gone),
            Err(error) => Err(error),
        }
    }

    /// Whether the queue is known to be gone. One system call.
    pub(super) fn is_removed(&self) -> bool {
        self.queue.stat().is_err_and(|error| error.kind() == ErrorKind::Removed)
    }

    /// The kernel's record of the queue; available also to a process that may only send to it.
    ///
    /// # Errors
    /// When the queue was removed.
    pub(super) fn stat(&self) -> Result<Stat, Error> {
        match self.queue.stat() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => ipc_core::list::queues()?
                .into_iter()
                .find(|(id, _)| *id == self.queue.id())
                .map_or(Err(error), |(_, stat)| Ok(stat)),
            result => result,
        }
    }
}
