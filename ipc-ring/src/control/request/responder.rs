//! The side that answers requests.

use std::time::{Duration, Instant};

use super::RequestError;
use super::wire::{Head, Kind, SIZE};
use crate::clock;
use crate::control::{Connection, Reason};
use crate::interrupter::Interrupter;

/// Identifies the request that an answer belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

/// A received request. An empty one can be filled by [`Responder::next_into`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    id: RequestId,
    body: Vec<u8>,
    deadline: Option<Instant>,
    wants_answer: bool,
}

impl Request {
    /// The identifier with which to answer it, now or later.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The body of the request.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as a vector of its own.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The time at which the client gives up.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the client waits for an answer. If it does not, it drops an answer.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.wants_answer
    }
}

/// A received request, whose body lies in the responder until the next one is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BorrowedRequest<'a> {
    head: Received,
    body: &'a [u8],
}

impl<'a> BorrowedRequest<'a> {
    /// The identifier with which to answer it, now or later.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.head.id
    }

    /// The body of the request.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The time at which the client gives up.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.head.deadline
    }

    /// Whether the client waits for an answer. If it does not, it drops an answer.
    #[must_use]
    pub fn wants_answer(&self) -> bool {
        self.head.wants_answer
    }
}

/// What a request says besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Received {
    id: RequestId,
    deadline: Option<Instant>,
    wants_answer: bool,
}

/// Takes requests from a connection and answers them, in any order.
#[derive(Debug)]
pub struct Responder {
    /// `None` after a client was dropped for being slow.
    connection: Option<Connection>,
    patience: Duration,
    cancelled: Vec<RequestId>,
    expired: u64,
    out: Vec<u8>,
    received: Vec<u8>,
    interrupter: Interrupter,
}

/// The number of cancellations remembered at a time.
const REMEMBERED: usize = 1024;

