//! Payloads of a replay: written into blocks of the target's pools, whose handles replace those that were
//! recorded.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use ipc_cli_support::interrupt;
use ipc_ring::pool::{self, Handle, Loan, LoanError, Pool, View};
use ipc_ring::zerocopy::IntoBytes as _;
use ipc_ring::{Domain, Forked};

use super::plan::Target;
use crate::exit::{Failure, REFUSED};

/// Between two looks for a free block.
const PAUSE: Duration = Duration::from_millis(1);

/// A payload that was read, for the message behind it.
pub(super) struct Payload {
    pub(super) offset: usize,
    pub(super) pool: Target,
    pub(super) bytes: Vec<u8>,
}

/// The pools of a replay.
#[derive(Default)]
pub(super) struct Pools(BTreeMap<Target, Pool>);

/// Payloads that were shared: they are there for late receivers until others need their blocks, or as many
/// messages came after them as the channel holds.
#[derive(Default)]
pub(super) struct Shared(VecDeque<Vec<View>>);

/// Why a message was not sent.
pub(super) enum Stopped {
    Interrupted,
    Failed(String),
}

impl From<Forked> for Stopped {
    fn from(forked: Forked) -> Self {
        Stopped::Failed(forked.to_string())
    }
}

impl Pools {
    /// Opens a pool, or makes it with these classes.
    ///
    /// # Errors
    /// Another kind of channel has the name, or the kernel refuses.
    pub(super) fn open(
        &mut self,
        domain: &Domain,
        target: &Target,
        classes: &[(usize, u64)],
    ) -> Result<(), Failure> {
        let builder = pool::Builder::new(&target.1).domain(domain);
        let opened = if domain.look_up(&target.1)?.is_some() {
            builder.open()
        } else {
            classes.iter().fold(builder, |builder, (size, count)| builder.class(*size, *count)).create()
        };
        let name = &target.1;
        let pool = opened
            .map_err(|error| Failure::new(REFUSED, format!("nothing was replayed: {name:?}: {error}")))?;
        self.0.insert(target.clone(), pool);
        Ok(())
    }

    pub(super) fn get(&self, target: &Target) -> Option<&Pool> {
        self.0.get(target)
    }

    /// A block with this payload in it; waits for one.
    ///
    /// # Errors
    /// [`Stopped`]: none became free in time, or none is large enough.
    pub(super) fn lend(
        &self,
        payload: &Payload,
        shared: &mut Shared,
        timeout: Duration,
        mut loan: impl FnMut(&Pool, usize) -> Result<Loan, LoanError>,
    ) -> Result<Loan, Stopped> {
        let name = &payload.pool.1;
        let failed = |reason: &dyn std::fmt::Display| Stopped::Failed(format!("pool {name:?}: {reason}"));
        let Some(pool) = self.get(&payload.pool) else { return Err(failed(&"it was not opened")) };
        let end = Instant::now() + timeout;
        loop {
            match loan(pool, payload.bytes.len()) {
                Ok(mut loan) => {
                    loan.write_at(0, &payload.bytes).map_err(|error| failed(&error))?;
                    return Ok(loan);
                }
                Err(LoanError::Exhausted { .. }) if shared.0.pop_front().is_some() => {}
                Err(LoanError::Exhausted { .. }) if interrupt::came() => return Err(Stopped::Interrupted),
                Err(LoanError::Exhausted { .. }) if Instant::now() < end => std::thread::sleep(PAUSE),
                Err(error) => return Err(failed(&error)),
            }
        }
    }
}

impl Shared {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the payloads of a message, and those of as many before it as there are places.
    pub(super) fn keep(&mut self, views: Vec<View>, places: u64) {
        self.0.push_back(views);
        while self.0.len() as u64 > places {
            self.0.pop_front();
        }
    }
}

/// Replaces the handle at this place of a message.
pub(super) fn put(handle: &Handle, message: &mut [u8], offset: usize) {
    if let Some(place) = message.get_mut(offset..offset + size_of::<Handle>()) {
        place.copy_from_slice(handle.as_bytes());
    }
}
