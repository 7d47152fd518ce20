//! The models of the pool.
//!
//! A block's bytes are one number, so bytes that are read before they were written, or written while they are
//! read, are detected at once. Handles travel through a [`Mailbox`] that orders nothing: what is left is the
//! pool's own ordering. After each execution every block must be free again.
//!
//! Lenders that wait for a block, and processes that give one back, run production's steps on mock
//! semaphores: a lost wake-up is a deadlock.

pub mod deaths;
pub mod lending;
pub mod mailbox;
#[allow(unsafe_code)]
pub mod memory;
pub mod reapers;
pub mod sending;
pub mod sharing;
pub mod tap;

pub use mailbox::Mailbox;
pub use memory::Heap;

use ipc_ring::ring::pool::{Counter, State};

use crate::Model;

/// Every model.
pub fn models() -> impl Iterator<Item = &'static Model> {
    let ring = sending::MODELS.iter().chain(sharing::MODELS).chain(deaths::MODELS).chain(reapers::MODELS);
    ring.chain(lending::MODELS).chain(lending::deaths::MODELS).chain(tap::MODELS)
}

/// No block is held: each block can be lent, and no more than there are.
pub fn is_sound(pool: &Heap, blocks: u32, seats: usize) {
    pool.recover();
    for block in 0..blocks {
        assert_eq!(pool.state(block), Some(State::Free), "block {block} is lost");
    }
    let members: Vec<_> = (0..seats).map(|_| pool.try_member(5).expect("a seat is lost")).collect();
    assert!(pool.try_member(5).is_none());
    let loans: Vec<_> = (0..blocks).map(|_| members[0].try_loan(0).expect("a block is lost")).collect();
    assert!(members[0].try_loan(0).is_none());
    loans.into_iter().for_each(|loan| members[0].abandon(loan));
    assert_eq!(pool.count(Counter::Exhausted), 0);
}
