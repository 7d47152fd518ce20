//! Options of a listener and of its clients.

use std::time::{Duration, Instant};

use super::error::{ConnectError, ListenerName};
use super::limits::Limits;
use crate::domain::{DEFAULT_NAME, Domain, LOCK_PATIENCE};
use crate::error::AttachError;
use crate::interrupter::Interrupter;
use crate::platform::Barrier;
use crate::wait::WaitStrategy;

/// Options for binding a name and for connecting to it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::control::{Builder, Limits, Values};
///
/// let domain = ipc_ring::Domain::open("doc-example-control-builder")?;
/// let service = Builder::new("orders").domain(&domain);
/// let limits = Limits { per_process: 2, ..Limits::default() };
/// // Orders come in as u64, answers go out as frames of any length.
/// let listener = service.clone().limits(limits).bind_as::<Values<u64>, ipc_ring::control::Frames>()?;
/// assert_eq!(listener.name(), "orders");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) name: String,
    pub(super) domain: Option<Domain>,
    pub(super) capacity: Option<u64>,
    pub(super) strategy: WaitStrategy,
    pub(super) barrier: Option<Barrier>,
    pub(super) timeout: Duration,
    pub(super) features: u64,
    pub(super) needed: u64,
    pub(super) limits: Limits,
    pub(super) users: Vec<u32>,
    pub(super) interrupter: Option<Interrupter>,
}

impl Builder {
    /// Options for this name: 1 to 120 bytes without a zero byte. Listeners and channels share the domain's
    /// names.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            domain: None,
            capacity: None,
            strategy: WaitStrategy::DEFAULT,
            barrier: None,
            timeout: Duration::from_secs(5),
            features: 0,
            needed: 0,
            limits: Limits::default(),
            users: Vec::new(),
            interrupter: None,
        }
    }

    /// Where to look for the name and put it. The default is the user's own domain.
    #[must_use]
    pub fn domain(mut self, domain: &Domain) -> Self {
        self.domain = Some(domain.clone());
        self
    }

    /// Capacity of each of a connection's rings: bytes for frames, slots for values; rounded up to a power of
    /// two. A listener's value is the default of its clients, 64 KiB unless set; a client may use another
    /// one, within the listener's limits.
    #[must_use]
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// How the ends of this side's connections wait. The handshake always sleeps.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// How sleepers and wakers synchronize in the rings of connections; the default is
    /// [`Barrier::Asymmetric`] where both sides may use `membarrier`, and [`Barrier::Fence`] where one may
    /// not. A listener that sets [`Barrier::Fence`] sets it for all its clients, whatever they set; with
    /// [`Barrier::Asymmetric`] a listener cannot bind, and a client cannot connect, where it may not use
    /// `membarrier` ([`NoMembarrier`](crate::AttachErrorKind::NoMembarrier)).
    #[must_use]
    pub fn barrier(mut self, barrier: Barrier) -> Self {
        self.barrier = Some(barrier);
        self
    }

    /// The time limit of a handshake, for either side: five seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The features that this side has, one bit each with a meaning that the application gives it, and those
    /// that it needs of the other side. Both sides learn which features both have; when a needed bit is
    /// missing the connection is refused.
    #[must_use]
    pub fn features(mut self, offered: u64, needed: u64) -> Self {
        self.features = offered | needed;
        self.needed = needed;
        self
    }

    /// A listener's limits. Without effect for a client.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes a listener serve this user, by its number, and no users but those named in this way. If none is
    /// named, a listener serves every user that the domain admits. Without effect for a client.
    #[must_use]
    pub fn allow_user(mut self, uid: u32) -> Self {
        self.users.push(uid);
        self
    }

    /// The handle that ends the waits of binding and connecting, with [`ConnectError::Interrupted`] and
    /// [`Interrupted`](crate::AttachErrorKind::Interrupted). A listener and a connection have handles of
    /// their own.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::{Duration, Instant};
    /// use ipc_ring::Interrupter;
    /// use ipc_ring::control::{Builder, ConnectError};
    ///
    /// # let domain = ipc_ring::Domain::open("doc-example-interrupted")?;
    /// let interrupter = Interrupter::new();
    /// let service = Builder::new("no-such-service").domain(&domain).interrupter(&interrupter);
    /// let hour = Instant::now() + Duration::from_secs(3600);
    /// let client = std::thread::spawn(move || service.connect_retrying(hour).map(drop));
    /// interrupter.interrupt()?;
    /// assert!(matches!(client.join().expect("no panic"), Err(ConnectError::Interrupted { .. })));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn interrupter(mut self, interrupter: &Interrupter) -> Self {
        self.interrupter = Some(interrupter.clone());
        self
    }

    /// The domain, joined by then.
    pub(super) fn find_domain(&self, deadline: Instant) -> Result<Domain, AttachError> {
        match (&self.domain, &self.interrupter) {
            (Some(domain), Some(interrupter)) => Ok(domain.clone().with_interrupter(interrupter)),
            (Some(domain), None) => Ok(domain.clone()),
            (None, Some(interrupter)) => Domain::open_interruptible(DEFAULT_NAME, deadline, interrupter),
            (None, None) => Domain::open_deadline(DEFAULT_NAME, deadline),
        }
    }

    /// Adds to an error what is known besides its cause.
    pub(super) fn explain(&self, error: AttachError) -> AttachError {
        let domain = self.domain.as_ref().map_or(DEFAULT_NAME, Domain::name);
        error.of_a("listener").in_channel(&self.name).in_domain(domain)
    }

    /// The listener, for errors.
    pub(super) fn listener_name(&self) -> ListenerName {
        ListenerName::new(&self.name, self.domain.as_ref().map_or(DEFAULT_NAME, Domain::name))
    }

    /// As [`explain`](Self::explain), for an error that may be a different one.
    pub(super) fn explain_connect(&self, error: ConnectError) -> ConnectError {
        match error {
            ConnectError::Attach(error) => ConnectError::Attach(self.explain(error)),
            other => other.about(|| self.listener_name()),
        }
    }

    /// How long binding a name waits for the domain's lock.
    pub(super) fn until(&self) -> Instant {
        self.domain.as_ref().map_or_else(|| crate::clock::after(LOCK_PATIENCE), Domain::until)
    }
}
