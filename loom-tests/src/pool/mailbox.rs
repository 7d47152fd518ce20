//! A place for handles that orders nothing.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ipc_ring::platform::Word as _;
use ipc_ring::ring::pool::Handle;

use crate::Word64;

/// Handles in the order in which they were posted; clones share it.
#[derive(Clone, Debug)]
pub struct Mailbox(Rc<Inside>);

#[derive(Debug)]
struct Inside {
    posted: Word64,
    handles: [Cell<Option<Handle>>; 4],
}

impl Default for Mailbox {
    fn default() -> Self {
        Self(Rc::new(Inside { posted: Word64::contended(0), handles: [const { Cell::new(None) }; 4] }))
    }
}

impl Mailbox {
    /// Posts a handle. Only one thread posts.
    pub fn post(&self, handle: Handle) {
        let number = self.0.posted.load(Relaxed);
        self.0.handles[number as usize].set(Some(handle));
        self.0.posted.store(number + 1, Relaxed);
    }

    /// The handle of this number, if it is there already.
    #[must_use]
    pub fn look(&self, number: usize) -> Option<Handle> {
        if self.0.posted.load(Relaxed) > number as u64 { self.0.handles[number].get() } else { None }
    }
}
