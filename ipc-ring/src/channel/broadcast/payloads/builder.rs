//! How a channel of payloads is made or found.

use super::{Publisher, Subscriber};
use crate::channel::broadcast::{self, Mode, Resume, Start};
use crate::channel::open::Creation;
use crate::domain::Domain;
use crate::error::AttachError;
use crate::message::Fingerprint;
use crate::pool::{Handle, Pool};
use crate::{Barrier, Lifetime, WaitStrategy};

/// Places of a channel without a chosen capacity.
const USUAL_CAPACITY: u64 = 8;
/// The name of the element type, which distinguishes the channel from one of plain handles.
const TYPE_NAME: &str = "ipc-ring payload of a pool";

/// The fingerprint of the messages of channels of payloads, by which programs that inspect channels recognise
/// them.
#[must_use]
pub fn fingerprint() -> Fingerprint {
    Fingerprint::named::<Handle>(TYPE_NAME)
}

/// Options for creating and opening a channel of payloads.
#[derive(Clone, Debug)]
pub struct Builder {
    channel: broadcast::Builder<Handle>,
    pool: Pool,
}

impl Builder {
    /// Options for the channel of this name, 1 to 120 bytes without a zero byte, for payloads of this pool,
    /// in the pool's domain.
    #[must_use]
    pub fn new(name: &str, pool: &Pool) -> Self {
        let channel =
            broadcast::Builder::new(name).domain(pool.domain()).type_name(TYPE_NAME).usually(USUAL_CAPACITY);
        Self { channel, pool: pool.clone() }
    }

    fn with(mut self, change: impl FnOnce(broadcast::Builder<Handle>) -> broadcast::Builder<Handle>) -> Self {
        self.channel = change(self.channel);
        self
    }

    /// Number of payloads that the channel can hold, rounded up to a power of two. A creator's default is 8;
    /// an opener without this setting takes the channel as it is, one that gives a number insists on it.
    #[must_use]
    pub fn capacity(self, payloads: u64) -> Self {
        self.with(|channel| channel.capacity(payloads))
    }

    /// How the channel treats slow subscribers. A creator's default is [`Mode::Lossy`]; an opener without
    /// this setting takes the channel as it is, one that gives a mode insists on it.
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        self.with(|channel| channel.mode(mode))
    }

    /// [`mode`](Self::mode) with [`Mode::Lossy`].
    #[must_use]
    pub fn lossy(self) -> Self {
        self.mode(Mode::Lossy)
    }

    /// [`mode`](Self::mode) with [`Mode::Gated`].
    #[must_use]
    pub fn gated(self) -> Self {
        self.mode(Mode::Gated)
    }

    /// Where a subscriber begins. The default is the oldest payload left.
    #[must_use]
    pub fn start(self, start: Start) -> Self {
        self.with(|channel| channel.start(start))
    }

    /// Where a subscriber continues after it was overrun. The default is the oldest payload left.
    #[must_use]
    pub fn resume(self, resume: Resume) -> Self {
        self.with(|channel| channel.resume(resume))
    }

    /// How this end waits. Each end has its own strategy.
    #[must_use]
    pub fn wait(self, strategy: WaitStrategy) -> Self {
        self.with(|channel| channel.wait(strategy))
    }

    /// Whether waiting calls of this end go on when the other end died or detached, as with every
    /// [builder](crate::broadcast::Builder::await_successors).
    #[must_use]
    pub fn await_successors(self, awaits: bool) -> Self {
        self.with(|channel| channel.await_successors(awaits))
    }

    /// The domain in which the name is looked up or entered. The default is the pool's.
    #[must_use]
    pub fn domain(self, domain: &Domain) -> Self {
        self.with(|channel| channel.domain(domain))
    }

    /// As [`broadcast::Builder::barrier`].
    #[must_use]
    pub fn barrier(self, barrier: Barrier) -> Self {
        self.with(|channel| channel.barrier(barrier))
    }

    /// As [`broadcast::Builder::lifetime`].
    #[must_use]
    pub fn lifetime(self, lifetime: Lifetime) -> Self {
        self.with(|channel| channel.lifetime(lifetime))
    }

    /// Makes the channel, or finds it, and takes the publishing end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, the channel found is of another kind, capacity or mode, or the
    /// kernel refused.
    pub fn create_sender(&self) -> Result<Publisher, AttachError> {
        self.publish(Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes the publishing end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_sender(&self) -> Result<Publisher, AttachError> {
        self.publish(Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes the publishing end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<Publisher, AttachError> {
        self.publish(Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes a seat as a subscriber.
    ///
    /// # Errors
    /// [`AttachError`]: no seat is free, the channel found is of another kind, capacity or mode, the start is
    /// a position in another channel, or the kernel refused.
    pub fn create_receiver(&self) -> Result<Subscriber, AttachError> {
        self.pool.ours()?;
        Ok(Subscriber::new(self.channel.create_receiver()?, &self.pool))
    }

    /// Finds the channel, which must exist, and takes a seat as a subscriber.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_receiver`](Self::create_receiver).
    pub fn open_receiver(&self) -> Result<Subscriber, AttachError> {
        self.pool.ours()?;
        Ok(Subscriber::new(self.channel.open_receiver()?, &self.pool))
    }

    fn publish(&self, creation: Creation) -> Result<Publisher, AttachError> {
        self.pool.ours()?;
        let (ring, end) = self.channel.publishing_parts(creation)?;
        Publisher::new(ring, end, &self.pool).map_err(|error| self.channel.explain(error))
    }
}
