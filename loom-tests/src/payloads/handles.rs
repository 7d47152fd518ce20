//! A broadcast ring of handles, made of the one of pairs of numbers.

use std::mem::MaybeUninit;

use ipc_ring::ring::broadcast::Memory;
use ipc_ring::ring::pool::Handle;

use crate::broadcast::Heap;
use crate::broadcast::memory::{Front, Shape};
use crate::pool::memory::GENERATION;
use crate::{Loom, Word64};

/// A ring of handles on the heap; clones share it.
#[derive(Clone, Debug)]
pub struct Handles(pub Heap);

impl Handles {
    /// An empty ring.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self(Heap::new(shape))
    }
}

// SAFETY: `read` writes the whole place; nobody asks for a pointer into a slot.
unsafe impl Memory for Handles {
    type Platform = Loom;
    type Words = Front;
    type Item = Handle;

    fn words(&self) -> &Front {
        self.0.words()
    }

    fn sequence(&self, index: u64) -> &Word64 {
        self.0.sequence(index)
    }

    fn write(&self, index: u64, item: &Handle) {
        let [pool, block, place] = item.words();
        assert_eq!(pool, GENERATION);
        self.0.write(index, &[block, place]);
    }

    fn read(&self, index: u64, place: &mut MaybeUninit<Handle>) {
        let mut message = MaybeUninit::new([0; 2]);
        self.0.read(index, &mut message);
        // SAFETY: it was initialised above.
        let [block, at] = unsafe { message.assume_init() };
        place.write(Handle::from_words([GENERATION, block, at]));
    }

    fn with_slot<R>(&self, _index: u64, _f: impl FnOnce(*const Handle) -> R) -> R {
        unreachable!("handles are copied")
    }
}
