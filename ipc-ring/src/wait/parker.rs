//! What an end sleeps on.

/// What an end of a channel sleeps on. Each end has its own; a notifier reads it in the end's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parker {
    /// A System V semaphore. The kernel posts to it when a process that has woken this end before dies, and
    /// ends the sleep when the domain is removed.
    #[default]
    Semaphore,
    /// A word in the domain's memory: a futex. A sleep and a wake cost a little less, but neither a death nor
    /// the removal of the domain wakes the end: it checks for both every [`HEARTBEAT`](super::HEARTBEAT) by
    /// itself. And waking many ends at once takes a system call for each.
    Futex,
}
