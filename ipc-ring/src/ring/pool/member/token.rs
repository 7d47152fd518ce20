//! The tokens of the blocks that a member holds.

use crate::ring::pool::tag::{State, Tag};

/// A block that this member may write.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Loaned {
    pub(in crate::ring::pool) class: u32,
    pub(in crate::ring::pool) block: u32,
    pub(in crate::ring::pool) tag: Tag,
}

/// A block whose handle is being pushed.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Offered {
    pub(super) class: u32,
    pub(super) block: u32,
    pub(super) tag: Tag,
}

/// A block that this member may read.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Reading {
    pub(in crate::ring::pool) class: u32,
    pub(in crate::ring::pool) block: u32,
    pub(in crate::ring::pool) tag: Tag,
}

impl Loaned {
    /// The block's number.
    #[inline(always)]
    #[must_use]
    pub const fn block(&self) -> u32 {
        self.block
    }

    /// The number of its size class.
    #[inline(always)]
    #[must_use]
    pub const fn class(&self) -> u32 {
        self.class
    }

    /// Converts the token to one for reading, in a process that inherited it: the block's word is unchanged.
    pub fn inherited(self) -> Reading {
        Reading { class: self.class, block: self.block, tag: self.tag }
    }
}

impl Offered {
    /// Converts the token to one for a lent block, in a process that inherited it: the block's word is
    /// unchanged.
    #[cold]
    pub fn inherited(self) -> Loaned {
        Loaned { class: self.class, block: self.block, tag: self.tag }
    }
}

impl Reading {
    /// The block's number.
    #[inline(always)]
    #[must_use]
    pub const fn block(&self) -> u32 {
        self.block
    }

    /// The number of its size class.
    #[inline(always)]
    #[must_use]
    pub const fn class(&self) -> u32 {
        self.class
    }

    /// Whether other members may read it too.
    #[inline(always)]
    #[must_use]
    pub fn is_shared(&self) -> bool {
        is_shared(self.tag)
    }
}

/// Whether the state lets other members join as readers.
#[inline(always)]
pub(in crate::ring::pool) const fn is_shared(tag: Tag) -> bool {
    matches!(tag.state(), Some(State::Shared | State::Published))
}
