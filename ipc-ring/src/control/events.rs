//! Watching a channel: who comes, who goes, who dies, and what its users have to say to each other beside the data.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Mode;
use zerocopy::{FromBytes, IntoBytes};

use super::discovery::{EndInfo, region_of};
use super::mailbox::Mailbox;
use crate::channel::wait_set::News;
use crate::channel::wait_set::sealed::{Await, Bell, Home, Waiting};
use crate::channel::{EndRole, Subject};
use crate::domain::{Domain, Owner, Recipients, check_name};
use crate::error::{AttachError, AttachErrorKind};
use crate::frame::{Frame, FrameKind};
use crate::layout;
use crate::platform::Barrier;
use crate::region::Region;
use crate::wait::{HEARTBEAT, Nap};

/// The longest message of a user's, in bytes.
pub const MAX_USER_MESSAGE: usize = 1024;
/// The most numbers of one answer to a request for statistics.
pub const MAX_STATS: usize = 64;

/// Something that happened at a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// Somebody took an end.
    Joined(EndInfo),
    /// Somebody let an end go, and may come back.
    Left(EndInfo),
    /// An end was closed for good: the stream ends, or nobody will read any more. Of the many ends of a many-to-many channel
    /// the one that closed it says so; the others leave.
    Closing(EndInfo),
    /// The process that held an end died.
    Died(EndInfo),
    /// This process is asked to leave the channel. It is up to the program to do so.
    Evicted {
        /// Who asks.
        by: Sender,
        /// Why, by a number of the application's.
        code: u64,
    },
    /// Somebody wants to know this process's numbers: [`Watch::answer`].
    StatsRequested {
        /// Who asks.
        by: Sender,
    },
    /// Numbers that were asked for, with a meaning that the application gives them.
    Stats {
        /// Who answers.
        from: Sender,
        /// The numbers.
        values: Vec<u64>,
    },
    /// A message.
    Message {
        /// Who sent it.
        from: Sender,
        /// Up to 1024 bytes.
        bytes: Vec<u8>,
    },
}

/// A process that sent something to those who watch a channel, by its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its identity in the domain.
    pub owner: Owner,
    /// Its process number.
    pub pid: u32,
}

/// A look at what happens to a channel, for its owner or for anybody else of the domain. Takes no seat; the channel's memory
/// lives as long as it is watched.
///
/// Events are frames in a message queue, which holds some two hundred of them. When it is full they are counted as
/// [`missed`](Self::missed), and [`ends`](Self::ends) tells how things are.
///
/// ```
/// use std::time::Duration;
/// use ipc_ring::control::{ChannelEvent, EndRole, Watch};
/// use ipc_ring::spsc;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let domain = ipc_ring::Domain::open("doc-example-watch")?;
/// let channel = spsc::Builder::<u64>::new("numbers").domain(&domain);
/// let producer = channel.create_producer()?;
/// let mut watch = Watch::new(&domain, "numbers")?;
/// let consumer = channel.open_consumer()?;
/// match watch.next_timeout(Duration::from_secs(5))? {
///     Some(ChannelEvent::Joined(end)) => assert_eq!(end.role, EndRole::Consumer),
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
pub struct Watch {
    domain: Domain,
    name: String,
    generation: u64,
    kind: u32,
    region: Region,
    mailbox: Mailbox,
    known: Vec<EndInfo>,
    pending: VecDeque<ChannelEvent>,
    looked: Instant,
    /// Whether somebody rang since then: with a frame, or by dying.
    rung: bool,
}

impl Watch {
    crate::interrupter::interruptible!(mailbox);

    /// Watches the channel of this name from now on.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound); [`Kind`](crate::AttachErrorKind::Kind) when the name
    /// is a listener's; [`NotARing`](crate::AttachErrorKind::NotARing);
    /// [`DomainFull`](crate::AttachErrorKind::DomainFull); [`System`](crate::AttachErrorKind::System).
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn new(domain: &Domain, name: &str) -> Result<Self, AttachError> {
        Self::begin(domain, name).map_err(|error| crate::channel::explain(error, domain, name))
    }

