//! A listener: takes greetings and leads each client through its handshake, without waiting for any of them.

mod bind;
mod handshakes;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handshakes::Handshake;

use super::builder::Builder;
use super::connection::Connection;
use super::error::{AcceptError, BindError, ListenerName};
use super::limits::{Admissions, Counts, Limits};
use super::mailbox::Mailbox;
use super::reason::Reason;
use crate::channel::wait_set::News;
use crate::channel::waitable::{Await, Bell, Home, Waiting};
use crate::channel::{Carry, Frames};
use crate::domain::{Domain, Entry};
use crate::platform::Barrier;
use crate::wait::{HEARTBEAT, Nap, WaitStrategy};

/// How often a listener looks for queues that dead processes have left.
const TIDY: Duration = Duration::from_secs(1);

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

impl<In: Carry, Out: Carry> Listener<In, Out> {
    crate::interrupter::interruptible!(mailbox);

    pub(super) fn new(builder: &Builder) -> Result<Self, BindError> {
        bind::listen(builder).map_err(|error| match error {
            BindError::Attach(error) => BindError::Attach(builder.explain(error)),
            other => other,
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

    fn set_waiting(&mut self, bell: Bell) -> Barrier {
        let wake = self.mailbox.ring_at(Some(bell.0));
        self.domain.member().set_listener_wake(&self.entry, wake);
        Barrier::Fence
    }

    fn has_peer_died(&self) -> bool {
        false // A death wakes a set.
    }

    fn clear_waiting(&mut self) -> bool {
        let wake = self.mailbox.ring_at(None);
        self.domain.member().set_listener_wake(&self.entry, wake);
        // There may be a token; it only makes the set's next sleep end early.
        false
    }

    fn home(&self) -> Home<'_> {
        Home(self.domain.member())
    }

    fn waiting(&self) -> Option<Waiting> {
        None // A frame's token is the only sign.
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
