//! The side that sends requests.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::RequestError;
use super::wire::{Head, Kind, SIZE};
use crate::clock;
use crate::control::{Builder, ConnectError, Connection};
use crate::interrupter::Interrupter;

mod calling;

/// A request that was sent. [`Requester::wait`] returns its answer.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "the answer is kept until it is taken with the ticket"]
pub struct Ticket(u64);

/// An answer to a request, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A part; more follows.
    Part(Vec<u8>),
    /// The whole answer, or its last part.
    Last(Vec<u8>),
}

/// A request in flight.
#[derive(Debug)]
struct Flight {
    /// The number of the connection over which it was sent.
    connection: u64,
    deadline: Option<Instant>,
    came: VecDeque<Result<Answer, u32>>,
}

/// Sends requests over a connection and assigns each answer to its request.
///
/// A requester made by [`reconnecting`](Self::reconnecting) outlives its server: after the connection has
/// ended, the next request is sent over a new one. No request is sent twice, since the server may have
/// carried it out: requests that were in flight fail with [`RequestError::PeerGone`],
/// [`RequestError::Closed`] or [`RequestError::Lost`].
#[derive(Debug)]
pub struct Requester {
    connection: Connection,
    /// The number of connections before this one.
    connections: u64,
    /// The connection has ended.
    ended: bool,
    /// How to make the next connection.
    service: Option<Builder>,
    next: u64,
    flights: HashMap<u64, Flight>,
    late: u64,
    out: Vec<u8>,
    received: Vec<u8>,
    /// The error of waking the server for a request that was sent.
    untold: Option<ipc_core::Error>,
    /// For all connections, one after the other, and for connecting.
    interrupter: Interrupter,
    by_signals: bool,
}

