//! A connection: a ring in each direction, and the process at the other side.

use std::fmt;
use std::time::{Duration, Instant};

use super::peer::Peer;
use super::reason::Reason;
use super::session::Session;
use crate::channel::bytes::{Consumer, Reading, Writing};
use crate::channel::{Carry, Frames, Receiver, Sender, Values, spsc};
use crate::error::{PopError, PushError};
use crate::interrupter::Interrupter;
use crate::message::Message;

/// A ring to the other side, carrying `Out`, and one from there, carrying `In`.
///
/// Dropping it closes both: the other side receives what was sent, then gets [`PopError::Closed`].
/// [`shutdown`](Self::shutdown) closes one of them.
///
/// Where it carries [`Frames`] it is also a stream of bytes: [`Read`](std::io::Read),
/// [`BufRead`](std::io::BufRead) and [`Write`](std::io::Write), with timeouts,
/// [`set_nonblocking`](Self::set_nonblocking), and [`into_split`](Self::into_split) for two threads, like a
/// [`UnixStream`](std::os::unix::net::UnixStream). The other side may receive bytes written here as frames,
/// and the reverse; if part of a frame was read, the rest is received as a frame.
pub struct Connection<Out: Carry = Frames, In: Carry = Frames> {
    /// `None` when that direction is closed.
    pub(super) producer: Option<Sender<Out>>,
    /// `None` when that direction is closed.
    pub(super) consumer: Option<Receiver<In>>,
    /// `None` only when it was taken apart.
    session: Option<Session>,
    interrupter: Interrupter,
    pub(super) reading: Reading,
    pub(super) writing: Writing,
}

impl<Out: Carry, In: Carry> Connection<Out, In> {
    pub(super) fn new(producer: Sender<Out>, consumer: Receiver<In>, session: Session) -> Self {
        Self::of_parts((Some(producer), Writing::default()), (Some(consumer), Reading::default()), session)
    }

    /// Made of two directions, each of which may be closed.
    pub(super) fn of_parts(
        (producer, writing): (Option<Sender<Out>>, Writing),
        (consumer, reading): (Option<Receiver<In>>, Reading),
        session: Session,
    ) -> Self {
        let interrupter = Interrupter::new();
        let session = Some(session);
        let mut connection =
            Self { producer, consumer, session, interrupter: interrupter.clone(), reading, writing };
        connection.share_interrupts(Some(&interrupter));
        connection
    }

    /// Makes this interrupter end the waits of both ends from now on.
    pub(super) fn interrupt_by(&mut self, interrupter: &Interrupter) {
        self.share_interrupts(Some(interrupter));
        self.interrupter = interrupter.clone();
    }

    fn share_interrupts(&mut self, with: Option<&Interrupter>) {
        if let Some(producer) = &mut self.producer {
            producer.share_interrupts(with.map(|interrupter| (interrupter, 0)));
        }
        if let Some(consumer) = &mut self.consumer {
            consumer.share_interrupts(with.map(|interrupter| (interrupter, 1)));
        }
    }

    /// A handle by which another thread, or a signal handler, ends a wait of either end of this connection
    /// with `Interrupted`: the wait in progress or, if there is none, the next. Ends that were [taken
    /// apart](Self::into_parts) have handles of their own.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Whether a signal ends the wait of either end with `Interrupted`, once a handler has run in the waiting
    /// thread. By default the wait continues, whatever `SA_RESTART` says.
    ///
    /// A signal that comes while the thread polls, or just before it goes to sleep, is not noticed: have the
    /// handler call [`Interrupter::interrupt`] for signals that must not be missed, and for ends that only
    /// poll.
    pub fn set_interruptible(&mut self, by_signals: bool) {
        if let Some(producer) = &mut self.producer {
            producer.set_interruptible(by_signals);
        }
        if let Some(consumer) = &mut self.consumer {
            consumer.set_interruptible(by_signals);
        }
    }

    /// The sending end; `None` when that direction is closed.
    pub fn sender(&mut self) -> Option<&mut Sender<Out>> {
        self.producer.as_mut()
    }

    /// The receiving end; `None` when that direction is closed. It knows nothing of [`unread`](Self::unread)
    /// bytes.
    pub fn receiver(&mut self) -> Option<&mut Receiver<In>> {
        self.consumer.as_mut()
    }

    /// The process at the other side, the features that both have, and why the connection ended.
    pub fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a session until the connection is taken apart")
    }

    /// The process at the other side.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.session.as_ref().expect("a session until the connection is taken apart").peer()
    }

    /// Ends the sending direction. What the other side sends is still received. See
    /// [`shutdown`](Self::shutdown).
    pub fn finish(&mut self) {
        self.producer = None;
    }

    /// Ends the connection at once, in both directions, and sends the reason. Never waits.
    ///
    /// Only a server's reason reaches the other side: see [`Session::close_reason`].
    pub fn close(mut self, reason: Reason) {
        self.session().send_close_reason(reason);
    }

    /// The two ends and the session separately, for two threads; `None` stands for a direction that is
    /// closed. The connection counts for its listener as long as the session is kept; dropping the receiving
    /// end then only detaches it. [`unread`](Self::unread) bytes are lost. For bytes there is
    /// [`into_split`](Self::into_split).
    #[must_use]
    pub fn into_parts(mut self) -> (Option<Sender<Out>>, Option<Receiver<In>>, Session) {
        self.share_interrupts(None);
        let session = self.session.take().expect("a session until the connection is taken apart");
        (self.producer.take(), self.consumer.take(), session)
    }
}

