//! The side that asks.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::RequestError;
use super::wire::{Head, Kind, SIZE};
use crate::clock;
use crate::control::{Builder, ConnectError, Connection};
use crate::interrupter::Interrupter;

/// A request that has been sent. Its answer is taken with [`Requester::wait`].
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "the answer is kept until it is taken with the ticket"]
pub struct Ticket(u64);

/// What came for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A part; more follows.
    Part(Vec<u8>),
    /// All of it, or the last part.
    Last(Vec<u8>),
}

/// A request on its way.
#[derive(Debug)]
struct Flight {
    /// The connection it was sent over, as a number.
    connection: u64,
    deadline: Option<Instant>,
    came: VecDeque<Result<Answer, u32>>,
}

/// Sends requests through a connection and gives each its answer.
///
/// One made by [`reconnecting`](Self::reconnecting) outlives its server: when the connection has ended, the next request
/// is sent over a new one. No request is sent twice, since the server may have carried it out: requests that were in
/// flight fail with [`RequestError::PeerGone`], [`RequestError::Closed`] or [`RequestError::Lost`].
#[derive(Debug)]
pub struct Requester {
    connection: Connection,
    /// How many connections there were before this one.
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
    /// That the server could not be woken for a request that is under way.
    untold: Option<ipc_core::Error>,
    /// Of all connections, one after the other, and of connecting.
    interrupter: Interrupter,
    by_signals: bool,
}

impl Requester {
    /// Over this connection, which nobody else uses any more.
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

    /// Connects to the listener that `service` names, and connects again, to it or to a successor, for the first request
    /// after the connection has ended.
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

    /// A handle by which another thread, or a signal handler, ends the waits of this requester with [`RequestError::Interrupted`]: for room, for an
    /// answer, and for another connection.
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

    /// Asks and waits for the answer; the parts of one that comes in parts are joined.
    ///
    /// # Errors
    /// [`RequestError`]. After [`RequestError::TimedOut`] and [`RequestError::Interrupted`] the server is told that no answer is wanted; one that comes all the
    /// same is dropped.
    ///
    /// # Blocking
    /// By the connection's wait strategy, at most `timeout`, room in the ring included.
    pub fn call(&mut self, body: &[u8], timeout: Duration) -> Result<Vec<u8>, RequestError> {
        let ticket = self.start_deadline(body, Some(clock::after(timeout)))?;
        let (mut whole, mut is_interrupted) = (Vec::new(), false);
        loop {
            let answer = self.wait(&ticket).inspect_err(|error| {
                is_interrupted = matches!(error, RequestError::Interrupted);
            });
            if is_interrupted {
                self.cancel_number(ticket.0);
            }
            match answer? {
                Answer::Part(part) => whole.extend_from_slice(&part),
                Answer::Last(part) if whole.is_empty() => return Ok(part),
                Answer::Last(part) => {
                    whole.extend_from_slice(&part);
                    return Ok(whole);
                }
            }
        }
    }

    /// As [`call`](Self::call), with the answer in place of what `out` held; gives its length. No allocation
    /// once `out` is large enough.
    ///
    /// # Errors
    /// As [`call`](Self::call). What `out` holds then is unspecified.
    ///
    /// # Blocking
    /// As [`call`](Self::call).
    pub fn call_vec(
        &mut self,
        body: &[u8],
        timeout: Duration,
        out: &mut Vec<u8>,
    ) -> Result<usize, RequestError> {
        let deadline = Some(clock::after(timeout));
        let (ticket, mut lost) = (self.start_deadline(body, deadline)?, None);
        out.clear();
        loop {
            let head = self.receive_head(deadline).inspect_err(|error| {
                lost = Some(matches!(error, RequestError::TimedOut | RequestError::Interrupted));
            });
            match lost {
                Some(true) => self.cancel_number(ticket.0),
                Some(false) => drop(self.flights.remove(&ticket.0)),
                None => {}
            }
            let head = head?;
            if head.id != ticket.0 {
                self.keep(head)?;
                continue;
            }
            out.extend_from_slice(&self.received[SIZE..]);
            match head.kind {
                Kind::Part => continue,
                Kind::Reply => {}
                Kind::Failure => lost = Some(false),
                Kind::Request | Kind::OneWay | Kind::Cancel => return Err(RequestError::Malformed),
            }
            self.flights.remove(&ticket.0);
            return if lost.is_some() {
                Err(RequestError::Failed { code: head.code })
            } else {
                Ok(out.len())
            };
        }
    }

