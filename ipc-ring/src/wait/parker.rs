//! What an end sleeps on.

/// What an end of a channel sleeps on. Each end has its own; whoever wakes it reads it in the end's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parker {
    /// A System V semaphore. The kernel posts to it when a process dies that has woken this end before, and ends the sleep when the
    /// domain is removed.
    #[default]
    Semaphore,
    /// A word in the domain's memory: a futex. A sleep and a wake cost a little less, but nobody is woken by a death or by
    /// the removal of the domain: the end looks for both every [`HEARTBEAT`](super::HEARTBEAT) by itself. And who wakes many at
    /// once makes a call for each.
    Futex,
}
