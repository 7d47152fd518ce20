//! Waiting for a block of a pool, and waking those that wait.
//!
//! ```text
//!   lender                                     member that gives a block back
//!   ----------------------------------------   ------------------------------------------
//!   its bit in the mask of the class           the block's tag: free
//!   heavy barrier                              light barrier
//!   look at all blocks of the class            the mask: 0, or wake one lender
//!   none is free: sleep until a token comes
//! ```
//!
//! The steps and the proof are those of all ends with seats: see
//! [`waiter_set`](crate::wait::waiter_set). What differs is that the two sides do not face each other: each
//! process that has the pool open gives blocks back, from any of its threads, and only a [`Lender`] sleeps.
//!
//! **One block wakes one lender.** Others may take the block before it: then the lender sleeps again, and the
//! block wakes one when it comes back. A lender that was woken, and gets another block than the one it was
//! woken for, or gives up, passes the wake on.
//!
//! **Deaths.** A process that wakes a lender for the first time arranges that its death posts a token to that
//! lender too, before it takes the lender's bit. A lender that is woken without a block looks for what the
//! dead hold, as it does before it first sleeps and every tenth of a second. A process that finds something
//! there wakes all lenders, since the dead may have hidden any of them.

mod lender;
mod lenders;

pub use lender::Lender;
pub use lenders::Lenders;

use super::participant::{ANY_KEY, Notifiers, WaiterClass};
use crate::ring::pool::sleepers_of;

/// The role in the records of lenders: none of those that watchers of a channel know.
const LENDER: u32 = 4;

/// The lenders that wait for a block of this size class.
///
/// # Panics
/// If there can be no such class.
#[must_use]
pub fn waiters(class: usize) -> WaiterClass {
    WaiterClass { role: LENDER, mask: sleepers_of(class), key: ANY_KEY, notifiers: Notifiers::Others }
}
