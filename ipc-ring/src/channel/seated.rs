//! An end with a seat, as a set sees it: the end says what is ready, its seat does the rest.

use super::end::End;
use super::kernel::Kernel;
use super::participant::Participant;
use super::successor::Followed;
use super::wait_set::News;
use super::waitable::{Await, Bell, Home, Waiting};
use crate::platform::Barrier;
use crate::wait::park::Waiter;

/// A seat in a domain's channel.
pub(super) trait Seat: Waiter<Host = Kernel> + Followed {
    /// Where its waiting bit lies.
    fn waiting(&self) -> Waiting;
}

impl Seat for End {
    fn waiting(&self) -> Waiting {
        Self::waiting(self)
    }
}

impl Seat for Participant {
    fn waiting(&self) -> Waiting {
        Self::waiting(self)
    }
}

/// An end that waits through its seat. Its methods are those of [`Await`] of the same names.
pub(super) trait Seated {
    /// Its seat.
    type Seat: Seat;

    /// Its seat.
    fn waiter(&self) -> &Self::Seat;
    /// What the end has to report.
    ///
    /// # Errors
    /// When this is unknown.
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error>;
    /// A wait begins that polls first.
    fn begin_wait(&mut self, _is_worth_it: bool) {}
    /// A set is about to wait for the end.
    fn is_armed(&mut self) {}
    /// Cancels a set's wait for the end. True when a notifier was faster.
    fn withdraw(&mut self) -> bool {
        self.waiter().disarm() > 0
    }
    /// The set returns another end.
    fn is_passed_over(&mut self) {}
    /// What the end was woken for is done.
    fn is_served(&mut self) {}
    /// A number that each operation of the end raises by one, if the end keeps one.
    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        None
    }
    /// Whether what the end waits for may come without a token.
    fn is_unannounced(&self) -> bool {
        false
    }
    /// Whether what the end waits for is about to come, and will not be announced again.
    fn is_soon(&mut self) -> bool {
        false
    }
}

impl<E: Seated> Await for E {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.waiter().is_replaced() {
            return Ok(Some(News::Ready)); // The end's next operation follows.
        }
        Seated::news(self, probe)
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        Seated::begin_wait(self, is_worth_it);
    }

    fn mark(&mut self, bell: Bell) -> Barrier {
        self.is_armed();
        self.waiter().arm(bell.0);
        self.waiter().barrier()
    }

    fn unmark(&mut self) -> bool {
        self.withdraw()
    }

    fn has_peer_died(&self) -> bool {
        self.waiter().has_peer_died()
    }

    fn is_passed_over(&mut self) {
        Seated::is_passed_over(self);
    }

    fn is_served(&mut self) {
        Seated::is_served(self);
    }

    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        Seated::passed(self)
    }

    fn home(&self) -> Home<'_> {
        self.waiter().host().home()
    }

    fn waiting(&self) -> Option<Waiting> {
        Some(self.waiter().waiting())
    }

    fn awaits_successors(&self) -> bool {
        self.waiter().waits().awaits_successors()
    }

    fn is_unannounced(&self) -> bool {
        Seated::is_unannounced(self)
    }

    fn is_soon(&mut self) -> bool {
        Seated::is_soon(self)
    }
}
