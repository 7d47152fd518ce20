//! Reading payloads from outside.

use core::fmt;
use std::collections::VecDeque;
use std::sync::Arc;

use super::header;
use crate::channel::observe::observe_pool;
use crate::domain::DomainObserver;
use crate::error::AttachError;
use crate::platform::{Barrier, Native, Platform as _, TapOrder};
use crate::ring::pool::{Handle, Mapped, Refused, Unread, read_along};

/// How many pools a tap remembers.
const MOST_POOLS: usize = 32;

/// A reader of the payloads of pools that the processes using them do not know of: attached read-only,
/// without a seat. A [`Tap`](crate::observe::Tap) finds the handles in messages, and this reads what they
/// name.
///
/// It never returns a payload that was overwritten while it was read. A payload can be read until its block
/// is lent again, also after it was given back; how long that is depends on the number of blocks.
///
/// As long as it lives, so does the memory of the pools that it has read from, at most 32.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::observe::{DomainObserver, PayloadTap, Tap, TapStart};
/// use ipc_ring::zerocopy::FromBytes;
/// use ipc_ring::{Domain, pool, spsc};
///
/// let domain = Domain::open("doc-example-payload-tap")?;
/// let pool = pool::Builder::new("frames").domain(&domain).class(64, 2).create()?;
/// let mut out = spsc::Builder::<pool::Handle>::new("out").domain(&domain).create_sender()?;
/// let mut loan = pool.loan(5)?;
/// loan.write_at(0, b"hello")?;
/// loan.send(&mut out)?;
///
/// let observer = DomainObserver::open("doc-example-payload-tap")?;
/// let mut tap = Tap::open(&observer, "out", TapStart::Oldest)?;
/// let mut payloads = PayloadTap::new(&observer);
/// let (mut message, mut payload) = (Vec::new(), Vec::new());
/// let _ = tap.try_read(&mut message)?;
/// let handle = pool::Handle::read_from_bytes(&message).expect("24 bytes");
/// assert_eq!(payloads.read(&handle, &mut payload)?.name, "frames");
/// assert_eq!(payload, b"hello");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct PayloadTap {
    observer: DomainObserver,
    pools: VecDeque<(u64, Found)>,
}

/// A pool that a payload was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TappedPool {
    /// Its name.
    pub name: String,
    /// Distinguishes it from others, also of its name.
    pub generation: u64,
    /// Its size classes: bytes of a block, and number of blocks.
    pub classes: Vec<(usize, u64)>,
}

#[derive(Clone, Debug)]
enum Found {
    Pool(TappedPool, Box<Mapped>),
    Unordered,
    Nothing,
    Unreadable(Arc<AttachError>),
}

/// Why a payload was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PayloadError {
    /// The handle names no payload that is still there: [`Refused::Stale`] if its block was lent again.
    Refused(Refused),
    /// The domain has no pool of this generation: it is gone, or the handle is no handle.
    NoPool {
        /// The generation, as the handle has it.
        generation: u64,
    },
    /// The pool cannot be read.
    Attach(Arc<AttachError>),
    /// On this CPU architecture only pools with [`Barrier::Asymmetric`](crate::Barrier::Asymmetric) can be
    /// read without a seat, and this one has fences.
    Unordered,
    /// On this CPU architecture reading without a seat needs `membarrier`, which was refused.
    System(ipc_core::Error),
}

impl PayloadTap {
    /// A tap for the pools of this domain.
    #[must_use]
    pub fn new(observer: &DomainObserver) -> Self {
        Self { observer: observer.clone(), pools: VecDeque::new() }
    }

    /// Copies the payload that a handle names into `out`, replacing its contents; they are meaningful only if
    /// it succeeds. Returns the pool.
    ///
    /// # Errors
    /// [`PayloadError`].
    ///
    /// # Blocking
    /// Never. Some system calls for the first handle of each pool.
    pub fn read(&mut self, handle: &Handle, out: &mut Vec<u8>) -> Result<&TappedPool, PayloadError> {
        out.clear();
        match self.pool(handle.pool) {
            Found::Unordered => Err(PayloadError::Unordered),
            Found::Nothing => Err(PayloadError::NoPool { generation: handle.pool }),
            Found::Unreadable(error) => Err(PayloadError::Attach(Arc::clone(error))),
            Found::Pool(pool, memory) => {
                // The length is that of the handle, which is checked before the copy.
                let copy = |class, block| {
                    out.resize(handle.len(), 0);
                    memory.read(class, block, 0, out);
                };
                match read_along(&**memory, handle, copy) {
                    Ok(()) => Ok(pool),
                    Err(Unread::Refused(refused)) => Err(PayloadError::Refused(refused)),
                    Err(Unread::Unordered(error)) => Err(PayloadError::System(error)),
                }
            }
        }
    }

    /// The pool of this generation. No other one ever has the same, and a pool is there before its handles:
    /// one that was not found will not be.
    fn pool(&mut self, generation: u64) -> &Found {
        let known = self.pools.iter().position(|(known, _)| *known == generation);
        let index = known.unwrap_or_else(|| {
            if self.pools.len() == MOST_POOLS {
                self.pools.pop_front();
            }
            self.pools.push_back((generation, find(&self.observer, generation)));
            self.pools.len() - 1
        });
        &self.pools[index].1
    }
}

fn find(observer: &DomainObserver, generation: u64) -> Found {
    let attached = observe_pool(observer, generation, |region| {
        let (shape, barrier) = header::read(region, generation)?;
        let classes = shape.as_asked();
        Ok((barrier, classes, Mapped::of_any(region.clone(), shape, generation)?))
    });
    match attached {
        Ok(Some((_, (Barrier::Fence, ..)))) if Native::tap_order() == TapOrder::Barriers => Found::Unordered,
        Ok(Some((name, (_, classes, memory)))) => {
            Found::Pool(TappedPool { name, generation, classes }, Box::new(memory))
        }
        Ok(None) => Found::Nothing,
        Err(error) => Found::Unreadable(Arc::new(error.of_a("pool"))),
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::NoPool { generation } => write!(f, "there is no pool of generation {generation}"),
            Self::Attach(error) => error.fmt(f),
            Self::Unordered => f.write_str(
                "on this processor the blocks of a pool with fences cannot be read without a seat: make it \
                 with Barrier::Asymmetric",
            ),
            Self::System(error) => {
                write!(f, "on this processor blocks are read without a seat by membarrier: {error}")
            }
        }
    }
}

impl std::error::Error for PayloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Attach(error) => Some(error),
            Self::Refused(refused) => Some(refused),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}
