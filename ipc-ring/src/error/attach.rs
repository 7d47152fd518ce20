//! Why a channel could not be opened: what is wrong, and with which channel of which domain.

use std::time::Duration;

use ipc_describe::{Difference, Problem};

use super::debug_as_display;
use super::scene::{Creator, Elsewhere, Scene, Types};
use crate::message::Fingerprint;
use crate::ring::spsc::Corruption;

debug_as_display!(AttachError);

/// Why a channel could not be created or opened, a domain not joined, or a ring not attached to its memory.
/// Nothing was changed.
///
/// Its text names the channel and the domain, what was found, what was expected and what can be done; `Debug`
/// prints the same, since that is what a `main` that returns the error shows. [`kind`](Self::kind) is for
/// matching:
///
/// ```
/// use ipc_ring::{AttachErrorKind, Domain, spsc};
///
/// let domain = Domain::open("doc-example-attach-error")?;
/// let error = spsc::Builder::<u64>::new("ticks").domain(&domain).open_receiver().unwrap_err();
/// assert!(matches!(error.kind(), AttachErrorKind::NotFound));
/// assert_eq!((error.channel(), error.domain()), (Some("ticks"), Some("doc-example-attach-error")));
/// assert!(error.to_string().starts_with("no channel \"ticks\" in domain \"doc-example-attach-error\": start its creator"));
/// # Ok::<(), ipc_ring::AttachError>(())
/// ```
pub struct AttachError {
    // Boxed, so that a `Result` of an end is hardly larger than the end.
    inner: Box<Inner>,
}

struct Inner {
    kind: AttachErrorKind,
    scene: Scene,
}

