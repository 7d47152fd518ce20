//! A connection: a ring each way, and who is at the other side.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handshake::{Client, Server};
use super::limits::Admission;
use super::mailbox::{Address, Mailbox};
use super::peer::Peer;
use super::reason::Reason;
use crate::channel::{Carry, Frames, Values};
use crate::domain::{Member, Owner};
use crate::error::{PopError, PushError};
use crate::interrupter::Interrupter;
use crate::message::Message;

/// A ring to the other side, carrying `Out`, and one from there, carrying `In`.
///
/// Dropping it closes both: the other side receives what was sent, then is told
/// [`PopError::Closed`]. [`finish`](Self::finish) closes the sending side only.
pub struct Connection<Out: Carry = Frames, In: Carry = Frames> {
    /// `None` after [`finish`](Self::finish).
    producer: Option<Out::Producer>,
    /// `None` only while being dropped or taken apart.
    consumer: Option<In::Consumer>,
    session: Option<Session>,
    interrupter: Interrupter,
}

impl<Out: Carry, In: Carry> Connection<Out, In> {
    pub(super) fn new(producer: Out::Producer, consumer: In::Consumer, session: Session) -> Self {
        let interrupter = Interrupter::new();
        let (producer, consumer, session) = (Some(producer), Some(consumer), Some(session));
        let mut connection = Self { producer, consumer, session, interrupter: interrupter.clone() };
        connection.share_interrupts(Some(&interrupter));
        connection
    }

    /// This ends the waits of both ends from now on.
    pub(super) fn interrupt_by(&mut self, interrupter: &Interrupter) {
        self.share_interrupts(Some(interrupter));
        self.interrupter = interrupter.clone();
    }

    fn share_interrupts(&mut self, with: Option<&Interrupter>) {
        if let Some(producer) = &mut self.producer {
            Out::share_producer(producer, with);
        }
        if let Some(consumer) = &mut self.consumer {
            In::share_consumer(consumer, with);
        }
    }

    /// A handle by which another thread, or a signal handler, ends the waits of this connection with `Interrupted`, of whichever end: the one under
    /// way or, if there is none, the next. Ends that were [taken apart](Self::into_parts) have handles of their own.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// Whether a signal, when a handler has run in the thread that waits, ends the wait of either end with `Interrupted`. By default it goes
    /// on, whatever `SA_RESTART` says.
    ///
    /// A signal that comes while the thread polls, or just before it goes to sleep, is not noticed: have the handler call
    /// [`Interrupter::interrupt`] for signals that must not be missed, and for ends that only poll.
    pub fn set_interruptible(&mut self, by_signals: bool) {
        if let Some(producer) = &mut self.producer {
            Out::set_producer_interruptible(producer, by_signals);
        }
        if let Some(consumer) = &mut self.consumer {
            In::set_consumer_interruptible(consumer, by_signals);
        }
    }

    /// The sending end; `None` after [`finish`](Self::finish).
    pub fn sender(&mut self) -> Option<&mut Out::Producer> {
        self.producer.as_mut()
    }

    /// The receiving end.
    pub fn receiver(&mut self) -> &mut In::Consumer {
        self.consumer.as_mut().expect("a consumer until the connection is taken apart")
    }

    /// Who is at the other side, what both can do, how it ended.
    pub fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a session until the connection is taken apart")
    }

    /// Who is at the other side.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.session.as_ref().expect("a session until the connection is taken apart").peer
    }

    /// Says that nothing more will be sent. What the other side sends is still received.
    pub fn finish(&mut self) {
        self.producer = None;
    }

    /// Ends the connection at once, in both directions, and tells why. Never waits.
    ///
    /// Only a server's reason reaches the other side: see [`Session::farewell`].
    pub fn close(mut self, reason: Reason) {
        self.session().say_farewell(reason);
    }

    /// The two ends and the session by themselves, for two threads. The session must be kept as long as the connection is to
    /// count; dropping the receiving end then only detaches it.
    #[must_use]
    pub fn into_parts(mut self) -> (Option<Out::Producer>, In::Consumer, Session) {
        self.share_interrupts(None);
        let parts = (self.producer.take(), self.consumer.take(), self.session.take());
        let (producer, Some(consumer), Some(session)) = parts else {
            unreachable!("a connection has both until it is taken apart");
        };
        (producer, consumer, session)
    }
}

impl<In: Carry> Connection<Frames, In> {
    /// Sends a frame, waiting for room.
    ///
    /// # Errors
    /// As [`bytes::Producer::push`](crate::bytes::Producer::push); [`PushError::Closed`] also after [`finish`](Self::finish).
    ///
    /// # Blocking
    /// By this side's wait strategy, without end: the other side may be slow. [`send_deadline`](Self::send_deadline) is not.
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

    /// As [`send`](Self::send), until a point in time.
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
    /// As [`bytes::Consumer::pop`](crate::bytes::Consumer::pop). After [`PopError::Closed`] [`Session::farewell`] may know why.
    ///
    /// # Blocking
    /// By this side's wait strategy.
    pub fn recv(&mut self) -> Result<Vec<u8>, PopError> {
        self.receiver().pop()
    }

