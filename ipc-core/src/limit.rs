//! The kernel's limits by name: what each bounds, where it is set, how it is raised.

use core::fmt;

use crate::sys;

/// A limit of the kernel on System V objects. All but the last belong to the IPC namespace of the caller.
///
/// ```
/// use ipc_core::Limit;
///
/// assert_eq!(Limit::MessageBytes.name(), "MSGMAX");
/// assert_eq!(Limit::MessageBytes.path(), Some("/proc/sys/kernel/msgmax"));
/// assert!(Limit::MessageBytes.value().unwrap() > 0);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// SHMMAX: bytes in one segment.
    SegmentBytes,
    /// SHMMNI: segments.
    Segments,
    /// SHMALL: pages in all segments together.
    SegmentPages,
    /// SEMMSL: semaphores in one set.
    SemaphoresPerSet,
    /// SEMMNS: semaphores in all sets together.
    Semaphores,
    /// SEMMNI: sets.
    SemaphoreSets,
    /// SEMOPM: operations in one call.
    OperationsPerCall,
    /// MSGMAX: bytes of text in one message.
    MessageBytes,
    /// MSGMNB: bytes of text in one queue, unless the queue has a lower bound of its own.
    QueueBytes,
    /// MSGMNI: queues.
    Queues,
    /// RLIMIT_MEMLOCK: bytes a process may lock into memory.
    LockedBytes,
    /// The kernel reported a limit, but not which one.
    Unknown,
}

