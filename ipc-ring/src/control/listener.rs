//! A listener: takes greetings and leads each client through its handshake, without waiting for any of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Mode;
use ipc_core::msg::MsgId;
use ipc_core::shm::ShmId;

use super::builder::Builder;
use super::connection::Connection;
use super::error::{AcceptError, BindError, ListenerName};
use super::handshake::{Hello, Server, ServerStep};
use super::limits::{Admission, Admissions, Counts, Limits};
use super::mailbox::{self, Address, Mailbox, Posted};
use super::peer::{self, Peer};
use super::reason::Reason;
use super::session::Session;
use crate::channel::wait_set::News;
use crate::channel::waitable::{Await, Bell, Home, Waiting};
use crate::channel::{Carry, Frames, Seated, Token};
use crate::domain::{Domain, Entry, Owner, WakeSemaphore, check_name};
use crate::error::AttachErrorKind;
use crate::frame::{Frame, FrameError, FrameKind};
use crate::platform::{Barrier, Native, Platform as _, Site};
use crate::wait::{HEARTBEAT, Nap, WaitStrategy};

/// How often a listener looks for queues that dead processes have left.
const TIDY: Duration = Duration::from_secs(1);
/// Handshakes at a time with one reply queue: bounds the frames sent to a queue not of the client's own.
const PER_QUEUE: usize = 8;

/// A name under which clients connect, to carry `In` here and `Out` back. A name has one listener at a time.
///
/// Dropping it removes the name from the directory and refuses clients in a handshake; connections go on.
pub struct Listener<In: Carry = Frames, Out: Carry = Frames> {
    name: String,
    domain: Domain,
    mailbox: Mailbox,
    entry: Entry,
    strategy: WaitStrategy,
    timeout: Duration,
    features: (u64, u64),
    limits: Limits,
    users: Vec<u32>,
    /// Whether only this process's user can write to the queue: then a greeting needs no challenge.
    is_of_one_user: bool,
    handshakes: HashMap<u64, Handshake<In, Out>>,
    admissions: Admissions,
    /// Sessions of the clients that have proved their identity and have no seats yet.
    due: VecDeque<u64>,
    /// When seats were last tried for one of them.
    retried: Instant,
    ready: VecDeque<Connection<Out, In>>,
    counts: Counts,
    tidied: Instant,
    looked: Instant,
}

/// Why a handshake ends without a connection.
enum Over {
    Died,
    /// The client has removed its queue.
    GivenUp,
    TooSlow,
}

/// A client whose handshake is under way.
struct Handshake<In: Carry, Out: Carry> {
    machine: Server,
    address: Address,
    peer: Peer,
    up: Token,
    down: Token,
    deadline: Instant,
    /// Set once the client has proved its identity.
    seats: Option<(Seated<In>, Seated<Out>, Admission)>,
}

impl<In: Carry, Out: Carry> Listener<In, Out> {
    crate::interrupter::interruptible!(mailbox);

    pub(super) fn new(builder: &Builder) -> Result<Self, BindError> {
        Self::listen(builder).map_err(|error| match error {
            BindError::Attach(error) => BindError::Attach(builder.explain(error)),
            other => other,
        })
    }

