//! What can go wrong with a channel, as values to match on.

use core::fmt;

use zerocopy::FromZeros;

use crate::layout::kind_name;
use crate::message::{Fingerprint, MAX_MESSAGE_SIZE};
use crate::ring::spsc::Corruption;

/// An error prints the same sentence with `{:?}` as with `{}`, since that is what a `main` that returns it shows.
macro_rules! debug_as_display {
    ($($error:ident $(<$value:ident>)?),+ $(,)?) => {
        $(impl$(<$value>)? ::core::fmt::Debug for $error$(<$value>)? {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(self, f)
            }
        })+
    };
}

pub(crate) use debug_as_display;

debug_as_display!(PopError, PushError<T>, AttachError);

/// Why the other end is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerExit {
    /// Nobody has ever attached to that end.
    NeverAttached,
    /// It let go on purpose and may come back; the channel is still open.
    Detached,
    /// Its process died without letting go.
    Died {
        /// The process it was. Its number may belong to another by now.
        pid: u32,
    },
}

impl fmt::Display for PeerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerExit::NeverAttached => f.write_str("the other end was never attached"),
            PeerExit::Detached => f.write_str("the other end has detached"),
            PeerExit::Died { pid } => write!(f, "the other end's process {pid} died"),
        }
    }
}

/// What is used came to this process through `fork`: it belongs to the parent, and nothing was done. Open the channel again in the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forked;

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this was inherited through fork and belongs to the parent; open the channel again in the child",
        )
    }
}

impl std::error::Error for Forked {}

impl From<Forked> for AttachError {
    fn from(_: Forked) -> Self {
        AttachError::Forked
    }
}

impl From<Forked> for PopError {
    fn from(_: Forked) -> Self {
        PopError::Forked
    }
}

/// With zeros for the value.
impl<T: FromZeros> From<Forked> for PushError<T> {
    fn from(_: Forked) -> Self {
        PushError::Forked(T::new_zeroed())
    }
}

/// A frame that does not fit the ring, now or ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTooLarge {
    /// Bytes of the frame.
    pub len: usize,
    /// Bytes of the longest frame the ring takes.
    pub limit: usize,
}

/// Why nothing was popped.
#[non_exhaustive]
pub enum PopError {
    /// Nothing is waiting now. Only the `try_` forms say this.
    Empty,
    /// Nothing came before the deadline.
    TimedOut,
    /// The producer closed the channel and everything it pushed has been popped.
    Closed,
    /// Everything that was pushed has been popped, and the producer is gone without closing. A successor may continue
    /// the stream.
    PeerGone(PeerExit),
    /// The next frame is larger than the buffer. It stays where it is.
    BufferTooSmall {
        /// Bytes of the frame.
        needed: usize,
    },
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked,
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted,
    /// The kernel refused; the semaphores were removed, for instance. Or it refused earlier to wake a producer that sleeps
    /// for room: what was popped then was given all the same.
    System(ipc_core::Error),
}

/// Why a value was not pushed; it is handed back. Only [`NotWoken`](Self::NotWoken) is about one that was.
#[non_exhaustive]
pub enum PushError<T> {
    /// Every slot is taken. Only the `try_` forms say this.
    Full(T),
    /// No slot came free before the deadline.
    TimedOut(T),
    /// The consumer closed the channel: nobody will pop again.
    Closed(T),
    /// The ring is full and the consumer is gone without closing.
    PeerGone(T, PeerExit),
    /// A frame larger than this ring ever takes.
    TooLarge(T, FrameTooLarge),
    /// The shared memory holds what the protocol never writes. The channel is poisoned.
    Corrupt(T, Corruption),
    /// This end came through a fork; only the process that opened it may use it. Nothing was done.
    Forked(T),
    /// The wait was [interrupted](crate::Interrupter).
    Interrupted(T),
    /// The value **was pushed**, but the kernel refused to wake who sleeps at the other side, for instance since this process has
    /// changed its user. Who sleeps finds the value at its next look, a tenth of a second later at most. Do not push it
    /// again. Of several values: this many were pushed.
    NotWoken(T, ipc_core::Error),
    /// The kernel refused; the semaphores were removed, for instance.
    System(T, ipc_core::Error),
}

