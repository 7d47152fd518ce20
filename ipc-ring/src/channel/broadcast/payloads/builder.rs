//! How a channel of payloads is made or found.

use super::{Payloads, Publisher, Subscriber};
use crate::channel::broadcast;
use crate::channel::broadcast::options::{Broadcasting, Readers};
use crate::channel::builder::{self, Attach, Bounded, MANY_ENDS};
use crate::channel::open::Creation;
use crate::channel::successor::Side;
use crate::error::AttachError;
use crate::message::Fingerprint;
use crate::pool::{Handle, Pool};
use crate::wait::WaitStrategy;

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

/// Options for making and finding a channel of payloads.
pub type Builder = builder::Builder<Payloads>;

/// The settings that only a channel of payloads has.
#[derive(Clone, Debug)]
pub struct Options {
    readers: Readers,
    pool: Pool,
}

impl Builder {
    /// Options for the channel of this name, 1 to 120 bytes without a zero byte, for payloads of this pool,
    /// in the pool's domain unless another is chosen.
    #[must_use]
    pub fn new(name: &str, pool: &Pool) -> Self {
        Self::with(name, Options { readers: Readers::default(), pool: pool.clone() }).domain(pool.domain())
    }

    /// Those of the handles that name the payloads, and the pool, which must be this process's own.
    fn of_handles(&self, side: Side) -> Result<(broadcast::Builder<Handle>, &Pool), AttachError> {
        let Options { readers, pool } = &self.options;
        let options = broadcast::Options { readers: *readers, usual_capacity: Some(USUAL_CAPACITY) };
        let handles = broadcast::Builder { settings: self.settings.clone(), options }.type_name(TYPE_NAME);
        match pool.ours() {
            Ok(()) => Ok((handles, pool)),
            Err(forked) => Err(handles.request().explain(forked.into(), side)),
        }
    }
}

impl Attach for Payloads {
    type Sender = Publisher;
    type Receiver = Subscriber;
    type Options = Options;

    const WAIT: WaitStrategy = MANY_ENDS;

    fn sender(builder: &Builder, creation: Creation) -> Result<Publisher, AttachError> {
        let (handles, pool) = builder.of_handles(Side::Gives)?;
        handles.publish(creation, |(ring, end)| Publisher::new(ring, end, pool))
    }

    fn receiver(builder: &Builder, creation: Creation) -> Result<Subscriber, AttachError> {
        let (handles, pool) = builder.of_handles(Side::Takes)?;
        Ok(Subscriber::new(broadcast::Broadcast::receiver(&handles, creation)?, pool))
    }
}

impl Bounded for Payloads {}

impl Broadcasting for Payloads {
    fn readers(options: &mut Options) -> &mut Readers {
        &mut options.readers
    }
}
