//! What the algorithms need from the machine, as a trait, so that the same code runs in production and in a model
//! checker.
//!
//! The rings and the sleep protocol are written once, generic over [`Platform`]. [`Native`] is the real machine:
//! core's atomics on words that lie in a segment. The `loom-tests` crate implements the trait with loom's types; there
//! the orderings can be weakened one at a time, which must make a model fail.

use core::fmt::Debug;
use core::sync::atomic::{self, Ordering};

use crate::edge::Edge;
use crate::error::{AttachError, AttachErrorKind};

/// An atomic integer word of one fixed width.
///
/// The methods are those of [`core::sync::atomic`] with the same meaning.
pub trait Word<T>: Send + Sync {
    /// Loads the value.
    fn load(&self, ordering: Ordering) -> T;
    /// Stores a value.
    fn store(&self, value: T, ordering: Ordering);
    /// Stores `new` if the word holds `current`; gives the value found either way.
    ///
    /// # Errors
    /// The value found, when it was not `current`.
    fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T>;
    /// Adds, wrapping; gives the value before.
    fn fetch_add(&self, value: T, ordering: Ordering) -> T;
    /// Sets bits; gives the value before.
    fn fetch_or(&self, bits: T, ordering: Ordering) -> T;
    /// Keeps only these bits; gives the value before.
    fn fetch_and(&self, bits: T, ordering: Ordering) -> T;
}

/// How the race between "publish, then look for a sleeper" and "announce, then look again" is closed.
///
/// The scheme is chosen when a ring is created, recorded in its header, and obeyed by everybody who attaches: the two
/// sides must use the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// The side that is about to sleep pays: `membarrier` there, a compiler fence on the hot path. It orders nothing for a process that
    /// is not [registered](ipc_core::barrier::register). Whoever makes or opens a ring with it through this library is; each platform and each
    /// ring of one's own has to see to that.
    Asymmetric,
    /// Both sides pay: a sequentially consistent fence each.
    Fence,
}

impl Barrier {
    /// Prepares this process for a ring with this barrier.
    ///
    /// # Errors
    /// [`NoMembarrier`](crate::AttachErrorKind::NoMembarrier) when the ring needs it and the kernel refuses
    /// it to this process, which must not take part then.
    pub(crate) fn join(self) -> Result<(), AttachError> {
        match self {
            Barrier::Asymmetric => {
                ipc_core::barrier::register().map_err(|_| AttachErrorKind::NoMembarrier.into())
            }
            Barrier::Fence => Ok(()),
        }
    }
}

