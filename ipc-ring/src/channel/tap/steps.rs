//! The taps of the kinds by their steps, for [`Ahead`](crate::ring::ahead::Ahead).

use crate::copy::as_uninit;
use crate::edge::Edge;
use crate::memory::Shaped;
use crate::platform::Native;
use crate::ring::ahead::{Copied, Steps};
use crate::ring::{bytes, mpmc, spsc};

/// A tap of a ring with elements of this size.
#[derive(Debug)]
pub(super) struct Elements<T> {
    tap: T,
    size: usize,
    first_position: u64,
}

impl<T> Elements<T> {
    pub(super) fn new(tap: T, size: usize, first_position: u64) -> Self {
        Self { tap, size, first_position }
    }
}

impl Steps for Elements<spsc::Tap<spsc::RawMapped>> {
    type Platform = Native;
    type Message = Vec<u8>;
    type Place = u64;
    // [S4] as in `try_read`.
    const EDGE: Edge = Edge::SpscValidate;
    const IS_CHAIN: bool = false;

    fn copy_next(&mut self, message: &mut Vec<u8>) -> Copied<u64> {
        message.clear();
        message.resize(self.size, 0);
        let place = self.tap.position();
        // SAFETY: a ring copies whole bytes to places, or nothing.
        match self.tap.copy_next(unsafe { as_uninit(message) }) {
            spsc::Tapped::Item => {
                Copied::Message { place, sequence: place.wrapping_sub(self.first_position) }
            }
            spsc::Tapped::Missed { count } => Copied::Missed(count),
            spsc::Tapped::Empty => Copied::Empty,
        }
    }

    fn is_intact(&self, place: u64) -> bool {
        self.tap.is_intact(place)
    }

    fn skip(&mut self, place: u64) -> u64 {
        match self.tap.skip(place) {
            spsc::Tapped::Missed { count } => count,
            _ => 0,
        }
    }
}

impl Steps for Elements<mpmc::Tap<mpmc::MappedOf<Shaped>>> {
    type Platform = Native;
    type Message = Vec<u8>;
    type Place = u64;
    // [T1] as in `try_read`.
    const EDGE: Edge = Edge::MpmcValidate;
    const IS_CHAIN: bool = false;

    fn copy_next(&mut self, message: &mut Vec<u8>) -> Copied<u64> {
        message.clear();
        message.resize(self.size, 0);
        // SAFETY: as above.
        let tapped = self.tap.copy_next(unsafe { as_uninit(message) });
        // Void slots in front of it were passed over.
        let place = self.tap.position().wrapping_sub(1);
        match tapped {
            mpmc::Tapped::Item => {
                Copied::Message { place, sequence: place.wrapping_sub(self.first_position) }
            }
            mpmc::Tapped::Missed { count } => Copied::Missed(count),
            mpmc::Tapped::Corrupt(corruption) => Copied::Corrupt(self.tap.position(), corruption),
            mpmc::Tapped::Empty => Copied::Empty,
        }
    }

    /// A tag that is invalid is never one that was overwritten: then nothing was copied.
    fn is_intact(&self, place: u64) -> bool {
        place == self.tap.position() || self.tap.is_intact(place)
    }

    fn skip(&mut self, place: u64) -> u64 {
        match self.tap.skip(place) {
            mpmc::Tapped::Missed { count } => count,
            _ => 0,
        }
    }
}

/// A tap of a ring of frames.
#[derive(Debug)]
pub(super) struct Frames(pub(super) bytes::Tap<bytes::Mapped>);

impl Steps for Frames {
    type Platform = Native;
    type Message = Vec<u8>;
    /// Position and number.
    type Place = (u64, u64);
    // [B4] as in `step`.
    const EDGE: Edge = Edge::BytesValidate;
    const IS_CHAIN: bool = true;

    fn copy_next(&mut self, message: &mut Vec<u8>) -> Copied<(u64, u64)> {
        let place = (self.0.position(), self.0.sequence());
        match self.0.copy_next(message) {
            bytes::Tapped::Frame { .. } => Copied::Message { place, sequence: place.1 },
            bytes::Tapped::Missed { count } => Copied::Missed(count),
            bytes::Tapped::Corrupt(corruption) => Copied::Corrupt(place, corruption),
            bytes::Tapped::Empty => Copied::Empty,
        }
    }

    fn is_intact(&self, (position, _): (u64, u64)) -> bool {
        self.0.is_intact(position)
    }

    fn skip(&mut self, (position, sequence): (u64, u64)) -> u64 {
        match self.0.skip(position, sequence) {
            bytes::Tapped::Missed { count } => count,
            _ => 0,
        }
    }
}
