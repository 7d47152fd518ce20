//! Broadcasts of messages.

use std::time::{Duration, Instant};

use ipc_ring::{Interrupter, Waitable, broadcast};

use super::super::spsc_common::payload;
use super::one::number;
use super::{
    Asked, Call, Giver, How, Kind, Parameter, Taker, Told, calls, system, told, usual, with, with_capacity,
};

type Item = [u8; 41];

pub const BROADCAST: Kind = Kind {
    name: "broadcast",
    giver: |how| Ok(Box::new(broadcast_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(broadcast_builder(how).create_receiver()?)),
    many_givers: false,
    many_takers: true,
    fills: true,
    parameters: &[Parameter::Capacity, Parameter::Mode, Parameter::Lifetime, Parameter::Barrier],
    keeps: false,
};

fn broadcast_builder(how: How<'_>) -> broadcast::Builder<Item> {
    let builder = usual(broadcast::Builder::new("broadcast"), how);
    let builder = with(builder, how.mode, broadcast::Builder::mode);
    with_capacity(builder, how, 1, broadcast::Builder::capacity)
}

/// As [`BROADCAST`], with a publisher that waits for no subscriber. Not one of all: apart from that it is the
/// same channel.
pub const LOSSY: Kind = Kind {
    name: "lossy",
    giver: |how| (BROADCAST.giver)(How { mode: Some(broadcast::Mode::Lossy), ..how }),
    taker: |how| (BROADCAST.taker)(How { mode: Some(broadcast::Mode::Lossy), ..how }),
    fills: false,
    parameters: &[Parameter::Capacity, Parameter::Lifetime, Parameter::Barrier],
    ..BROADCAST
};

impl Giver for broadcast::Publisher<Item> {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use broadcast::PushError::{Interrupted, NotWoken, System, TimedOut};
        told!(self.push_timeout(payload(number), patience), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, NotWoken(..) => Told::NotWoken,
            Interrupted(_) => Told::Interrupted,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn try_everything(&mut self) -> Vec<Call> {
        let (item, now) = (payload(1), Instant::now());
        calls!("try_publish" => self.try_push(item), "publish" => self.push(item),
            "publish_deadline" => self.push_deadline(item, now),
            "publish_from" => self.push_from(&item),
            "try_publish_from" => self.try_push_from(&item),
            "publish_from_deadline" => self.push_from_deadline(&item, now),
            "publish_timeout" => self.push_timeout(item, Duration::ZERO),
            "try_publish_slice" => self.try_push_slice(&[item, item]),
            "publish_slice" => self.push_slice(&[item, item]),
            "publish_slice_deadline" => self.push_slice_deadline(&[item, item], now),
            "try_claim" => self.try_claim().map(|_| ()))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(broadcast::Publisher::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        broadcast::Publisher::set_interruptible(self, by_signals);
    }
}

impl Taker for broadcast::Subscriber<Item> {
    fn mode(&self) -> Option<broadcast::Mode> {
        Some(self.mode())
    }

    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use broadcast::PopError::{Closed, Interrupted, Missed, PeerGone, System, TimedOut};
        let popped = loop {
            match self.pop_timeout(patience) {
                Err(Missed(_)) if self.mode() == broadcast::Mode::Lossy => {}
                popped => break popped,
            }
        };
        told!(popped, |item| number(&item),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            Interrupted => Told::Interrupted, System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(self.peer())
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (now, mut item, mut items) = (Instant::now(), payload(0), [payload(0), payload(0)]);
        calls!("try_pop" => self.try_pop(), "pop" => self.pop(), "pop_deadline" => self.pop_deadline(now),
            "pop_timeout" => self.pop_timeout(Duration::ZERO), "pop_into" => self.pop_into(&mut item),
            "pop_into_deadline" => self.pop_into_deadline(&mut item, now),
            "try_pop_into" => self.try_pop_into(&mut item),
            "try_pop_slice" => self.try_pop_slice(&mut items), "pop_slice" => self.pop_slice(&mut items),
            "pop_slice_deadline" => self.pop_slice_deadline(&mut items, now),
            "try_view" => self.try_view().map(|_| ()),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)))
    }

    fn interrupter(&self) -> Interrupter {
        broadcast::Subscriber::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        broadcast::Subscriber::set_interruptible(self, by_signals);
    }
}