    fn listen(builder: &Builder) -> Result<Self, BindError> {
        check_name(&builder.name)?;
        let until = builder.until();
        let domain = builder.find_domain(until)?;
        let member = Arc::clone(domain.member());
        let fences = match builder.barrier {
            Some(Barrier::Asymmetric) if !member.asymmetric() => {
                return Err(BindError::Attach(AttachErrorKind::NoMembarrier.into()));
            }
            Some(barrier) => barrier == Barrier::Fence,
            None => !member.asymmetric(),
        };
        let capacity = |usual| builder.capacity.unwrap_or(usual);
        let capacities = (capacity(In::usual_capacity()), capacity(Out::usual_capacity()));
        let (slot, wake, entry) = domain.locked_until(until, |locked| {
            // The queue of a dead predecessor is removed first, so that no process can send to it.
            locked.sweep_queues()?;
            if let Some(entry) = locked.find(&builder.name)? {
                let name = builder.listener_name();
                return Ok(Err(match locked.listener(&entry) {
                    Some(found) => BindError::AlreadyBound { listener: name, pid: locked.pid(found.creator) },
                    None => BindError::IsAChannel { listener: name },
                }));
            }
            let wake = locked.claim_wake()?;
            let slot = match locked.make_queue(mailbox::write_only(member.mode()), wake, 0) {
                Ok(slot) => slot,
                Err(error) => {
                    member.free_wake(wake);
                    return Err(error);
                }
            };
            Native::crash_point(Site::ControlBinding);
            match locked.enter_listener(&builder.name, slot.queue.id(), wake, capacities, fences) {
                Ok(entry) => Ok(Ok((slot, wake, entry))),
                Err(error) => {
                    mailbox::remove(locked, slot);
                    member.free_wake(wake);
                    Err(error)
                }
            }
        })??;
        Ok(Self {
            name: builder.name.clone(),
            domain,
            mailbox: Mailbox::new(&member, slot, wake, true),
            entry,
            strategy: builder.strategy,
            timeout: builder.timeout,
            features: (builder.features, builder.needed),
            limits: builder.limits,
            users: builder.users.clone(),
            is_of_one_user: mailbox::write_only(member.mode()) == Mode::PRIVATE,
            handshakes: HashMap::new(),
            admissions: Admissions::default(),
            due: VecDeque::new(),
            retried: Instant::now(),
            ready: VecDeque::new(),
            counts: Counts::default(),
            tidied: Instant::now(),
            looked: Instant::now(),
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The domain in which the name is.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Counts of what this listener has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The number of connections that this process still holds.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.admissions.count()
    }

    /// Waits for the next client whose handshake is complete.
    ///
    /// A listener works only inside its `accept` calls: call one of them often, or in a thread of its own.
    ///
    /// # Errors
    /// [`AcceptError::System`], [`AcceptError::Forked`]. Never for what a client does: see
    /// [`counts`](Self::counts).
    ///
    /// # Blocking
    /// Asleep. It never waits for a single client: the handshakes of all clients proceed concurrently.
    pub fn accept(&mut self) -> Result<Connection<Out, In>, AcceptError> {
        match self.accept_until(None)? {
            Some(connection) => Ok(connection),
            None => unreachable!("without a deadline none passes"),
        }
    }

    /// As [`accept`](Self::accept), until `deadline`.
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`], and as [`accept`](Self::accept).
    pub fn accept_deadline(&mut self, deadline: Instant) -> Result<Connection<Out, In>, AcceptError> {
        self.accept_until(Some(deadline))?.ok_or_else(|| AcceptError::TimedOut { listener: self.full_name() })
    }

    /// As [`accept`](Self::accept), for at most `timeout`.
    ///
    /// # Errors
    /// [`AcceptError::TimedOut`], and as [`accept`](Self::accept).
    pub fn accept_timeout(&mut self, timeout: Duration) -> Result<Connection<Out, In>, AcceptError> {
        self.accept_deadline(crate::clock::after(timeout))
    }

    /// The next client whose handshake is complete, if any. Advances those of the others. Never sleeps.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn try_accept(&mut self) -> Result<Option<Connection<Out, In>>, AcceptError> {
        self.accept_until(Some(Instant::now()))
    }

    /// The name and its domain, for errors.
    #[must_use]
    pub fn full_name(&self) -> ListenerName {
        ListenerName::new(&self.name, self.domain.name())
    }

    /// `None`: no client completed its handshake before the deadline.
    fn accept_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Connection<Out, In>>, AcceptError> {
        if !self.domain.member().is_ours() {
            return Err(AcceptError::Forked { listener: self.full_name() });
        }
        self.next_client(deadline).map_err(|error| AcceptError::of_kernel(self.full_name(), error))
    }

    fn next_client(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Option<Connection<Out, In>>, ipc_core::Error> {
        loop {
            if let Some(connection) = self.ready.pop_front() {
                return Ok(Some(connection));
            }
            let now = Instant::now();
            if now >= self.tidied + TIDY {
                self.tidy(now)?;
            }
            let soon = now + HEARTBEAT;
            self.let_in(now, deadline.map_or(soon, |deadline| deadline.min(soon)));
            match self.mailbox.try_receive()? {
                Some(Ok(frame)) => self.take(&frame, now),
                Some(Err(error)) => self.take_nonsense(error),
                None => {
                    self.expire(now)?;
                    if deadline.is_some_and(|deadline| now >= deadline) {
                        return Ok(None);
                    }
                    if !self.due.is_empty() {
                        // Waiting for the lock served as the pause.
                        continue;
                    }
                    let pause = if self.handshakes.is_empty() { TIDY } else { HEARTBEAT };
                    self.mailbox.sleep(Nap::new(now + pause, deadline))?;
                }
            }
        }
    }

    /// Removes the queues of dead clients, at whatever point they died.
    ///
    /// # Errors
    /// When it cannot be determined which processes are alive.
    fn tidy(&mut self, now: Instant) -> Result<(), ipc_core::Error> {
        self.tidied = now;
        self.expire(now)?;
        let member = self.domain.member();
        // What is not swept now is still there next time.
        if member.has_orphaned_queues()? && member.try_locked(|locked| locked.sweep_queues()).is_none() {
            member.leave_rest();
        }
        Ok(())
    }

    /// Drops the clients that are dead, have given up, or are too slow.
    ///
    /// # Errors
    /// When it cannot be determined whether a client is alive.
    fn expire(&mut self, now: Instant) -> Result<(), ipc_core::Error> {
        if now < self.looked + HEARTBEAT {
            return Ok(());
        }
        self.looked = now;
        let member = Arc::clone(self.domain.member());
        let mut over = Vec::new();
        for (session, handshake) in &self.handshakes {
            if !member.is_alive(handshake.peer.owner)? {
                over.push((*session, Over::Died));
            } else if handshake.address.is_removed() {
                over.push((*session, Over::GivenUp));
            } else if now >= handshake.deadline {
                over.push((*session, Over::TooSlow));
            }
        }
        for (session, over) in over {
            match over {
                Over::TooSlow => {
                    self.counts.timed_out += 1;
                    self.reject(session, Reason::TimedOut);
                }
                Over::GivenUp => {
                    self.counts.deaf += 1;
                    self.handshakes.remove(&session);
                }
                Over::Died => {
                    self.counts.died += 1;
                    self.handshakes.remove(&session);
                    self.tidied = now.checked_sub(TIDY).unwrap_or(now);
                }
            }
        }
        Ok(())
    }

    fn take_nonsense(&mut self, error: FrameError) {
        self.counts.malformed += 1;
        // Another version may store its reply queue in the same place; if a process gave that queue to this
        // user, it may understand a refusal in our own version.
        if let FrameError::Version { queue, .. } = error {
            let address = Address::new(MsgId::from_raw(queue), None);
            if peer::attest_queue(&address).is_some() {
                let nobody = Frame::new(FrameKind::Hello, &[]);
                let reason = Reason::Version { spoken: crate::frame::MAJOR };
                let no = Server::turn_away(&nobody, [0; 2], reason);
                let _ = address.post(self.domain.member(), &no);
            }
        }
    }

    fn take(&mut self, frame: &Frame, now: Instant) {
        match frame.kind {
            FrameKind::Hello => self.greet(frame, now),
            _ => self.go_on(frame),
        }
    }

    /// Handles a greeting.
    fn greet(&mut self, frame: &Frame, now: Instant) {
        let Some(hello) = frame.record::<Hello>() else {
            self.counts.malformed += 1;
            return;
        };
        self.counts.greetings += 1;
        let address = Address::new(MsgId::from_raw(frame.queue), WakeSemaphore::from_raw(hello.wake));
        // Send only to a queue whose creator gave it to this user and to no other.
        let Some(queue) = peer::attest_queue(&address) else {
            self.counts.refused += 1;
            return;
        };
        match self.begin(frame, &hello, &address, &queue, now) {
            Ok(handshake) if self.is_of_one_user => self.believe(handshake),
            Ok(mut handshake) => {
                let challenge = handshake.machine.challenge();
                let posted = address.post(self.domain.member(), &challenge);
                Native::crash_point(Site::ControlChallenging);
                if posted == Posted::Sent {
                    self.handshakes.insert(challenge.session, handshake);
                } else {
                    self.counts.deaf += 1;
                }
            }
            Err(reason) => {
                if reason == Reason::Stale {
                    self.counts.stale += 1;
                }
                self.counts.refused += 1;
                let _ = address.post(self.domain.member(), &Server::turn_away(frame, hello.nonce, reason));
            }
        }
    }

    /// Accepts a client that is known to speak for itself.
    fn believe(&mut self, mut handshake: Handshake<In, Out>) {
        handshake.machine.believe();
        let session = handshake.machine.session();
        self.handshakes.insert(session, handshake);
        self.due.push_back(session);
    }

    /// Checks whether the handshake that a greeting asks for can begin.
    fn begin(
        &self,
        frame: &Frame,
        hello: &Hello,
        address: &Address,
        queue: &ipc_core::Permissions,
        now: Instant,
    ) -> Result<Handshake<In, Out>, Reason> {
        if frame.generation != self.entry.generation {
            return Err(Reason::Stale);
        }
        let of_this_queue =
            self.handshakes.values().filter(|other| other.address.queue() == address.queue()).count();
        if self.handshakes.len() >= self.limits.handshakes as usize || of_this_queue >= PER_QUEUE {
            return Err(Reason::Busy);
        }
        if !self.users.is_empty() && !self.users.contains(&queue.cuid()) {
            return Err(Reason::UserNotAllowed { uid: queue.cuid() });
        }
        let up = Token { segment: ShmId::from_raw(frame.segment), generation: hello.up_generation };
        let down = Token { segment: ShmId::from_raw(hello.down_segment), generation: hello.down_generation };
        let owner = Owner::from_raw(hello.owner);
        let peer = peer::attest(queue, [up, down], owner, self.limits.ring_bytes)?;
        let random = ipc_core::random_bytes::<24>().map_err(|_| Reason::Busy)?;
        let number = |index: usize| {
            let bytes = random[index * 8..index * 8 + 8].try_into().expect("eight bytes");
            u64::from_ne_bytes(bytes)
        };
        let session = number(0).max(1);
        let machine = Server::new(frame, *hello, session, [number(1), number(2)], self.features)?;
        let address = *address;
        let deadline = now.checked_add(self.timeout).unwrap_or_else(|| crate::clock::after(self.timeout));
        Ok(Handshake { machine, address, peer, up, down, deadline, seats: None })
    }

    /// Handles a client's answer.
    fn go_on(&mut self, frame: &Frame) {
        if frame.generation != self.entry.generation {
            self.counts.stale += 1;
            return;
        }
        let Some(handshake) = self.handshakes.get_mut(&frame.session) else {
            self.counts.ignored += 1;
            return;
        };
        match handshake.machine.on(frame) {
            ServerStep::Ignore => self.counts.ignored += 1,
            ServerStep::Admit => self.due.push_back(frame.session),
            ServerStep::Establish => self.establish(frame.session),
        }
    }

    /// Admits the clients that have proved their identity; later if the domain's lock is held until then.
    fn let_in(&mut self, now: Instant, until: Instant) {
        while let Some(session) = self.due.pop_front() {
            self.retried = now;
            match self.admit(session, until) {
                Ok(true) => self.welcome(session),
                Ok(false) => {
                    self.due.push_front(session);
                    return;
                }
                Err(reason) => self.reject(session, reason),
            }
        }
    }

    /// Takes the seats at a client's rings. False when the lock is not available.
    fn admit(&mut self, session: u64, until: Instant) -> Result<bool, Reason> {
        let handshake = self.handshakes.get_mut(&session).ok_or(Reason::Malformed)?;
        let admission = self.admissions.admit(handshake.peer, &self.limits)?;
        let (up, down, strategy, domain) = (handshake.up, handshake.down, self.strategy, &self.domain);
        let mut receiving = None;
        let sending = domain.member().locked(until, |locked| {
            receiving = Some(Seated::<In>::adopt_consumer(locked, domain, up, strategy)?);
            Seated::<Out>::adopt_producer(locked, domain, down, strategy)
        });
        match (receiving, sending) {
            (Some(receiving), Ok(sending)) => {
                handshake.seats = Some((receiving, sending, admission));
                Ok(true)
            }
            (_, Err(error)) if matches!(error.kind(), AttachErrorKind::LockTimeout { .. }) => Ok(false),
            (_, Err(error)) => Err(match error.kind() {
                AttachErrorKind::Kind { .. }
                | AttachErrorKind::ElementSize { .. }
                | AttachErrorKind::ElementType { .. } => Reason::OtherType,
                AttachErrorKind::DomainFull { .. } => Reason::Busy,
                _ => Reason::BadRing,
            }),
            (None, Ok(_)) => unreachable!("the second seat is taken after the first"),
        }
    }

    fn welcome(&mut self, session: u64) {
        Native::crash_point(Site::ControlAdmitting);
        let Some(handshake) = self.handshakes.get_mut(&session) else { return };
        let welcome = handshake.machine.welcome();
        if handshake.address.post(self.domain.member(), &welcome) != Posted::Sent {
            self.counts.deaf += 1;
            self.handshakes.remove(&session);
        }
        Native::crash_point(Site::ControlWelcoming);
    }

    fn establish(&mut self, session: u64) {
        let Some(handshake) = self.handshakes.remove(&session) else { return };
        let Handshake { machine, address, peer, seats, .. } = handshake;
        let Some((receiving, sending, admission)) = seats else { return };
        let member = Arc::clone(self.domain.member());
        let session = Session::of_server(machine, address, member, admission, peer);
        // The client has corrupted a ring meanwhile: its own operations on the ring will report that.
        let (Ok(consumer), Ok(producer)) = (receiving.into_consumer(), sending.into_producer()) else {
            self.counts.refused += 1;
            return;
        };
        self.counts.accepted += 1;
        self.ready.push_back(Connection::new(producer, consumer, session));
    }

    /// Ends a handshake and sends the client the reason.
    fn reject(&mut self, session: u64, reason: Reason) {
        let Some(mut handshake) = self.handshakes.remove(&session) else { return };
        self.counts.refused += 1;
        let _ = handshake.address.post(self.domain.member(), &handshake.machine.reject(reason));
    }
}

/// In a set a listener is ready when a frame or a connection waits: call [`Listener::try_accept`] then. Late
/// and dead clients are dropped when the set checks for dead processes, ten times a second.
impl<In: Carry, Out: Carry> Await for Listener<In, Out> {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        // A client that was postponed because of the lock is retried after a heartbeat.
        let due = !self.due.is_empty() && Instant::now() >= self.retried + HEARTBEAT;
        let waits = due || !self.ready.is_empty() || self.mailbox.is_ready(probe);
        let late = probe && (!self.handshakes.is_empty() || Instant::now() >= self.tidied + TIDY);
        if late && !waits {
            self.tidy(Instant::now())?;
        }
        Ok(waits.then_some(News::Ready))
    }

    fn mark(&mut self, bell: Bell) -> Barrier {
        let wake = self.mailbox.ring_at(Some(bell.0));
        self.domain.member().set_listener_wake(&self.entry, wake);
        Barrier::Fence
    }

    fn has_peer_died(&self) -> bool {
        false // A death wakes a set.
    }

    fn unmark(&mut self) -> bool {
        let wake = self.mailbox.ring_at(None);
        self.domain.member().set_listener_wake(&self.entry, wake);
        // There may be a token; it only makes the set's next sleep end early.
        false
    }

    fn home(&self) -> Home<'_> {
        Home(self.domain.member())
    }

    fn waiting(&self) -> Option<Waiting> {
        None // Only a frame's token announces it.
    }
}

impl<In: Carry, Out: Carry> Drop for Listener<In, Out> {
    fn drop(&mut self) {
        let member = Arc::clone(self.domain.member());
        if !member.is_ours() {
            return;
        }
        let sessions: Vec<u64> = self.handshakes.keys().copied().collect();
        for session in sessions {
            self.reject(session, Reason::ShuttingDown);
        }
        member.depart(&self.entry, || {}, || Ok(true), || false);
    }
}

impl<In: Carry, Out: Carry> std::fmt::Debug for Listener<In, Out> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("handshakes", &self.handshakes.len())
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
