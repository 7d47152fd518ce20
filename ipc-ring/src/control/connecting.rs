//! Connecting without waiting, for event loops.

use std::fmt;
use std::time::Instant;

use super::builder::Builder;
use super::connect::{Greeting, Progress, unnamed};
use super::connection::Connection;
use super::error::{ConnectError, ListenerName};
use crate::channel::wait_set::News;
use crate::channel::waitable::{Await, Bell, Home, Waiting};
use crate::channel::{Carry, Frames};
use crate::domain::Domain;
use crate::error::AttachErrorKind;
use crate::platform::Barrier;
use crate::wait::HEARTBEAT;

/// A client that is connecting to a server, from [`Builder::connecting`]. Dropping it gives up and leaves
/// nothing behind.
///
/// It can be waited for in a [`WaitSet`](crate::WaitSet), a [`PollSet`](crate::readiness::PollSet) or a
/// [`Registration`](crate::readiness::Registration): it is ready when [`try_connect`](Self::try_connect) is
/// to be called. `ipc_async::connect` is a future built on it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::control::Builder;
/// use ipc_ring::{Domain, WaitSet};
///
/// let domain = Domain::open("doc-example-connecting")?;
/// let service = Builder::new("echo").domain(&domain);
/// let mut listener = service.bind()?; // In another process, as a rule.
/// let mut connecting = service.connecting()?;
/// let mut set = WaitSet::new(&domain)?;
/// let (mut client, mut server) = (None, None);
/// while client.is_none() {
///     client = connecting.try_connect()?;
///     server = server.or(listener.try_accept()?);
///     if client.is_none() {
///         set.wait(&mut [&mut connecting, &mut listener], None)?;
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Connecting<Out: Carry = Frames, In: Carry = Frames> {
    builder: Builder,
    domain: Domain,
    /// `None` before the first step of an attempt.
    deadline: Option<Instant>,
    /// `None` while the domain's lock was not available.
    greeting: Option<Greeting<Out, In>>,
    /// When the last step was tried.
    tried: Instant,
    /// When the server was last checked to be alive.
    asked: Instant,
    /// What the last step has to wait for.
    lacks: Lack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// The domain's lock, or room in the server's queue: neither comes with a token.
    Turn,
    Frame,
}

impl<Out: Carry, In: Carry> Connecting<Out, In> {
    pub(super) fn new(builder: &Builder) -> Result<Self, ConnectError> {
        Self::begin(builder).map_err(|error| builder.explain_connect(error))
    }

    fn begin(builder: &Builder) -> Result<Self, ConnectError> {
        crate::domain::check_name(&builder.name)?;
        let domain = builder.find_domain(crate::clock::after(builder.timeout))?;
        let now = Instant::now();
        Ok(Self {
            builder: builder.clone(),
            domain,
            deadline: None,
            greeting: None,
            tried: now,
            asked: now,
            lacks: Lack::Turn,
        })
    }

    /// Proceeds as far as it can without waiting; returns the connection when it is established, `None` when
    /// this is to be called again.
    ///
    /// The [`Builder::timeout`] runs from the first call. After a connection and after an error the next call
    /// begins another attempt.
    ///
    /// # Errors
    /// [`ConnectError`]. Nothing is left behind then.
    pub fn try_connect(&mut self) -> Result<Option<Connection<Out, In>>, ConnectError> {
        let result = self.step();
        if !matches!(result, Ok(None)) {
            (self.deadline, self.greeting) = (None, None);
        }
        result.map_err(|error| self.builder.explain_connect(error))
    }

    /// The name of the listener and its domain, for errors.
    #[must_use]
    pub fn full_name(&self) -> ListenerName {
        self.builder.listener_name()
    }

