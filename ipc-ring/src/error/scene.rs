//! What was being opened when opening failed, as far as it is known.

use core::fmt;

/// What an [`AttachError`](super::AttachError) knows besides what is wrong. It starts empty where the error
/// arises, possibly in a ring that knows no channel, and is filled in by the callers.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// The word for an object that is not a channel, such as "pool".
    pub(super) noun: Option<&'static str>,
    pub(super) channel: Option<Box<str>>,
    pub(super) domain: Option<Box<str>>,
    /// The user that the domain belongs to, if known.
    pub(super) owner: Option<u32>,
    /// The requested end, such as "producer".
    pub(super) end: Option<&'static str>,
    /// What a capacity counts, such as "slots".
    pub(super) unit: Option<&'static str>,
    /// The creator of the memory.
    pub(super) creator: Option<Creator>,
    /// Whether the holder of the end is this process: not known from its process number, which may be that of
    /// another process namespace.
    pub(super) is_held_here: bool,
    pub(super) types: Option<Types>,
    pub(super) elsewhere: Option<Elsewhere>,
}

/// The process that made a segment, and its user, as recorded by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Creator {
    /// `None`: it is in a process namespace that is not visible from here.
    pub(crate) pid: Option<u32>,
    pub(crate) uid: u32,
}

impl Creator {
    /// The creator of a segment, if the kernel answers.
    pub(crate) fn of(segment: ipc_core::shm::SharedMemory) -> Option<Self> {
        let stat = segment.stat().ok()?;
        Some(Self { pid: stat.creator_pid(), uid: stat.permissions().cuid() })
    }
}

impl fmt::Display for Creator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) if pid == std::process::id() => write!(f, "process {pid} (this one)")?,
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("a process that cannot be seen from here")?,
        }
        if self.uid == nix::unistd::geteuid().as_raw() { Ok(()) } else { write!(f, " of user {}", self.uid) }
    }
}

/// The names of element types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Types {
    /// The channel's type name, if it is recorded there.
    pub(crate) found: Option<String>,
    /// The end's type name.
    pub(crate) expected: Option<String>,
}

/// Where else a channel that was not found may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// Other users that have a domain of the same name.
    pub(crate) users: Vec<u32>,
    /// Why the object under the key of a persistent channel of this name is not accepted as that channel.
    pub(crate) refused: Option<String>,
    /// The IPC namespace of this process, as `/proc/self/ns/ipc` shows it.
    pub(crate) namespace: Option<String>,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channels of other users, other domains and other IPC namespaces (containers) are not visible here")?;
        if let Some(namespace) = &self.namespace {
            write!(f, " (this process is in {namespace}; compare /proc/PID/ns/ipc)")?;
        }
        for user in &self.users {
            write!(f, "; user {user} has a domain of this name, which Domain::open_shared may join")?;
        }
        match &self.refused {
            Some(reason) => write!(
                f,
                "; what lies under the key of a persistent channel of this name is not it: {reason}"
            ),
            None => Ok(()),
        }
    }
}
