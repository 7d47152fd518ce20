//! What an end does for a set, a descriptor or a task that waits for it.
//!
//! Only this crate's ends can implement [`Await`]: its users see [`Waitable`] alone.

use std::sync::Arc;

use crate::domain::{Member, WakeSemaphore};
use crate::platform::{Barrier, Native};
use crate::region::Region;
use crate::wait::news::News;
use crate::wait::signal;

/// What a [`WaitSet`](crate::WaitSet) can wait for: consuming and producing ends of [`spsc`](crate::spsc),
/// [`bytes`](crate::bytes) and [`mpmc`](crate::mpmc) (the producing ones for room), both ends of a
/// [`broadcast`](crate::broadcast) (a gated publisher for room), readers of [`latest`](crate::latest) values,
/// both ends of a [`call`](crate::call) (the caller for its reply), a [`Listener`](crate::Listener), a
/// [`Watch`](crate::control::Watch), a [`Lender`](crate::pool::Lender) of a pool.
pub trait Waitable: Await {}

impl<W: Await> Waitable for W {}

/// A set's semaphore.
#[derive(Clone, Copy, Debug)]
pub struct Bell(pub(crate) WakeSemaphore);

/// The domain a set or an end belongs to.
#[derive(Debug)]
pub struct Home<'a>(pub(crate) &'a Arc<Member>);

/// What an end does for a set, a descriptor or a task that waits for it, alone or together with others.
pub trait Await {
    /// What the end has to report, by a check that changes nothing but the memory of what was reported.
    /// `probe`: also ask the kernel whether the other side is alive. An error: this is unknown.
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error>;
    /// Sets the waiting bit, with the set's semaphore. Returns the barrier that must follow.
    fn set_waiting(&mut self, bell: Bell) -> Barrier;
    /// Clears the bit. True when a notifier was faster: then there was, or will be, a token.
    fn clear_waiting(&mut self) -> bool;
    /// Whether a process has died that may have been about to wake the end. System calls.
    fn has_peer_died(&self) -> bool;
    /// The set returns another end. An end woken for something that other ends could take too wakes the
    /// next of them.
    fn is_passed_over(&mut self) {}
    /// What the end was woken for is done. An end woken for one of several items wakes the next end.
    fn is_served(&mut self) {}
    /// A wait begins that polls first: waits for a batch of messages, or of free slots if `is_worth_it`.
    fn begin_wait(&mut self, _is_worth_it: bool) {}
    /// A number that each operation of the end raises by one, if the end keeps one.
    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        None
    }
    /// The domain that the end belongs to.
    fn home(&self) -> Home<'_>;
    /// The location of the waiting bit that [`set_waiting`](Self::set_waiting) sets. `None` if there is none:
    /// a token is the only sign then.
    fn waiting(&self) -> Option<Waiting>;
    /// Whether waits go on when the other side is gone without closing.
    fn awaits_successors(&self) -> bool {
        false
    }
    /// Whether what the end waits for may come without a token, so that it must check again now and then.
    fn needs_polling(&self) -> bool {
        false
    }
    /// Whether a token was or will be posted for what it has to do; none is for what becomes due with time
    /// alone.
    fn is_notified(&self) -> bool {
        true
    }
    /// Whether what the end waits for is about to come, without another token.
    fn is_soon(&mut self) -> bool {
        false
    }
    /// Whether the end can wait with a semaphore of this domain, in this process.
    fn is_at(&self, home: &Home<'_>) -> bool {
        Arc::ptr_eq(self.home().0, home.0) && home.0.is_ours()
    }
}

/// The waiting bit of an end, for a reader that checks whether it is taken. Keeps the memory mapped.
#[derive(Clone, Debug)]
pub struct Waiting {
    region: Region,
    offset: usize,
}

impl Waiting {
    /// Of the signal word at this offset.
    pub(crate) fn new(region: &Region, offset: usize) -> Self {
        Self { region: region.clone(), offset }
    }

    /// Whether the bit is set.
    pub(crate) fn is_set(&self) -> bool {
        signal::is_waiting::<Native>(self.region.half(self.offset))
    }
}
