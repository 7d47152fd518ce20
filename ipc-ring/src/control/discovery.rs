//! The contents of a domain, for people and programs that inspect it from outside. Takes no seat and changes
//! nothing, except that it drops directory entries whose memory is gone.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipc_describe::Description;

use super::mailbox::Mailbox;
use crate::channel::{EndRole, Holder, holders};
use crate::domain::layout::LISTENER;
use crate::domain::{Domain, DomainObserver, Entry, Locked, Owner, Tables, check_name, watched_name};
use crate::error::AttachError;
use crate::layout::{self, Element};
use crate::message::Fingerprint;
use crate::region::Region;
use crate::wait::{HEARTBEAT, Nap};

/// What [`Domain::list`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The processes, by slot.
    pub processes: Vec<ProcessInfo>,
    /// Channels and listeners, by name.
    pub names: Vec<NameInfo>,
    /// Message queues that the domain's processes hold.
    pub queues: usize,
    /// Wake semaphores that the domain's processes hold: one for each end, wait set and watch.
    pub wakes: usize,
}

/// A process of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its identity in the domain.
    pub owner: Owner,
    /// Its process number, by its own account.
    pub pid: u32,
    /// When it joined.
    pub joined: SystemTime,
    /// Whether it is alive, by the kernel's account.
    pub is_alive: bool,
}

/// A name in a domain's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameInfo {
    /// The name.
    pub name: String,
    /// Distinguishes it from earlier entries of the same name.
    pub generation: u64,
    /// The process that entered it.
    pub creator: Owner,
    /// What is behind it.
    pub what: Named,
}

/// What is behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Named {
    /// A channel.
    Channel(ChannelInfo),
    /// A listener.
    Listener(ListenerInfo),
    /// An entry that this process may not read, or whose header is invalid.
    Unreadable {
        /// The number of its kind.
        kind: u32,
    },
}

/// A channel, from its header and its ends' records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// The number of its kind, see [`Kind`](crate::layout::Kind).
    pub kind: u32,
    /// Slots, or bytes for frames.
    pub capacity: u64,
    /// Bytes of a message; 1 for frames.
    pub element_size: u64,
    /// The alignment of a message, in bytes.
    pub element_align: u64,
    /// Identifies the type of the messages.
    pub fingerprint: Fingerprint,
    /// The name of their type, if the channel's name left room to record it; control characters are escaped.
    /// Any member of the domain may have written it: with the size and the alignment it gives the
    /// fingerprint, or is wrong.
    pub type_name: Option<String>,
    /// Bytes of its memory.
    pub bytes: u64,
    /// When it was made.
    pub created: SystemTime,
    /// Whether it outlives its users.
    pub is_persistent: bool,
    /// Its ends that are held; of a pool its members. Also empty for kinds whose ends this version does not
    /// know.
    pub ends: Vec<EndInfo>,
    /// The text that describes the messages, if the channel carries one: see
    /// [`descriptions`](Self::descriptions). Any member of the domain may have written it.
    pub description: Option<String>,
}

impl ChannelInfo {
    /// The kind's name; `other` for one that this version does not know.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        layout::kind_name(self.kind).unwrap_or("other")
    }

    /// The fields of the messages: one description, or two of a call, that of the request and that of the
    /// reply; none when the channel carries none, and of frames, whose [text](Self::description) may be
    /// anything.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ipc_ring::control::Named;
    /// use ipc_ring::{Domain, spsc};
    ///
    /// let domain = Domain::open("doc-example-descriptions")?;
    /// let producer = spsc::Builder::<[f32; 3]>::new("points").domain(&domain).described().create_sender()?;
    /// let found = domain.look_up("points")?.expect("just made");
    /// let Named::Channel(channel) = found.what else { panic!("a channel") };
    /// let description = &channel.descriptions()?[0];
    /// assert_eq!(description.text(), "type f32[3] size 12 align 4\n0 f32[3] value\n");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidDescription`](crate::AttachErrorKind::InvalidDescription) when the text is not canonical, or
    /// disagrees with the size, the alignment or the fingerprint of the messages.
    pub fn descriptions(&self) -> Result<Vec<Description>, AttachError> {
        let element = Element {
            kind: self.kind,
            size: self.element_size,
            align: self.element_align,
            fingerprint: self.fingerprint,
        };
        self.description.as_ref().map_or(Ok(Vec::new()), |text| element.parse(text))
    }
}