/// A place in an algorithm at which a process may be killed by a test.
///
/// The sites have no effect in production. Models unwind there; the `fault-injection` feature raises SIGKILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Site {
    /// spsc: the payload is written, the sequence word is not.
    SpscPayloadWritten = 1,
    /// spsc: the sequence word is stored, nobody has been woken yet.
    SpscPublished = 2,
    /// spsc: the payload is copied out, the consumed position is not stored.
    SpscPayloadRead = 3,
    /// spsc: the consumed position is stored, the head is not published yet.
    SpscConsumed = 4,
    /// waiting: the waiting bit is set, the condition is not looked at again yet.
    WaitAnnounced = 5,
    /// waiting: the waiting bit has been taken, no token is posted yet.
    WaitTaken = 6,
    /// waiting: a consumer has said what it is about to give back, and has not looked whether anybody waits for it.
    WaitGiving = 7,
    /// waiting: the mask's bit of a sleeper has been taken, its waiting bit has not.
    WaitMaskTaken = 8,
    /// bytes: the payload is written and the header behind it cleared, nothing is published.
    BytesWritten = 20,
    /// bytes: a frame that follows a padding has its header, the padding has none.
    BytesWrapped = 21,
    /// bytes: the frame is published, nobody has been woken yet.
    BytesPublished = 22,
    /// bytes: the payload is copied out, the consumed position is not stored.
    BytesRead = 23,
    /// bytes: the consumed position is stored, the head is not published yet.
    BytesConsumed = 24,
    /// mpmc: the seat is taken, nothing else.
    MpmcSeated = 40,
    /// mpmc: the slot is claimed for writing, the payload is not written.
    MpmcClaimed = 41,
    /// mpmc: the payload is written, the slot is not published.
    MpmcWritten = 42,
    /// mpmc: the slot is published, the tail is not stored.
    MpmcPublished = 43,
    /// mpmc: the tail is stored, nobody has been woken yet.
    MpmcPushed = 44,
    /// mpmc: an element is claimed, its payload is not read.
    MpmcTaken = 45,
    /// mpmc: an orphan is claimed, its payload is not read.
    MpmcOrphanTaken = 46,
    /// mpmc: the payload is read, the slot is not released.
    MpmcCopied = 47,
    /// mpmc: the slot is released, the head is not stored.
    MpmcReleased = 48,
    /// mpmc: the head is stored, nobody has been woken yet.
    MpmcPopped = 49,
    /// mpmc: a slot that holds nothing is freed.
    MpmcSkipped = 50,
    /// mpmc: a slot is taken out of dead hands, consumers are not told.
    MpmcRepaired = 51,
    /// mpmc: all slots are out of dead hands, the orphan generation is not raised.
    MpmcSwept = 52,
    /// mpmc: the orphan generation is raised, the seat is not free.
    MpmcAnnounced = 53,
    /// mpmc: the ring is marked closed, nobody has been woken yet.
    MpmcCloseSet = 54,
    /// control: the key of a queue is written down, the queue is not made.
    ControlQueueNoted = 120,
    /// control: the queue is made, its identifier is not written down.
    ControlQueueMade = 121,
    /// control: a client has its rings and its queue, and has said nothing.
    ControlPrepared = 122,
    /// control: a client has said hello.
    ControlGreeted = 123,
    /// control: a client has its challenge and has not answered.
    ControlChallenged = 124,
    /// control: a client has answered its challenge.
    ControlProved = 125,
    /// control: a client is welcome and has not said that it is ready.
    ControlWelcomed = 126,
    /// control: a client has said that it is ready.
    ControlReady = 127,
    /// control: a server has its queue, its name is not in the directory.
    ControlBinding = 128,
    /// control: a server has sent a challenge.
    ControlChallenging = 129,
    /// control: a server has taken its seats, the client is not welcomed.
    ControlAdmitting = 130,
    /// control: a server has welcomed a client.
    ControlWelcoming = 131,
    /// domain: the key of a segment is written down, the segment is not made.
    DomainSegmentNoted = 180,
    /// domain: the segment is made, and not attached.
    DomainSegmentMade = 181,
    /// domain: the segment is attached, and not marked for removal.
    DomainSegmentAttached = 182,
    /// domain: the segment is marked for removal, the note is still there.
    DomainSegmentMarked = 183,
    /// domain: the set of semaphores is made, nothing has been done with it.
    DomainSetMade = 184,
    /// domain: the set of semaphores bears the mark of a domain, there is no segment.
    DomainSetMarked = 185,
    /// domain: the segment is made, and empty.
    DomainTablesMade = 186,
    /// domain: the tables are about to be filled.
    DomainTablesCleared = 187,
    /// domain: the process has its slot, nothing else.
    DomainSlotTaken = 188,
    /// domain: the process has given its slot back.
    DomainLeft = 189,
    /// domain: the segment is removed, the set of semaphores is not.
    DomainTablesRemoved = 190,
    /// domain: the segment that stands for the program is made, under a key, and not attached.
    DomainImageMade = 191,
    /// domain: that segment is attached, and not marked for removal.
    DomainImageAttached = 192,
    /// domain: the lock is taken, nothing has been done with it.
    DomainLocked = 193,
    /// domain: the image and the generation of a new member are written, its token is not raised.
    DomainSlotNamed = 194,
    /// domain: the token of a new member is raised, its slot is not live.
    DomainSlotRaised = 195,
    /// broadcast: a subscriber has its seat, and no cursor yet.
    BroadcastSeated = 100,
    /// broadcast: a subscriber has its cursor, and has read nothing.
    BroadcastJoined = 101,
    /// broadcast: the payload is written, the sequence word is not.
    BroadcastWritten = 102,
    /// broadcast: the sequence word is stored, the tail is not and nobody has been woken.
    BroadcastPublished = 103,
    /// broadcast: the floor is raised, nothing is written above it yet.
    BroadcastRaised = 104,
    /// broadcast: the payload is copied out, the cursor is not stored.
    BroadcastRead = 105,
    /// broadcast: the cursor is stored, a publisher that waits is not woken.
    BroadcastConsumed = 106,
    /// latest: the slot is marked, nothing of the value is written.
    LatestBusy = 80,
    /// latest: the value is written, the slot is not ready.
    LatestWritten = 81,
    /// latest: the slot is ready, the journal does not say so.
    LatestPublished = 82,
    /// latest: the journal's entry is written, the count of changes is not stored.
    LatestNoted = 83,
    /// latest: all is stored, nobody has been woken yet.
    LatestCounted = 84,
    /// call: the caller has its copy of the request, the line is as it was.
    CallKept = 160,
    /// call: the request is in the line, the word does not say so.
    CallWritten = 161,
    /// call: the word asks, nobody has been woken yet.
    CallAsked = 162,
    /// call: the request is taken, nothing is answered.
    CallTaken = 163,
    /// call: the reply is in the line, over the request; the word does not say so.
    CallAnswered = 164,
    /// call: the word says so, nobody has been woken yet.
    CallReplied = 165,
    /// pool: the seat is taken, nothing else.
    PoolSeated = 140,
    /// pool: the block is lent, nothing is written.
    PoolLoaned = 141,
    /// pool: the block is offered, its handle is not pushed.
    PoolOffered = 142,
    /// pool: the handle is pushed, the block is not marked as sent.
    PoolPushed = 143,
    /// pool: the block is marked as sent.
    PoolSent = 144,
    /// pool: the block is taken, its handle is still in the channel.
    PoolTaken = 145,
    /// pool: the member shares the block, its reader is not counted.
    PoolJoined = 146,
    /// pool: the block is let go.
    PoolReleased = 147,
    /// pool: a block is taken out of dead hands.
    PoolRepaired = 148,
    /// pool: all blocks are out of dead hands, the seat is not free.
    PoolSwept = 149,
    /// pool: a block whose channel is gone is free.
    PoolReclaimed = 150,
    /// pool: a channel has the block, its publisher has let it go.
    PoolPublished = 151,
    /// pool: a block is taken out of its channel.
    PoolWithdrawn = 152,
}

