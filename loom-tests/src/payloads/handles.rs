//! A broadcast ring of handles.

use ipc_ring::ring::pool::Handle;

use crate::Word64;
use crate::broadcast::memory::{Heap, Shape};
use crate::pool::memory::GENERATION;

/// A ring of handles on the heap; clones share it.
pub type Handles = Heap<Handle>;

impl Handles {
    /// An empty ring of handles of one pool: the first word of each is the pool's generation, on which
    /// nothing depends.
    #[must_use]
    pub fn of_one_pool(shape: Shape) -> Self {
        Self::with(shape, |_| Word64::plain(GENERATION))
    }
}