    fn begin(domain: &Domain, name: &str) -> Result<Self, AttachError> {
        check_name(name)?;
        let member = Arc::clone(domain.member());
        let (entry, region, header, slot, wake, known) = domain.locked(|locked| {
            let entry = locked.find(name)?.ok_or_else(|| domain.no_channel(name))?;
            let region = region_of(&entry).ok_or(AttachErrorKind::Kind { found: entry.kind, expected: 0 })?;
            let header = layout::describe(&region)
                .filter(|header| header.generation == entry.generation)
                .ok_or(AttachErrorKind::NotARing { found: 0 })?;
            let wake = locked.claim_bell()?;
            // Whoever is in the domain may write.
            let bits = 0o600 | member.mode().bits() & 0o022;
            let mode = Mode::new(bits).unwrap_or(Mode::PRIVATE);
            match locked.make_queue(mode, wake, entry.generation) {
                Ok(slot) => {
                    let known = domain.ends(header.kind, &region)?;
                    Ok((entry, region, header, slot, wake, known))
                }
                Err(error) => {
                    member.free_wake(wake);
                    Err(error)
                }
            }
        })?;
        Ok(Self {
            domain: domain.clone(),
            name: name.to_owned(),
            generation: entry.generation,
            kind: header.kind,
            region,
            mailbox: Mailbox::new(&member, slot, wake, true),
            known,
            pending: VecDeque::new(),
            looked: Instant::now(),
            rung: false,
        })
    }

    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ends as they are held now, also by the dead. Reads the channel's memory; one system call for each.
    ///
    /// # Errors
    /// When it cannot be known of one whether it is alive: the domain's semaphores were removed, for instance.
    pub fn ends(&self) -> Result<Vec<EndInfo>, ipc_core::Error> {
        self.domain.ends(self.kind, &self.region)
    }

