//! Watching a channel: receiving its events, and sending some to other watchers.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipc_core::Mode;
use zerocopy::{FromBytes, IntoBytes};

use super::discovery::{EndInfo, region_of};
use super::events::{ChannelEvent, MAX_STATS, MAX_USER_MESSAGE, Sender};
use super::mailbox::Mailbox;
use crate::channel::wait_set::News;
use crate::channel::waitable::{Await, Bell, Home, Waiting};
use crate::channel::{EndRole, Subject};
use crate::domain::{Domain, Owner, Recipients, check_name};
use crate::error::{AttachError, AttachErrorKind};
use crate::frame::{Frame, FrameKind};
use crate::layout;
use crate::platform::Barrier;
use crate::region::Region;
use crate::wait::{HEARTBEAT, Nap};

/// A watcher of a channel's events, for its owner or for any other process of the domain. Takes no seat; the
/// channel's memory lives as long as it is watched.
///
/// Events are frames in a message queue, which holds about two hundred of them. Events that come while it is
/// full are counted as [`missed`](Self::missed); [`ends`](Self::ends) gives the current state.
///
/// ```
/// use std::time::Duration;
/// use ipc_ring::control::{ChannelEvent, EndRole, Watch};
/// use ipc_ring::spsc;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let domain = ipc_ring::Domain::open("doc-example-watch")?;
/// let channel = spsc::Builder::<u64>::new("numbers").domain(&domain);
/// let producer = channel.create_sender()?;
/// let mut watch = Watch::new(&domain, "numbers")?;
/// let consumer = channel.open_receiver()?;
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
    /// Whether the semaphore was rung since then: by the sender of a frame, or by a death.
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
            // Every process of the domain may write.
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

    /// The ends held now, also by dead processes. Reads the channel's memory; one system call for each end.
    ///
    /// # Errors
    /// When it cannot be determined whether a holder is alive: the semaphores were removed, say.
    pub fn ends(&self) -> Result<Vec<EndInfo>, ipc_core::Error> {
        self.domain.ends(self.kind, &self.region)
    }

    /// The number of events lost because the queue was full.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.mailbox.missed()
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// When the queue or the domain's semaphores were removed.
    ///
    /// # Blocking
    /// Asleep, woken by the sender of an event, and by the kernel when any process of the domain dies. While
    /// more than sixteen watches and wait sets are in use, the later ones check for deaths every 100 ms.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not say why it ends")]
    pub fn next(&mut self) -> Result<ChannelEvent, ipc_core::Error> {
        loop {
            if let Some(event) = self.next_until(None)? {
                return Ok(event);
            }
        }
    }

    /// As [`next`](Self::next), for at most `timeout`; `None` when it has elapsed. With zero it never sleeps.
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
            // Also when the time has elapsed already: there may be a token.
            self.rung = self.mailbox.sleep(Nap::new(self.looked + HEARTBEAT, deadline))?;
            if !self.rung && deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(None);
            }
        }
    }

    /// Reports holders of an end that have died since the last check, after the events that they sent before.
    fn look_for_the_dead(&mut self) -> Result<(), ipc_core::Error> {
        let dead: Vec<EndInfo> = self.domain.member().asking(|is_alive| {
            self.known.iter().filter(|end| !is_alive(end.owner.as_raw())).copied().collect()
        })?;
        if dead.is_empty() {
            return Ok(());
        }
        // What the dead processes sent is in the queue by now. One that had left did not die holding an end.
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

    /// Removes an end from the known ones; false if it was not known.
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
            // Reported by the successor, perhaps after this watch noticed it.
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

    /// Sends a message to all other watchers; returns how many received it. One with a full queue misses it.
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

    /// Asks a process to leave the channel; `code` is the reason. Only a process that watches receives it.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub fn evict(&self, who: Owner, code: u64) -> Result<usize, AttachError> {
        self.send(FrameKind::Evicted, Recipients::One(who), &code.to_ne_bytes())
    }

    /// Asks all other watchers of the channel for their statistics. The answers arrive as events.
    ///
    /// # Errors
    /// As [`tell`](Self::tell).
    pub fn ask_for_stats(&self) -> Result<usize, AttachError> {
        self.send(FrameKind::StatsRequest, Recipients::AllBut(self.domain.me()), &[])
    }

    /// Answers a request for statistics.
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

    fn set_waiting(&mut self, bell: Bell) -> Barrier {
        self.mailbox.ring_at(Some(bell.0));
        Barrier::Fence
    }

    fn has_peer_died(&self) -> bool {
        false // A death wakes a set.
    }

    fn clear_waiting(&mut self) -> bool {
        self.mailbox.ring_at(None);
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

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("name", &self.name).field("known", &self.known).finish_non_exhaustive()
    }
}
