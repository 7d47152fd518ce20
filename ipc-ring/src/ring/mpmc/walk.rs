//! The limits of one call: how far it walks, how often it jumps, how many invalid tags it tolerates.

use super::Corruption;
use super::tag::Tag;

/// Tags that one call examines. Its progress is kept, so the next call continues from there.
const TAGS: u32 = 1024;

/// One call's walk over the slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    left: u32,
    jumped: bool,
    forgiven: bool,
}

impl Walk {
    pub(super) const fn new() -> Self {
        Self { left: TAGS, jumped: false, forgiven: false }
    }

    /// Counts one examined tag; false when there were too many.
    #[inline]
    pub(super) fn goes_on(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }

    /// True the first time: a hint is worth checking once.
    #[inline]
    pub(super) fn may_jump(&mut self) -> bool {
        !core::mem::replace(&mut self.jumped, true)
    }

    /// Tolerates one impossible tag.
    ///
    /// # Errors
    /// [`Corruption`] the second time.
    #[cold]
    pub(super) fn forgive(&mut self, tag: Tag, position: u64) -> Result<(), Corruption> {
        if core::mem::replace(&mut self.forgiven, true) { Err(corrupt(tag, position)) } else { Ok(()) }
    }
}

/// A tag that means nothing.
#[cold]
pub(super) const fn corrupt(tag: Tag, position: u64) -> Corruption {
    Corruption { word: "slot tag", position, found: tag.as_raw() }
}