/// An end of a channel and the process that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EndInfo {
    /// Its side.
    pub role: EndRole,
    /// The identity of its process.
    pub owner: Owner,
    /// Its process number, by its own account.
    pub pid: u32,
    /// Whether that process is alive, by the kernel's account.
    pub is_alive: bool,
}

/// A listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerInfo {
    /// Its process number, by its own account.
    pub pid: u32,
    /// Whether that process is alive. A listener whose process is dead is not listed for long.
    pub is_alive: bool,
    /// Identifier of the message queue that takes the greetings.
    pub queue: i32,
    /// Capacity of the rings to the server that it asks for: slots, or bytes for frames.
    pub up: u64,
    /// Capacity of the rings to the client that it asks for.
    pub down: u64,
}

impl Domain {
    /// The current processes, channels and listeners of this domain.
    ///
    /// # Errors
    /// [`System`](crate::AttachErrorKind::System) when the domain was removed;
    /// [`Forked`](crate::AttachErrorKind::Forked).
    ///
    /// # Blocking
    /// Holds the domain's lock meanwhile: a few system calls for each channel.
    pub fn list(&self) -> Result<Listing, AttachError> {
        self.locked(|locked| Ok(list(&locked.tables(), locked.entries()?)?))
    }

    /// The channel or listener of a name; `None` when there is none.
    ///
    /// # Errors
    /// [`InvalidName`](crate::AttachErrorKind::InvalidName), and as [`list`](Self::list).
    pub fn look_up(&self, name: &str) -> Result<Option<NameInfo>, AttachError> {
        self.look_up_deadline(name, self.until())
    }

    /// As [`look_up`](Self::look_up), waiting for the domain's lock until `deadline`.
    ///
    /// # Errors
    /// As [`look_up`](Self::look_up).
    pub fn look_up_deadline(&self, name: &str, deadline: Instant) -> Result<Option<NameInfo>, AttachError> {
        let look = |locked: &Locked<'_>| {
            let tables = locked.tables();
            let found = locked.find(name)?.map(|entry| describe(&tables, name.to_owned(), &entry));
            Ok(found.transpose()?)
        };
        let found = check_name(name).and_then(|()| self.locked_until(deadline, look));
        found.map_err(|error| error.in_channel(name).in_domain(self.name()))
    }

    /// Waits until there is a channel or a listener of this name; `None` when `timeout` has elapsed.
    ///
    /// # Errors
    /// As [`look_up`](Self::look_up); [`DomainFull`](crate::AttachErrorKind::DomainFull) when no wake
    /// semaphore is left to wait with; [`Interrupted`](crate::AttachErrorKind::Interrupted), for a handle
    /// [with an interrupter](Self::with_interrupter).
    ///
    /// # Blocking
    /// Asleep; the process that enters the name wakes this one.
    pub fn wait_for(&self, name: &str, timeout: Duration) -> Result<Option<NameInfo>, AttachError> {
        let deadline = crate::clock::after(timeout);
        if let Some(found) = self.look_up_deadline(name, deadline)? {
            return Ok(Some(found));
        }
        let member = Arc::clone(self.member());
        let (slot, wake) = self.locked_until(deadline, |locked| {
            let wake = locked.claim_wake()?;
            match locked.make_queue(ipc_core::Mode::PRIVATE, wake, watched_name(name)) {
                Ok(slot) => Ok((slot, wake)),
                Err(error) => {
                    member.free_wake(wake);
                    Err(error)
                }
            }
        })?;
        let mut mailbox = Mailbox::new(&member, slot, wake, true);
        mailbox.share_interrupts(self.interrupter());
        loop {
            if let Some(found) = self.look_up_deadline(name, deadline)? {
                return Ok(Some(found));
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(None);
            }
            // The heartbeat is for a name whose maker died before it woke any waiter.
            let nap = Nap::new(now + HEARTBEAT * 10, Some(deadline));
            let is_there = || {
                let there = member.try_locked(|locked| {
                    let entry = locked.find(name).ok().flatten();
                    entry.is_some_and(|entry| matches!(member.is_alive(entry.creator), Ok(true)))
                });
                there.unwrap_or(false)
            };
            mailbox.sleep_unless_owed(nap, is_there).map_err(AttachError::from)?;
        }
    }

    pub(super) fn ends(&self, kind: u32, region: &Region) -> Result<Vec<EndInfo>, ipc_core::Error> {
        ends(kind, region, |owner| self.is_alive(owner))
    }
}

