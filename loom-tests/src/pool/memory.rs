//! A pool made of loom's types, and the oracle that knows which processes are dead and which channels are
//! gone.

use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use ipc_ring::memory::{Access as _, Field, Of, Role};
use ipc_ring::platform::Word as _;
use ipc_ring::ring::pool::{
    BLOCK_FIELDS, Blocks, CLASS_FIELDS, Class, Classes, Counter, FIELDS, Member, Memory, Route, SEAT_FIELDS,
    Seat, Seats, Sizes, State, Tables, Tag,
};
use loom::sync::atomic::AtomicBool;

use crate::memory::{self, Objects};
use crate::{Word32, Word64, mutation, participants};

/// A mistake of the oracle: a death is visible before everything that the process did.
pub const DEATH_NOT_RELEASED: &str = "pool: a death is not ordered behind what the dead did";
/// A mistake of the oracle: a process that learns of a death does not see everything that the dead process
/// did.
pub const DEATH_NOT_ACQUIRED: &str =
    "pool: a process that learns of a death does not see what the dead one did";

/// Identities that models use.
const IDENTITIES: usize = 6;
/// Bytes from the start of a class's entry to its counters.
const CLASS_COUNTERS: usize = 0x28;
/// The generation of the pool.
pub const GENERATION: u64 = 77;
/// The route of the channel that exists.
pub const THERE: Route = Route::from_words(5, 6);
/// The route of a channel that never existed.
pub const GONE: Route = Route::from_words(8, 9);

/// A pool of one class on the heap; clones share it. Each clone made by [`process`](Heap::process) has its
/// own private words, as a process has.
pub type Heap = memory::Heap<Private>;

/// What one process knows of the pool, and what the kernel knows about all.
#[derive(Clone, Debug)]
pub struct Private {
    class: Class,
    seats: u16,
    /// The number of readers in this process, for each block.
    readers: Rc<Vec<Word32>>,
    /// One for each identity: set by the kernel, after everything that the process did.
    dead: Rc<Vec<AtomicBool>>,
    /// The identities in the seats of lenders.
    lenders: Rc<Vec<Word64>>,
}

impl Private {
    fn new(blocks: u32, seats: usize, lenders: Vec<Word64>) -> Self {
        Self {
            class: Class { size: 64, count: blocks, first: 0 },
            seats: seats as u16,
            readers: private(blocks),
            dead: Rc::new((0..IDENTITIES).map(|_| AtomicBool::new(false)).collect()),
            lenders: Rc::new(lenders),
        }
    }
}

impl Heap {
    /// A pool of this number of blocks, with room for this number of members.
    #[must_use]
    pub fn new(blocks: u32, seats: usize) -> Self {
        Self::with_lenders(blocks, seats, Vec::new(), false)
    }

    /// As `new`, for a tap: the blocks' bytes are words that may be read while they are written. No member
    /// leaves or dies.
    #[must_use]
    pub fn tapped(blocks: u32, seats: usize) -> Self {
        let objects = Self::tables(blocks, seats, true);
        let with_bytes = |all: Objects, block| all.word(bytes_of(block), Word64::contended(0));
        (0..blocks).fold(objects, with_bytes).tapped(Private::new(blocks, seats, Vec::new()))
    }

    /// As `new`, with these seats of lenders. `is_peaceful`: no member leaves or dies.
    #[must_use]
    pub fn with_lenders(blocks: u32, seats: usize, lenders: Vec<Word64>, is_peaceful: bool) -> Self {
        let objects = Self::tables(blocks, seats, is_peaceful);
        let with_bytes = |all: Objects, block| all.payload(bytes_of(block));
        (0..blocks).fold(objects, with_bytes).ring(Private::new(blocks, seats, lenders))
    }

