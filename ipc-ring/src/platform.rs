//! What the algorithms need from the machine, as a trait, so that the same code runs in production and in a
//! model checker.
//!
//! The rings and the sleep protocol are written once, generic over [`Platform`]. [`Native`] is the real
//! machine: core's atomics on words in a segment. The `loom-tests` crate implements the trait with loom's
//! types; there the orderings can be weakened one at a time, which must make a model fail.

use core::fmt::Debug;
use core::sync::atomic::{self, Ordering};

use crate::edge::Edge;
use crate::error::{AttachError, AttachErrorKind};

pub use crate::site::Site;

/// An atomic integer word of one fixed width.
///
/// The methods are those of [`core::sync::atomic`] with the same meaning.
pub trait Word<T>: Send + Sync {
    /// Loads the value.
    fn load(&self, ordering: Ordering) -> T;
    /// Stores a value.
    fn store(&self, value: T, ordering: Ordering);
    /// Stores `new` if the word holds `current`; returns the value found either way.
    ///
    /// # Errors
    /// The value found, if it was not `current`.
    fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T>;
    /// Adds, wrapping; returns the previous value.
    fn fetch_add(&self, value: T, ordering: Ordering) -> T;
    /// Sets bits; returns the previous value.
    fn fetch_or(&self, bits: T, ordering: Ordering) -> T;
    /// Keeps only these bits; returns the previous value.
    fn fetch_and(&self, bits: T, ordering: Ordering) -> T;
}

/// How the race between "publish, then check for a sleeper" and "set the waiting bit, then check again" is
/// closed.
///
/// The scheme is chosen when a ring is created, recorded in its header, and obeyed by every process that
/// attaches: the two sides must use the same scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// In a stream the side that is about to sleep pays: `membarrier` there, a compiler fence on the hot
    /// path. A side that has attached just now, or has found the other one asleep lately, runs a fence
    /// instead, and the other one needs no `membarrier` (see [`fences`](crate::wait::fences)). `membarrier`
    /// orders nothing for a process that is not [registered](ipc_core::barrier::register). A process that
    /// creates or opens such a ring through this library is registered; custom platforms and custom rings
    /// have to ensure it themselves.
    Asymmetric,
    /// Both sides pay a sequentially consistent fence.
    Fence,
}

impl Barrier {
    /// Prepares this process for a ring with this barrier.
    ///
    /// # Errors
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier) when the ring needs it and the kernel refuses
    /// it to this process, which then must not take part.
    pub(crate) fn join(self) -> Result<(), AttachError> {
        match self {
            Barrier::Asymmetric => {
                ipc_core::barrier::register().map_err(|_| AttachErrorKind::NoMembarrier.into())
            }
            Barrier::Fence => Ok(()),
        }
    }
}

/// How the stores of a producer are kept in the order that taps rely on: what is published, or claimed,
/// before what is written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapOrder {
    /// By a fence on each side: where the producer's is no instruction.
    Fences,
    /// By `membarrier` between a tap's copies and their checks, and a compiler fence of the producer. Its
    /// process has to be [registered](ipc_core::barrier::register), as those of channels with
    /// [`Barrier::Asymmetric`] are.
    Barriers,
    /// By nothing: there are no taps.
    NoTaps,
}

