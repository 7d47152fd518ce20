//! The operations of the raw ends of every kind.

use std::fmt::Debug;
use std::time::Instant;

use super::{ReceiveError, SendError};
use crate::channel::seated::{HasCore, Seat as _};
use crate::channel::waitable::Await;
use crate::interrupter::Interrupter;
use crate::pool::Route;
use crate::wait::park::Waiter as _;
use crate::wait::seated::Seated as _;

/// What is known of a received element besides its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Its number in the channel, counted from 0, or of its key, counted from 1: for all kinds but
    /// [`mpmc`](crate::mpmc).
    pub sequence: Option<u64>,
    /// Its key: for [`latest`](crate::latest).
    pub key: Option<u32>,
    /// When it was published, by [`latest::now_ns`](crate::latest::now_ns): for [`latest`](crate::latest).
    pub time_ns: Option<u64>,
}

/// How long a call waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// Not at all.
    Never,
    /// Until a deadline, if there is one.
    Until(Option<Instant>),
}

/// An end whose waits can be interrupted.
pub(super) trait Interruptible {
    fn interrupter(&self) -> Interrupter;
    fn set_interruptible(&mut self, by_signals: bool);
}

impl<E: HasCore> Interruptible for E {
    fn interrupter(&self) -> Interrupter {
        self.core().seat().host().interrupter()
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.core_mut().seat_mut().host_mut().set_interruptible(by_signals);
    }
}

/// An end that sends. Slices have the size of an element.
pub(super) trait Sending: Interruptible + Debug + Send + Sync {
    fn send(&mut self, key: u32, element: &[u8], patience: Patience) -> Result<(), SendError>;
    fn capacity(&self) -> u64;
    /// Of a kind whose messages have one receiver.
    fn route(&self) -> Option<Route> {
        None
    }
    /// Recovers from dead ends, where this can be requested.
    fn recover(&mut self) -> Result<(), ipc_core::Error> {
        Ok(())
    }
    /// Sets what dropping the end does: ends the stream, or leaves it to a successor.
    fn set_closing(&mut self, closing: bool);
}

/// An end that receives. Slices have the size of an element.
pub(super) trait Receiving: Interruptible + Await + Debug + Send + Sync {
    fn receive(&mut self, place: &mut [u8], patience: Patience) -> Result<Received, ReceiveError>;
    fn capacity(&self) -> u64;
    /// As [`Sending::recover`].
    fn recover(&mut self) -> Result<(), ipc_core::Error> {
        Ok(())
    }
    /// As [`Sending::set_closing`].
    fn set_closing(&mut self, closing: bool);
}