    /// Asks, and does not wait for the answer.
    ///
    /// # Errors
    /// As [`start_deadline`](Self::start_deadline).
    ///
    /// # Blocking
    /// For room in the ring.
    pub fn start(&mut self, body: &[u8], timeout: Duration) -> Result<Ticket, RequestError> {
        self.start_deadline(body, Some(clock::after(timeout)))
    }

    /// As [`start`](Self::start), with a point in time after which the answer is not wanted; `None`: it is always.
    ///
    /// # Errors
    /// [`RequestError::TimedOut`] when there was no room before the deadline; [`RequestError::TooLarge`];
    /// [`RequestError::Closed`]; [`RequestError::PeerGone`]; [`RequestError::Connect`] when there is no connection and none could be
    /// made before the deadline.
    pub fn start_deadline(&mut self, body: &[u8], deadline: Option<Instant>) -> Result<Ticket, RequestError> {
        let id = self.next;
        let deadline_ns = deadline.map_or(0, clock::monotonic_at);
        self.send(Head { deadline_ns, ..Head::new(Kind::Request, id) }, body, deadline)?;
        self.next += 1;
        self.flights.insert(id, Flight { connection: self.connections, deadline, came: VecDeque::new() });
        Ok(Ticket(id))
    }

    /// Says something that needs no answer.
    ///
    /// # Errors
    /// As [`start_deadline`](Self::start_deadline).
    ///
    /// # Blocking
    /// For room in the ring, at most `timeout`.
    pub fn tell(&mut self, body: &[u8], timeout: Duration) -> Result<(), RequestError> {
        self.send(Head::new(Kind::OneWay, 0), body, Some(clock::after(timeout)))
    }

    /// Waits for what comes next for a request: after [`Answer::Part`] there is more to wait for.
    ///
    /// # Errors
    /// [`RequestError::TimedOut`] at the request's deadline, [`RequestError::Failed`], [`RequestError::Lost`]; the ticket is used up
    /// then. Any other [`RequestError`].
    ///
    /// # Blocking
    /// By the connection's wait strategy, until the request's deadline. Answers to other requests are kept meanwhile.
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

    /// What has come for a request, if anything has. Never waits.
    ///
    /// # Errors
    /// As [`wait`](Self::wait), but for the deadline.
    pub fn try_wait(&mut self, ticket: &Ticket) -> Result<Option<Answer>, RequestError> {
        loop {
            match self.receive(Some(Instant::now())) {
                Ok(()) => {}
                Err(RequestError::TimedOut) => break,
                // What came before is still given.
                Err(_) if self.flights.get(&ticket.0).is_some_and(|flight| !flight.came.is_empty()) => break,
                Err(error) => return Err(error),
            }
        }
        let flight = self.flights.get(&ticket.0).ok_or(RequestError::UnknownTicket)?;
        let pending = flight.came.is_empty() && flight.connection == self.connections;
        if pending { Ok(None) } else { self.wait(ticket).map(Some) }
    }

    /// Gives an answer up. The server is told, if there is room for it.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.cancel_number(ticket.0);
    }

    fn cancel_number(&mut self, id: u64) {
        if self.flights.remove(&id).is_some() {
            Head::new(Kind::Cancel, id).write(&[], &mut self.out);
            let _ = self.connection.try_send(&self.out);
        }
    }

    /// How many requests have no complete answer yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// How many answers came that nobody wanted any more.
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
                // It did not reach the server, so that it may be sent over another connection.
                Err(error) if error.is_end() && self.service.is_some() => self.ended = true,
                // It is under way, and has a number that the caller must learn: whoever waits for the answer is told.
                Err(RequestError::NotWoken(error)) if head.kind == Kind::Request => {
                    self.untold = Some(error);
                    return Ok(());
                }
                sent => return sent.map_err(|error| self.with_reason(error)),
            }
        }
    }

    /// Replaces the connection, which has ended. Nothing more will come for what is in flight.
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

    /// Receives one message and puts it where it belongs.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<(), RequestError> {
        let head = self.receive_head(deadline)?;
        self.keep(head)
    }

    /// Receives one message, which stays in `received`.
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

    /// Keeps what was received for the one who asked.
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
                RequestError::Closed { reason: self.connection.session().farewell() }
            }
            error => error,
        }
    }
}
