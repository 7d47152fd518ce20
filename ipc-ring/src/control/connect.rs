//! Connecting to a listener.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zerocopy::FromBytes;

use super::builder::Builder;
use super::connection::Connection;
use super::error::{ConnectError, ListenerName};
use super::handshake::{Client, ClientStep, Hello};
use super::mailbox::{Address, Mailbox, Posted};
use super::peer::Peer;
use super::session::Session;
use crate::channel::{Carry, Seated, Token};
use crate::domain::{Domain, ListenerEntry, Locked, QueueSlot, WakeSemaphore, check_name};
use crate::platform::{Barrier, Native, Platform as _, Site};
use crate::wait::{HEARTBEAT, Nap};

/// Connects to the listener of this name in the user's own domain, with frames in both directions. See [`Builder`] for
/// everything else.
///
/// # Errors
/// [`ConnectError`]. Nothing is left behind then.
///
/// # Blocking
/// Asleep, until the server has answered; five seconds at most.
pub fn connect(name: &str) -> Result<Connection, ConnectError> {
    Builder::new(name).connect()
}

/// How long a client waits for room in the listener's queue before it tries again.
const PAUSE: Duration = Duration::from_millis(1);

/// What a client has made before it says hello, all under one lock.
struct Prepared<Out: Carry, In: Carry> {
    up: Option<(Seated<Out>, Token)>,
    down: Option<(Seated<In>, Token)>,
    queue: Option<(QueueSlot, WakeSemaphore)>,
}

/// One attempt.
pub(super) fn attempt<Out: Carry, In: Carry>(
    builder: &Builder,
    deadline: Instant,
) -> Result<Connection<Out, In>, ConnectError> {
    try_once(builder, deadline).map_err(|error| match error {
        ConnectError::Attach(error) => ConnectError::Attach(builder.explain(error)),
        other => other.about(|| builder.listener_name()),
    })
}

/// In an error that is [told](ConnectError::about) its listener on the way out.
fn unnamed() -> ListenerName {
    ListenerName::default()
}

fn try_once<Out: Carry, In: Carry>(
    builder: &Builder,
    deadline: Instant,
) -> Result<Connection<Out, In>, ConnectError> {
    check_name(&builder.name)?;
    let domain = builder.find_domain(deadline)?;
    let member = Arc::clone(domain.member());
    // Dropped, if it comes to that, after the lock.
    let mut prepared = Prepared::<Out, In> { up: None, down: None, queue: None };
    let (listener, server) =
        domain.locked_until(deadline, |locked| Ok(prepare(locked, &domain, builder, &mut prepared)))??;
    let Prepared { up: Some((up, up_token)), down: Some((down, down_token)), queue: Some((slot, wake)) } =
        prepared
    else {
        unreachable!("preparing fails or makes all three");
    };
    let mut mailbox = Mailbox::new(&member, slot, wake, false);
    mailbox.share_interrupts(domain.interrupter());
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
    let address = Address::of_listener(&listener);
    let interrupts = domain.interrupts();
    let post = |frame| {
        loop {
            let posted = match &interrupts {
                None => address.post_deadline(&member, &frame, deadline),
                Some(_) => address.post(&member, &frame),
            };
            return match (posted, &interrupts) {
                (Posted::Sent, _) => Ok(()),
                (Posted::Gone, _) => Err(ConnectError::ServerGone { listener: unnamed() }),
                (Posted::Full, Some(interrupts)) if Instant::now() < deadline => {
                    interrupts.pause(deadline.min(Instant::now() + PAUSE), "send a greeting")?;
                    continue;
                }
                (Posted::Full, _) => Err(ConnectError::QueueFull { listener: unnamed() }),
            };
        }
    };
    Native::crash_point(Site::ControlPrepared);
    post(machine.hello())?;
    Native::crash_point(Site::ControlGreeted);
    loop {
        let Some(received) = mailbox.try_receive()? else {
            let now = Instant::now();
            if now >= deadline {
                return Err(ConnectError::TimedOut { listener: unnamed() });
            }
            mailbox.sleep(Nap::new(now + HEARTBEAT, Some(deadline)))?;
            if Instant::now() >= now + HEARTBEAT && !member.is_alive(listener.creator)? {
                return Err(ConnectError::ServerGone { listener: unnamed() });
            }
            continue;
        };
        // What is no frame, or not for us, was sent by somebody else who may write to the queue.
        let Ok(frame) = received else { continue };
        match machine.on(&frame) {
            ClientStep::Ignore => {}
            ClientStep::Prove(proof) => {
                Native::crash_point(Site::ControlChallenged);
                post(proof).map_err(|error| last_word(&mut mailbox, &mut machine).unwrap_or(error))?;
                Native::crash_point(Site::ControlProved);
            }
            ClientStep::Ready(ready) => {
                Native::crash_point(Site::ControlWelcomed);
                post(ready).map_err(|error| last_word(&mut mailbox, &mut machine).unwrap_or(error))?;
                Native::crash_point(Site::ControlReady);
                break;
            }
            ClientStep::Refused(reason) => return Err(ConnectError::Refused { listener: unnamed(), reason }),
        }
    }
    // A ring that is spoilt at this point is the server's doing.
    let producer = up.into_producer()?;
    let consumer = down.into_consumer()?;
    // The call is over, and its handle has nothing to do with the connection.
    mailbox.share_interrupts(None);
    let session = Session::of_client(machine, mailbox, server);
    Ok(Connection::new(producer, consumer, session))
}

/// What the server may have said before it went.
fn last_word(mailbox: &mut Mailbox, machine: &mut Client) -> Option<ConnectError> {
    while let Ok(Some(received)) = mailbox.try_receive() {
        if let Ok(frame) = received
            && let ClientStep::Refused(reason) = machine.on(&frame)
        {
            return Some(ConnectError::Refused { listener: unnamed(), reason });
        }
    }
    None
}

/// Finds the listener, sees whose it is, and makes the rings and the queue. The domain's lock is held.
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
    let up = Seated::make_producer(locked, domain, (up, barrier), server.uid, strategy)?;
    prepared.up = Some(up);
    let (mut down, token) = Seated::make_consumer(locked, domain, (down, barrier), server.uid, strategy)?;
    // While the handshake lasts nobody waits at the ring, so the queue may use its semaphore.
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
