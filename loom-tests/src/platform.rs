//! The machine of the models.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use ipc_ring::edge::Edge;
use ipc_ring::platform::{Barrier, Platform, Site, TapOrder};

use crate::mutation::{self, Mutation};
use crate::word::{Word32, Word64};
use crate::{crash, membarrier, phase};

thread_local! {
    static FENCED_LOOKS: Cell<u32> = const { Cell::new(0) };
    static HAS_TAPS: Cell<bool> = const { Cell::new(false) };
    static TAPS_USE_BARRIERS: Cell<bool> = const { Cell::new(false) };
}

/// How many looks that find no waiter the notifiers of the next execution fence.
pub(crate) fn set_fenced_looks(looks: u32) {
    FENCED_LOOKS.set(looks);
}

/// Whether the taps of the next execution call `membarrier` instead of having fences on each side.
pub(crate) fn set_tap_barriers(they: bool) {
    TAPS_USE_BARRIERS.set(they);
}

/// Whether producers have the fences that taps rely on. Only in models with a tap: in others a fence would
/// hide that a release is missing.
pub(crate) fn have_taps(they: bool) {
    HAS_TAPS.set(they);
}

/// The platform made of loom's types. Orderings and barriers go through [`mutation`], crash sites through
/// [`crash`].
#[derive(Clone, Copy, Debug)]
pub struct Loom;

// SAFETY: the words, orderings and fences are loom's, which checks each access to a slot; a mutation weakens
// them so that loom reports it. The copies are of one whole item.
unsafe impl Platform for Loom {
    type U64 = Word64;
    type U32 = Word32;

    fn ordering(edge: Edge) -> Ordering {
        mutation::ordering(edge)
    }

    fn light(barrier: Barrier) {
        if !mutation::is(Mutation::NoLight(barrier)) {
            match barrier {
                Barrier::Asymmetric => membarrier::light(),
                Barrier::Fence => loom::sync::atomic::fence(Ordering::SeqCst),
            }
        }
    }

    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error> {
        if !mutation::is(Mutation::NoHeavy(barrier)) {
            match barrier {
                Barrier::Asymmetric => membarrier::heavy(),
                Barrier::Fence => loom::sync::atomic::fence(Ordering::SeqCst),
            }
        }
        Ok(())
    }

    fn fenced_looks() -> u32 {
        FENCED_LOOKS.get()
    }

    fn relax() {
        loom::thread::yield_now();
    }

    fn tap_order() -> TapOrder {
        match (HAS_TAPS.get(), TAPS_USE_BARRIERS.get()) {
            (false, _) => TapOrder::NoTaps,
            (true, false) => TapOrder::Fences,
            (true, true) => TapOrder::Barriers,
        }
    }

    fn fence(edge: Edge) {
        match Self::ordering(edge) {
            Ordering::Relaxed => {}
            ordering => loom::sync::atomic::fence(ordering),
        }
    }

    fn crash_point(site: Site) {
        phase::enter(site);
        crash::point(site);
    }

    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise; loom's cell has checked that no other thread is at the slot.
        unsafe { to.copy_from_nonoverlapping(from, 1) }
    }

    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: as in `copy_in`.
        unsafe { to.copy_from_nonoverlapping(from, 1) }
    }
}