impl Limit {
    /// The traditional name.
    ///
    /// ```
    /// assert_eq!(ipc_core::Limit::Segments.name(), "SHMMNI");
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Limit::SegmentBytes => "SHMMAX",
            Limit::Segments => "SHMMNI",
            Limit::SegmentPages => "SHMALL",
            Limit::SemaphoresPerSet => "SEMMSL",
            Limit::Semaphores => "SEMMNS",
            Limit::SemaphoreSets => "SEMMNI",
            Limit::OperationsPerCall => "SEMOPM",
            Limit::MessageBytes => "MSGMAX",
            Limit::QueueBytes => "MSGMNB",
            Limit::Queues => "MSGMNI",
            Limit::LockedBytes => "RLIMIT_MEMLOCK",
            Limit::Unknown => "a limit of the system",
        }
    }

    /// What is counted, with its unit.
    ///
    /// ```
    /// assert_eq!(ipc_core::Limit::SegmentPages.meaning(), "pages in all segments of this IPC namespace");
    /// ```
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Limit::SegmentBytes => "bytes in one segment",
            Limit::Segments => "segments in this IPC namespace",
            Limit::SegmentPages => "pages in all segments of this IPC namespace",
            Limit::SemaphoresPerSet => "semaphores in one set",
            Limit::Semaphores => "semaphores in all sets of this IPC namespace",
            Limit::SemaphoreSets => "sets in this IPC namespace",
            Limit::OperationsPerCall => "operations in one call",
            Limit::MessageBytes => "bytes in one message",
            Limit::QueueBytes => "bytes in one queue",
            Limit::Queues => "queues in this IPC namespace",
            Limit::LockedBytes => "bytes this process may lock into memory",
            Limit::Unknown => "not told by the kernel",
        }
    }

    /// The file that shows and sets the limit. The four semaphore limits share one file, in the order SEMMSL,
    /// SEMMNS, SEMOPM, SEMMNI.
    ///
    /// ```
    /// assert_eq!(ipc_core::Limit::SemaphoreSets.path(), Some("/proc/sys/kernel/sem"));
    /// ```
    #[must_use]
    pub fn path(self) -> Option<&'static str> {
        match self {
            Limit::SegmentBytes => Some("/proc/sys/kernel/shmmax"),
            Limit::Segments => Some("/proc/sys/kernel/shmmni"),
            Limit::SegmentPages => Some("/proc/sys/kernel/shmall"),
            Limit::SemaphoresPerSet | Limit::Semaphores | Limit::SemaphoreSets | Limit::OperationsPerCall => {
                Some("/proc/sys/kernel/sem")
            }
            Limit::MessageBytes => Some("/proc/sys/kernel/msgmax"),
            Limit::QueueBytes => Some("/proc/sys/kernel/msgmnb"),
            Limit::Queues => Some("/proc/sys/kernel/msgmni"),
            Limit::LockedBytes | Limit::Unknown => None,
        }
    }

    /// The current limit in the caller's IPC namespace, read from the kernel (`IPC_INFO` and `getrlimit`).
    ///
    /// ```
    /// assert!(ipc_core::Limit::SemaphoresPerSet.value() >= Some(1));
    /// ```
    #[must_use]
    pub fn value(self) -> Option<u64> {
        let of_int = |number: i32| u64::try_from(number).ok();
        match self {
            Limit::SegmentBytes => sys::shm_limits().ok().map(|(_, limits)| limits.shmmax),
            Limit::Segments => sys::shm_limits().ok().map(|(_, limits)| limits.shmmni),
            Limit::SegmentPages => sys::shm_limits().ok().map(|(_, limits)| limits.shmall),
            Limit::SemaphoresPerSet => sys::sem_info(false).ok().and_then(|(_, info)| of_int(info.semmsl)),
            Limit::Semaphores => sys::sem_info(false).ok().and_then(|(_, info)| of_int(info.semmns)),
            Limit::SemaphoreSets => sys::sem_info(false).ok().and_then(|(_, info)| of_int(info.semmni)),
            Limit::OperationsPerCall => sys::sem_info(false).ok().and_then(|(_, info)| of_int(info.semopm)),
            Limit::MessageBytes => sys::msg_info(false).ok().and_then(|(_, info)| of_int(info.msgmax)),
            Limit::QueueBytes => sys::msg_info(false).ok().and_then(|(_, info)| of_int(info.msgmnb)),
            Limit::Queues => sys::msg_info(false).ok().and_then(|(_, info)| of_int(info.msgmni)),
            Limit::LockedBytes => nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_MEMLOCK)
                .ok()
                .map(|(soft, _)| soft),
            Limit::Unknown => None,
        }
    }

    /// The current use of the limit, where the kernel counts it.
    ///
    /// ```
    /// use ipc_core::Limit;
    ///
    /// assert!(Limit::Segments.used() <= Limit::Segments.value());
    /// assert_eq!(Limit::MessageBytes.used(), None); // bounds one message, there is nothing to add up
    /// ```
    #[must_use]
    pub fn used(self) -> Option<u64> {
        let of_int = |number: i32| u64::try_from(number).ok();
        match self {
            Limit::Segments => sys::shm_info().ok().and_then(|(_, info)| of_int(info.used_ids)),
            Limit::SegmentPages => sys::shm_info().ok().map(|(_, info)| info.shm_tot),
            Limit::SemaphoreSets => sys::sem_info(true).ok().and_then(|(_, info)| of_int(info.semusz)),
            Limit::Semaphores => sys::sem_info(true).ok().and_then(|(_, info)| of_int(info.semaem)),
            Limit::Queues => sys::msg_info(true).ok().and_then(|(_, info)| of_int(info.msgpool)),
            _ => None,
        }
    }

    /// How to raise the limit, as a command or a setting.
    ///
    /// ```
    /// assert_eq!(ipc_core::Limit::Queues.how_to_raise(), "as root: sysctl -w kernel.msgmni=<number>");
    /// ```
    #[must_use]
    pub fn how_to_raise(self) -> &'static str {
        match self {
            Limit::SegmentBytes => "as root: sysctl -w kernel.shmmax=<bytes>",
            Limit::Segments => "as root: sysctl -w kernel.shmmni=<number>",
            Limit::SegmentPages => "as root: sysctl -w kernel.shmall=<pages>",
            Limit::SemaphoresPerSet | Limit::Semaphores | Limit::SemaphoreSets | Limit::OperationsPerCall => {
                "as root: sysctl -w kernel.sem=\"SEMMSL SEMMNS SEMOPM SEMMNI\" (all four numbers)"
            }
            Limit::MessageBytes => "as root: sysctl -w kernel.msgmax=<bytes>",
            Limit::QueueBytes => "as root: sysctl -w kernel.msgmnb=<bytes>; existing queues keep theirs",
            Limit::Queues => "as root: sysctl -w kernel.msgmni=<number>",
            Limit::LockedBytes => "ulimit -l <KiB>, LimitMEMLOCK= of the service, or CAP_IPC_LOCK",
            Limit::Unknown => "compare `ipcs -l` with `ipcs -u`",
        }
    }

    /// The sentence in error messages: name, meaning, value, use, remedy.
    pub(crate) fn explain(self) -> String {
        let mut text = format!("{} ({})", self.name(), self.meaning());
        if let Some(value) = self.value() {
            text += &format!(" is {value}");
        }
        if let Some(used) = self.used() {
            text += &format!(", {used} in use");
        }
        text + "; to raise it, " + self.how_to_raise()
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
