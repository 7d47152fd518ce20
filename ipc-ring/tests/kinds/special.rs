//! The newest value, payloads by handle, and requests.

use std::time::{Duration, Instant};

use ipc_ring::call::{self, CallError};
use ipc_ring::pool::{self, Handle, LoanError, ReceiveError};
use ipc_ring::{Interrupter, Waitable, latest, spsc};

use super::super::spsc_common::{check, payload};
use super::{
    Asked, CAPACITY, Call, Giver, How, Kind, Parameter, Taker, Told, calls, system, told, usual, with,
    with_capacity,
};

type Value = [u8; 300];

pub const LATEST: Kind = Kind {
    name: "latest",
    giver: |how| Ok(Box::new(latest_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(latest_builder(how).create_receiver()?)),
    many_givers: false,
    many_takers: true,
    fills: false,
    parameters: &[Parameter::Lifetime, Parameter::Barrier],
    keeps: true,
};

fn latest_builder(how: How<'_>) -> latest::Builder<Value> {
    usual(latest::Builder::new("latest"), how)
}

/// As [`LATEST`], of many values under keys, of which the last one is used. Where the number of keys is
/// given, it is the capacity. Not one of all: except for the number of keys it is the same channel.
pub const TABLE: Kind = Kind {
    name: "table",
    giver: |how| Ok(Box::new(table_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(table_builder(how).create_receiver()?)),
    parameters: &[Parameter::Keys, Parameter::Lifetime, Parameter::Barrier],
    ..LATEST
};

fn table_builder(how: How<'_>) -> latest::TableBuilder<Value> {
    with(usual(latest::TableBuilder::new("latest"), how), how.capacity, |builder, keys| {
        builder.keys(keys.try_into().unwrap())
    })
}

impl Giver for latest::TableWriter<Value> {
    fn capacity(&self) -> Option<u64> {
        Some(u64::from(self.keys()))
    }

    fn give(&mut self, number: u64, _: Duration) -> Told {
        match self.publish(self.keys() - 1, payload(number)) {
            Ok(_) => Told::Yes,
            Err(latest::PublishError::NotWoken { .. }) => Told::NotWoken,
            Err(other) => Told::Otherwise(other.to_string()),
        }
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn try_everything(&mut self) -> Vec<Call> {
        calls!("publish" => self.publish(0, payload(1)), "publish_at" => self.publish_at(0, &payload(1), 1),
            "sequence" => self.sequence(0))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        None
    }

    fn set_interruptible(&mut self, _: bool) {}
}

impl Taker for latest::TableReader<Value> {
    fn capacity(&self) -> Option<u64> {
        Some(u64::from(self.keys()))
    }

    fn take(&mut self, patience: Duration) -> Told {
        use latest::ReadError::{Closed, Interrupted, PeerGone, System, TimedOut};
        told!(self.wait_any_timeout(patience),
            |(_, newest): (u32, latest::Value<Value>)| number(&newest.value),
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
        let (now, mut value) = (Instant::now(), payload(0));
        calls!("get" => self.get(0), "get_newer" => self.get_newer(0), "get_into" => self.get_into(0, &mut value),
            "sequence" => self.sequence(0), "wait_any" => self.wait_any(),
            "wait_any_deadline" => self.wait_any_deadline(now), "wait_deadline" => self.wait_deadline(0, now),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)))
    }

    fn interrupter(&self) -> Interrupter {
        latest::TableReader::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        latest::TableReader::set_interruptible(self, by_signals);
    }
}

/// The number of a payload, every byte of which must be its own.
fn number<const N: usize>(bytes: &[u8; N]) -> Told {
    let number = u64::from_le_bytes(*bytes.first_chunk().unwrap());
    check(bytes, number);
    Told::Number(number)
}

impl Giver for latest::Writer<Value> {
    fn give(&mut self, number: u64, _: Duration) -> Told {
        match self.publish(payload(number)) {
            Ok(_) => Told::Yes,
            Err(latest::PublishError::NotWoken { .. }) => Told::NotWoken,
            Err(other) => Told::Otherwise(other.to_string()),
        }
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn try_everything(&mut self) -> Vec<Call> {
        calls!("publish" => self.publish(payload(1)), "publish_at" => self.publish_at(&payload(1), 1),
            "sequence" => self.sequence())
    }

    fn interrupter(&self) -> Option<Interrupter> {
        None
    }

    fn set_interruptible(&mut self, _: bool) {}
}

impl Taker for latest::Reader<Value> {
    fn take(&mut self, patience: Duration) -> Told {
        use latest::ReadError::{Closed, Interrupted, PeerGone, System, TimedOut};
        told!(self.wait_timeout(patience), |newest: latest::Value<Value>| number(&newest.value),
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
        let (now, mut value) = (Instant::now(), payload(0));
        calls!("get" => self.get(), "get_newer" => self.get_newer(), "get_into" => self.get_into(&mut value),
            "sequence" => self.sequence(), "wait" => self.wait(), "wait_deadline" => self.wait_deadline(now),
            "wait_timeout" => self.wait_timeout(Duration::ZERO),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)))
    }

    fn interrupter(&self) -> Interrupter {
        latest::Reader::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        latest::Reader::set_interruptible(self, by_signals);
    }
}

/// A pool whose handles go through a channel from one to one.
pub const POOL: Kind = Kind {
    name: "pool",
    giver: |how| Ok(Box::new(Lender { out: handles(how).create_sender()?, pool: pool(how)? })),
    taker: |how| Ok(Box::new(Receiver { input: handles(how).create_receiver()?, pool: pool(how)? })),
    many_givers: false,
    many_takers: false,
    fills: true,
    parameters: &[Parameter::Capacity, Parameter::Lifetime, Parameter::Barrier],
    keeps: true,
};

pub(super) const LEN: usize = 200;

fn pool(how: How<'_>) -> Result<pool::Pool, ipc_ring::AttachError> {
    pool::Builder::new("pool").domain(how.domain).class(256, 2 * CAPACITY).create()
}

fn handles(how: How<'_>) -> spsc::Builder<Handle> {
    let builder = usual(spsc::Builder::new("handles"), how);
    with_capacity(builder, how, 1, spsc::Builder::capacity)
}

struct Lender {
    out: spsc::Producer<Handle>,
    pool: pool::Pool,
}

impl Giver for Lender {
    fn capacity(&self) -> Option<u64> {
        Some(self.out.capacity())
    }

    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use spsc::PushError::{Closed, Interrupted, NotWoken, PeerGone, System, TimedOut};
        let mut loan = match self.pool.loan(LEN) {
            Ok(loan) => loan,
            Err(LoanError::Exhausted { .. }) => return Told::TimedOut,
            Err(other) => return Told::Otherwise(other.to_string()),
        };
        loan.write(0, &payload::<LEN>(number)).unwrap();
        let sent = loan.send_with(self.out.route(), |handle| self.out.push_timeout(handle, patience));
        told!(sent.map_err(|failed| failed.error), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, PeerGone(..) => Told::Gone, Closed(_) => Told::Closed,
            NotWoken(..) => Told::NotWoken, Interrupted(_) => Told::Interrupted,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.out.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(self.out.peer())
    }

    fn try_everything(&mut self) -> Vec<Call> {
        calls!("loan" => self.pool.loan(LEN).map(|_| ()), "try_loan" => self.pool.try_loan(LEN).map(|_| ()),
            "try_push" => self.out.try_push(Handle::from_words([1; 3])),
            "accept" => self.pool.accept(&Handle::from_words([1; 3])).map(|_| ()))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(self.out.interrupter())
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.out.set_interruptible(by_signals);
    }
}

pub(super) struct Receiver {
    pub(super) input: spsc::Consumer<Handle>,
    pub(super) pool: pool::Pool,
}

impl Taker for Receiver {
    fn capacity(&self) -> Option<u64> {
        Some(self.input.capacity())
    }

    fn take(&mut self, patience: Duration) -> Told {
        use spsc::PopError::{Closed, Interrupted, PeerGone, System, TimedOut};
        loop {
            match self.pool.receive_timeout(&mut self.input, patience) {
                Ok(view) => return number::<LEN>(view.to_vec().unwrap()[..].try_into().unwrap()),
                // From a sender that died while it was under way.
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
        &mut self.input
    }

    fn peer(&self) -> Option<Asked> {
        Some(self.input.peer())
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let Self { input, pool } = self;
        calls!("receive" => pool.receive(input).map(|_| ()), "try_receive" => pool.try_receive(input).map(|_| ()),
            "receive_timeout" => pool.receive_timeout(input, Duration::ZERO).map(|_| ()),
            "accept" => pool.accept(&Handle::from_words([1; 3])).map(|_| ()))
    }

    fn interrupter(&self) -> Interrupter {
        self.input.interrupter()
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        self.input.set_interruptible(by_signals);
    }
}

/// Requests go in at the caller's end; there is room for one when the one before has its reply.
pub const CALL: Kind = Kind {
    name: "call",
    giver: |how| Ok(Box::new(call_builder(how).create_sender()?)),
    taker: |how| Ok(Box::new(call_builder(how).create_receiver()?)),
    many_givers: false,
    many_takers: false,
    fills: true,
    parameters: &[Parameter::Lifetime, Parameter::Barrier],
    keeps: true,
};

type Request = [u8; 41];
type Reply = [u8; 17];

fn call_builder(how: How<'_>) -> call::Builder<Request, Reply> {
    usual(call::Builder::new("call"), how)
}

fn call_error(error: CallError) -> Told {
    match error {
        CallError::TimedOut => Told::TimedOut,
        CallError::PeerGone(_) => Told::Gone,
        CallError::Closed => Told::Closed,
        CallError::Interrupted => Told::Interrupted,
        CallError::NotWoken(_) => Told::NotWoken,
        CallError::System(error) => system(&error),
        other => Told::Otherwise(other.to_string()),
    }
}

impl Giver for call::Caller<Request, Reply> {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        let end = Instant::now() + patience.min(Duration::from_secs(1 << 30));
        loop {
            match self.ask(payload(number)) {
                Ok(()) => return Told::Yes,
                Err(CallError::Pending) => {}
                Err(other) => return call_error(other),
            }
            match self.wait_deadline(end) {
                Ok(reply) => assert!(matches!(self::number(&reply), Told::Number(_))),
                // The call in flight is a predecessor's; its reply goes to no one.
                Err(CallError::NothingAsked) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(CallError::NothingAsked) => return Told::TimedOut,
                Err(other) => return call_error(other),
            }
        }
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}

    fn peer(&self) -> Option<Asked> {
        Some(self.peer())
    }

    fn try_everything(&mut self) -> Vec<Call> {
        let now = Instant::now();
        calls!("call" => self.call(payload(1)), "call_deadline" => self.call_deadline(payload(1), now),
            "call_timeout" => self.call_timeout(payload(1), Duration::ZERO), "ask" => self.ask(payload(1)),
            "try_reply" => self.try_reply(), "wait" => self.wait(), "wait_deadline" => self.wait_deadline(now),
            "wait_timeout" => self.wait_timeout(Duration::ZERO), "abandon" => self.abandon(),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)))
    }

    fn interrupter(&self) -> Option<Interrupter> {
        Some(call::Caller::interrupter(self))
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        call::Caller::set_interruptible(self, by_signals);
    }
}

impl Taker for call::Responder<Request, Reply> {
    fn take(&mut self, patience: Duration) -> Told {
        match self.take_timeout(patience) {
            Ok(request) => {
                let value = request.value();
                let told = number(&value);
                let Told::Number(number) = told else { return told };
                request.reply(payload(number));
                told
            }
            Err(error) => call_error(error),
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
        assert!(!self.reply(payload(1)), "a reply to a request that was not taken here");
        calls!("try_take" => self.try_take().map(|_| ()), "take" => self.take().map(|_| ()),
            "take_deadline" => self.take_deadline(now).map(|_| ()),
            "take_timeout" => self.take_timeout(Duration::ZERO).map(|_| ()),
            "serve_all" => self.serve_all(|_, _| payload(1)),
            "wait_for_peer" => self.wait_for_peer(Some(Duration::ZERO)))
    }

    fn interrupter(&self) -> Interrupter {
        call::Responder::interrupter(self)
    }

    fn set_interruptible(&mut self, by_signals: bool) {
        call::Responder::set_interruptible(self, by_signals);
    }
}