impl<T> PushError<T> {
    /// Whether the value was pushed all the same: see [`NotWoken`](Self::NotWoken).
    #[must_use]
    pub fn was_pushed(&self) -> bool {
        matches!(self, PushError::NotWoken(..))
    }

    /// The value that was not pushed, unless it [was](Self::was_pushed).
    pub fn into_inner(self) -> T {
        match self {
            PushError::Full(value)
            | PushError::TimedOut(value)
            | PushError::Closed(value)
            | PushError::PeerGone(value, _)
            | PushError::TooLarge(value, _)
            | PushError::Corrupt(value, _)
            | PushError::Forked(value)
            | PushError::Interrupted(value)
            | PushError::NotWoken(value, _)
            | PushError::System(value, _) => value,
        }
    }

    /// Whether the ring was full, and pushing again may succeed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, PushError::Full(_) | PushError::TimedOut(_))
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Full(_) => f.write_str("the ring is full"),
            PushError::TimedOut(_) => f.write_str("the ring stayed full until the deadline"),
            PushError::Closed(_) => f.write_str("the consumer has closed the channel"),
            PushError::PeerGone(_, exit) => write!(f, "the ring is full and {exit}"),
            PushError::TooLarge(_, FrameTooLarge { len, limit }) => {
                write!(f, "a frame of {len} bytes; the ring takes up to {limit}")
            }
            PushError::Corrupt(_, corruption) => write!(f, "the ring is corrupt: {corruption}"),
            PushError::Forked(_) => Forked.fmt(f),
            PushError::Interrupted(_) => f.write_str("the wait for room was interrupted"),
            PushError::NotWoken(_, error) => {
                write!(f, "the message was pushed, but who sleeps could not be woken: {error}")
            }
            PushError::System(_, error) => error.fmt(f),
        }
    }
}

