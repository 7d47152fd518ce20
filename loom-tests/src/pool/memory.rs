//! A pool made of loom's objects, and the oracle that knows who is dead and which channels are gone.

use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ipc_ring::platform::{Platform, Word as _};
use ipc_ring::ring::pool::{Class, Counter, Member, Memory, Route, Seat, State, Tag, recovery};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;

use crate::{Loom, Word32, Word64, mutation};

/// A mistake of the oracle: that a process died is known before all it did.
pub const DEATH_NOT_RELEASED: &str = "pool: a death is not ordered behind what the dead did";
/// A mistake of the oracle: who learns of a death does not see all that the dead did.
pub const DEATH_NOT_ACQUIRED: &str = "pool: who learns of a death does not see what the dead did";

/// Identities that models use.
const IDENTITIES: usize = 6;
/// The generation of the pool.
pub const GENERATION: u64 = 77;
/// The route of the channel that is there.
pub const THERE: Route = Route::from_words(5, 6);
/// The route of a channel that was never there.
pub const GONE: Route = Route::from_words(8, 9);

/// A pool of one class on the heap; clones share it. Each clone made by [`process`](Heap::process) has its own private
/// words, as a process has.
#[derive(Clone, Debug)]
pub struct Heap {
    shared: Rc<Shared>,
    /// How many readers this process has, for each block.
    readers: Rc<Vec<Word32>>,
}

#[derive(Debug)]
struct Shared {
    class: Class,
    blocks: Vec<Block>,
    seats: Vec<Word64>,
    touched: Word64,
    /// One for each identity: raised by the kernel, after everything its process did.
    dead: Vec<AtomicBool>,
    // Nothing depends on these.
    counters: [Word64; Counter::COUNT],
}

#[derive(Debug)]
struct Block {
    tag: Word64,
    route: [Word64; 2],
    loans: Word64,
    generations: Word64,
    /// Loom reports two threads here at a time, and one that comes without having synchronised with the other.
    bytes: UnsafeCell<u64>,
}

impl Heap {
    /// A pool of so many blocks, with room for so many members.
    #[must_use]
    pub fn new(blocks: u32, seats: usize) -> Self {
        let block = || Block {
            tag: Word64::contended(0),
            // Written by whoever sends, read by who looks for lost blocks.
            route: [Word64::checked(0), Word64::plain(0)],
            loans: Word64::plain(0),
            generations: Word64::contended(0),
            bytes: UnsafeCell::new(0),
        };
        let shared = Shared {
            class: Class { size: 64, count: blocks, first: 0 },
            blocks: (0..blocks).map(|_| block()).collect(),
            seats: (0..seats).map(|_| Word64::contended(0)).collect(),
            touched: Word64::plain(0),
            dead: (0..IDENTITIES).map(|_| AtomicBool::new(false)).collect(),
            counters: [const { Word64::plain(0) }; Counter::COUNT],
        };
        Self { readers: private(blocks), shared: Rc::new(shared) }
    }

    /// The pool as another process has it.
    #[must_use]
    pub fn process(&self) -> Self {
        Self { shared: Rc::clone(&self.shared), readers: private(self.shared.class.count) }
    }

    /// Takes a seat as a process of this identity.
    #[must_use]
    pub fn member(&self, identity: u64) -> Member<Self> {
        self.try_member(identity).expect("a free seat")
    }

    /// Takes a seat, if one is free.
    #[must_use]
    pub fn try_member(&self, identity: u64) -> Option<Member<Self>> {
        let process = self.process();
        let seat = Seat::take(&process, NonZeroU64::new(identity).expect("not 0")).ok()?;
        Some(Member::new(process, seat))
    }

    /// Writes a block's bytes.
    pub fn write(&self, block: u32, value: u64) {
        // SAFETY: loom has checked that no other thread is there.
        self.shared.blocks[block as usize].bytes.with_mut(|bytes| unsafe { *bytes = value });
    }

    /// Reads a block's bytes.
    #[must_use]
    pub fn read(&self, block: u32) -> u64 {
        // SAFETY: as in `write`.
        self.shared.blocks[block as usize].bytes.with(|bytes| unsafe { *bytes })
    }

    /// The kernel's part in a death, after the last instruction.
    pub fn dies(&self, identity: u64) {
        let ordering =
            if mutation::logic(DEATH_NOT_RELEASED) { Ordering::Relaxed } else { Ordering::Release };
        self.shared.dead[identity as usize].store(true, ordering);
    }

    /// The oracle.
    #[must_use]
    pub fn is_alive(&self, identity: u64) -> bool {
        let ordering =
            if mutation::logic(DEATH_NOT_ACQUIRED) { Ordering::Relaxed } else { Ordering::Acquire };
        !self.shared.dead[identity as usize].load(ordering)
    }

    /// One run of the recovery.
    pub fn recover(&self) -> recovery::Report {
        super::reapers::recover(self)
    }

    /// How often something happened. Exact when all threads are joined.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.counter(0, counter).load(Ordering::Relaxed)
    }

    /// What a block is. Exact when all threads are joined.
    #[must_use]
    pub fn state(&self, block: u32) -> Option<State> {
        Tag::from_raw(self.tag(block).load(Ordering::Acquire)).state()
    }
}

fn private(blocks: u32) -> Rc<Vec<Word32>> {
    Rc::new((0..blocks).map(|_| Word32::contended(0)).collect())
}

impl Memory for Heap {
    type Platform = Loom;

    fn generation(&self) -> u64 {
        GENERATION
    }

    fn classes(&self) -> &[Class] {
        std::slice::from_ref(&self.shared.class)
    }

    fn seats(&self) -> u16 {
        self.shared.seats.len() as u16
    }

    fn tag(&self, block: u32) -> &<Loom as Platform>::U64 {
        &self.shared.blocks[block as usize].tag
    }

    fn route(&self, block: u32) -> [&Word64; 2] {
        self.shared.blocks[block as usize].route.each_ref()
    }

    fn generations(&self, block: u32) -> &Word64 {
        &self.shared.blocks[block as usize].generations
    }

    fn loans(&self, block: u32) -> &Word64 {
        &self.shared.blocks[block as usize].loans
    }

    fn touched(&self, _class: usize) -> &Word64 {
        &self.shared.touched
    }

    fn seat(&self, number: u16) -> &Word64 {
        &self.shared.seats[usize::from(number)]
    }

    fn counter(&self, _class: usize, counter: Counter) -> &Word64 {
        &self.shared.counters[counter as usize]
    }

    fn readers(&self, block: u32) -> &Word32 {
        &self.readers[block as usize]
    }
}
