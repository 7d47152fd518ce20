//! Connecting to a listener.

use std::time::{Duration, Instant};

use zerocopy::FromBytes;

use super::backoff::Backoff;
use super::builder::Builder;
use super::connection::Connection;
use super::error::{ConnectError, ListenerName};
use super::handshake::{Client, ClientStep, Hello};
use super::mailbox::{Address, Mailbox, Posted};
use super::peer::Peer;
use super::session::Session;
use crate::channel::{Carry, Role, Seated, Token};
use crate::domain::{Domain, ListenerEntry, Locked, Member, QueueSlot, WakeSemaphore, check_name};
use crate::frame::Frame;
use crate::platform::{Barrier, Native, Platform as _, Site};
use crate::wait::{HEARTBEAT, Nap};

/// Connects to the listener of this name in the user's own domain, with frames in both directions. See
/// [`Builder`] for everything else.
///
/// # Errors
/// [`ConnectError`]. Nothing is left behind then.
///
/// # Blocking
/// Asleep, until the server has answered; five seconds at most.
pub fn connect(name: &str) -> Result<Connection, ConnectError> {
    Builder::new(name).connect()
}

impl Builder {
    /// Connects, with frames in both directions.
    ///
    /// # Errors
    /// [`ConnectError`]. Nothing is left behind then.
    ///
    /// # Blocking
    /// Asleep, until the server has answered, at most for the [`timeout`](Self::timeout).
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        self.connect_as()
    }

    /// Connects to a server that receives `Out` and sends `In`.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); [`Reason::OtherType`](super::Reason::OtherType) when the server's types
    /// are others.
    pub fn connect_as<Out: Carry, In: Carry>(&self) -> Result<Connection<Out, In>, ConnectError> {
        attempt(self, crate::clock::after(self.timeout))
    }

    /// As [`connect`](Self::connect), again and again while a later attempt may succeed: while no process
    /// listens, the server is full, or has just died. The pauses grow from one to two hundred milliseconds
    /// and are of random length.
    ///
    /// # Errors
    /// The last attempt's, when it is not a temporary one or the deadline has passed.
    pub fn connect_retrying(&self, deadline: Instant) -> Result<Connection, ConnectError> {
        self.connect_retrying_as(deadline)
    }

    /// As [`connect_retrying`](Self::connect_retrying) and [`connect_as`](Self::connect_as).
    ///
    /// # Errors
    /// As [`connect_retrying`](Self::connect_retrying).
    pub fn connect_retrying_as<Out: Carry, In: Carry>(
        &self,
        deadline: Instant,
    ) -> Result<Connection<Out, In>, ConnectError> {
        self.keep_trying(deadline).map_err(|error| error.about(|| self.listener_name()))
    }

    fn keep_trying<Out: Carry, In: Carry>(
        &self,
        deadline: Instant,
    ) -> Result<Connection<Out, In>, ConnectError> {
        let mut backoff = Backoff::new();
        loop {
            let until = deadline.min(crate::clock::after(self.timeout));
            match attempt(self, until) {
                Err(error) if error.is_temporary() => {
                    let pause = backoff.next(u32::from_ne_bytes(ipc_core::random_bytes()?));
                    if Instant::now() + pause >= deadline {
                        return Err(error);
                    }
                    match &self.interrupter {
                        Some(interrupter) => {
                            interrupter.of_calls().pause(Instant::now() + pause, "connect")?
                        }
                        None => std::thread::sleep(pause),
                    }
                }
                result => return result,
            }
        }
    }
}

/// How long a client waits for room in the listener's queue before it tries again.
const PAUSE: Duration = Duration::from_millis(1);

/// One attempt.
pub(super) fn attempt<Out: Carry, In: Carry>(
    builder: &Builder,
    deadline: Instant,
) -> Result<Connection<Out, In>, ConnectError> {
    try_once(builder, deadline).map_err(|error| builder.explain_connect(error))
}

/// A placeholder in an error that [gets](ConnectError::about) the name of its listener from the caller.
pub(super) fn unnamed() -> ListenerName {
    ListenerName::default()
}

