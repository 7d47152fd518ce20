//! How a channel is made or found.

use super::{Bytes, Consumer, Observer, Producer};
use crate::channel::attached::attach;
use crate::channel::builder::{self, Attach, Bounded, Framed, Named, Observable};
use crate::channel::open::{Creation, Found, Request};
use crate::channel::pair::{self, Role};
use crate::channel::settings::Settings;
use crate::error::AttachError;
use crate::layout::Kind;
use crate::message::Fingerprint;
use crate::ring::bytes::Mapped;
use crate::ring::bytes::header;
use crate::ring::bytes::words::SLOTS_OFFSET;

/// Size in bytes of a ring without a chosen capacity.
const USUAL_BYTES: u64 = 1 << 20;

/// Options for making and finding a channel of frames.
///
/// Its [`capacity`](Self::capacity) is 64 bytes to 1 GiB. A frame takes its length rounded up to 8, and 8
/// more; the longest one half the ring.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{WaitStrategy, bytes};
///
/// let domain = ipc_ring::Domain::open("doc-example-bytes-builder")?;
/// let channel = bytes::Builder::new("log").domain(&domain).capacity(4096).wait(WaitStrategy::Spin);
/// let mut producer = channel.create_sender()?;
/// let mut consumer = channel.open_receiver()?;
/// producer.push(b"hello")?;
/// assert_eq!(consumer.pop()?, b"hello");
/// # Ok(()) }
/// ```
pub type Builder = builder::Builder<Bytes>;

impl Attach for Bytes {
    type Sender = Producer;
    type Receiver = Consumer;
    type Options = ();

    fn sender(builder: &Builder, creation: Creation) -> Result<Producer, AttachError> {
        attach(&request(&builder.settings), Role::Producer.place(), creation, ring, Producer::new)
    }

    fn receiver(builder: &Builder, creation: Creation) -> Result<Consumer, AttachError> {
        let end = |attached| Ok(Consumer::new(attached)?.opened_by(builder, Builder::open_receiver));
        attach(&request(&builder.settings), Role::Consumer.place(), creation, ring, end)
    }
}

impl Bounded for Bytes {}
impl Named for Bytes {}
impl Framed for Bytes {}

impl Observable for Bytes {
    type Observer = Observer;

    fn observe(builder: &Builder) -> Result<Observer, AttachError> {
        Observer::attach(&request(&builder.settings))
    }
}

impl Builder {
    /// A [`capacity`](Self::capacity) that holds `count` frames of up to `len` bytes each at any time,
    /// whatever the position in the ring: it includes their headers, and the remainder before the end of the
    /// ring into which a frame does not fit. At least as much as a frame of `len` bytes takes.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let domain = ipc_ring::Domain::open("doc-example-capacity-frames")?;
    /// let builder = ipc_ring::bytes::Builder::new("log").domain(&domain).capacity_frames(3, 1000);
    /// let mut producer = builder.create_sender()?;
    /// assert_eq!(producer.capacity(), 4096);
    /// (0..3).try_for_each(|_| producer.try_push(&[0; 1000]))?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn capacity_frames(self, count: u64, len: u64) -> Self {
        let record = header::record(len.min(u64::MAX / 2));
        self.capacity(record.saturating_mul(count.max(1).saturating_add(1)))
    }
}

pub(in crate::channel) fn request(settings: &Settings) -> Request<'_> {
    Request {
        settings,
        kind: Kind::Bytes,
        fingerprint: Fingerprint::named::<u8>(settings.type_name.as_deref().unwrap_or("bytes")),
        element: Some("bytes"),
        usual_capacity: USUAL_BYTES,
        geometry: &Mapped::geometry,
        slots_offset: SLOTS_OFFSET,
        mode: None,
        takers: Some(pair::TAKERS),
    }
}

/// The ring in a channel's memory.
pub(in crate::channel) fn ring(found: &Found) -> Result<Mapped, AttachError> {
    Mapped::new(found.region.clone(), &found.geometry, found.barrier)
}
