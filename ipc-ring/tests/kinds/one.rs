//! Channels with one producer and one consumer.

use std::time::Duration;

use ipc_ring::{Waitable, bytes, spsc};

use super::{Asked, CAPACITY, Giver, How, Kind, Taker, Told, system, told};
use crate::spsc_common::{check, payload};

type Item = [u8; 41];

pub const SPSC: Kind = Kind {
    name: "spsc",
    giver: |how| Ok(Box::new(spsc_builder(how).create_producer()?)),
    taker: |how| Ok(Box::new(spsc_builder(how).create_consumer()?)),
    many_givers: false,
    many_takers: false,
    fills: true,
    keeps: true,
};

fn spsc_builder(how: How<'_>) -> spsc::Builder<Item> {
    spsc::Builder::new("spsc").domain(how.domain).wait(how.wait).lifetime(how.lifetime).capacity(CAPACITY)
}

/// The number of an item, every byte of which must be its own.
pub(super) fn number(item: &Item) -> Told {
    let number = u64::from_le_bytes(*item.first_chunk().unwrap());
    check(item, number);
    Told::Number(number)
}

impl Giver for spsc::Producer<Item> {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use spsc::PushError::{Closed, PeerGone, System, TimedOut};
        told!(self.push_timeout(payload(number), patience), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(_) => Told::Closed,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(spsc::Producer::peer(self))
    }
}

impl Taker for spsc::Consumer<Item> {
    fn take(&mut self, patience: Duration) -> Told {
        use spsc::PopError::{Closed, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |item| number(&item),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(spsc::Consumer::peer(self))
    }
}

pub const BYTES: Kind = Kind {
    name: "bytes",
    giver: |how| Ok(Box::new(bytes_builder(how).create_producer()?)),
    taker: |how| Ok(Box::new(bytes_builder(how).create_consumer()?)),
    ..SPSC
};

fn bytes_builder(how: How<'_>) -> bytes::Builder {
    bytes::Builder::new("bytes").domain(how.domain).wait(how.wait).lifetime(how.lifetime).capacity(512)
}

/// A frame of a length that follows from its number.
pub(super) fn frame(number: u64) -> Vec<u8> {
    let whole: [u8; 100] = payload(number);
    whole[..30 + (number % 60) as usize].to_vec()
}

pub(super) fn frame_number(whole: &[u8]) -> Told {
    let number = u64::from_le_bytes(*whole.first_chunk().unwrap());
    assert_eq!(whole, frame(number));
    Told::Number(number)
}

impl Giver for bytes::Producer {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use bytes::PushError::{Closed, PeerGone, System, TimedOut};
        told!(self.push_timeout(&frame(number), patience), |()| Told::Yes,
            TimedOut(()) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(()) => Told::Closed,
            System((), error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(bytes::Producer::peer(self))
    }
}

impl Taker for bytes::Consumer {
    fn take(&mut self, patience: Duration) -> Told {
        use bytes::PopError::{Closed, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |whole: Vec<u8>| frame_number(&whole),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(bytes::Consumer::peer(self))
    }
}