fn try_once<Out: Carry, In: Carry>(
    builder: &Builder,
    deadline: Instant,
) -> Result<Connection<Out, In>, ConnectError> {
    check_name(&builder.name)?;
    let domain = builder.find_domain(deadline)?;
    let mut greeting = Greeting::<Out, In>::begin(builder, &domain, deadline)?;
    greeting.mailbox.share_interrupts(domain.interrupter());
    let interrupts = domain.interrupts();
    let post = |address: &Address, member: &Member, frame: &Frame| match &interrupts {
        None => Ok(address.post_deadline(member, frame, deadline)?),
        Some(interrupts) => loop {
            match address.post(member, frame)? {
                Posted::Full if Instant::now() < deadline => {
                    interrupts.pause(deadline.min(Instant::now() + PAUSE), "send a greeting")?;
                }
                posted => return Ok(posted),
            }
        },
    };
    loop {
        match greeting.advance(post)? {
            Progress::Connected => return greeting.finish(),
            Progress::NoRoom => return Err(ConnectError::QueueFull { listener: unnamed() }),
            Progress::NoFrame => {
                let now = Instant::now();
                if now >= deadline {
                    return Err(ConnectError::TimedOut { listener: unnamed() });
                }
                greeting.mailbox.sleep(Nap::new(now + HEARTBEAT, Some(deadline)))?;
                if Instant::now() >= now + HEARTBEAT {
                    greeting.check_server()?;
                }
            }
        }
    }
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The handshake is done; nothing to wait for.
    Connected,
    /// Room in the listener's queue.
    NoRoom,
    /// A frame of the server's.
    NoFrame,
}

/// A client in its handshake. Dropping it leaves nothing behind.
pub(super) struct Greeting<Out: Carry, In: Carry> {
    up: Seated<Out>,
    down: Seated<In>,
    pub(super) mailbox: Mailbox,
    machine: Client,
    address: Address,
    server: Peer,
    /// The next frame to send, and the crash sites before and after sending it.
    outgoing: Option<(Frame, [Site; 2])>,
    /// Whether no answer is expected after the frame to send.
    is_last: bool,
}

impl<Out: Carry, In: Carry> Greeting<Out, In> {
    /// Finds the listener and makes the rings and the queue.
    ///
    /// # Errors
    /// [`ConnectError`]; an [`Attach`](ConnectError::Attach) of [`LockTimeout`](AttachErrorKind::LockTimeout)
    /// when the domain's lock is not available before the deadline.
    pub(super) fn begin(builder: &Builder, domain: &Domain, deadline: Instant) -> Result<Self, ConnectError> {
        let member = domain.member();
        // If dropped, then after the lock is released.
        let mut prepared = Prepared::<Out, In> { up: None, down: None, queue: None };
        let (listener, server) =
            domain.locked_until(deadline, |locked| Ok(prepare(locked, domain, builder, &mut prepared)))??;
        let Prepared { up: Some((up, up_token)), down: Some((down, down_token)), queue: Some((slot, wake)) } =
            prepared
        else {
            unreachable!("preparing fails or makes all three");
        };
        let mailbox = Mailbox::new(member, slot, wake, false);
        let hello = Hello {
            nonce: FromBytes::read_from_bytes(&ipc_core::random_bytes::<16>()?).expect("sixteen bytes"),
            owner: member.me().as_raw(),
            features: builder.features,
            needed: builder.needed,
            up_generation: up_token.generation,
            down_generation: down_token.generation,
            down_segment: down_token.segment.as_raw(),
            wake: wake.as_raw(),
        };
        let mut machine =
            Client::new(listener.generation, hello, mailbox.queue().as_raw(), up_token.segment.as_raw());
        let outgoing = Some((machine.hello(), [Site::ControlPrepared, Site::ControlGreeted]));
        let address = Address::of_listener(&listener);
        Ok(Self { up, down, mailbox, machine, address, server, outgoing, is_last: false })
    }