impl<T> std::error::Error for PushError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PushError::NotWoken(_, error) | PushError::System(_, error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for PopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PopError::Empty => f.write_str("the ring is empty"),
            PopError::TimedOut => f.write_str("nothing was pushed before the deadline"),
            PopError::Closed => f.write_str("the producer has closed the channel and it is drained"),
            PopError::PeerGone(exit) => write!(f, "the ring is drained and {exit}"),
            PopError::BufferTooSmall { needed } => {
                write!(f, "the next frame has {needed} bytes, more than the buffer")
            }
            PopError::Corrupt(corruption) => write!(f, "the ring is corrupt: {corruption}"),
            PopError::Forked => Forked.fmt(f),
            PopError::Interrupted => f.write_str("the wait for a message was interrupted"),
            PopError::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PopError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PopError::System(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a channel could not be created or opened. Nothing was changed.
#[non_exhaustive]
pub enum AttachError {
    /// No channel of this name exists in the domain.
    NotFound {
        /// The name asked for.
        name: String,
        /// The domain's name.
        domain: String,
    },
    /// A channel of this name exists and a new one was asked for.
    AlreadyExists {
        /// The name asked for.
        name: String,
    },
    /// The name is empty, too long or holds a zero byte.
    InvalidName {
        /// The name asked for.
        name: String,
    },
    /// A live process holds this end.
    EndTaken {
        /// That process.
        pid: u32,
    },
    /// The channel has been closed by its other end and takes no new end.
    Closed,
    /// The memory does not start like a ring.
    NotARing {
        /// Its first eight bytes.
        found: u64,
    },
    /// The memory is attached read-only, and each end of a ring stores into it. Open the channel's observer or watcher, or attach the segment for
    /// reading and writing.
    ReadOnly,
    /// The memory is smaller than a ring's header or geometry.
    TooSmall {
        /// Bytes there are.
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
        /// The one asked for.
        expected: u32,
    },
    /// Elements of another size or alignment.
    ElementSize {
        /// The ring's size and alignment, in bytes.
        found: (u64, u64),
        /// Those of the type asked for.
        expected: (u64, u64),
    },
    /// Elements of another type.
    ElementType {
        /// The ring's.
        found: Fingerprint,
        /// That of the type asked for.
        expected: Fingerprint,
    },
    /// The header, or the geometry given, contradicts itself, the ring and its elements, or the size of the memory.
    Geometry {
        /// Slots it says.
        capacity: u64,
        /// Bytes from slot to slot it says.
        stride: u64,
        /// Bytes in all it says.
        total_size: u64,
        /// Bytes there are.
        memory: u64,
    },
    /// Another number of slots than asked for.
    Capacity {
        /// The ring's.
        found: u64,
        /// The one asked for, rounded up to a power of two.
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
    /// The key of a persistent channel belongs to another channel's memory or another program's. Choose another name.
    KeyTaken {
        /// The name asked for.
        name: String,
        /// The key, as `ipcs` shows it.
        key: i32,
    },
    /// A persistent channel would not outlive its processes: the setting `kernel.shm_rmid_forced` of this IPC namespace has the
    /// kernel remove each segment at its last detach.
    NotKept {
        /// The name asked for.
        name: String,
    },
    /// A broadcast channel that treats slow subscribers otherwise than asked for.
    Mode {
        /// The channel's way.
        found: crate::broadcast::Mode,
        /// The one asked for.
        expected: crate::broadcast::Mode,
    },
    /// A saved position of another channel: one of this name that is gone.
    StalePosition {
        /// Generation of the channel the position was saved in.
        saved: u64,
        /// Generation of this one.
        channel: u64,
    },
    /// A broadcast channel of frames holds no frame of this number at this place, and never did, or it is still to come.
    NoSuchPosition {
        /// The number.
        sequence: u64,
    },
    /// The capacity is 0 or too large, or the element larger than a slot may be.
    TooLarge {
        /// Slots asked for; bytes in a ring of frames, keys in a table.
        capacity: u64,
        /// The most of them that are possible.
        most: u64,
        /// Bytes of an element.
        element_size: usize,
    },
    /// The size classes asked for cannot be.
    BadClasses {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The pool has other size classes than asked for.
    Classes {
        /// The pool's: bytes of a block, number of blocks.
        found: Vec<(usize, u64)>,
        /// Those asked for, sizes rounded up to a multiple of 64.
        expected: Vec<(usize, u64)>,
    },
    /// A domain has no room for one more.
    DomainFull {
        /// Of what: processes, channels, or wake semaphores.
        what: &'static str,
        /// How many fit.
        limit: usize,
    },
    /// Another process held the domain's lock all the time. Nothing else is wrong: the same call may succeed later.
    LockTimeout {
        /// The domain's name.
        domain: String,
        /// How long the lock was waited for.
        waited: std::time::Duration,
        /// The process that took the lock last, as it is numbered here; `None` when it cannot be seen from here. For display.
        holder: Option<u32>,
    },
    /// The domain's segment is not a domain, or of another version.
    NotADomain {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The ring's words make no sense.
    Corrupt(Corruption),
    /// The ring was made for sleepers that use `membarrier`, which this process may not.
    NoMembarrier,
    /// This process is in a time namespace of its own and has made another one for its children, so the kernel does not tell by how
    /// much its clock differs from that of the others.
    UnknownClock,
    /// This handle came through a fork; only the process that opened it may use it.
    Forked,
    /// The kernel refused.
    System(ipc_core::Error),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name, domain } => write!(
                f,
                "no channel {name:?} in domain {domain:?}: start its creator first; channels of other users, other domains \
                 and other IPC namespaces (containers) are not visible here"
            ),
            Self::AlreadyExists { name } => write!(f, "a channel {name:?} exists already"),
            Self::InvalidName { name } => {
                write!(f, "invalid name {name:?}: must be 1 to {} bytes and contain no NUL", crate::layout::NAME_BYTES)
            }
            Self::EndTaken { pid } => write!(f, "process {pid} holds this end of the channel"),
            Self::Closed => f.write_str("the channel has been closed"),
            Self::NotARing { found } => write!(f, "the memory starts with {found:#018x}, which is no ring"),
            Self::ReadOnly => f.write_str(
                "the memory is attached read-only, and each end of a ring stores into it; attach it for reading and writing, or open an observer or a watcher",
            ),
            Self::TooSmall { found, needed } => {
                write!(f, "the memory has {found} bytes, a ring needs {needed}")
            }
            Self::Version { found, expected } => {
                write!(f, "the ring has layout version {found}, this library knows {expected}")
            }
            Self::NotReady => f.write_str("the ring is not finished; its creator is at work, or died"),
            Self::Kind { found, expected } => {
                let name = |kind: &u32| kind_name(*kind).unwrap_or("of a kind that this version does not know");
                write!(f, "the channel is {}, not {}", name(found), name(expected))
            }
            Self::ElementSize { found, expected } => write!(
                f,
                "the channel's elements have {} bytes aligned to {}, the type asked for has {} aligned to {}: both sides must \
                 declare the same type",
                found.0, found.1, expected.0, expected.1
            ),
            Self::ElementType { found, expected } => {
                write!(
                    f,
                    "the channel's elements are of another type (fingerprint {found}) than the one asked for ({expected}), of the \
                     same size: both sides must declare a type of the same name, or agree on one with `type_name`"
                )
            }
            Self::Geometry { capacity, stride, total_size, memory } => write!(
                f,
                "{capacity} slots of {stride} bytes, {total_size} bytes in all, in memory of {memory}: that is no ring of these elements, or a corrupt header"
            ),
            Self::Capacity { found, expected } => write!(
                f,
                "the channel has a capacity of {found}, this side asked for {expected}: ask for the same, or for none to take it as it \
                 is"
            ),
            Self::Generation { found, expected } => {
                write!(f, "the ring is of generation {found}, not {expected}: it was replaced; open it again")
            }
            Self::SelfEviction => f.write_str("a process cannot evict itself from its domain; let it drop its ends instead"),
            Self::KeyTaken { name, key } => write!(
                f,
                "the memory of channel \"{name}\" would lie under key {key:#010x}, but something else does (see ipcs -m); choose another name"
            ),
            Self::NotKept { name } => write!(
                f,
                "channel {name:?} cannot be persistent: kernel.shm_rmid_forced is set in this IPC namespace, so the kernel removes \
                 each segment when its last user lets go; as root: sysctl -w kernel.shm_rmid_forced=0, or make the channel \
                 Lifetime::Ephemeral"
            ),
            Self::Mode { found, expected } => write!(f, "the channel is {found}, not {expected}"),
            Self::StalePosition { saved, channel } => write!(
                f,
                "the position was saved in generation {saved} of the channel, which is gone; this is generation {channel}"
            ),
            Self::NoSuchPosition { sequence } => {
                write!(f, "no frame number {sequence} was published there; start at another place")
            }
            Self::TooLarge { element_size, .. } if *element_size > MAX_MESSAGE_SIZE => write!(
                f,
                "an element has {element_size} bytes, a slot holds {MAX_MESSAGE_SIZE} at most; send larger ones through a pool"
            ),
            Self::TooLarge { capacity, most, .. } => {
                write!(f, "a capacity of {capacity} is not possible: must be 1 to {most}")
            }
            Self::BadClasses { reason } => write!(f, "these size classes are not possible: {reason}"),
            Self::Classes { found, expected } => {
                write!(f, "the pool has the size classes (bytes, blocks) {found:?}, not {expected:?}")
            }
            Self::DomainFull { what, limit } => write!(f, "the domain has room for {limit} {what}, all taken"),
            Self::LockTimeout { domain, waited, holder } => {
                write!(f, "the lock of domain {domain:?} could not be had within {waited:.1?}: ")?;
                match holder {
                    Some(pid) => write!(f, "process {pid} took it last")?,
                    None => f.write_str("a process that is not seen from here took it last")?,
                }
                f.write_str("; processes hold it for microseconds, so that one may be stopped or starved: let it go on, or end it")
            }
            Self::NotADomain { reason } => write!(f, "the domain's segment cannot be used: {reason}"),
            Self::Corrupt(corruption) => write!(f, "the ring is corrupt: {corruption}"),
            Self::NoMembarrier => f.write_str(
                "the ring needs the membarrier system call, which the kernel refuses to this process; create it with Barrier::Fence",
            ),
            Self::UnknownClock => f.write_str(
                "the kernel does not tell by how much this process's clock differs from that of others: it has made a time namespace for its \
                 children while it is in another one; open the domain before, or in a child",
            ),
            Self::Forked => f.write_str("this handle was inherited through fork; open the channel again in the child"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AttachError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ipc_core::Error> for AttachError {
    fn from(error: ipc_core::Error) -> Self {
        Self::System(error)
    }
}

impl From<Corruption> for AttachError {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}
