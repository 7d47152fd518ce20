//! Every ring between threads, with copies of payloads that are ordinary accesses to memory: a race detector
//! sees them, and reports each one that the ring's words do not order. `.ci/tsan` runs these tests under the
//! thread sanitizer, and `.ci/miri` under Miri, which lets loads see older stores, as weak memory does. The
//! former does so again with single ends of edges made `Relaxed` (`RELAXED_EDGES` names them): then it must
//! report a race. The rings have no header: Miri does not know atomic accesses of several sizes to one place.
//!
//! Not here: what is read while it may be overwritten, and checked afterwards (lossy broadcast, latest
//! values, taps), and the sleep protocol, which rests on fences, which the sanitizer does not know. Models
//! check both (`loom-tests`). Without a sanitizer these tests check that nothing is lost, torn or reordered.

mod others;
mod queues;

use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use ipc_ring::edge::Edge;
use ipc_ring::memory::{Access, Records, Ring, Shape, Slots};
use ipc_ring::platform::{Barrier, Native, Platform};

/// How many messages each test passes; an interpreter takes its time.
const MESSAGES: u64 = if cfg!(miri) { 24 } else { 1_000 };

/// The real machine, with plain copies.
#[derive(Clone, Copy, Debug)]
struct Plain;

// SAFETY: `Native`'s words and fences; a copy is of all bytes. An ordering is weakened for a sanitizer only.
unsafe impl Platform for Plain {
    type U64 = AtomicU64;
    type U32 = AtomicU32;

    fn ordering(edge: Edge) -> Ordering {
        if relaxed().contains(&edge) { Ordering::Relaxed } else { edge.ordering() }
    }

    fn light(barrier: Barrier) {
        Native::light(barrier);
    }

    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error> {
        Native::heavy(barrier)
    }

    fn relax() {
        Native::relax();
    }

    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise, and no other thread is here: the sanitizer checks that.
        unsafe { to.copy_from_nonoverlapping(from, 1) }
    }

    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: as above.
        unsafe { to.copy_from_nonoverlapping(from, 1) }
    }
}

/// The ends of edges that `RELAXED_EDGES` names, with commas in between.
fn relaxed() -> &'static [Edge] {
    static RELAXED: OnceLock<Vec<Edge>> = OnceLock::new();
    RELAXED.get_or_init(|| {
        let names = std::env::var("RELAXED_EDGES").unwrap_or_default();
        let find = |name: &str| Edge::ALL.into_iter().find(|edge| format!("{edge:?}") == name);
        let names = names.split(',').filter(|name| !name.is_empty());
        names.map(|name| find(name).unwrap_or_else(|| panic!("no end of an edge is called {name}"))).collect()
    })
}

/// A ring in memory whose payloads are copied plainly.
#[derive(Clone, Debug)]
struct Seen<M>(M);

// SAFETY: the words and addresses are those of the ring.
unsafe impl<M: Access<Platform = Native>> Access for Seen<M> {
    type Platform = Plain;

    unsafe fn u64_at(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the caller's promise.
        unsafe { self.0.u64_at(offset) }
    }
    unsafe fn u32_at(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.u32_at(offset) }
    }
    unsafe fn with_mut<R>(&self, offset: usize, f: impl FnOnce(*mut u8) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.0.with_mut(offset, f) }
    }
    unsafe fn with<R>(&self, offset: usize, f: impl FnOnce(*const u8) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.0.with(offset, f) }
    }
    unsafe fn store_item<S: Shape>(&self, offset: usize, shape: S, item: &S::Item) {
        let copy = |payload: *mut u8| {
            // SAFETY: the caller's promise: there is a payload of this shape.
            unsafe { shape.copy_in::<Plain>(payload, item) }
        };
        // SAFETY: the caller's promise.
        unsafe { self.0.with_mut(offset, copy) }
    }
    unsafe fn load_item<S: Shape>(&self, offset: usize, shape: S, place: &mut S::Place) {
        let copy = |payload: *const u8| {
            // SAFETY: the caller's promise: there is a payload of this shape.
            unsafe { shape.copy_out::<Plain>(payload, place) }
        };
        // SAFETY: the caller's promise.
        unsafe { self.0.with(offset, copy) }
    }
    unsafe fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        let copy = |to: *mut u8| {
            // SAFETY: as many bytes are payload, as the caller promises.
            unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
        };
        // SAFETY: the caller's promise.
        unsafe { self.0.with_mut(offset, copy) }
    }
    unsafe fn load_bytes(&self, offset: usize, out: &mut [MaybeUninit<u8>]) {
        let copy = |from: *const u8| {
            // SAFETY: as many bytes are payload, as the caller promises.
            unsafe { out.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(from, out.len()) }
        };
        // SAFETY: the caller's promise.
        unsafe { self.0.with(offset, copy) }
    }
}

// SAFETY: that of the ring.
unsafe impl<M: Ring<Platform = Native>> Ring for Seen<M> {
    fn mask(&self) -> u64 {
        self.0.mask()
    }
}

// SAFETY: those of the ring.
unsafe impl<M: Slots<Platform = Native>> Slots for Seen<M> {
    type Shape = M::Shape;
    const OFFSET: usize = M::OFFSET;

    fn shape(&self) -> M::Shape {
        self.0.shape()
    }
}

// SAFETY: those of the ring.
unsafe impl<M: Records<Platform = Native>> Records for Seen<M> {
    const OFFSET: usize = M::OFFSET;
}

/// A message whose parts show whether it is whole.
fn whole(number: u64) -> [u64; 3] {
    [number, !number, number.rotate_left(17)]
}

/// The number of a message.
fn number(message: [u64; 3]) -> u64 {
    assert_eq!(message, whole(message[0]), "torn");
    message[0]
}

/// Repeats a call until it gives something.
fn until<T>(mut call: impl FnMut() -> Option<T>) -> T {
    loop {
        match call() {
            Some(given) => return given,
            None => thread::yield_now(),
        }
    }
}