    /// Sends and receives what it can. `post`: how to send; one that waits for room returns [`Posted::Full`]
    /// at its deadline.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub(super) fn advance(
        &mut self,
        mut post: impl FnMut(&Address, &Member, &Frame) -> Result<Posted, ConnectError>,
    ) -> Result<Progress, ConnectError> {
        loop {
            if let Some((frame, [before, behind])) = &self.outgoing {
                Native::crash_point(*before);
                match post(&self.address, self.mailbox.member(), frame)? {
                    Posted::Sent => Native::crash_point(*behind),
                    Posted::Full => return self.last_word().map_or(Ok(Progress::NoRoom), Err),
                    Posted::Gone => {
                        return Err(self
                            .last_word()
                            .unwrap_or_else(|| ConnectError::ServerGone { listener: unnamed() }));
                    }
                }
                self.outgoing = None;
            }
            if self.is_last {
                return Ok(Progress::Connected);
            }
            let Some(received) = self.mailbox.try_receive()? else { return Ok(Progress::NoFrame) };
            // A message that is not a frame, or not for us, was sent by another process that may write to the
            // queue.
            let Ok(frame) = received else { continue };
            match self.machine.on(&frame) {
                ClientStep::Ignore => {}
                ClientStep::Prove(proof) => {
                    self.outgoing = Some((proof, [Site::ControlChallenged, Site::ControlProved]));
                }
                ClientStep::Ready(ready) => {
                    self.outgoing = Some((ready, [Site::ControlWelcomed, Site::ControlReady]));
                    self.is_last = true;
                }
                ClientStep::Refused(reason) => {
                    return Err(ConnectError::Refused { listener: unnamed(), reason });
                }
            }
        }
    }

    /// # Errors
    /// [`ConnectError::ServerGone`] when the server's process is dead; [`ConnectError::System`] when that
    /// cannot be determined.
    pub(super) fn check_server(&self) -> Result<(), ConnectError> {
        let is_alive = self.mailbox.member().is_alive(self.server.owner)?;
        if is_alive { Ok(()) } else { Err(ConnectError::ServerGone { listener: unnamed() }) }
    }

    /// The connection, once [`advance`](Self::advance) has reported it.
    ///
    /// # Errors
    /// If a ring is corrupt at this point, the server has done it.
    pub(super) fn finish(mut self) -> Result<Connection<Out, In>, ConnectError> {
        // The mailbox stays with the session; the caller's handle ends with the call.
        self.mailbox.share_interrupts(None);
        let producer = self.up.into_producer()?;
        let consumer = self.down.into_consumer()?;
        let session = Session::of_client(self.machine, self.mailbox, self.server);
        Ok(Connection::new(producer, consumer, session))
    }

    /// The server's last message, which it may have sent before it went.
    fn last_word(&mut self) -> Option<ConnectError> {
        while let Ok(Some(received)) = self.mailbox.try_receive() {
            if let Ok(frame) = received
                && let ClientStep::Refused(reason) = self.machine.on(&frame)
            {
                return Some(ConnectError::Refused { listener: unnamed(), reason });
            }
        }
        None
    }
}

/// The objects that a client makes before its HELLO, all under one lock.
struct Prepared<Out: Carry, In: Carry> {
    up: Option<(Seated<Out>, Token)>,
    down: Option<(Seated<In>, Token)>,
    queue: Option<(QueueSlot, WakeSemaphore)>,
}

/// Finds the listener, checks whose it is, and makes the rings and the queue. The domain's lock is held.
fn prepare<Out: Carry, In: Carry>(
    locked: &Locked<'_>,
    domain: &Domain,
    builder: &Builder,
    prepared: &mut Prepared<Out, In>,
) -> Result<(ListenerEntry, Peer), ConnectError> {
    let entry = locked.find(&builder.name)?.ok_or_else(|| ConnectError::NotFound { listener: unnamed() })?;
    let listener =
        locked.listener(&entry).ok_or_else(|| ConnectError::NotAListener { listener: unnamed() })?;
    let permissions = Address::new(listener.queue, None).stat()?.permissions();
    let server =
        Peer { uid: permissions.cuid(), gid: permissions.cgid(), pid: None, owner: listener.creator };
    if domain.member().trust().check(&permissions).is_err() {
        return Err(ConnectError::Untrusted { listener: unnamed(), uid: server.uid });
    }
    let strategy = builder.strategy;
    let (up, down) = builder.capacity.map_or((listener.up, listener.down), |both| (both, both));
    let barrier = if listener.fences { Some(Barrier::Fence) } else { builder.barrier };
    let up = Seated::make(locked, domain, Role::Producer, (up, barrier), server.uid, strategy)?;
    prepared.up = Some(up);
    let (mut down, token) =
        Seated::make(locked, domain, Role::Consumer, (down, barrier), server.uid, strategy)?;
    // During the handshake no thread waits at the ring, so the queue may use its semaphore.
    let wake = down.wake();
    prepared.down = Some((down, token));
    let slot = locked.make_queue(ipc_core::Mode::PRIVATE, wake, 0)?;
    if server.uid != nix::unistd::geteuid().as_raw()
        && let Err(error) = slot.queue.grant(server.uid)
    {
        locked.remove_queue(slot);
        return Err(ConnectError::Attach(error.into()));
    }
    prepared.queue = Some((slot, wake));
    Ok((listener, server))
}
