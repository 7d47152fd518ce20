//! Rings without a name, for two connected processes: one makes the ring and sends its identifier.
//!
//! [`Carry`] is what goes through such a ring, [`Frames`] or [`Values`]; the rest is for
//! [`control`](crate::control).

use core::fmt;

use ipc_core::shm::{SharedMemory, ShmId};

use super::attached::Attached;
use super::bytes::{self, Bytes};
use super::kind::OneToOne;
use super::open::{self, Found, Request};
pub(crate) use super::pair::Role;
use super::receiver::Receiver;
use super::sender::Sender;
use super::settings::Settings;
use super::spsc::{self, Spsc};
use crate::domain::{Domain, Locked, WakeSemaphore};
use crate::error::AttachError;
use crate::message::Message;
use crate::platform::Barrier;
use crate::wait::WaitStrategy;

/// Size in bytes of a ring without a chosen capacity. There may be hundreds of them.
const USUAL_BYTES: u64 = 1 << 16;

/// What goes one way through a connection: [`Frames`] or [`Values`]. No other type can implement it.
pub trait Carry: Make + Send + Sync + 'static {}

/// Frames of any length, by [`bytes`](crate::bytes).
pub type Frames = Bytes;

/// Values of one type, by [`spsc`](crate::spsc).
pub type Values<T> = Spsc<T>;

impl Carry for Frames {}
impl<T: Message + Sync> Carry for Values<T> {}

/// How such a ring is made, found and held. Cannot be named outside this crate.
pub trait Make: OneToOne<Sending: Send, Receiving: Send> {
    /// The ring.
    type Ring;

    /// The request for this ring.
    fn request(settings: &Settings) -> Request<'_>;
    /// The capacity of such a ring when none is chosen: 64 KiB.
    fn usual_capacity() -> u64;
    /// The ring in a channel's memory.
    fn ring(found: &Found) -> Result<Self::Ring, AttachError>;
    /// The sending end of a seat. The domain's lock is not held.
    fn into_sender(attached: Attached<Self::Ring>) -> Result<Sender<Self>, AttachError>;
    /// The receiving end of a seat. The domain's lock is not held.
    fn into_receiver(attached: Attached<Self::Ring>) -> Result<Receiver<Self>, AttachError>;
}

impl Make for Frames {
    type Ring = crate::ring::bytes::Mapped;

    fn request(settings: &Settings) -> Request<'_> {
        bytes::request(settings)
    }

    fn usual_capacity() -> u64 {
        USUAL_BYTES
    }

    fn ring(found: &Found) -> Result<Self::Ring, AttachError> {
        bytes::ring(found)
    }

    fn into_sender(attached: Attached<Self::Ring>) -> Result<Sender<Self>, AttachError> {
        bytes::Producer::new(attached)
    }

    fn into_receiver(attached: Attached<Self::Ring>) -> Result<Receiver<Self>, AttachError> {
        bytes::Consumer::new(attached)
    }
}

impl<T: Message + Sync> Make for Values<T> {
    type Ring = crate::ring::spsc::Mapped<T>;

    fn request(settings: &Settings) -> Request<'_> {
        spsc::request::<T>(settings)
    }

    fn usual_capacity() -> u64 {
        1 << (USUAL_BYTES / size_of::<T>().max(1) as u64).clamp(16, 1024).ilog2()
    }

    fn ring(found: &Found) -> Result<Self::Ring, AttachError> {
        spsc::ring(found)
    }

    fn into_sender(attached: Attached<Self::Ring>) -> Result<Sender<Self>, AttachError> {
        spsc::Producer::new(attached)
    }

    fn into_receiver(attached: Attached<Self::Ring>) -> Result<Receiver<Self>, AttachError> {
        Ok(spsc::Consumer::new(attached))
    }
}

/// Takes a seat at a ring. The domain's lock is held.
fn seat<C: Make>(
    locked: &Locked<'_>,
    domain: &Domain,
    found: Found,
    role: Role,
    strategy: WaitStrategy,
) -> Result<Attached<C::Ring>, AttachError> {
    let ring = C::ring(&found)?;
    Attached::take_seat(locked, domain, (found, ring), role.seats(), strategy)
}

/// A nameless ring, as one process describes it to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) segment: ShmId,
    pub(crate) generation: u64,
}

/// A seat that was taken under the lock and becomes an end outside of it. Dropping it gives the seat up.
pub(crate) struct Seated<C: Carry> {
    attached: Option<Attached<C::Ring>>,
}

impl<C: Carry> Seated<C> {
    /// Makes a ring of this capacity and, if given, with this barrier, for this user and the one with the
    /// number `peer`, and takes a seat at it.
    ///
    /// # Errors
    /// An invalid capacity; a domain without free wake semaphores; an error of the kernel.
    pub(crate) fn make(
        locked: &Locked<'_>,
        domain: &Domain,
        role: Role,
        ring: (u64, Option<Barrier>),
        peer: u32,
        strategy: WaitStrategy,
    ) -> Result<(Self, Token), AttachError> {
        let (capacity, barrier) = ring;
        let settings = Settings { capacity: Some(capacity), barrier, ..Settings::new("", strategy) };
        let found = open::make_nameless(&C::request(&settings), locked, domain, peer)?;
        let token = Token { segment: found.entry.segment.id(), generation: found.entry.generation };
        let attached = Some(seat::<C>(locked, domain, found, role, strategy)?);
        Ok((Self { attached }, token))
    }

    /// Attaches to a ring that another process made and takes a seat at it. The caller has verified the
    /// segment's owner.
    ///
    /// # Errors
    /// Another kind of ring, another type; an end that is taken.
    pub(crate) fn adopt(
        locked: &Locked<'_>,
        domain: &Domain,
        role: Role,
        token: Token,
        strategy: WaitStrategy,
    ) -> Result<Self, AttachError> {
        let segment = SharedMemory::from_id(token.segment);
        let settings = Settings::new("", strategy);
        let found = open::adopt(&C::request(&settings), domain, segment, token.generation)?;
        Ok(Self { attached: Some(seat::<C>(locked, domain, found, role, strategy)?) })
    }

    /// The semaphore that this end sleeps on.
    pub(crate) fn wake(&mut self) -> WakeSemaphore {
        self.attached.as_mut().expect("a seat until it is taken out").end.wake()
    }

    /// The sending end. The domain's lock is not held.
    pub(crate) fn into_producer(mut self) -> Result<Sender<C>, AttachError> {
        C::into_sender(self.attached.take().expect("a seat until it is taken out"))
    }

    /// The receiving end. The domain's lock is not held.
    pub(crate) fn into_consumer(mut self) -> Result<Receiver<C>, AttachError> {
        C::into_receiver(self.attached.take().expect("a seat until it is taken out"))
    }
}

impl<C: Carry> Drop for Seated<C> {
    fn drop(&mut self) {
        // Not while the domain's lock is held.
        if let Some(mut attached) = self.attached.take() {
            attached.end.give_up(false);
        }
    }
}

impl<C: Carry> fmt::Debug for Seated<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seated").finish_non_exhaustive()
    }
}
