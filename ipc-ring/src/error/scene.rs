//! What was being opened when opening failed, as far as it is known.

use core::fmt;

/// What an [`AttachError`](super::AttachError) knows besides what is wrong. It starts empty where the error arises, perhaps in a
/// ring that knows no channel, and is filled on the way out.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// What it is where it is no channel, such as "pool".
    pub(super) noun: Option<&'static str>,
    pub(super) channel: Option<Box<str>>,
    pub(super) domain: Option<Box<str>>,
    /// The user whose domain it is, if that was said.
    pub(super) owner: Option<u32>,
    /// The end that was asked for, such as "producer".
    pub(super) end: Option<&'static str>,
    /// What a capacity counts, such as "slots".
    pub(super) unit: Option<&'static str>,
    /// By whom the memory was made.
    pub(super) creator: Option<Creator>,
    pub(super) types: Option<Types>,
    pub(super) elsewhere: Option<Elsewhere>,
}

/// The process that made a segment, and its user, by the kernel's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Creator {
    /// `None`: it is in a process namespace that cannot be seen from here.
    pub(crate) pid: Option<u32>,
    pub(crate) uid: u32,
}

impl Creator {
    /// That of a segment, if the kernel answers.
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
    /// That of the channel, if it is written there.
    pub(crate) found: Option<String>,
    /// That of the end.
    pub(crate) expected: Option<String>,
}

/// Where else a channel may be that was not found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    /// Other users that have a domain of the same name.
    pub(crate) users: Vec<u32>,
    /// Why what lies under the key of a persistent channel of this name is not taken for it.
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