    /// Receives a frame if there is one. Never waits.
    ///
    /// # Errors
    /// [`PopError::Empty`], and as [`recv`](Self::recv).
    pub fn try_recv(&mut self) -> Result<Vec<u8>, PopError> {
        self.receiver().try_pop()
    }

    /// As [`recv`](Self::recv), until a point in time.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`recv`](Self::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Vec<u8>, PopError> {
        self.receiver().pop_deadline(deadline)
    }

    /// As [`recv`](Self::recv), for a length of time.
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
    /// As [`spsc::Producer::push`](crate::spsc::Producer::push); [`PushError::Closed`] also after [`finish`](Self::finish).
    ///
    /// # Blocking
    /// By this side's wait strategy, without end: the other side may be slow.
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
    /// As [`spsc::Consumer::pop`](crate::spsc::Consumer::pop).
    ///
    /// # Blocking
    /// By this side's wait strategy.
    pub fn recv_value(&mut self) -> Result<T, PopError> {
        self.receiver().pop()
    }

    /// As [`recv_value`](Self::recv_value), for a length of time.
    ///
    /// # Errors
    /// [`PopError::TimedOut`], and as [`recv_value`](Self::recv_value).
    pub fn recv_value_timeout(&mut self, timeout: Duration) -> Result<T, PopError> {
        self.receiver().pop_timeout(timeout)
    }
}

impl<Out: Carry, In: Carry> Drop for Connection<Out, In> {
    fn drop(&mut self) {
        let Some(session) = &self.session else { return };
        if session.member().is_ours()
            && !std::thread::panicking()
            && let Some(consumer) = self.consumer.take()
        {
            // Nobody will go on here, so the other side need not keep what it sends.
            In::close_consumer(consumer);
        }
    }
}

impl<Out: Carry, In: Carry> fmt::Debug for Connection<Out, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("session", &self.session).finish_non_exhaustive()
    }
}

/// What a connection is beside its rings. Dropping it gives back what the connection counts for.
#[derive(Debug)]
pub struct Session {
    peer: Peer,
    side: Side,
    farewell: Option<Reason>,
}

#[derive(Debug)]
enum Side {
    Client { machine: Client, mailbox: Mailbox },
    Server { machine: Server, address: Address, member: Arc<Member>, _admission: Admission },
}

impl Session {
    pub(super) fn of_client(machine: Client, mailbox: Mailbox, peer: Peer) -> Self {
        Self { peer, side: Side::Client { machine, mailbox }, farewell: None }
    }

    pub(super) fn of_server(
        machine: Server,
        address: Address,
        member: Arc<Member>,
        admission: Admission,
        peer: Peer,
    ) -> Self {
        Self { peer, side: Side::Server { machine, address, member, _admission: admission }, farewell: None }
    }

    fn member(&self) -> &Arc<Member> {
        match &self.side {
            Side::Client { mailbox, .. } => mailbox.member(),
            Side::Server { member, .. } => member,
        }
    }

    /// Who is at the other side.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The features that both sides offer.
    #[must_use]
    pub fn features(&self) -> u64 {
        match &self.side {
            Side::Client { machine, .. } => machine.features(),
            Side::Server { machine, .. } => machine.features(),
        }
    }

    /// Why the server ended the connection, if it said so. For a client, after its rings were closed; one system call.
    pub fn farewell(&mut self) -> Option<Reason> {
        if self.member().is_ours()
            && let Side::Client { machine, mailbox } = &mut self.side
        {
            while let Ok(Some(received)) = mailbox.try_receive() {
                let reason = received.ok().and_then(|frame| machine.farewell(&frame));
                self.farewell = self.farewell.or(reason);
            }
        }
        self.farewell
    }

    /// Tells the client why the connection ends. Close the rings after it. Never waits; a client whose queue is full does not
    /// read and will not be told.
    pub(super) fn say_farewell(&mut self, reason: Reason) {
        if self.member().is_ours()
            && let Side::Server { machine, address, member, .. } = &mut self.side
        {
            let _ = address.post(member, &machine.bye(reason));
        }
        self.farewell = Some(reason);
    }

    /// Whether the process at the other side is alive. One system call.
    ///
    /// # Errors
    /// When it cannot be known: the domain's semaphores were removed, or this process may not read them any more.
    pub fn is_peer_alive(&self) -> Result<bool, ipc_core::Error> {
        self.member().is_alive(self.peer.owner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What a dead client leaves behind is its queue.
        if let Side::Server { member, .. } = &self.side
            && member.is_ours()
            && self.peer.owner != Owner::NONE
            && matches!(member.is_alive(self.peer.owner), Ok(false))
        {
            // What cannot be judged now stays for the next one that looks.
            if !matches!(member.try_locked(|locked| locked.sweep_queues()), Some(Ok(()))) {
                member.leave_rest();
            }
        }
    }
}