impl<In: Carry> Connection<Frames, In> {
    /// Sends a frame, waiting for room.
    ///
    /// # Errors
    /// As [`bytes::Producer::push`](crate::bytes::Producer::push); [`PushError::Closed`] also after
    /// [`finish`](Self::finish).
    ///
    /// # Blocking
    /// By this side's wait strategy, without limit: the other side may be slow.
    /// [`send_deadline`](Self::send_deadline) has a limit.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.producer.as_mut().map_or(Err(PushError::Closed(())), |producer| producer.push(frame))
    }

    /// Sends a frame if there is room. Never waits.
    ///
    /// # Errors
    /// [`PushError::Full`], and as [`send`](Self::send).
    pub fn try_send(&mut self, frame: &[u8]) -> Result<(), PushError<()>> {
        self.producer.as_mut().map_or(Err(PushError::Closed(())), |producer| producer.try_push(frame))
    }

    /// As [`send`](Self::send), until `deadline`.
    ///
    /// # Errors
    /// [`PushError::TimedOut`], and as [`send`](Self::send).
    pub fn send_deadline(&mut self, frame: &[u8], deadline: Instant) -> Result<(), PushError<()>> {
        self.producer
            .as_mut()
            .map_or(Err(PushError::Closed(())), |producer| producer.push_deadline(frame, deadline))
    }
}

impl<Out: Carry> Connection<Out, Frames> {
    /// Receives a frame, waiting for it.
    ///
    /// # Errors
    /// As [`bytes::Consumer::pop`](crate::bytes::Consumer::pop); [`PopError::Closed`] also after
    /// [`shutdown`](Self::shutdown). Then [`Session::close_reason`] may give the reason.
    ///
    /// # Blocking
    /// By this side's wait strategy.
    pub fn recv(&mut self) -> Result<Vec<u8>, PopError> {
        self.recv_by(Consumer::pop)
    }

    /// As [`recv`](Self::recv), replacing the contents of the vector: no allocation once it is large enough.
    /// `None`: no deadline.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`recv`](Self::recv).
    pub fn recv_vec(&mut self, out: &mut Vec<u8>, deadline: Option<Instant>) -> Result<usize, PopError> {
        let consumer = self.consumer.as_mut().ok_or(PopError::Closed)?;
        if let Some(rest) = self.reading.take_buffer() {
            *out = rest;
            return Ok(out.len());
        }
        match deadline {
            Some(deadline) => consumer.pop_vec_deadline(out, deadline),
            None => consumer.pop_vec(out),
        }
    }

    /// The rest of a frame that was read in part comes first.
    fn recv_by(
        &mut self,
        pop: impl FnOnce(&mut Consumer) -> Result<Vec<u8>, PopError>,
    ) -> Result<Vec<u8>, PopError> {
        let consumer = self.consumer.as_mut().ok_or(PopError::Closed)?;
        self.reading.take_buffer().map_or_else(|| pop(consumer), Ok)
    }

    /// Receives a frame if there is one. Never waits.
    ///
    /// # Errors
    /// [`PopError::Empty`], and as [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Vec<u8>, PopError> {
        self.recv_by(Consumer::try_pop)
    }

    /// As [`recv`](Self::recv), until `deadline`.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>, PopError> {
        self.recv_by(|consumer| consumer.pop_deadline(deadline))
    }

    /// As [`recv`](Self::recv), for at most `timeout`.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`recv`](Self::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Vec<u8>, PopError> {
        self.recv_deadline(crate::clock::after(timeout))
    }
}

impl<T: Message + Sync, In: Carry> Connection<Values<T>, In> {
    /// Sends a value, waiting for room.
    ///
    /// # Errors
    /// As [`spsc::Producer::push`](crate::spsc::Producer::push); [`PushError::Closed`] also after
    /// [`finish`](Self::finish).
    ///
    /// # Blocking
    /// By this side's wait strategy, without limit: the other side may be slow.
    pub fn send_value(&mut self, value: T) -> Result<(), PushError<T>> {
        match &mut self.producer {
            Some(producer) => producer.push(value),
            None => Err(PushError::Closed(value)),
        }
    }

    /// Sends a value if there is room. Never waits.
    ///
    /// # Errors
    /// [`PushError::Full`], and as [`send_value`](Self::send_value).
    pub fn try_send_value(&mut self, value: T) -> Result<(), PushError<T>> {
        match &mut self.producer {
            Some(producer) => producer.try_push(value),
            None => Err(PushError::Closed(value)),
        }
    }
}

impl<Out: Carry, T: Message + Sync> Connection<Out, Values<T>> {
    /// Receives a value, waiting for it.
    ///
    /// # Errors
    /// As [`spsc::Consumer::pop`](crate::spsc::Consumer::pop); [`PopError::Closed`] also after
    /// [`shutdown`](Self::shutdown).
    ///
    /// # Blocking
    /// By this side's wait strategy.
    pub fn recv_value(&mut self) -> Result<T, PopError> {
        self.consumer.as_mut().map_or(Err(PopError::Closed), spsc::Consumer::pop)
    }

    /// As [`recv_value`](Self::recv_value), for at most `timeout`.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`recv_value`](Self::recv_value).
    pub fn recv_value_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.consumer.as_mut().map_or(Err(PopError::Closed), |consumer| consumer.pop_timeout(timeout))
    }
}

impl<Out: Carry, In: Carry> Drop for Connection<Out, In> {
    fn drop(&mut self) {
        let Some(session) = &self.session else { return };
        if session.member().is_ours()
            && !std::thread::panicking()
            && let Some(consumer) = self.consumer.take()
        {
            // No successor will continue this stream, so the other side need not keep what it sends.
            consumer.close();
        }
    }
}

impl<Out: Carry, In: Carry> fmt::Debug for Connection<Out, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("session", &self.session).finish_non_exhaustive()
    }
}
