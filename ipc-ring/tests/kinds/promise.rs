//! What the kinds promise about deaths.

use std::any::Any;

use ipc_ring::{Domain, pool};

use super::{CAPACITY, Kind, lender};

/// What happens to a number whose taker dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Each number goes to one taker, and is lost only with a taker that held it.
    Once,
    /// Each number goes to every taker that is there.
    ToAll,
    /// A taker gets numbers that were given, later ones later, and may miss some.
    Newest,
    /// Each number that is taken was given; it is taken again when a taker dies with it.
    Answered,
}

/// The promise of a kind.
pub fn of(kind: Kind) -> Promise {
    match kind.name {
        "spsc" | "bytes" | "mpmc" | "pool" | "lender" => Promise::Once,
        "broadcast" | "frames" | "payloads" => Promise::ToAll,
        "latest" | "table" | "lossy" => Promise::Newest,
        "call" => Promise::Answered,
        other => panic!("what does {other} promise?"),
    }
}

/// What keeps a kind's memory while no end is there, besides a persistent channel.
pub fn keeper(kind: Kind, domain: &Domain) -> Option<Box<dyn Any>> {
    let (name, blocks) = match kind.name {
        "pool" => ("pool", 2 * CAPACITY),
        "payloads" => ("payloads pool", 2 * CAPACITY),
        "lender" => (lender::POOL_NAME, lender::BLOCKS),
        _ => return None,
    };
    Some(Box::new(pool::Builder::new(name).domain(domain).class(256, blocks).create().unwrap()))
}