/// The machine the algorithms run on.
///
/// # Safety
/// The rings read what `copy_out` has written and pass it to safe user code. So:
///
/// - [`copy_out`](Platform::copy_out) returns only after it has written each byte of the item with some
///   initialised byte, and writes nothing else; [`copy_in`](Platform::copy_in) writes the slot alone.
/// - The words do what [`Word`] says: what is loaded was stored, exchanges are atomic, and an ordering is
///   at least as strong as the one asked for.
/// - [`ordering`](Platform::ordering), [`fence`](Platform::fence), [`light`](Platform::light) and
///   [`heavy`](Platform::heavy) are at least as strong as those of [`Native`]: they decide which side may
///   access a slot. A model checker may weaken them to see a model fail, since it checks each access itself.
///
/// No one accepts this contract by accident: without `unsafe` the implementation does not compile.
///
/// ```compile_fail,E0200
/// use std::sync::atomic::{AtomicU32, AtomicU64};
/// use ipc_ring::platform::{Barrier, Platform};
///
/// #[derive(Clone, Copy, Debug)]
/// struct Lazy;
///
/// impl Platform for Lazy {
///     type U64 = AtomicU64;
///     type U32 = AtomicU32;
///     fn light(_: Barrier) {}
///     fn heavy(_: Barrier) -> Result<(), ipc_core::Error> {
///         Ok(())
///     }
///     fn relax() {}
///     unsafe fn copy_in<T: Copy>(_: *mut T, _: *const T) {}
///     unsafe fn copy_out<T: Copy>(_: *mut T, _: *const T) {} // What is popped was never written.
/// }
/// ```
pub unsafe trait Platform: Copy + Debug + Send + Sync + 'static {
    /// A 64-bit atomic word.
    type U64: Word<u64> + Debug;
    /// A 32-bit atomic word.
    type U32: Word<u32> + Debug;

    /// The ordering to use at one named end of an edge.
    #[inline(always)]
    fn ordering(edge: Edge) -> Ordering {
        edge.ordering()
    }

    /// The hot side's half of the barrier pair: a compiler fence when asymmetric.
    fn light(barrier: Barrier);

    /// The sleeper's half of the barrier pair: a system call when asymmetric.
    ///
    /// # Errors
    /// When that call is refused, by a sandbox set up after the ring was opened. No fence on this side can
    /// replace it, because the hot side has none, so what is read after it proves nothing.
    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error>;

    /// How many looks that find no waiter a notifier [fences](crate::wait::fences) before it leaves the
    /// barrier to the waiters; 0: it leaves it to them always.
    #[must_use]
    #[inline(always)]
    fn fenced_looks() -> u32 {
        64
    }

    /// One step of a spin loop.
    fn relax();

    /// The fence of an edge end that is not a single access.
    #[inline(always)]
    fn fence(edge: Edge) {
        atomic::fence(Self::ordering(edge));
    }

    /// How the stores of a producer are kept in the order that a [tap](crate::ring::spsc::Tap) relies on.
    #[must_use]
    #[inline(always)]
    fn tap_order() -> TapOrder {
        TapOrder::Fences
    }

    /// The producer's half of that order.
    #[inline(always)]
    fn fence_for_taps(edge: Edge) {
        match Self::tap_order() {
            TapOrder::Fences => Self::fence(edge),
            TapOrder::Barriers => Self::light(Barrier::Asymmetric),
            TapOrder::NoTaps => {}
        }
    }

    /// The tap's half: what it has copied before is compared after it with what the producer stored.
    ///
    /// # Errors
    /// Those of [`heavy`](Self::heavy), with [`TapOrder::Barriers`]: then nothing is known of the copy.
    #[inline(always)]
    fn order_for_taps(edge: Edge) -> Result<(), ipc_core::Error> {
        match Self::tap_order() {
            TapOrder::Barriers => Self::heavy(Barrier::Asymmetric),
            _ => {
                Self::fence(edge);
                Ok(())
            }
        }
    }

    /// A place where a test may kill the process.
    #[inline(always)]
    fn crash_point(_site: Site) {}

    /// Copies an item into shared memory.
    ///
    /// # Safety
    /// `to` is valid for `size_of::<T>()` bytes, aligned to 8, and no other side writes it now; `from` is a
    /// valid item that does not overlap it.
    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T);

    /// Copies an item out of shared memory.
    ///
    /// # Safety
    /// `from` is valid for `size_of::<T>()` bytes and aligned to 8; `to` is private memory for one item.
    /// For a `T` that does not accept every bit pattern the peer must be trusted.
    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T);
}

/// The real machine: core's atomics, `membarrier`, the CPU's pause instruction.
#[derive(Clone, Copy, Debug)]
pub struct Native;

// SAFETY: the words and fences are core's, the orderings those of the edges; `copy::load` writes each byte
// of the item, `copy::store` each byte of the slot, and nothing else.
unsafe impl Platform for Native {
    type U64 = atomic::AtomicU64;
    type U32 = atomic::AtomicU32;

    #[inline(always)]
    fn light(barrier: Barrier) {
        match barrier {
            Barrier::Asymmetric => ipc_core::barrier::light(),
            Barrier::Fence => atomic::fence(Ordering::SeqCst),
        }
    }

    #[inline]
    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error> {
        match barrier {
            Barrier::Asymmetric => ipc_core::barrier::heavy(),
            Barrier::Fence => {
                atomic::fence(Ordering::SeqCst);
                Ok(())
            }
        }
    }

    /// Fences on architectures that make stores visible in program order.
    #[inline(always)]
    fn tap_order() -> TapOrder {
        #[cfg(feature = "fault-injection")]
        if crate::fault::are_stores_unordered() {
            return TapOrder::Barriers;
        }
        if cfg!(any(target_arch = "x86_64", target_arch = "x86")) {
            TapOrder::Fences
        } else {
            TapOrder::Barriers
        }
    }

    #[inline(always)]
    fn relax() {
        core::hint::spin_loop();
    }

    #[cfg(feature = "fault-injection")]
    #[inline]
    fn crash_point(site: Site) {
        crate::fault::crash_point(site);
    }

    #[inline(always)]
    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise is this function's own.
        unsafe { crate::copy::store(to.cast(), from.cast(), size_of::<T>()) }
    }

    #[inline(always)]
    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise is this function's own.
        unsafe { crate::copy::load(to.cast(), from.cast(), size_of::<T>()) }
    }
}

macro_rules! word {
    ($atomic:ty, $integer:ty) => {
        impl Word<$integer> for $atomic {
            #[inline(always)]
            fn load(&self, ordering: Ordering) -> $integer {
                self.load(ordering)
            }
            #[inline(always)]
            fn store(&self, value: $integer, ordering: Ordering) {
                self.store(value, ordering);
            }
            #[inline(always)]
            fn compare_exchange(
                &self,
                current: $integer,
                new: $integer,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$integer, $integer> {
                self.compare_exchange(current, new, success, failure)
            }
            #[inline(always)]
            fn fetch_add(&self, value: $integer, ordering: Ordering) -> $integer {
                self.fetch_add(value, ordering)
            }
            #[inline(always)]
            fn fetch_or(&self, bits: $integer, ordering: Ordering) -> $integer {
                self.fetch_or(bits, ordering)
            }
            #[inline(always)]
            fn fetch_and(&self, bits: $integer, ordering: Ordering) -> $integer {
                self.fetch_and(bits, ordering)
            }
        }
    };
}

word!(atomic::AtomicU64, u64);
word!(atomic::AtomicU32, u32);