    fn step(&mut self) -> Result<Option<Connection<Out, In>>, ConnectError> {
        let now = Instant::now();
        let deadline = *self.deadline.get_or_insert_with(|| crate::clock::after(self.builder.timeout));
        self.tried = now;
        self.lacks = Lack::Turn;
        if self.greeting.is_none() {
            match Greeting::begin(&self.builder, &self.domain, now) {
                Ok(greeting) => (self.greeting, self.asked) = (Some(greeting), now),
                Err(ConnectError::Attach(error))
                    if matches!(error.kind(), AttachErrorKind::LockTimeout { .. }) && now < deadline =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(greeting) = &mut self.greeting else { return Ok(None) };
        let progress = greeting.advance(|address, member, frame| Ok(address.post(member, frame)?))?;
        match progress {
            Progress::Connected => return self.greeting.take().map(Greeting::finish).transpose(),
            Progress::NoRoom if now >= deadline => {
                return Err(ConnectError::QueueFull { listener: unnamed() });
            }
            Progress::NoFrame if now >= deadline => {
                return Err(ConnectError::TimedOut { listener: unnamed() });
            }
            Progress::NoRoom => {}
            Progress::NoFrame => self.lacks = Lack::Frame,
        }
        if now >= self.asked + HEARTBEAT {
            self.asked = now;
            greeting.check_server()?;
        }
        Ok(None)
    }
}

impl Builder {
    /// Begins to connect, for event loops: [`Connecting::try_connect`] never waits. This function does not
    /// wait either if a [`domain`](Self::domain) was given; otherwise it joins the user's own one, and waits
    /// for its lock.
    ///
    /// # Errors
    /// An invalid name; the errors of joining a domain.
    pub fn connecting(&self) -> Result<Connecting, ConnectError> {
        self.connecting_as()
    }

    /// As [`connecting`](Self::connecting) and [`connect_as`](Self::connect_as).
    ///
    /// # Errors
    /// As [`connecting`](Self::connecting).
    pub fn connecting_as<Out: Carry, In: Carry>(&self) -> Result<Connecting<Out, In>, ConnectError> {
        Connecting::new(self)
    }
}

impl<Out: Carry, In: Carry> Await for Connecting<Out, In> {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        let is_ready = match (&self.greeting, self.deadline) {
            (_, None) => true,
            // Another step checks whether the time has elapsed, and whether the server is alive.
            _ if Instant::now() >= self.tried + HEARTBEAT => true,
            (Some(greeting), _) => self.lacks == Lack::Frame && greeting.mailbox.is_ready(probe),
            (None, _) => false,
        };
        Ok(is_ready.then_some(News::Ready))
    }

    fn set_waiting(&mut self, bell: Bell) -> Barrier {
        if let Some(greeting) = &mut self.greeting {
            greeting.mailbox.ring_at(Some(bell.0));
        }
        Barrier::Fence
    }

    fn has_peer_died(&self) -> bool {
        false // A death wakes a set.
    }

    fn clear_waiting(&mut self) -> bool {
        if let Some(greeting) = &mut self.greeting {
            greeting.mailbox.ring_at(None);
        }
        // There may be a token; it only makes the set's next sleep end early.
        false
    }

    fn needs_polling(&self) -> bool {
        true // The lock, room in the server's queue, and the timeout come without a token.
    }

    fn is_notified(&self) -> bool {
        self.lacks == Lack::Frame
            && self.greeting.as_ref().is_some_and(|greeting| greeting.mailbox.has_frame())
    }

    fn home(&self) -> Home<'_> {
        Home(self.domain.member())
    }

    fn waiting(&self) -> Option<Waiting> {
        None // A frame's token is the only sign.
    }
}

impl<Out: Carry, In: Carry> fmt::Debug for Connecting<Out, In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting")
            .field("name", &self.builder.name)
            .field("domain", &self.domain)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::WakeSemaphore;

    /// The tokens of frames that were sent before the set's semaphore was noted went to another semaphore.
    #[test]
    fn a_set_about_to_sleep_looks_for_what_was_sent_before() {
        let domain = Domain::open(&format!("unit-connecting-{}", std::process::id())).unwrap();
        let service = Builder::new("service").domain(&domain);
        let mut listener = service.bind().unwrap();
        let mut connecting = service.connecting().unwrap();
        assert!(connecting.try_connect().unwrap().is_none());
        let bell = || Bell(WakeSemaphore::from_raw(1).expect("a number of a semaphore"));
        assert_eq!(listener.news(false).unwrap(), None, "no system call while the set polls");
        let _ = listener.set_waiting(bell());
        assert_eq!(listener.news(false).unwrap(), Some(News::Ready));
        listener.clear_waiting();
        assert_eq!(listener.news(false).unwrap(), None);
        assert!(listener.try_accept().unwrap().is_none());
        let _ = connecting.set_waiting(bell());
        assert_eq!(connecting.news(false).unwrap(), Some(News::Ready));
        assert!(connecting.is_notified());
        connecting.clear_waiting();
    }
}