impl Site {
    /// Every site, for tests that visit them all.
    pub const ALL: [Site; 87] = [
        Site::SpscPayloadWritten,
        Site::SpscPublished,
        Site::SpscPayloadRead,
        Site::SpscConsumed,
        Site::WaitAnnounced,
        Site::WaitTaken,
        Site::WaitGiving,
        Site::WaitMaskTaken,
        Site::BytesWritten,
        Site::BytesWrapped,
        Site::BytesPublished,
        Site::BytesRead,
        Site::BytesConsumed,
        Site::MpmcSeated,
        Site::MpmcClaimed,
        Site::MpmcWritten,
        Site::MpmcPublished,
        Site::MpmcPushed,
        Site::MpmcTaken,
        Site::MpmcOrphanTaken,
        Site::MpmcCopied,
        Site::MpmcReleased,
        Site::MpmcPopped,
        Site::MpmcSkipped,
        Site::MpmcRepaired,
        Site::MpmcSwept,
        Site::MpmcAnnounced,
        Site::MpmcCloseSet,
        Site::ControlQueueNoted,
        Site::ControlQueueMade,
        Site::ControlPrepared,
        Site::ControlGreeted,
        Site::ControlChallenged,
        Site::ControlProved,
        Site::ControlWelcomed,
        Site::ControlReady,
        Site::ControlBinding,
        Site::ControlChallenging,
        Site::ControlAdmitting,
        Site::ControlWelcoming,
        Site::DomainSegmentNoted,
        Site::DomainSegmentMade,
        Site::DomainSegmentAttached,
        Site::DomainSegmentMarked,
        Site::DomainSetMade,
        Site::DomainSetMarked,
        Site::DomainTablesMade,
        Site::DomainTablesCleared,
        Site::DomainSlotTaken,
        Site::DomainLeft,
        Site::DomainTablesRemoved,
        Site::DomainImageMade,
        Site::DomainImageAttached,
        Site::DomainLocked,
        Site::DomainSlotNamed,
        Site::DomainSlotRaised,
        Site::BroadcastSeated,
        Site::BroadcastJoined,
        Site::BroadcastWritten,
        Site::BroadcastPublished,
        Site::BroadcastRaised,
        Site::BroadcastRead,
        Site::BroadcastConsumed,
        Site::LatestBusy,
        Site::LatestWritten,
        Site::LatestPublished,
        Site::LatestNoted,
        Site::LatestCounted,
        Site::CallKept,
        Site::CallWritten,
        Site::CallAsked,
        Site::CallTaken,
        Site::CallAnswered,
        Site::CallReplied,
        Site::PoolSeated,
        Site::PoolLoaned,
        Site::PoolOffered,
        Site::PoolPushed,
        Site::PoolSent,
        Site::PoolTaken,
        Site::PoolJoined,
        Site::PoolReleased,
        Site::PoolRepaired,
        Site::PoolSwept,
        Site::PoolReclaimed,
        Site::PoolPublished,
        Site::PoolWithdrawn,
    ];
}

