//! Channels with many ends on a side.

use std::time::{Duration, Instant};

use ipc_ring::broadcast::{self, frames, payloads};
use ipc_ring::pool::{self, LoanError, Pool, ReceiveError};
use ipc_ring::{AttachError, Interrupter, Waitable, mpmc};

use super::super::spsc_common::payload;
use super::broadcast::BROADCAST;
use super::one::{frame, frame_number, number};
use super::{
    Asked, CAPACITY, Call, Giver, How, Kind, Parameter, Taker, Told, calls, system, told, usual, with,
    with_capacity,
};

type Item = [u8; 41];

pub const MPMC: Kind = Kind {
    name: "mpmc",
    giver: |how| Ok(Box::new(mpmc_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(mpmc_builder(how).create_receiver()?)),
    many_givers: true,
    many_takers: true,
    fills: true,
    parameters: &[Parameter::Capacity, Parameter::Lifetime, Parameter::Barrier],
    keeps: true,
};

fn mpmc_builder(how: How<'_>) -> mpmc::Builder<Item> {
    let builder = usual(mpmc::Builder::new("mpmc"), how);
    with_capacity(builder, how, 1, mpmc::Builder::capacity)
}

impl Giver for mpmc::Producer<Item> {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use mpmc::PushError::{Closed, Interrupted, NotWoken, PeerGone, System, TimedOut};
        told!(self.push_timeout(payload(number), patience), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(_) => Told::Closed,
            NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {}

    fn close(self: Box<Self>) {
        mpmc::Producer::close(*self);
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (item, now) = (payload(1), Instant::now());
        calls!("try_push" => self.try_push(item), "push" => self.push(item), "push_from" => self.push_from(&item),
            "try_push_from" => self.try_push_from(&item), "push_deadline" => self.push_deadline(item, now),
            "push_from_deadline" => self.push_from_deadline(&item, now),
            "push_timeout" => self.push_timeout(item, Duration::ZERO),
            "try_push_slice" => self.try_push_slice(&[item, item]), "push_slice" => self.push_slice(&[item, item]),
            "recover" => self.recover(),
            "push_slice_deadline" => self.push_slice_deadline(&[item, item], now))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(mpmc::Producer::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        mpmc::Producer::set_interruptible(self, by_signals);
    }
}

impl Taker for mpmc::Consumer<Item> {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use mpmc::PopError::{Closed, Interrupted, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |item| number(&item),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            Interrupted => Told::Interrupted, System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let (now, mut item, mut items) = (Instant::now(), payload(0), [payload(0), payload(0)]);
        calls!("try_pop" => self.try_pop(), "pop" => self.pop(), "pop_deadline" => self.pop_deadline(now),
            "pop_timeout" => self.pop_timeout(Duration::ZERO), "pop_into" => self.pop_into(&mut item),
            "pop_into_deadline" => self.pop_into_deadline(&mut item, now),
            "try_pop_into" => self.try_pop_into(&mut item), "try_pop_slice" => self.try_pop_slice(&mut items),
            "try_pop_with" => self.try_pop_with(|_| ()), "pop_with" => self.pop_with(|_| ()),
            "recover" => self.recover(),
            "pop_with_deadline" => self.pop_with_deadline(|_| (), now))
    }

    fn interrupter(&self) -> Interrupter {
        mpmc::Consumer::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        mpmc::Consumer::set_interruptible(self, by_signals);
    }
}

pub const FRAMES: Kind = Kind {
    name: "frames",
    giver: |how| Ok(Box::new(frames_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(frames_builder(how).create_receiver()?)),
    ..BROADCAST
};

fn frames_builder(how: How<'_>) -> frames::Builder {
    let builder = usual(frames::Builder::new("frames"), how);
    let builder = with(builder, how.mode, frames::Builder::mode);
    with_capacity(builder, how, 64, frames::Builder::capacity)
}

impl Giver for frames::Publisher {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use broadcast::PushError::{Interrupted, NotWoken, System, TimedOut};
        told!(self.push_timeout(&frame(number), patience), |()| Told::Yes,
            TimedOut(()) => Told::TimedOut, NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System((), error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn try_everything(&mut self) -> Vec<Call> {
        let (whole, now) = (frame(1), Instant::now());
        calls!("try_publish" => self.try_push(&whole), "publish" => self.push(&whole),
            "publish_deadline" => self.push_deadline(&whole, now),
            "publish_timeout" => self.push_timeout(&whole, Duration::ZERO),
            "publish_batch" => self.push_batch(&[&whole]), "try_claim" => self.try_claim(8).map(|_| ()))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(frames::Publisher::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        frames::Publisher::set_interruptible(self, by_signals);
    }
}

impl Taker for frames::Subscriber {
    fn mode(&self) -> Option<broadcast::Mode> {
        Some(self.mode())
    }

    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use broadcast::PopError::{Closed, Interrupted, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |whole: Vec<u8>| frame_number(&whole),
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
        let (now, mut buffer, mut whole) = (Instant::now(), [0; 100], Vec::new());
        calls!("try_pop" => self.try_pop(), "pop" => self.pop(), "pop_deadline" => self.pop_deadline(now),
            "pop_timeout" => self.pop_timeout(Duration::ZERO), "try_pop_into" => self.try_pop_into(&mut buffer),
            "try_pop_vec" => self.try_pop_vec(&mut whole), "pop_into" => self.pop_into(&mut buffer),
            "pop_vec" => self.pop_vec(&mut whole), "pop_into_deadline" => self.pop_into_deadline(&mut buffer, now),
            "try_view" => self.try_view().map(|_| ()),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)))
    }

    fn interrupter(&self) -> Interrupter {
        frames::Subscriber::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        frames::Subscriber::set_interruptible(self, by_signals);
    }
}

/// Blocks of a pool to all subscribers.
pub const PAYLOADS: Kind = Kind {
    name: "payloads",
    giver: |how| {
        let pool = payloads_pool(how)?;
        Ok(Box::new(payloads_builder(how, &pool).create_sender()?))
    },
    taker: |how| {
        let pool = payloads_pool(how)?;
        Ok(Box::new(payloads_builder(how, &pool).create_receiver()?))
    },
    ..BROADCAST
};

const PAYLOAD: usize = 200;

fn payloads_pool(how: How<'_>) -> Result<Pool, AttachError> {
    pool::Builder::new("payloads pool").domain(how.domain).class(256, 2 * CAPACITY).create()
}

fn payloads_builder(how: How<'_>, pool: &Pool) -> payloads::Builder {
    let builder = usual(payloads::Builder::new("payloads", pool), how);
    let builder = with(builder, how.mode, payloads::Builder::mode);
    with_capacity(builder, how, 1, payloads::Builder::capacity)
}

impl Giver for payloads::Publisher {
    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use broadcast::PushError::{Interrupted, NotWoken, System, TimedOut};
        let mut loan = match self.loan(PAYLOAD) {
            Ok(loan) => loan,
            Err(LoanError::Exhausted { .. }) => return Told::TimedOut,
            Err(other) => return Told::Otherwise(other.to_string()),
        };
        loan.write(0, &payload::<PAYLOAD>(number)).unwrap();
        told!(self.push_timeout(loan, patience).map_err(|failed| failed.error), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn try_everything(&mut self) -> Vec<Call> {
        let mut calls = calls!("loan" => self.loan(PAYLOAD).map(|_| ()),
            "Pool::loan" => self.pool().loan(PAYLOAD).map(|_| ()),
            "Pool::try_loan" => self.pool().try_loan(PAYLOAD).map(|_| ()));
        // One that was lent before, if this is the process that did so.
        if let Ok(loan) = self.pool().loan(PAYLOAD) {
            calls.extend(calls!("try_publish" => self.try_push(loan).map_err(|failed| failed.error)));
        }
        calls
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(payloads::Publisher::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        payloads::Publisher::set_interruptible(self, by_signals);
    }
}

impl Taker for payloads::Subscriber {
    fn mode(&self) -> Option<broadcast::Mode> {
        Some(self.mode())
    }

    fn capacity(&self) -> Option<u64> {
        Some(self.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use broadcast::PopError::{Closed, Interrupted, PeerGone, System, TimedOut};
        loop {
            match self.pop_timeout(patience) {
                Ok(view) => {
                    assert_eq!(view.len(), PAYLOAD);
                    let whole: [u8; PAYLOAD] = view.read(0).unwrap();
                    let number = u64::from_le_bytes(*whole.first_chunk().unwrap());
                    assert_eq!(whole, payload(number));
                    return Told::Number(number);
                }
                // Of a pool that is gone.
                Err(ReceiveError::Refused(_)) => {}
                Err(ReceiveError::Channel(error)) => {
                    return told!(Err::<(), _>(error), |()| Told::Yes,
                        TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
                        Interrupted => Told::Interrupted, System(error) => system(&error));
                }
                Err(other) => return Told::Otherwise(other.to_string()),
            }
        }
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(self.peer())
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let now = Instant::now();
        calls!("try_pop" => self.try_pop().map(|_| ()), "pop" => self.pop().map(|_| ()),
            "pop_deadline" => self.pop_deadline(now).map(|_| ()),
            "pop_timeout" => self.pop_timeout(Duration::ZERO).map(|_| ()))
    }

    fn interrupter(&self) -> Interrupter {
        payloads::Subscriber::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        payloads::Subscriber::set_interruptible(self, by_signals);
    }
}