    fn tables(blocks: u32, seats: usize, is_peaceful: bool) -> Objects {
        let word = |field: &Field| match (field.role, field.name) {
            // Written by senders, read by processes that search for lost blocks.
            (_, "route") => Word64::checked(0),
            // Written and read with the other half of the route.
            (_, "segment") => Word64::plain(0),
            (Role::protocol, "identity") if is_peaceful => Word64::still(0),
            (Role::protocol, _) => Word64::contended(0),
            _ => Word64::plain(0),
        };
        let objects = Objects::of(&[FIELDS])
            .entries("classes", CLASS_FIELDS, 1, word)
            .entries("members", SEAT_FIELDS, seats, word)
            .entries("blocks", BLOCK_FIELDS, blocks as usize, word);
        let counters = objects.offset("classes") + CLASS_COUNTERS;
        let with_counter = |all: Objects, number| all.word(counters + 8 * number, Word64::plain(0));
        (0..Counter::COUNT).fold(objects, with_counter)
    }

    /// The pool as another process sees it.
    #[must_use]
    pub fn process(&self) -> Self {
        let mut other = self.clone();
        other.ring.readers = private(self.ring.class.count);
        other
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
        // SAFETY: `new` has made a payload there, and loom has checked that no other thread is there.
        unsafe { self.store_item(bytes_of(block), Of::<u64>::new(), &value) }
    }

    /// Reads a block's bytes.
    #[must_use]
    pub fn read(&self, block: u32) -> u64 {
        let mut value = MaybeUninit::uninit();
        // SAFETY: as in `write`.
        unsafe { self.load_item(bytes_of(block), Of::<u64>::new(), &mut value) };
        // SAFETY: `load_item` fills it.
        unsafe { value.assume_init() }
    }

    /// The kernel's part in a death, after the last instruction.
    pub fn dies(&self, identity: u64) {
        let ordering =
            if mutation::logic(DEATH_NOT_RELEASED) { Ordering::Relaxed } else { Ordering::Release };
        self.ring.dead[identity as usize].store(true, ordering);
    }

    /// The oracle.
    #[must_use]
    pub fn is_alive(&self, identity: u64) -> bool {
        let ordering =
            if mutation::logic(DEATH_NOT_ACQUIRED) { Ordering::Relaxed } else { Ordering::Acquire };
        !self.ring.dead[identity as usize].load(ordering)
    }

    /// How often something happened. Exact once all threads are joined.
    #[must_use]
    pub fn count(&self, counter: Counter) -> u64 {
        self.counter(0, counter).load(Ordering::Relaxed)
    }

    /// The state of a block. Exact once all threads are joined.
    #[must_use]
    pub fn state(&self, block: u32) -> Option<State> {
        Tag::from_raw(self.tag(block).load(Ordering::Acquire)).state()
    }
}

impl participants::Ring for Heap {
    fn seats(&self) -> u16 {
        self.ring.lenders.len() as u16
    }

    fn identity(&self, number: u16) -> &Word64 {
        &self.ring.lenders[usize::from(number)]
    }

    fn mask(&self, offset: usize) -> &Word64 {
        self.word_at(offset)
    }
}

/// The place of a block's bytes: far after the tables of any model.
fn bytes_of(block: u32) -> usize {
    (1 << 20) + 64 * block as usize
}

fn private(blocks: u32) -> Rc<Vec<Word32>> {
    Rc::new((0..blocks).map(|_| Word32::contended(0)).collect())
}

// SAFETY: `new` makes the words of the tables.
unsafe impl Tables for Heap {}
// SAFETY: as above; the numbers never change.
unsafe impl Sizes for Heap {
    fn classes(&self) -> &[Class] {
        std::slice::from_ref(&self.ring.class)
    }

    fn blocks(&self) -> u32 {
        self.ring.class.count
    }
}
// SAFETY: as above.
unsafe impl Classes for Heap {}
// SAFETY: as above, and as many seats as `seats` says.
unsafe impl Seats for Heap {}
// SAFETY: as above.
unsafe impl Blocks for Heap {}

impl Memory for Heap {
    fn generation(&self) -> u64 {
        GENERATION
    }

    fn seats(&self) -> u16 {
        self.ring.seats
    }

    fn readers(&self, block: u32) -> &Word32 {
        &self.ring.readers[block as usize]
    }
}
