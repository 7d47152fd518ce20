//! The ends of channels, as sets, descriptors and tasks wait for them: each as its
//! [core](crate::end) does, in a domain.

use std::time::Instant;

use super::kernel::Kernel;
use super::wait_set::News;
use super::waitable::{Await, Bell, Home, Waiting};
use crate::domain::Entry;
use crate::end::pair::PeerState;
use crate::error::PeerExit;
use crate::platform::Barrier;
use crate::region::Region;
use crate::wait::host::Host as _;
use crate::wait::park::{Waiter, commit_wait};
use crate::wait::seated::Seated;
use crate::wait::together::Member;
use crate::wait::{HEARTBEAT, Nap};

/// A seat in a domain's channel.
pub trait Seat: Waiter<Host = Kernel> {
    /// The memory of its ring.
    fn region(&self) -> &Region;
    /// Offset of its signal word, with its waiting bit.
    fn signal(&self) -> usize;
    /// The channel, for accounting.
    fn entry(&self) -> &Entry;
    /// Its access to the domain.
    fn host_mut(&mut self) -> &mut Kernel;

    /// Where its waiting bit lies.
    fn waiting(&self) -> Waiting {
        Waiting::new(self.region(), self.signal())
    }

    /// The generation of its ring.
    fn generation(&self) -> u64 {
        self.entry().generation
    }

    /// Whether the channel outlives its processes.
    fn is_persistent(&self) -> bool {
        self.entry().is_persistent
    }

    /// Whether another ring has replaced its ring.
    fn is_replaced(&self) -> bool;

    /// Whether any parameter of the ring was open when this end attached.
    fn is_open(&self) -> bool;

    /// Interruptions of the seat's waits go to `new` from now on.
    fn hand_over(&mut self, new: &mut Self) {
        self.host_mut().hand_over(new.host_mut());
    }

    /// The state of the other side; no end of it was ever attached to a ring that was replaced.
    fn unless_replaced(&self, state: PeerState) -> PeerState {
        let replaced = state == PeerState::Closed && self.is_replaced();
        if replaced { PeerState::Gone(PeerExit::NeverAttached) } else { state }
    }
}

/// Sleeps until the one end on the other side is attached or closed, by its `state`, or the deadline has
/// passed; returns its state then. Taking its seat wakes this end, and so does closing the channel.
///
/// # Errors
/// When the semaphores were removed.
pub(super) fn wait_for_peer(
    seat: &impl Seat,
    deadline: Option<Instant>,
    state: impl Fn() -> Result<PeerState, ipc_core::Error>,
) -> Result<PeerState, ipc_core::Error> {
    seat.host().check_process("waiting for the other end")?;
    loop {
        if seat.host().is_interrupted(true) {
            return Err(ipc_core::Error::interrupted("wait for the other end"));
        }
        seat.prepare_wait()?;
        let found = state().inspect_err(|_| seat.cancel_wait())?;
        let now = Instant::now();
        let over = deadline.is_some_and(|deadline| now >= deadline);
        if over || !matches!(found, PeerState::Gone(_)) {
            seat.cancel_wait();
            return Ok(found);
        }
        let nap = Nap::new(now + HEARTBEAT, deadline);
        commit_wait(&mut &*seat, |seat| *seat, nap, |_| !matches!(state(), Ok(PeerState::Gone(_))))?;
    }
}

/// An end of a channel: a core, and what belongs to a name in a domain.
pub(super) trait HasCore {
    /// What it does with its ring and its seat.
    type Core: Seated<Seat: Seat>;

    /// Its core.
    fn core(&self) -> &Self::Core;
    /// Its core.
    fn core_mut(&mut self) -> &mut Self::Core;
}

/// Gives an end its core: a field of this type, or that of another end which it contains.
macro_rules! has_core {
    ([$($generics:tt)*] $end:ty, $core:ty, $field:tt) => {
        impl<$($generics)*> $crate::channel::seated::HasCore for $end {
            type Core = $core;

            fn core(&self) -> &$core {
                &self.$field
            }

            fn core_mut(&mut self) -> &mut $core {
                &mut self.$field
            }
        }
    };
    ([$($generics:tt)*] $end:ty, of $inner:ty, $field:tt) => {
        impl<$($generics)*> $crate::channel::seated::HasCore for $end {
            type Core = <$inner as $crate::channel::seated::HasCore>::Core;

            fn core(&self) -> &Self::Core {
                $crate::channel::seated::HasCore::core(&self.$field)
            }

            fn core_mut(&mut self) -> &mut Self::Core {
                $crate::channel::seated::HasCore::core_mut(&mut self.$field)
            }
        }
    };
}

pub(super) use has_core;

impl<E: HasCore> Await for E {
    fn news(&mut self, probe: bool) -> Result<Option<News>, ipc_core::Error> {
        if self.core().seat().is_replaced() {
            return Ok(Some(News::Ready)); // The end's next operation follows.
        }
        Seated::news(self.core_mut(), probe)
    }

    fn begin_wait(&mut self, is_worth_it: bool) {
        self.core_mut().begin_wait(is_worth_it);
    }

    fn set_waiting(&mut self, bell: Bell) -> Barrier {
        self.core_mut().set_waiting(bell.0)
    }

    fn clear_waiting(&mut self) -> bool {
        Member::clear_waiting(self.core_mut())
    }

    fn has_peer_died(&self) -> bool {
        self.core().has_peer_died()
    }

    fn is_passed_over(&mut self) {
        Seated::is_passed_over(self.core_mut());
    }

    fn is_served(&mut self) {
        self.core_mut().is_served();
    }

    #[inline(always)]
    fn passed(&self) -> Option<u64> {
        self.core().passed()
    }

    fn home(&self) -> Home<'_> {
        self.core().seat().host().home()
    }

    fn waiting(&self) -> Option<Waiting> {
        Some(self.core().seat().waiting())
    }

    fn awaits_successors(&self) -> bool {
        self.core().seat().waits().awaits_successors()
    }

    fn needs_polling(&self) -> bool {
        self.core().needs_polling()
    }

    fn is_soon(&mut self) -> bool {
        Seated::is_soon(self.core_mut())
    }
}
