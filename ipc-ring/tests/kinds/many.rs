//! Channels with many ends on a side.

use std::time::Duration;

use ipc_ring::broadcast::{self, frames, payloads};
use ipc_ring::pool::{self, LoanError, Pool, ReceiveError};
use ipc_ring::{AttachError, Waitable, mpmc};

use super::one::{frame, frame_number, number};
use super::{Asked, CAPACITY, Giver, How, Kind, Taker, Told, system, told};
use crate::spsc_common::payload;

type Item = [u8; 41];

pub const MPMC: Kind = Kind {
    name: "mpmc",
    giver: |how| Ok(Box::new(mpmc_builder(how).create_producer()?)),
    taker: |how| Ok(Box::new(mpmc_builder(how).create_consumer()?)),
    many_givers: true,
    many_takers: true,
    fills: true,
    keeps: true,
};

fn mpmc_builder(how: How<'_>) -> mpmc::Builder<Item> {
    mpmc::Builder::new("mpmc").domain(how.domain).wait(how.wait).lifetime(how.lifetime).capacity(CAPACITY)
}

impl Giver for mpmc::Producer<Item> {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use mpmc::PushError::{Closed, NoConsumer, System, TimedOut};
        told!(self.push_timeout(payload(number), patience), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, NoConsumer(_) => Told::Gone, Closed(_) => Told::Closed,
            System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {}

    fn close(self: Box<Self>) {
        mpmc::Producer::close(*self);
    }
}

impl Taker for mpmc::Consumer<Item> {
    fn take(&mut self, patience: Duration) -> Told {
        use mpmc::PopError::{Closed, NoProducer, System, TimedOut};
        told!(self.pop_timeout(patience), |item| number(&item),
            TimedOut => Told::TimedOut, NoProducer => Told::Gone, Closed => Told::Closed,
            System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }
}

pub const BROADCAST: Kind = Kind {
    name: "broadcast",
    giver: |how| Ok(Box::new(broadcast_builder(how).create_publisher()?)),
    taker: |how| Ok(Box::new(broadcast_builder(how).create_subscriber()?)),
    many_givers: false,
    many_takers: true,
    fills: true,
    keeps: false,
};

fn broadcast_builder(how: How<'_>) -> broadcast::Builder<Item> {
    broadcast::Builder::new("broadcast")
        .domain(how.domain)
        .wait(how.wait)
        .lifetime(how.lifetime)
        .capacity(CAPACITY)
        .gated()
}

impl Giver for broadcast::Publisher<Item> {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use broadcast::PushError::{System, TimedOut};
        told!(self.publish_timeout(payload(number), patience), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}
}

impl Taker for broadcast::Subscriber<Item> {
    fn take(&mut self, patience: Duration) -> Told {
        use broadcast::PopError::{Closed, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |item| number(&item),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(self.publisher())
    }
}

pub const FRAMES: Kind = Kind {
    name: "frames",
    giver: |how| Ok(Box::new(frames_builder(how).create_publisher()?)),
    taker: |how| Ok(Box::new(frames_builder(how).create_subscriber()?)),
    ..BROADCAST
};

fn frames_builder(how: How<'_>) -> frames::Builder {
    frames::Builder::new("frames")
        .domain(how.domain)
        .wait(how.wait)
        .lifetime(how.lifetime)
        .capacity(512)
        .gated()
}

impl Giver for frames::Publisher {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use broadcast::PushError::{System, TimedOut};
        told!(self.publish_timeout(&frame(number), patience), |()| Told::Yes,
            TimedOut(()) => Told::TimedOut, System((), error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}
}

impl Taker for frames::Subscriber {
    fn take(&mut self, patience: Duration) -> Told {
        use broadcast::PopError::{Closed, PeerGone, System, TimedOut};
        told!(self.pop_timeout(patience), |whole: Vec<u8>| frame_number(&whole),
            TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
            System(error) => system(&error))
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(self.publisher())
    }
}

/// Blocks of a pool to all subscribers.
pub const PAYLOADS: Kind = Kind {
    name: "payloads",
    giver: |how| {
        let pool = payloads_pool(how)?;
        Ok(Box::new(payloads_builder(how, &pool).create_publisher()?))
    },
    taker: |how| {
        let pool = payloads_pool(how)?;
        Ok(Box::new(payloads_builder(how, &pool).create_subscriber()?))
    },
    ..BROADCAST
};

const PAYLOAD: usize = 200;

fn payloads_pool(how: How<'_>) -> Result<Pool, AttachError> {
    pool::Builder::new("payloads pool").domain(how.domain).class(256, 2 * CAPACITY).create()
}

fn payloads_builder(how: How<'_>, pool: &Pool) -> payloads::Builder {
    payloads::Builder::new("payloads", pool).wait(how.wait).lifetime(how.lifetime).capacity(CAPACITY).gated()
}

impl Giver for payloads::Publisher {
    fn give(&mut self, number: u64, patience: Duration) -> Told {
        use broadcast::PushError::{System, TimedOut};
        let mut loan = match self.loan(PAYLOAD) {
            Ok(loan) => loan,
            Err(LoanError::Exhausted { .. }) => return Told::TimedOut,
            Err(other) => return Told::Otherwise(other.to_string()),
        };
        loan.copy_from_slice(&payload::<PAYLOAD>(number));
        told!(self.publish_timeout(loan, patience).map_err(|failed| failed.error), |()| Told::Yes,
            TimedOut(_) => Told::TimedOut, System(_, error) => system(&error))
    }

    fn leave(self: Box<Self>) {
        self.detach();
    }

    fn close(self: Box<Self>) {}
}

impl Taker for payloads::Subscriber {
    fn take(&mut self, patience: Duration) -> Told {
        use broadcast::PopError::{Closed, PeerGone, System, TimedOut};
        loop {
            match self.pop_timeout(patience) {
                Ok(view) => {
                    let whole: [u8; PAYLOAD] = view[..].try_into().unwrap();
                    let number = u64::from_le_bytes(*whole.first_chunk().unwrap());
                    assert_eq!(whole, payload(number));
                    return Told::Number(number);
                }
                // Of a pool that is gone.
                Err(ReceiveError::Refused(_)) => {}
                Err(ReceiveError::Channel(error)) => {
                    return told!(Err::<(), _>(error), |()| Told::Yes,
                        TimedOut => Told::TimedOut, PeerGone(_) => Told::Gone, Closed => Told::Closed,
                        System(error) => system(&error));
                }
                Err(other) => return Told::Otherwise(other.to_string()),
            }
        }
    }

    fn waitable(&mut self) -> &mut dyn Waitable {
        self
    }

    fn peer(&self) -> Option<Asked> {
        Some(self.publisher())
    }
}
