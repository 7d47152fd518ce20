//! Channels with one producer and one consumer.

use std::io::{IoSlice, Write as _};
use std::time::{Duration, Instant};

use ipc_ring::{Interrupter, Waitable, bytes, spsc};

use super::super::spsc_common::{check, payload};
use super::{
    Asked, Call, Giver, How, Kind, Parameter, Taker, Told, calls, system, told, usual, with_capacity,
};

type Item = [u8; 41];

pub const SPSC: Kind = Kind {
    name: "spsc",
    giver: |how| Ok(Box::new(spsc_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(spsc_builder(how).create_receiver()?)),
    many_givers: false,
    many_takers: false,
    fills: true,
    parameters: &[Parameter::Capacity, Parameter::Lifetime, Parameter::Barrier],
    keeps: true,
};

fn spsc_builder(how: How<'_>) -> spsc::Builder<Item> {
    let builder = usual(spsc::Builder::new("spsc"), how);
    with_capacity(builder, how, 1, spsc::Builder::capacity)
}

/// The number of an item, every byte of which must be its own.
pub(super) fn number(item: &Item) -> Told {
    let number = u64::from_le_bytes(*item.first_chunk().unwrap());
    check(item, number);
    Told::Number(number)
}

impl Giver for spsc::Producer<Item> {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use spsc::PushError::{Closed, Interrupted, NotWoken, PeerGone, System, TimedOut};
        told!(self.push_timeout(payload(number), patience), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(_) => Told::Closed,
            NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(spsc::Producer::peer(self))
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (item, now) = (payload(1), Instant::now());
        calls!("try_push" => self.try_push(item), "push" => self.push(item), "push_from" => self.push_from(&item),
            "try_push_from" => self.try_push_from(&item), "push_deadline" => self.push_deadline(item, now),
            "push_from_deadline" => self.push_from_deadline(&item, now),
            "push_timeout" => self.push_timeout(item, Duration::ZERO),
            "try_push_slice" => self.try_push_slice(&[item, item]), "push_slice" => self.push_slice(&[item, item]),
            "push_slice_deadline" => self.push_slice_deadline(&[item, item], now),
            "try_claim" => self.try_claim().map(|_| ()),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)),
            "evict_peer" => self.evict_peer(now))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(spsc::Producer::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        spsc::Producer::set_interruptible(self, by_signals);
    }
}

impl Taker for spsc::Consumer<Item> {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use spsc::PopError::{Closed, Interrupted, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |item| number(&item),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            Interrupted => Told::Interrupted, System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(spsc::Consumer::peer(self))
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (now, mut item, mut items) = (Instant::now(), payload(0), [payload(0), payload(0)]);
        calls!("try_pop" => self.try_pop(), "pop" => self.pop(), "pop_deadline" => self.pop_deadline(now),
            "pop_timeout" => self.pop_timeout(Duration::ZERO), "pop_into" => self.pop_into(&mut item),
            "pop_into_deadline" => self.pop_into_deadline(&mut item, now),
            "try_pop_into" => self.try_pop_into(&mut item), "try_pop_slice" => self.try_pop_slice(&mut items),
            "pop_slice" => self.pop_slice(&mut items),
            "pop_slice_deadline" => self.pop_slice_deadline(&mut items, now),
            "try_view" => self.try_view().map(|_| ()), "try_pop_with" => self.try_pop_with(|_| ()),
            "pop_with" => self.pop_with(|_| ()), "pop_with_deadline" => self.pop_with_deadline(|_| (), now),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)),
            "evict_peer" => self.evict_peer(now))
    }

    fn interrupter(&self) -> Interrupter {
        spsc::Consumer::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        spsc::Consumer::set_interruptible(self, by_signals);
    }
}

pub const BYTES: Kind = Kind {
    name: "bytes",
    giver: |how| Ok(Box::new(bytes_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(bytes_builder(how).create_receiver()?)),
    ..SPSC
};

fn bytes_builder(how: How<'_>) -> bytes::Builder {
    let builder = usual(bytes::Builder::new("bytes"), how);
    with_capacity(builder, how, 64, bytes::Builder::capacity)
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
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use bytes::PushError::{Closed, Interrupted, NotWoken, PeerGone, System, TimedOut};
        told!(self.push_timeout(&frame(number), patience), |()| Told::Yes,
            TimedOut(()) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(()) => Told::Closed,
            NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System((), error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(bytes::Producer::peer(self))
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (whole, now) = (frame(1), Instant::now());
        let pieces = [IoSlice::new(&whole)];
        calls!("try_push" => self.try_push(&whole), "push" => self.push(&whole),
            "push_deadline" => self.push_deadline(&whole, now),
            "push_timeout" => self.push_timeout(&whole, Duration::ZERO),
            "try_push_vectored" => self.try_push_vectored(&pieces), "push_vectored" => self.push_vectored(&pieces),
            "try_push_batch" => self.try_push_batch(&[&whole]), "push_batch" => self.push_batch(&[&whole]),
            "try_claim" => self.try_claim(8).map(|_| ()), "claim" => self.claim(8).map(|_| ()),
            "write" => self.write(&whole),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)),
            "evict_peer" => self.evict_peer(now))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(bytes::Producer::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        bytes::Producer::set_interruptible(self, by_signals);
    }
}

impl Taker for bytes::Consumer {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use bytes::PopError::{Closed, Interrupted, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |whole: Vec<u8>| frame_number(&whole),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            Interrupted => Told::Interrupted, System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(bytes::Consumer::peer(self))
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (now, mut buffer, mut whole) = (Instant::now(), [0; 100], Vec::new());
        calls!("try_pop" => self.try_pop(), "pop" => self.pop(), "pop_deadline" => self.pop_deadline(now),
            "pop_timeout" => self.pop_timeout(Duration::ZERO), "try_pop_into" => self.try_pop_into(&mut buffer),
            "try_pop_vec" => self.try_pop_vec(&mut whole), "pop_into" => self.pop_into(&mut buffer),
            "pop_vec" => self.pop_vec(&mut whole), "pop_into_deadline" => self.pop_into_deadline(&mut buffer, now),
            "pop_vec_deadline" => self.pop_vec_deadline(&mut whole, now),
            "try_view" => self.try_view().map(|_| ()),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)),
            "evict_peer" => self.evict_peer(now))
    }

    fn interrupter(&self) -> Interrupter {
        bytes::Consumer::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        bytes::Consumer::set_interruptible(self, by_signals);
    }
}
