//! Looking at the two ends of a channel without taking part: what observers of one-to-one channels have in common.

use super::end::{self, PeerState, Record};
use crate::domain::Domain;
use crate::layout::Seen;
use crate::platform::Native;
use crate::region::Region;
use crate::ring::spsc::{CONSUMER_RECORD, CONSUMER_SIGNAL, PRODUCER_RECORD, PRODUCER_SIGNAL};
use crate::wait::signal::{self, WAITING};

/// A segment attached read-only, whose header was checked.
#[derive(Debug)]
pub(super) struct Onlooker {
    pub(super) domain: Domain,
    pub(super) region: Region,
    pub(super) seen: Seen,
}

impl Onlooker {
    pub(super) fn producer(&self) -> Result<PeerState, ipc_core::Error> {
        end::state(self.domain.member(), &self.region, Record::at(PRODUCER_RECORD), PRODUCER_SIGNAL)
    }

    pub(super) fn consumer(&self) -> Result<PeerState, ipc_core::Error> {
        end::state(self.domain.member(), &self.region, Record::at(CONSUMER_RECORD), CONSUMER_SIGNAL)
    }

    pub(super) fn producer_sleeps(&self) -> bool {
        signal::seen::<Native>(self.region.half(PRODUCER_SIGNAL)) & WAITING != 0
    }

    pub(super) fn consumer_sleeps(&self) -> bool {
        signal::seen::<Native>(self.region.half(CONSUMER_SIGNAL)) & WAITING != 0
    }
}