/// The machine the algorithms run on.
///
/// # Safety
/// The rings read what `copy_out` has written, and hand it to their users, in code that is safe for them. So:
///
/// - [`copy_out`](Platform::copy_out) returns only after it has written each byte of the item with some initialised byte, and writes
///   nothing else; [`copy_in`](Platform::copy_in) writes the slot alone.
/// - The words do what [`Word`] says: what is loaded was stored, exchanges are atomic, and an ordering is at least as strong as the one asked for.
/// - [`ordering`](Platform::ordering), [`fence`](Platform::fence), [`light`](Platform::light) and [`heavy`](Platform::heavy) are at
///   least as strong as those of [`Native`]: who may touch a slot is settled by them. A model checker may weaken them to see a model
///   fail, since it checks each access itself.
///
/// Nobody takes that on by accident: without `unsafe` this does not compile.
///
/// ```compile_fail
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
///     fn heavy(_: Barrier) {}
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
    /// When that call was refused: a sandbox that came after the ring was opened. No fence of this side's stands in for it, as the hot
    /// side has none, so what is read behind it says nothing.
    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error>;

    /// One step of a spin loop.
    fn relax();

    /// The fence of an edge whose end is no single access.
    #[inline(always)]
    fn fence(edge: Edge) {
        atomic::fence(Self::ordering(edge));
    }

    /// A place where a test may end the process.
    #[inline(always)]
    fn crash_point(_site: Site) {}

    /// Copies an item into shared memory.
    ///
    /// # Safety
    /// `to` is valid for `size_of::<T>()` bytes, aligned to 8, and nobody but this side writes it now; `from` is a
    /// valid item that does not overlap it.
    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T);

    /// Copies an item out of shared memory.
    ///
    /// # Safety
    /// `from` is valid for `size_of::<T>()` bytes and aligned to 8; `to` is private memory for one item. For a `T`
    /// that does not accept every bit pattern the peer must be trusted.
    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T);
}

/// The real machine: core's atomics, `membarrier`, the CPU's pause instruction.
#[derive(Clone, Copy, Debug)]
pub struct Native;

// SAFETY: the words and fences are core's, the orderings those of the edges; `copy::load` writes each byte of the item, `copy::store` each
// byte of the slot, and nothing else.
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