/// What is wrong, for matching: see [`AttachError::kind`].
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachErrorKind {
    /// No channel of this name exists in the domain.
    NotFound,
    /// A channel of this name exists and a new one was requested.
    AlreadyExists,
    /// The name is empty, too long or contains a zero byte.
    InvalidName {
        /// The requested name.
        name: String,
        /// The maximum length of such a name, in bytes.
        most: usize,
    },
    /// A live process holds this end.
    EndTaken {
        /// That process, in its own numbering. For display.
        pid: u32,
    },
    /// The channel has been closed and takes no new end of this side. To get a new channel,
    /// [create](crate::spsc::Builder::create_sender) it.
    Closed,
    /// The memory does not start like a ring.
    NotARing {
        /// Its first eight bytes.
        found: u64,
    },
    /// The memory is attached read-only, and each end of a ring stores into it. Open the channel's observer
    /// or watcher, or attach the segment for reading and writing.
    ReadOnly,
    /// The memory is smaller than a ring's header or geometry.
    TooSmall {
        /// Bytes available.
        found: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// The ring has another layout version.
    Version {
        /// The ring's.
        found: u32,
        /// This library's.
        expected: u32,
    },
    /// The ring's creator has not finished it, or died while making it.
    NotReady,
    /// Another kind of ring.
    Kind {
        /// The ring's, see [`Kind`](crate::layout::Kind).
        found: u32,
        /// The requested one; 0 for any kind of channel.
        expected: u32,
    },
    /// Elements of another size or alignment.
    ElementSize {
        /// The ring's size and alignment, in bytes.
        found: (u64, u64),
        /// Those of the requested type.
        expected: (u64, u64),
    },
    /// Elements of another type.
    ElementType {
        /// The ring's.
        found: Fingerprint,
        /// That of the requested type.
        expected: Fingerprint,
    },
    /// Elements of another type: both ends describe theirs, and this is their first difference.
    Fields {
        /// The difference: what the ring has, and what this end expects.
        difference: Difference,
    },
    /// A description of the frames that differs from this end's.
    Description {
        /// The first line that differs, counted from 1.
        line: usize,
        /// That line of the ring's description; `None`: it has fewer.
        found: Option<String>,
        /// That line of this end's.
        expected: Option<String>,
    },
    /// The ring carries a description that is invalid, or not that of its elements.
    InvalidDescription {
        /// What is wrong with it.
        reason: String,
    },
    /// The ring carries no description, and this end needs one.
    NotDescribed,
    /// The type, or the text, that this end passed cannot be a description.
    Undescribable {
        /// What is wrong with it.
        problem: Problem,
    },
    /// A [raw](crate::raw::Builder) end was to make a channel, which takes more than its builder names.
    Unspecified {
        /// What is missing.
        what: &'static str,
    },
    /// The header, or the geometry passed, contradicts itself, the ring and its elements, or the size of the
    /// memory.
    Geometry {
        /// Its number of slots.
        capacity: u64,
        /// Its bytes from slot to slot.
        stride: u64,
        /// Its total size in bytes.
        total_size: u64,
        /// Bytes available.
        memory: u64,
    },
    /// A capacity other than requested, in slots, bytes or keys.
    Capacity {
        /// The ring's.
        found: u64,
        /// The requested one, rounded up to a power of two.
        expected: u64,
    },
    /// The ring is not the one the directory names: another was made under its identifier.
    Generation {
        /// The ring's.
        found: u64,
        /// The directory's.
        expected: u64,
    },
    /// A process cannot evict itself; it may simply leave.
    SelfEviction,
    /// The key of a persistent channel belongs to another channel's memory or another program's. Choose
    /// another name.
    KeyTaken {
        /// The key, as `ipcs` shows it.
        key: i32,
    },
    /// A persistent channel would not outlive its processes: the setting `kernel.shm_rmid_forced` of this IPC
    /// namespace makes the kernel remove each segment at its last detach.
    NotKept,
    /// A broadcast channel that treats slow subscribers differently than requested.
    Mode {
        /// The channel's mode.
        found: crate::broadcast::Mode,
        /// The requested one.
        expected: crate::broadcast::Mode,
    },
    /// A channel that lives longer or shorter than requested.
    Lifetime {
        /// The channel's lifetime.
        found: crate::Lifetime,
        /// The requested lifetime.
        expected: crate::Lifetime,
    },
    /// A channel whose sleepers and notifiers use another barrier than requested.
    Barrier {
        /// The channel's barrier.
        found: crate::Barrier,
        /// The requested one.
        expected: crate::Barrier,
    },
    /// A position that was saved in another channel: one of this name that is gone.
    StalePosition {
        /// Generation of the channel that the position was saved in.
        saved: u64,
        /// Generation of this one.
        channel: u64,
    },
    /// A broadcast channel of frames holds no frame of this number at this position, and never did, or it is
    /// still to come.
    NoSuchPosition {
        /// The number.
        sequence: u64,
    },
    /// The capacity is 0 or too large, or the element larger than a slot may be.
    TooLarge {
        /// Slots requested; bytes in a ring of frames, keys in a table.
        capacity: u64,
        /// The maximum.
        most: u64,
        /// Size of an element, in bytes.
        element_size: usize,
    },
    /// The requested size classes are invalid.
    BadClasses {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The pool has other size classes than requested.
    Classes {
        /// The pool's: bytes of a block, number of blocks.
        found: Vec<(usize, u64)>,
        /// Those requested, sizes rounded up to a multiple of 64.
        expected: Vec<(usize, u64)>,
    },
    /// A channel or its domain has no room for one more.
    DomainFull {
        /// Of what: processes, channels, ends, or wake semaphores.
        what: &'static str,
        /// The maximum number.
        limit: usize,
    },
    /// Another process held the domain's lock all the time. Nothing else is wrong: the same call may succeed
    /// later.
    LockTimeout {
        /// The time that the caller's deadline left for it; zero if it had passed.
        waited: Duration,
        /// The process that took the lock last, in this process's numbering; `None` if it is not visible from
        /// here. For display.
        holder: Option<u32>,
    },
    /// The domain's segment is not a domain, or has another version.
    NotADomain {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The ring's words are not what the protocol writes.
    Corrupt(Corruption),
    /// The ring was made for sleepers that use `membarrier`, which this process is not permitted to use.
    NoMembarrier,
    /// This process is in a time namespace of its own and has made another one for its children, so the
    /// kernel does not report by how much its clock differs from that of the others.
    UnknownClock,
    /// This handle was inherited through a fork; only the process that opened it may use it.
    Forked,
    /// The wait was [interrupted](crate::Interrupter). Nothing was opened.
    Interrupted,
    /// The kernel refused.
    System(ipc_core::Error),
}

impl AttachError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &AttachErrorKind {
        &self.inner.kind
    }

    /// As [`kind`](Self::kind), by value.
    #[must_use]
    pub fn into_kind(self) -> AttachErrorKind {
        self.inner.kind
    }

    /// The name of the channel that was to be opened. `None` if the call was not about a channel, or about
    /// one without a name.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.inner.scene.channel.as_deref()
    }

    /// The name of its domain. `None` for a ring that was attached to memory without one.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.inner.scene.domain.as_deref()
    }

    /// Whether the same call may succeed later without any change to what it names: the channel does not
    /// exist yet, its end is in use or every place is taken, or another process has the domain's lock.
    ///
    /// ```
    /// let error = ipc_ring::spsc::Consumer::<u64>::open("doc-example.not-there-yet").unwrap_err();
    /// assert!(error.is_retryable());
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            AttachErrorKind::NotFound
                | AttachErrorKind::NotReady
                | AttachErrorKind::EndTaken { .. }
                | AttachErrorKind::DomainFull { .. }
                | AttachErrorKind::LockTimeout { .. }
        )
    }

    pub(super) fn scene(&self) -> &Scene {
        &self.inner.scene
    }

    /// Adds the channel's name, unless it has one.
    #[cold]
    pub(crate) fn in_channel(mut self, name: &str) -> Self {
        self.inner.scene.channel.get_or_insert_with(|| name.into());
        self
    }

    /// Adds the domain's name, unless it has one.
    #[cold]
    pub(crate) fn in_domain(mut self, name: &str) -> Self {
        self.inner.scene.domain.get_or_insert_with(|| name.into());
        self
    }

    /// Adds the user that the domain belongs to.
    #[cold]
    pub(crate) fn of_user(mut self, owner: u32) -> Self {
        self.inner.scene.owner.get_or_insert(owner);
        self
    }

    /// Adds whether the holder of the end is this process.
    pub(crate) fn held_here(mut self, is_held_here: bool) -> Self {
        self.inner.scene.is_held_here = is_held_here;
        self
    }

    /// Adds the word for an object that is not a channel, such as "pool".
    #[cold]
    pub(crate) fn of_a(mut self, noun: &'static str) -> Self {
        self.inner.scene.noun.get_or_insert(noun);
        self
    }

    /// Adds the words for the requested end, such as "producer", and for what a capacity counts.
    #[cold]
    pub(crate) fn in_words(mut self, end: &'static str, unit: &'static str) -> Self {
        self.inner.scene.end.get_or_insert(end);
        self.inner.scene.unit.get_or_insert(unit);
        self
    }

    /// Adds the creator of the memory, if the kernel reports it.
    #[cold]
    pub(crate) fn made_by(mut self, creator: impl FnOnce() -> Option<Creator>) -> Self {
        let known = &mut self.inner.scene.creator;
        *known = known.take().or_else(creator);
        self
    }

    /// Adds the names of the types.
    #[cold]
    pub(crate) fn with_types(mut self, types: impl FnOnce() -> Types) -> Self {
        self.inner.scene.types.get_or_insert_with(types);
        self
    }

    /// Adds what was found elsewhere, when nothing was found here.
    #[cold]
    pub(crate) fn looked_elsewhere(mut self, elsewhere: impl FnOnce() -> Elsewhere) -> Self {
        if matches!(self.inner.kind, AttachErrorKind::NotFound) {
            self.inner.scene.elsewhere.get_or_insert_with(elsewhere);
        }
        self
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            AttachErrorKind::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AttachErrorKind> for AttachError {
    #[cold]
    fn from(kind: AttachErrorKind) -> Self {
        Self { inner: Box::new(Inner { kind, scene: Scene::default() }) }
    }
}