impl DomainObserver {
    /// The current processes, channels and listeners of the domain. Processes that died and were not swept by
    /// a member are among them, and so are channels with their ends.
    ///
    /// # Errors
    /// [`System`](crate::AttachErrorKind::System) when the domain was removed.
    pub fn list(&self) -> Result<Listing, AttachError> {
        let look = self.look().and_then(|look| list(&look.tables(), look.entries()?));
        look.map_err(|error| AttachError::from(error).in_domain(self.name()).of_user(self.user()))
    }

    /// The channel or listener of a name; `None` when there is none. Finds a persistent channel, too, that no
    /// process is attached to.
    ///
    /// # Errors
    /// [`InvalidName`](crate::AttachErrorKind::InvalidName), and as [`list`](Self::list).
    pub fn look_up(&self, name: &str) -> Result<Option<NameInfo>, AttachError> {
        let look = || {
            check_name(name)?;
            let look = self.look()?;
            let tables = look.tables();
            let found = look.find(name)?.map(|entry| describe(&tables, name.to_owned(), &entry));
            Ok(found.transpose()?)
        };
        look().map_err(|error| self.explain(error, name))
    }
}

fn list(tables: &Tables<'_>, entries: Vec<(String, Entry)>) -> Result<Listing, ipc_core::Error> {
    let mut names: Vec<NameInfo> = entries
        .into_iter()
        .map(|(name, entry)| describe(tables, name, &entry))
        .collect::<Result<_, ipc_core::Error>>()?;
    names.sort_by(|one, other| one.name.cmp(&other.name));
    let processes = tables
        .processes()
        .into_iter()
        .map(|process| {
            Ok(ProcessInfo {
                owner: process.owner,
                pid: process.pid,
                joined: moment(process.started_ns),
                is_alive: tables.is_alive(process.owner)?,
            })
        })
        .collect::<Result<_, ipc_core::Error>>()?;
    Ok(Listing { processes, names, queues: tables.queues(), wakes: tables.wakes() })
}

fn describe(tables: &Tables<'_>, name: String, entry: &Entry) -> Result<NameInfo, ipc_core::Error> {
    let what = match tables.listener(entry) {
        Some(listener) => Named::Listener(ListenerInfo {
            pid: tables.pid(listener.creator),
            is_alive: tables.is_alive(listener.creator)?,
            queue: listener.queue.as_raw(),
            up: listener.up,
            down: listener.down,
        }),
        None => {
            describe_channel(tables, entry)?.map_or(Named::Unreadable { kind: entry.kind }, Named::Channel)
        }
    };
    Ok(NameInfo { name, generation: entry.generation, creator: entry.creator, what })
}

fn describe_channel(tables: &Tables<'_>, entry: &Entry) -> Result<Option<ChannelInfo>, ipc_core::Error> {
    let Some(region) = region_of(entry) else { return Ok(None) };
    let header = layout::describe(&region).filter(|header| header.generation == entry.generation);
    let Some(header) = header else { return Ok(None) };
    let Ok(description) = header.description(&region) else { return Ok(None) };
    Ok(Some(ChannelInfo {
        kind: header.kind,
        capacity: header.capacity,
        element_size: header.element_size,
        element_align: header.element_align,
        fingerprint: header.element().fingerprint,
        type_name: layout::noted_type(&region),
        bytes: region.len() as u64,
        created: moment(header.created_ns),
        is_persistent: entry.is_persistent,
        ends: ends(header.kind, &region, |owner| tables.is_alive(owner))?,
        description,
    }))
}

fn ends(
    kind: u32,
    region: &Region,
    is_alive: impl Fn(Owner) -> Result<bool, ipc_core::Error>,
) -> Result<Vec<EndInfo>, ipc_core::Error> {
    let info = |Holder { role, owner, pid }| Ok(EndInfo { role, owner, pid, is_alive: is_alive(owner)? });
    holders(kind, region).into_iter().map(info).collect()
}

/// A ring's memory, for inspection; `None` when this process may not read it.
pub(super) fn region_of(entry: &Entry) -> Option<Region> {
    if entry.kind == LISTENER {
        return None;
    }
    entry.segment.attach_read_only().ok().map(Region::segment)
}

fn moment(since_1970_ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(since_1970_ns)
}