impl Responder {
    /// A responder over this connection, which nothing else may use any more.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self {
            interrupter: connection.interrupter(),
            connection: Some(connection),
            patience: Duration::from_secs(1),
            cancelled: Vec::new(),
            expired: 0,
            out: Vec::new(),
            received: Vec::new(),
        }
    }

    /// A handle by which another thread, or a signal handler, ends the waits of this responder with
    /// [`RequestError::Interrupted`]: for a request, and for room for an answer, which is not sent then.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.interrupter.clone()
    }

    /// As [`Connection::set_interruptible`].
    pub fn set_interruptible(&mut self, by_signals: bool) {
        if let Some(connection) = &mut self.connection {
            connection.set_interruptible(by_signals);
        }
    }

    /// How long an answer waits for room in the ring before the client is dropped: one second by default. A
    /// server with several clients in one thread sets zero.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for the next request. A request whose deadline has passed is answered with a failure and
    /// skipped.
    ///
    /// # Errors
    /// [`RequestError::Closed`], [`RequestError::PeerGone`]: the client is gone. [`RequestError::Malformed`].
    /// Not [`RequestError::TimedOut`].
    ///
    /// # Blocking
    /// By the connection's wait strategy.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not say why it ends")]
    pub fn next(&mut self) -> Result<Request, RequestError> {
        let mut request = Request::default();
        self.next_until(None, &mut request).map(|()| request)
    }

    /// As [`next`](Self::next), but overwrites `request`: no allocation if its body is large enough.
    ///
    /// # Errors
    /// As [`next`](Self::next). The contents of `request` are unspecified then.
    ///
    /// # Blocking
    /// By the connection's wait strategy.
    pub fn next_into(&mut self, request: &mut Request) -> Result<(), RequestError> {
        self.next_until(None, request)
    }

    /// As [`next`](Self::next), without a copy of the body: it is borrowed from this responder, which is free
    /// for the answer when the body is not used any more. No allocation once a request as long has come.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Blocking
    /// By the connection's wait strategy.
    pub fn next_borrowed(&mut self) -> Result<BorrowedRequest<'_>, RequestError> {
        let head = self.receive(None)?;
        Ok(BorrowedRequest { head, body: &self.received[SIZE..] })
    }

    /// As [`next`](Self::next), until `deadline`; with a deadline in the past it never waits.
    ///
    /// # Errors
    /// [`RequestError::TimedOut`], and as [`next`](Self::next).
    pub fn next_deadline(&mut self, deadline: Instant) -> Result<Request, RequestError> {
        let mut request = Request::default();
        self.next_until(Some(deadline), &mut request).map(|()| request)
    }

    fn next_until(&mut self, deadline: Option<Instant>, request: &mut Request) -> Result<(), RequestError> {
        let Received { id, deadline, wants_answer } = self.receive(deadline)?;
        (request.id, request.deadline, request.wants_answer) = (id, deadline, wants_answer);
        request.body.clear();
        request.body.extend_from_slice(&self.received[SIZE..]);
        Ok(())
    }

    /// Receives the next request; its body is in `received`, behind the head.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<Received, RequestError> {
        loop {
            let connection = self.connection.as_mut().ok_or(RequestError::TooSlow)?;
            connection.recv_vec(&mut self.received, deadline).map_err(RequestError::from_pop)?;
            let (head, _) = Head::read(&self.received).ok_or(RequestError::Malformed)?;
            let id = RequestId(head.id);
            match head.kind {
                Kind::Request | Kind::OneWay => {}
                Kind::Cancel => {
                    if self.cancelled.len() == REMEMBERED {
                        self.cancelled.remove(0);
                    }
                    self.cancelled.push(id);
                    continue;
                }
                Kind::Part | Kind::Reply | Kind::Failure => return Err(RequestError::Malformed),
            }
            let deadline = clock::instant_of(head.deadline_ns);
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.expired += 1;
                self.fail(id, RequestError::EXPIRED)?;
                continue;
            }
            return Ok(Received { id, deadline, wants_answer: head.kind == Kind::Request });
        }
    }

    /// Whether the client has cancelled a request, as far as its messages have been received.
    #[must_use]
    pub fn is_cancelled(&self, id: RequestId) -> bool {
        self.cancelled.contains(&id)
    }

    /// The number of requests that arrived after their deadlines.
    #[must_use]
    pub fn expired(&self) -> u64 {
        self.expired
    }

    /// Answers a request: sends the whole answer, or its last part.
    ///
    /// # Errors
    /// [`RequestError::TooSlow`] when the client does not read: it has been dropped, with that reason;
    /// [`RequestError::TooLarge`]; [`RequestError::Closed`], [`RequestError::PeerGone`] when it is gone.
    ///
    /// # Blocking
    /// For room in the ring, at most for the [`patience`](Self::patience).
    pub fn reply(&mut self, id: RequestId, body: &[u8]) -> Result<(), RequestError> {
        self.answer(Head::new(Kind::Reply, id.0), body)
    }

    /// Sends a part of an answer; [`reply`](Self::reply) sends the last one.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub fn part(&mut self, id: RequestId, body: &[u8]) -> Result<(), RequestError> {
        self.answer(Head::new(Kind::Part, id.0), body)
    }

    /// Answers with a failure, and a number that gives the reason to the client's program.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub fn fail(&mut self, id: RequestId, code: u32) -> Result<(), RequestError> {
        self.answer(Head { code, ..Head::new(Kind::Failure, id.0) }, &[])
    }

    /// The connection; `None` after the client was dropped.
    pub fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Ends the connection and sends the client the reason.
    pub fn close(mut self, reason: Reason) {
        if let Some(connection) = self.connection.take() {
            connection.close(reason);
        }
    }

    fn answer(&mut self, head: Head, body: &[u8]) -> Result<(), RequestError> {
        let connection = self.connection.as_mut().ok_or(RequestError::TooSlow)?;
        head.write(body, &mut self.out);
        let sent = connection.send_deadline(&self.out, clock::after(self.patience));
        match sent.map_err(RequestError::from_push) {
            Err(RequestError::TimedOut) => {
                if let Some(connection) = self.connection.take() {
                    connection.close(Reason::TooSlow);
                }
                Err(RequestError::TooSlow)
            }
            result => result,
        }
    }
}
