//! Observing the two ends of a channel without taking part: what observers of one-to-one channels have in
//! common.

use super::end;
use super::record::Record;
use crate::domain::Lookout;
use crate::end::pair::PeerState;
use crate::layout::Seen;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::spsc::{CONSUMER_RECORD, CONSUMER_SIGNAL, PRODUCER_RECORD, PRODUCER_SIGNAL};
use crate::wait::signal::{self, WAITING};

/// A segment attached read-only, whose header was checked.
#[derive(Debug)]
pub(super) struct Onlooker {
    pub(super) lookout: Lookout,
    pub(super) region: Region,
    pub(super) seen: Seen,
}

impl Onlooker {
    pub(super) fn producer(&self) -> Result<PeerState, ipc_core::Error> {
        self.state(PRODUCER_RECORD, PRODUCER_SIGNAL)
    }

    pub(super) fn consumer(&self) -> Result<PeerState, ipc_core::Error> {
        self.state(CONSUMER_RECORD, CONSUMER_SIGNAL)
    }

    fn state(&self, record: usize, signal: usize) -> Result<PeerState, ipc_core::Error> {
        end::state(|owner| self.lookout.is_alive(owner), &self.region, Record::at(record), signal)
    }

    pub(super) fn producer_sleeps(&self) -> bool {
        signal::seen::<Native>(self.region.half(PRODUCER_SIGNAL)) & WAITING != 0
    }

    pub(super) fn consumer_sleeps(&self) -> bool {
        signal::seen::<Native>(self.region.half(CONSUMER_SIGNAL)) & WAITING != 0
    }
}
