//! The channels that carry handles, and whether one still exists.

use std::time::Instant;

use ipc_core::ErrorKind;
use ipc_core::shm::{SharedMemory, ShmId};

use crate::channel::{mpmc, spsc};
use crate::domain::Entry;
use crate::error::Forked;
use crate::layout::{self, Plate};
use crate::region::Region;
use crate::ring::pool::{Handle, Route};

/// The producing end of a channel of handles.
pub trait Outlet {
    /// Why a handle was not pushed.
    type Error: From<Forked>;
    /// Identity of the channel.
    fn route(&self) -> Route;
    /// Pushes a handle, waiting for room.
    ///
    /// # Errors
    /// The channel's. The handle must not be delivered then.
    fn push_handle(&mut self, handle: Handle) -> Result<(), Self::Error>;
}

/// The consuming end of a channel of handles.
pub trait Inlet {
    /// Why nothing was popped.
    type Error;
    /// Gives the next handle to `f`, and pops it when `f` returns; without waiting.
    ///
    /// # Errors
    /// The channel's.
    fn try_take<R>(&mut self, f: impl FnOnce(Handle) -> R) -> Result<R, Self::Error>;
    /// As [`try_take`](Self::try_take), waiting until a deadline, or without end.
    ///
    /// # Errors
    /// The channel's.
    fn take<R>(&mut self, deadline: Option<Instant>, f: impl FnOnce(Handle) -> R) -> Result<R, Self::Error>;
}

/// The route of a channel.
pub(in crate::channel) fn route(entry: &Entry) -> Route {
    Route::from_words(entry.generation, entry.segment.id().as_raw() as u64)
}

/// Makes the ends of a kind such channels.
macro_rules! carries_handles {
    ($kind:ident) => {
        impl Outlet for $kind::Producer<Handle> {
            type Error = $kind::PushError<Handle>;

            #[inline]
            fn route(&self) -> Route {
                self.route()
            }

            #[inline(always)]
            fn push_handle(&mut self, handle: Handle) -> Result<(), Self::Error> {
                self.push(handle)
            }
        }

        impl Inlet for $kind::Consumer<Handle> {
            type Error = $kind::PopError;

            #[inline(always)]
            fn try_take<R>(&mut self, f: impl FnOnce(Handle) -> R) -> Result<R, Self::Error> {
                self.try_take_with(f)
            }

            #[inline(always)]
            fn take<R>(
                &mut self,
                deadline: Option<Instant>,
                f: impl FnOnce(Handle) -> R,
            ) -> Result<R, Self::Error> {
                self.take_with(f, deadline)
            }
        }
    };
}

carries_handles!(spsc);
carries_handles!(mpmc);

/// A function that says whether the memory of a channel still exists, and remembers its answers.
pub(super) fn is_there() -> impl FnMut(Route) -> bool {
    let mut known: Vec<(Route, bool)> = Vec::new();
    move |route| {
        if let Some((_, there)) = known.iter().find(|(other, _)| *other == route) {
            return *there;
        }
        let there = has_memory(route);
        known.push((route, there));
        there
    }
}

/// Whether the memory of a channel still exists, that is, some process has it attached. True when this is
/// unknown.
fn has_memory(route: Route) -> bool {
    let [generation, segment] = route.words();
    let Ok(segment) = i32::try_from(segment) else { return false };
    match SharedMemory::from_id(ShmId::from_raw(segment)).attach_read_only() {
        Ok(attached) => match layout::name_plate(&Region::segment(attached)) {
            Plate::Ring { generation: found, .. } => found == generation,
            Plate::Unfinished | Plate::Foreign => false,
        },
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed | ErrorKind::Invalid),
    }
}
