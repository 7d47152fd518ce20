//! The clients whose handshakes are under way: each step of theirs, and those that end without a connection.

use std::sync::Arc;
use std::time::Instant;

use ipc_core::msg::MsgId;
use ipc_core::shm::ShmId;

use super::super::connection::Connection;
use super::super::handshake::{Hello, Server, ServerStep};
use super::super::limits::Admission;
use super::super::mailbox::{Address, Posted};
use super::super::peer::{self, Peer};
use super::super::reason::Reason;
use super::super::session::Session;
use super::{Listener, TIDY};
use crate::channel::{Carry, Role, Seated, Token};
use crate::domain::{Owner, WakeSemaphore};
use crate::error::AttachErrorKind;
use crate::frame::{Frame, FrameError, FrameKind};
use crate::platform::{Native, Platform as _, Site};
use crate::wait::HEARTBEAT;

/// Handshakes at a time with one reply queue: bounds the frames sent to a queue not of the client's own.
const PER_QUEUE: usize = 8;

/// Why a handshake ends without a connection.
enum Over {
    Died,
    /// The client has removed its queue.
    GivenUp,
    TooSlow,
}

/// A client whose handshake is under way.
pub(super) struct Handshake<In: Carry, Out: Carry> {
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
    /// Drops the clients that are dead, have given up, or are too slow.
    ///
    /// # Errors
    /// When it cannot be determined whether a client is alive.
    pub(super) fn expire(&mut self, now: Instant) -> Result<(), ipc_core::Error> {
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

    pub(super) fn take_nonsense(&mut self, error: FrameError) {
        self.counts.malformed += 1;
        // Another version may store its reply queue in the same place; if a process gave that queue to this
        // user, it may understand a refusal in our own version.
        if let FrameError::Version { queue, .. } = error {
            let address = Address::new(MsgId::from_raw(queue), None);
            if peer::attest_queue(&address).is_some() {
                let empty = Frame::new(FrameKind::Hello, &[]);
                let reason = Reason::Version { spoken: crate::frame::MAJOR };
                let no = Server::turn_away(&empty, [0; 2], reason);
                let _ = address.post(self.domain.member(), &no);
            }
        }
    }

    pub(super) fn take(&mut self, frame: &Frame, now: Instant) {
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
                if matches!(posted, Ok(Posted::Sent)) {
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
    pub(super) fn let_in(&mut self, now: Instant, until: Instant) {
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
            receiving = Some(Seated::<In>::adopt(locked, domain, Role::Consumer, up, strategy)?);
            Seated::<Out>::adopt(locked, domain, Role::Producer, down, strategy)
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
        if !matches!(handshake.address.post(self.domain.member(), &welcome), Ok(Posted::Sent)) {
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
    pub(super) fn reject(&mut self, session: u64, reason: Reason) {
        let Some(mut handshake) = self.handshakes.remove(&session) else { return };
        self.counts.refused += 1;
        let _ = handshake.address.post(self.domain.member(), &handshake.machine.reject(reason));
    }
}
