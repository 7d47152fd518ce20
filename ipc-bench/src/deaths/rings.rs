//! The rings whose ends die, behind one interface.

use ipc_ring::{Domain, PeerExit, WaitStrategy, bytes, mpmc, spsc};

use crate::process::Failure;

/// The result of a push or a pop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// The partner is gone.
    Gone,
}

/// A channel whose ends sleep at once when they wait.
pub(super) trait Ends {
    type Producer: Send + 'static;
    type Consumer: Send + 'static;
    fn producer(domain: &Domain, channel: &str) -> Result<Self::Producer, Failure>;
    fn consumer(domain: &Domain, channel: &str) -> Result<Self::Consumer, Failure>;
    fn push(producer: &mut Self::Producer) -> Result<Outcome, Failure>;
    /// False when the ring is full.
    fn try_push(producer: &mut Self::Producer) -> Result<bool, Failure>;
    fn pop(consumer: &mut Self::Consumer) -> Result<Outcome, Failure>;
    /// Runs `f` while holding a message.
    fn hold(consumer: &mut Self::Consumer, f: &mut dyn FnMut() -> Result<(), Failure>)
    -> Result<(), Failure>;
}

const SLOTS: u64 = 16;
const MESSAGE: [u8; 8] = [7; 8];

fn no<E: std::fmt::Display>(error: E) -> Failure {
    Failure::Failed(error.to_string())
}

/// See the module of the same name in `ipc_ring`.
pub(super) struct SpscRing;

fn spsc_builder(domain: &Domain, channel: &str) -> spsc::Builder<[u8; 8]> {
    spsc::Builder::new(channel).domain(domain).capacity(SLOTS).wait(WaitStrategy::Sleep)
}

impl Ends for SpscRing {
    type Producer = spsc::Producer<[u8; 8]>;
    type Consumer = spsc::Consumer<[u8; 8]>;

    fn producer(domain: &Domain, channel: &str) -> Result<Self::Producer, Failure> {
        spsc_builder(domain, channel).create_sender().map_err(no)
    }

    fn consumer(domain: &Domain, channel: &str) -> Result<Self::Consumer, Failure> {
        spsc_builder(domain, channel).create_receiver().map_err(no)
    }

    fn push(producer: &mut Self::Producer) -> Result<Outcome, Failure> {
        match producer.push(MESSAGE) {
            Ok(()) => Ok(Outcome::Done),
            Err(spsc::PushError::PeerGone(_, PeerExit::Died { .. })) => Ok(Outcome::Gone),
            Err(other) => Err(no(other)),
        }
    }

    fn try_push(producer: &mut Self::Producer) -> Result<bool, Failure> {
        match producer.try_push(MESSAGE) {
            Ok(()) => Ok(true),
            Err(spsc::PushError::Full(_)) => Ok(false),
            Err(other) => Err(no(other)),
        }
    }

    fn pop(consumer: &mut Self::Consumer) -> Result<Outcome, Failure> {
        match consumer.pop() {
            Ok(_) => Ok(Outcome::Done),
            Err(spsc::PopError::PeerGone(PeerExit::Died { .. })) => Ok(Outcome::Gone),
            Err(other) => Err(no(other)),
        }
    }

    fn hold(
        consumer: &mut Self::Consumer,
        f: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let _view = consumer.try_view().map_err(no)?;
        f()
    }
}

/// See the module of the same name in `ipc_ring`.
pub(super) struct BytesRing;

fn bytes_builder(domain: &Domain, channel: &str) -> bytes::Builder {
    bytes::Builder::new(channel).domain(domain).capacity(16 * SLOTS).wait(WaitStrategy::Sleep)
}

impl Ends for BytesRing {
    type Producer = bytes::Producer;
    type Consumer = bytes::Consumer;

    fn producer(domain: &Domain, channel: &str) -> Result<Self::Producer, Failure> {
        bytes_builder(domain, channel).create_sender().map_err(no)
    }

    fn consumer(domain: &Domain, channel: &str) -> Result<Self::Consumer, Failure> {
        bytes_builder(domain, channel).create_receiver().map_err(no)
    }

    fn push(producer: &mut Self::Producer) -> Result<Outcome, Failure> {
        match producer.push(&MESSAGE) {
            Ok(()) => Ok(Outcome::Done),
            Err(bytes::PushError::PeerGone(_, PeerExit::Died { .. })) => Ok(Outcome::Gone),
            Err(other) => Err(no(other)),
        }
    }

    fn try_push(producer: &mut Self::Producer) -> Result<bool, Failure> {
        match producer.try_push(&MESSAGE) {
            Ok(()) => Ok(true),
            Err(bytes::PushError::Full(())) => Ok(false),
            Err(other) => Err(no(other)),
        }
    }

    fn pop(consumer: &mut Self::Consumer) -> Result<Outcome, Failure> {
        match consumer.pop() {
            Ok(_) => Ok(Outcome::Done),
            Err(bytes::PopError::PeerGone(PeerExit::Died { .. })) => Ok(Outcome::Gone),
            Err(other) => Err(no(other)),
        }
    }

    fn hold(
        consumer: &mut Self::Consumer,
        f: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let _view = consumer.try_view().map_err(no)?;
        f()
    }
}

/// See the module of the same name in `ipc_ring`.
pub(super) struct MpmcRing;

fn mpmc_builder(domain: &Domain, channel: &str) -> mpmc::Builder<[u8; 8]> {
    mpmc::Builder::new(channel).domain(domain).capacity(SLOTS).wait(WaitStrategy::Sleep)
}

impl Ends for MpmcRing {
    type Producer = mpmc::Producer<[u8; 8]>;
    type Consumer = mpmc::Consumer<[u8; 8]>;

    fn producer(domain: &Domain, channel: &str) -> Result<Self::Producer, Failure> {
        mpmc_builder(domain, channel).create_sender().map_err(no)
    }

    fn consumer(domain: &Domain, channel: &str) -> Result<Self::Consumer, Failure> {
        mpmc_builder(domain, channel).create_receiver().map_err(no)
    }

    fn push(producer: &mut Self::Producer) -> Result<Outcome, Failure> {
        match producer.push(MESSAGE) {
            Ok(()) => Ok(Outcome::Done),
            Err(mpmc::PushError::PeerGone(..)) => Ok(Outcome::Gone),
            Err(other) => Err(no(other)),
        }
    }

    fn try_push(producer: &mut Self::Producer) -> Result<bool, Failure> {
        match producer.try_push(MESSAGE) {
            Ok(()) => Ok(true),
            Err(mpmc::PushError::Full(_) | mpmc::PushError::Busy(..)) => Ok(false),
            Err(other) => Err(no(other)),
        }
    }

    fn pop(consumer: &mut Self::Consumer) -> Result<Outcome, Failure> {
        match consumer.pop() {
            Ok(_) => Ok(Outcome::Done),
            Err(mpmc::PopError::PeerGone(_)) => Ok(Outcome::Gone),
            Err(other) => Err(no(other)),
        }
    }

    fn hold(
        consumer: &mut Self::Consumer,
        f: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        consumer.pop_with(|_| f()).map_err(no)?
    }
}
