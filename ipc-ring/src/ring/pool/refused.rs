//! Why a handle was refused.

use core::fmt;

use crate::error::debug_as_display;

/// Why a handle was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// It is of another pool.
    OtherPool {
        /// That pool's generation, as the handle has it.
        found: u64,
        /// This pool's.
        expected: u64,
    },
    /// The pool has no such block.
    NoSuchBlock {
        /// The number of the size class.
        class: u32,
        /// The number of the block in it.
        index: u32,
    },
    /// It claims more bytes than the block has.
    TooLong {
        /// Bytes claimed.
        len: usize,
        /// Bytes of the block.
        limit: usize,
    },
    /// The block has been free since the handle was made: a sender that shared it released it, a process that
    /// held it died, or its channel was gone.
    Stale {
        /// The generation that the handle has.
        found: u32,
        /// The block's.
        expected: u32,
    },
    /// The block is held by a member that has not sent it: the handle is forged.
    NotSent,
    /// The block was already received with this handle, and was sent to one receiver only.
    Doubled {
        /// The members that hold it: bit *n* for seat *n*.
        holders: u32,
    },
    /// Others changed the block's word a thousand times in a row. Try again.
    Contended,
    /// The pool was inherited through a fork; only the process that opened it may use it.
    Forked,
    /// The block's word is invalid.
    Corrupt {
        /// The word.
        found: u64,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::OtherPool { found, expected } => {
                write!(f, "the handle is of pool {found}, not of {expected}")
            }
            Refused::NoSuchBlock { class, index } => {
                write!(f, "the pool has no block {index} in class {class}")
            }
            Refused::TooLong { len, limit } => {
                write!(f, "the handle claims {len} bytes of a block of {limit}")
            }
            Refused::Stale { found, expected } => write!(
                f,
                "the handle is out of date: generation {found}, the block has {expected}; it was released, or its holder died"
            ),
            Refused::NotSent => f.write_str("the block was never sent: the handle is forged"),
            Refused::Doubled { holders } => {
                write!(f, "the block was received before, by the members {holders:#x}")
            }
            Refused::Contended => f.write_str("others change the block all the time; try again"),
            Refused::Forked => f.write_str("the pool was inherited through fork; open it again in the child"),
            Refused::Corrupt { found } => write!(f, "the block's word is corrupt: {found:#018x}"),
        }
    }
}

impl core::error::Error for Refused {}

debug_as_display!(Refused);