impl Requester {
    /// A requester over this connection, which nothing else may use any more.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self {
            interrupter: connection.interrupter(),
            by_signals: false,
            connection,
            connections: 0,
            ended: false,
            service: None,
            next: 1,
            flights: HashMap::new(),
            late: 0,
            out: Vec::new(),
            received: Vec::new(),
            untold: None,
        }
    }

    /// Connects to the listener that `service` names, and connects again, to it or to a successor, for the
    /// first request after the connection has ended.
    ///
    /// # Errors
    /// As [`Builder::connect_retrying`].
    ///
    /// # Blocking
    /// Until a server accepts, at most `timeout`.
    pub fn reconnecting(service: &Builder, timeout: Duration) -> Result<Self, ConnectError> {
        let connection = service.connect_retrying(clock::after(timeout))?;
        Ok(Self { service: Some(service.clone()), ..Self::new(connection) })
    }

    /// A handle by which another thread, or a signal handler, ends the waits of this requester with
    /// [`RequestError::Interrupted`]: for room, for an answer, and for a new connection.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// As [`Connection::set_interruptible`].
    pub fn set_interruptible(&mut self, by_signals: bool) {
        self.by_signals = by_signals;
        self.connection.set_interruptible(by_signals);
    }

    /// How often the connection has been replaced.
    #[must_use]
    pub fn reconnections(&self) -> u64 {
        self.connections
    }

    /// Sends a request, without waiting for the answer.
    ///
    /// # Errors
    /// As [`start_deadline`](Self::start_deadline).
    ///
    /// # Blocking
    /// For room in the ring.
    pub fn start(&mut self, body: &[u8], timeout: Duration) -> Result<Ticket, RequestError> {
        self.start_deadline(body, Some(clock::after(timeout)))
    }

    /// As [`start`](Self::start), with a deadline after which the answer is not wanted; `None`: no deadline.
    ///
    /// # Errors
    /// [`RequestError::TimedOut`] when there was no room before the deadline; [`RequestError::TooLarge`];
    /// [`RequestError::Closed`]; [`RequestError::PeerGone`]; [`RequestError::Connect`] when there is no
    /// connection and none could be made before the deadline.
    pub fn start_deadline(&mut self, body: &[u8], deadline: Option<Instant>) -> Result<Ticket, RequestError> {
        let id = self.next;
        let deadline_ns = deadline.map_or(0, clock::monotonic_at);
        self.send(Head { deadline_ns, ..Head::new(Kind::Request, id) }, body, deadline)?;
        self.next += 1;
        self.flights.insert(id, Flight { connection: self.connections, deadline, came: VecDeque::new() });
        Ok(Ticket(id))
    }

    /// Sends a message that needs no answer.
    ///
    /// # Errors
    /// As [`start_deadline`](Self::start_deadline).
    ///
    /// # Blocking
    /// For room in the ring, at most `timeout`.
    pub fn tell(&mut self, body: &[u8], timeout: Duration) -> Result<(), RequestError> {
        self.send(Head::new(Kind::OneWay, 0), body, Some(clock::after(timeout)))
    }

    /// Waits for the answer to a request, or its next part; after [`Answer::Part`] more parts follow.
    ///
    /// # Errors
    /// [`RequestError::TimedOut`] at the request's deadline, [`RequestError::Failed`],
    /// [`RequestError::Lost`]: these use up the ticket. Any other [`RequestError`].
    ///
    /// # Blocking
    /// By the connection's wait strategy, until the request's deadline. Answers to other requests are kept
    /// meanwhile.
    pub fn wait(&mut self, ticket: &Ticket) -> Result<Answer, RequestError> {
        loop {
            let flight = self.flights.get_mut(&ticket.0).ok_or(RequestError::UnknownTicket)?;
            let deadline = flight.deadline;
            if let Some(answer) = flight.came.pop_front() {
                if !matches!(answer, Ok(Answer::Part(_))) {
                    self.flights.remove(&ticket.0);
                }
                return answer.map_err(|code| RequestError::Failed { code });
            }
            if flight.connection != self.connections {
                self.flights.remove(&ticket.0);
                return Err(RequestError::Lost);
            }
            match self.receive(deadline) {
                Err(RequestError::TimedOut) => {
                    self.cancel_number(ticket.0);
                    return Err(RequestError::TimedOut);
                }
                result => result?,
            }
        }
    }

    /// The answer to a request, or its next part, if one has arrived. Never waits.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), except for the deadline.
    pub fn try_wait(&mut self, ticket: &Ticket) -> Result<Option<Answer>, RequestError> {
        loop {
            match self.receive(Some(Instant::now())) {
                Ok(()) => {}
                Err(RequestError::TimedOut) => break,
                // Parts that arrived before are still returned.
                Err(_) if self.flights.get(&ticket.0).is_some_and(|flight| !flight.came.is_empty()) => break,
                Err(error) => return Err(error),
            }
        }
        let flight = self.flights.get(&ticket.0).ok_or(RequestError::UnknownTicket)?;
        let pending = flight.came.is_empty() && flight.connection == self.connections;
        if pending { Ok(None) } else { self.wait(ticket).map(Some) }
    }

    /// Cancels a request. The server is notified, if there is room for the message.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.cancel_number(ticket.0);
    }

    fn cancel_number(&mut self, id: u64) {
        if self.flights.remove(&id).is_some() {
            Head::new(Kind::Cancel, id).write(&[], &mut self.out);
            let _ = self.connection.try_send(&self.out);
        }
    }

    /// The number of requests without a complete answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// The number of answers that came after their requests had been given up.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// The connection.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn send(&mut self, head: Head, body: &[u8], deadline: Option<Instant>) -> Result<(), RequestError> {
        head.write(body, &mut self.out);
        loop {
            if self.ended && self.service.is_some() {
                self.connect_again(deadline)?;
            }
            let sent = match deadline {
                Some(deadline) => self.connection.send_deadline(&self.out, deadline),
                None => self.connection.send(&self.out),
            };
            match sent.map_err(RequestError::from_push) {
                // The request did not reach the server, so it may be sent over another connection.
                Err(error) if error.is_end() && self.service.is_some() => self.ended = true,
                // The request was sent, and the caller needs its number: the wait for the answer
                // returns the error.
                Err(RequestError::NotWoken(error)) if head.kind == Kind::Request => {
                    self.untold = Some(error);
                    return Ok(());
                }
                sent => return sent.map_err(|error| self.with_reason(error)),
            }
        }
    }

    /// Replaces the connection, which has ended. No answers to requests in flight will come any more.
    fn connect_again(&mut self, deadline: Option<Instant>) -> Result<(), RequestError> {
        let Some(service) = &self.service else { return Ok(()) };
        let deadline = deadline.unwrap_or_else(|| clock::after(Duration::MAX));
        let handle = self.interrupter.clone();
        let handle = if self.by_signals { handle.and_by_signals() } else { handle };
        let connected = service.clone().interrupter(&handle).connect_retrying(deadline);
        self.connection = connected.map_err(|error| match error {
            ConnectError::Interrupted { .. } => RequestError::Interrupted,
            error => RequestError::Connect(error),
        })?;
        self.connection.interrupt_by(&self.interrupter);
        self.connection.set_interruptible(self.by_signals);
        self.connections += 1;
        self.ended = false;
        Ok(())
    }

    /// Receives one message and assigns it to its request.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<(), RequestError> {
        let head = self.receive_head(deadline)?;
        self.keep(head)
    }

    /// Receives one message into `received`.
    fn receive_head(&mut self, deadline: Option<Instant>) -> Result<Head, RequestError> {
        if let Some(error) = self.untold.take() {
            return Err(RequestError::NotWoken(error));
        }
        let popped = self.connection.recv_vec(&mut self.received, deadline);
        if let Err(error) = popped {
            let error = RequestError::from_pop(error);
            self.ended |= error.is_end();
            return Err(self.with_reason(error));
        }
        Head::read(&self.received).map(|(head, _)| head).ok_or(RequestError::Malformed)
    }

    /// Stores the received answer with its request.
    fn keep(&mut self, head: Head) -> Result<(), RequestError> {
        let body = &self.received[SIZE..];
        let answer = match head.kind {
            Kind::Part => Ok(Answer::Part(body.to_vec())),
            Kind::Reply => Ok(Answer::Last(body.to_vec())),
            Kind::Failure => Err(head.code),
            Kind::Request | Kind::OneWay | Kind::Cancel => return Err(RequestError::Malformed),
        };
        match self.flights.get_mut(&head.id) {
            Some(flight) => flight.came.push_back(answer),
            None => self.late += 1,
        }
        Ok(())
    }

    fn with_reason(&mut self, error: RequestError) -> RequestError {
        match error {
            RequestError::Closed { reason: None } => {
                RequestError::Closed { reason: self.connection.session().close_reason() }
            }
            error => error,
        }
    }
}
