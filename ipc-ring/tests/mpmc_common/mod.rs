//! An mpmc ring in heap memory whose ends may die at a named place: the algorithm is the one of production,
//! the platform unwinds where the fault-injection feature would raise SIGKILL.
#![allow(dead_code, reason = "each test file uses a part")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ipc_ring::Region;
use ipc_ring::memory::{self, Access, Of, Ring, Slots};
use ipc_ring::platform::{Barrier, Native, Platform, Site};
use ipc_ring::ring::mpmc::{Consumer, Counter, Mapped, Memory, Producer, Seat, Seats, Words, recovery};

thread_local! {
    static ARMED: Cell<Option<(Site, u32)>> = const { Cell::new(None) };
}

struct Killed;

/// The real machine, with deaths.
#[derive(Clone, Copy, Debug)]
pub struct Mortal;

// SAFETY: all of it is `Native`'s, except for the deaths, which unwind.
unsafe impl Platform for Mortal {
    type U64 = AtomicU64;
    type U32 = AtomicU32;

    fn light(barrier: Barrier) {
        Native::light(barrier);
    }

    fn heavy(barrier: Barrier) -> Result<(), ipc_core::Error> {
        Native::heavy(barrier)
    }

    fn relax() {
        Native::relax();
    }

    fn crash_point(site: Site) {
        match ARMED.get() {
            Some((armed, 0)) if armed == site => {
                ARMED.set(None);
                resume_unwind(Box::new(Killed));
            }
            Some((armed, spared)) if armed == site => ARMED.set(Some((armed, spared - 1))),
            _ => {}
        }
    }

    unsafe fn copy_in<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise.
        unsafe { Native::copy_in(to, from) }
    }

    unsafe fn copy_out<T: Copy>(to: *mut T, from: *const T) {
        // SAFETY: the caller's promise.
        unsafe { Native::copy_out(to, from) }
    }
}

/// Runs `life` until it reaches `site` for the `visit`th time, counted from 0. True when it died there.
pub fn dies_at(site: Site, visit: u32, life: impl FnOnce()) -> bool {
    ARMED.set(Some((site, visit)));
    let outcome = catch_unwind(AssertUnwindSafe(life));
    ARMED.set(None);
    match outcome {
        Ok(()) => false,
        Err(payload) if payload.is::<Killed>() => true,
        Err(payload) => resume_unwind(payload),
    }
}

/// The ring, and the ends that are alive.
#[derive(Clone, Debug)]
pub struct Heap {
    ring: Mapped<u64>,
    endpoints: u16,
    lap_bits: u32,
    max_attempts: u32,
    dead: Arc<Mutex<BTreeSet<u64>>>,
    next: Arc<AtomicU64>,
}

impl Heap {
    pub fn new(capacity: u64) -> Self {
        Self::with(capacity, 256, 46, 15)
    }

    pub fn with(capacity: u64, endpoints: u16, lap_bits: u32, max_attempts: u32) -> Self {
        let geometry = Mapped::<u64>::geometry(capacity).unwrap();
        let ring = Mapped::new(Region::heap(geometry.total_size()), &geometry).unwrap();
        let next = Arc::new(AtomicU64::new(1));
        Self { ring, endpoints, lap_bits, max_attempts, dead: Arc::default(), next }
    }

    pub fn starting_at(self, position: u64) -> Self {
        assert_eq!(self.lap_bits, 46, "the mapped ring knows only full laps");
        self.ring.start_at(position);
        self
    }

    /// An identity that no process had before.
    pub fn identity(&self) -> NonZeroU64 {
        NonZeroU64::new(self.next.fetch_add(1, Ordering::Relaxed)).unwrap()
    }

    pub fn producer_of(&self, identity: NonZeroU64) -> Producer<Self> {
        Producer::attach(self.clone(), Seat::take(self, identity).unwrap())
    }

    pub fn consumer_of(&self, identity: NonZeroU64) -> Consumer<Self> {
        Consumer::attach(self.clone(), Seat::take(self, identity).unwrap())
    }

    pub fn producer(&self) -> Producer<Self> {
        self.producer_of(self.identity())
    }

    pub fn consumer(&self) -> Consumer<Self> {
        self.consumer_of(self.identity())
    }

    pub fn die(&self, identity: NonZeroU64) {
        self.dead.lock().unwrap().insert(identity.get());
    }

    pub fn is_alive(&self, identity: u64) -> bool {
        !self.dead.lock().unwrap().contains(&identity)
    }

    pub fn recover(&self) -> recovery::Report {
        recovery::recover(self, |identity| self.is_alive(identity))
    }

    pub fn count(&self, counter: Counter) -> u64 {
        self.counter(counter).load(Ordering::Relaxed)
    }

    pub fn seats_taken(&self) -> usize {
        (0..self.endpoints)
            .filter(|number| Seats::identity(self, *number).load(Ordering::Relaxed) != 0)
            .count()
    }
}

// SAFETY: everything is passed on to the mapped ring, which keeps the promise.
unsafe impl Access for Heap {
    type Platform = Mortal;

    unsafe fn u64_at(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the caller's promise.
        unsafe { self.ring.u64_at(offset) }
    }

    unsafe fn u32_at(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the caller's promise.
        unsafe { self.ring.u32_at(offset) }
    }

    unsafe fn with_mut<R>(&self, offset: usize, f: impl FnOnce(*mut u8) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.ring.with_mut(offset, f) }
    }

    unsafe fn with<R>(&self, offset: usize, f: impl FnOnce(*const u8) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.ring.with(offset, f) }
    }

    unsafe fn store_item<S: memory::Shape>(&self, offset: usize, shape: S, item: &S::Item) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.store_item(offset, shape, item) }
    }

    unsafe fn load_item<S: memory::Shape>(&self, offset: usize, shape: S, place: &mut S::Place) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.load_item(offset, shape, place) }
    }

    unsafe fn store_bytes(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.store_bytes(offset, bytes) }
    }

    unsafe fn load_bytes(&self, offset: usize, out: &mut [MaybeUninit<u8>]) {
        // SAFETY: the caller's promise.
        unsafe { self.ring.load_bytes(offset, out) }
    }
}

// SAFETY: as above.
unsafe impl Words for Heap {}
// SAFETY: as above.
unsafe impl Seats for Heap {}

// SAFETY: as above.
unsafe impl Ring for Heap {
    fn mask(&self) -> u64 {
        self.ring.mask()
    }
}

// SAFETY: as above.
unsafe impl Slots for Heap {
    type Shape = Of<u64>;
    const OFFSET: usize = <Mapped<u64> as Slots>::OFFSET;

    fn shape(&self) -> Of<u64> {
        self.ring.shape()
    }
}

impl Memory for Heap {
    fn endpoints(&self) -> u16 {
        self.endpoints
    }

    fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    fn lap_bits(&self) -> u32 {
        self.lap_bits
    }
}

/// Ends the whole program after five minutes: a hang is a failure, not a wait.
pub fn watchdog() {
    static STARTED: std::sync::Once = std::sync::Once::new();
    STARTED.call_once(|| {
        std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_secs(300));
            eprintln!("the watchdog ended this test program: something hangs");
            std::process::abort();
        });
    });
}