    /// Events that there was no room for.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.mailbox.missed()
    }

    /// The next event, waiting for it.
    ///
    /// # Errors
    /// When somebody removed the queue or the domain's semaphores.
    ///
    /// # Blocking
    /// Asleep, woken by whoever tells something, and by the kernel at the death of any process of the domain. While more than
    /// sixteen watches and wait sets are in use, the later ones look for the dead ten times a second instead.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not say why it ends")]
    pub fn next(&mut self) -> Result<ChannelEvent, ipc_core::Error> {
        loop {
            if let Some(event) = self.next_until(None)? {
                return Ok(event);
            }
        }
    }

    /// As [`next`](Self::next), for a length of time; `None` when it is over. Zero never sleeps.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<ChannelEvent>, ipc_core::Error> {
        self.next_until(Some(crate::clock::after(timeout)))
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Result<Option<ChannelEvent>, ipc_core::Error> {
        self.domain.member().process().check("Watch::next")?;
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            if let Some(received) = self.mailbox.try_receive()? {
                if let Some(event) = received.ok().and_then(|frame| self.understand(&frame)) {
                    return Ok(Some(event));
                }
                continue;
            }
            let now = Instant::now();
            if self.rung || now >= self.looked + HEARTBEAT {
                (self.looked, self.rung) = (now, false);
                self.look_for_the_dead()?;
                continue;
            }
            // Also when the time is over already: there may be a token.
            self.rung = self.mailbox.sleep(Nap::new(self.looked + HEARTBEAT, deadline))?;
            if !self.rung && deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
        }
    }

    /// Those who hold an end and have died since the last look; after what they have told before.
    fn look_for_the_dead(&mut self) -> Result<(), ipc_core::Error> {
        let dead: Vec<EndInfo> = self.domain.member().asking(|is_alive| {
            self.known.iter().filter(|end| !is_alive(end.owner.as_raw())).copied().collect()
        })?;
        if dead.is_empty() {
            return Ok(());
        }
        // What the dead have told is in the queue by now: one that had left did not die as an end.
        while let Some(received) = self.mailbox.try_receive()? {
            let event = received.ok().and_then(|frame| self.understand(&frame));
            self.pending.extend(event);
        }
        for end in dead {
            if self.forget(end.owner, end.role) {
                self.pending.push_back(ChannelEvent::Died(EndInfo { is_alive: false, ..end }));
            }
        }
        Ok(())
    }

    /// Forgets an end; false when it was not known.
    fn forget(&mut self, owner: Owner, role: EndRole) -> bool {
        let known = self.known.iter().position(|end| end.owner == owner && end.role == role);
        known.map(|index| self.known.swap_remove(index)).is_some()
    }

    fn understand(&mut self, frame: &Frame) -> Option<ChannelEvent> {
        if frame.generation != self.generation {
            return None;
        }
        let subject = frame.record::<Subject>()?;
        let more = frame.body.get(size_of::<Subject>()..)?;
        let (owner, pid) = (Owner::from_raw(subject.owner), subject.pid);
        let sender = Sender { owner, pid };
        let end = || {
            let role = EndRole::from_raw(subject.role)?;
            Some(EndInfo { role, owner, pid, is_alive: true })
        };
        match frame.kind {
            FrameKind::Joined => {
                self.known.push(end()?);
                Some(ChannelEvent::Joined(end()?))
            }
            FrameKind::Left | FrameKind::Closing => {
                self.forget(owner, end()?.role);
                let tell =
                    if frame.kind == FrameKind::Left { ChannelEvent::Left } else { ChannelEvent::Closing };
                Some(tell(end()?))
            }
            // Told by its successor, perhaps after it was noticed here.
            FrameKind::Died => self
                .forget(owner, end()?.role)
                .then_some(ChannelEvent::Died(EndInfo { is_alive: false, ..end()? })),
            FrameKind::Evicted => {
                let (code, _) = u64::read_from_prefix(more).ok()?;
                Some(ChannelEvent::Evicted { by: sender, code })
            }
            FrameKind::StatsRequest => Some(ChannelEvent::StatsRequested { by: sender }),
            FrameKind::Stats => {
                let numbers = more.chunks_exact(8).filter_map(|bytes| u64::read_from_bytes(bytes).ok());
                Some(ChannelEvent::Stats { from: sender, values: numbers.take(MAX_STATS).collect() })
            }
            FrameKind::User => Some(ChannelEvent::Message { from: sender, bytes: more.to_vec() }),
            _ => None,
        }
    }

    /// Sends a message to everybody else who watches the channel; gives how many have it. One whose queue is full misses it.
    ///
    /// # Errors
    /// [`System`](crate::AttachErrorKind::System) when the domain was removed.
    ///
    /// # Panics
    /// When it is longer than [`MAX_USER_MESSAGE`].
    pub fn tell(&self, message: &[u8]) -> Result<usize, AttachError> {
        assert!(message.len() <= MAX_USER_MESSAGE, "a message has up to {MAX_USER_MESSAGE} bytes");
        self.send(FrameKind::User, Recipients::AllBut(self.domain.me()), message)
    }

    /// As [`tell`](Self::tell), to one process only.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    ///
    /// # Panics
    /// As [`tell`](Self::tell).
    pub fn tell_one(&self, to: Owner, message: &[u8]) -> Result<usize, AttachError> {
        assert!(message.len() <= MAX_USER_MESSAGE, "a message has up to {MAX_USER_MESSAGE} bytes");
        self.send(FrameKind::User, Recipients::One(to), message)
    }

    /// Asks a process to leave the channel, with a number that says why. It is told if it watches the channel.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub fn evict(&self, who: Owner, code: u64) -> Result<usize, AttachError> {
        self.send(FrameKind::Evicted, Recipients::One(who), &code.to_ne_bytes())
    }

    /// Asks everybody else who watches the channel for their numbers. The answers come as events.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub fn ask_for_stats(&self) -> Result<usize, AttachError> {
        self.send(FrameKind::StatsRequest, Recipients::AllBut(self.domain.me()), &[])
    }

    /// Answers a request for numbers.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    ///
    /// # Panics
    /// When there are more than [`MAX_STATS`].
    pub fn answer(&self, to: Sender, values: &[u64]) -> Result<usize, AttachError> {
        assert!(values.len() <= MAX_STATS, "an answer has up to {MAX_STATS} numbers");
        self.send(FrameKind::Stats, Recipients::One(to.owner), values.as_bytes())
    }

    fn send(&self, kind: FrameKind, to: Recipients, more: &[u8]) -> Result<usize, AttachError> {
        let subject = Subject { owner: self.domain.me().as_raw(), pid: std::process::id(), role: 0 };
        let frame = subject.frame(kind, self.generation, more).encode();
        let member = self.domain.member();
        member.check_process()?;
        Ok(member.tell_watchers(self.generation, to, &frame))
    }
}

impl Await for Watch {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if probe && self.pending.is_empty() {
            self.look_for_the_dead()?;
        }
        Ok((!self.pending.is_empty() || self.mailbox.is_ready(probe)).then_some(News::Ready))
    }

    fn mark(&mut self, bell: Bell) -> Barrier {
        self.mailbox.ring_at(Some(bell.0));
        Barrier::Fence
    }

    fn has_peer_died(&self) -> bool {
        false // A death rings a set.
    }

    fn unmark(&mut self) -> bool {
        self.mailbox.ring_at(None);
        // A token may be there, and ends the set's next sleep early, no more.
        false
    }

    fn home(&self) -> Home<'_> {
        Home(self.domain.member())
    }

    fn waiting(&self) -> Option<Waiting> {
        None // A frame's token is the only sign of it.
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("name", &self.name).field("known", &self.known).finish_non_exhaustive()
    }
}
