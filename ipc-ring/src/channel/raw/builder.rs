//! How a channel is opened by its name, or made from a description of its elements.

use ipc_describe::{Describe, Description};

use super::opening::{OfBroadcast, Opening};
use super::{PrefixReceiver, RawCaller, RawReceiver, RawSender, broadcast, latest, mpmc, spsc};
use crate::channel::broadcast::{Mode, Resume, Start};
use crate::channel::described::Described;
use crate::channel::open::Creation;
use crate::channel::settings::{Settings, common_settings};
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::Kind;
use crate::message::{ElementType, Message};
use crate::wait::WaitStrategy;

/// Options for opening a channel without a Rust type for its elements, and for making one.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::layout::Kind;
/// use ipc_ring::{Domain, ElementType, raw, spsc};
///
/// let domain = Domain::open("doc-example-raw-builder")?;
/// let numbers = raw::Builder::new("numbers").domain(&domain);
/// let element = ElementType::new(8, 8, "u64")?;
/// let mut sender = numbers.kind(Kind::Spsc).element(&element).capacity(64).create_sender()?;
/// let mut consumer = spsc::Builder::<u64>::new("numbers").domain(&domain).open_receiver()?;
/// sender.send(&7_u64.to_ne_bytes())?;
/// assert_eq!(consumer.pop()?, 7);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    settings: Settings,
    kind: Option<Kind>,
    element: Option<ElementType>,
    broadcast: OfBroadcast,
}

impl Builder {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let broadcast = OfBroadcast { mode: None, start: Start::Oldest, resume: Resume::Oldest };
        Self { settings: Settings::new(name, WaitStrategy::DEFAULT), kind: None, element: None, broadcast }
    }

    common_settings!();

    /// Number of slots, rounded up to a power of two, or of keys of a table of latest values. A creator's
    /// default is 1 MiB of elements, 16 to 1024 slots, and one key; an opener without this setting takes the
    /// ring as it is, one that gives a number insists on it.
    #[must_use]
    pub fn capacity(mut self, slots: u64) -> Self {
        self.settings.capacity = Some(slots);
        self
    }

    /// How a [broadcast](crate::broadcast) channel treats slow subscribers. A creator's default is
    /// [`Mode::Lossy`]; an opener without this setting takes the channel as it is, one that gives a mode
    /// insists on it.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.broadcast.mode = Some(mode);
        self
    }

    /// Where a subscriber of a [broadcast](crate::broadcast) channel begins; the default is the oldest
    /// message left.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.broadcast.start = start;
        self
    }

    /// Where a subscriber of a [broadcast](crate::broadcast) channel continues after it was overrun; the
    /// default is the oldest message left.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.broadcast.resume = resume;
        self
    }

    /// The kind of channel to make, or to insist on.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The type of the elements, to make a channel with, or to insist on.
    #[must_use]
    pub fn element(mut self, element: &ElementType) -> Self {
        self.settings.type_name = Some(element.name().to_owned());
        self.element = Some(element.clone());
        self
    }

    /// As [`element`](Self::element), with the fields: a new channel stores them.
    #[must_use]
    pub fn description(mut self, description: &Description) -> Self {
        self.element = Some(ElementType::described(description));
        self.settings.described = Some(Described::Element(Box::new(description.clone())));
        self
    }

    /// Finds the channel, which must exist, and takes its sending end.
    ///
    /// # Errors
    /// [`NotFound`](AttachErrorKind::NotFound); [`Kind`](AttachErrorKind::Kind) for a kind whose elements are
    /// not of one size, or that is not the requested one; [`EndTaken`](AttachErrorKind::EndTaken); another
    /// element than the given one, as for a typed end;
    /// [`InvalidDescription`](AttachErrorKind::InvalidDescription).
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn open_sender(&self) -> Result<RawSender, AttachError> {
        self.opened(|opening| sender(opening, Creation::MustFind))
    }

    /// Finds the channel, which must exist, and takes a receiving end.
    ///
    /// # Errors
    /// As [`open_sender`](Self::open_sender).
    ///
    /// # Blocking
    /// As [`open_sender`](Self::open_sender).
    pub fn open_receiver(&self) -> Result<RawReceiver, AttachError> {
        self.opened(|opening| receiver(opening, Creation::MustFind))
    }

    /// Makes the channel, or finds it, and takes its sending end. Making one requires its kind and its
    /// elements.
    ///
    /// # Errors
    /// As [`open_sender`](Self::open_sender).
    ///
    /// # Blocking
    /// As [`open_sender`](Self::open_sender).
    pub fn create_sender(&self) -> Result<RawSender, AttachError> {
        self.opened(|opening| sender(opening, self.creation()))
    }

    /// Makes the channel, or finds it, and takes a receiving end. Making one requires its kind and its
    /// elements.
    ///
    /// # Errors
    /// As [`open_sender`](Self::open_sender).
    ///
    /// # Blocking
    /// As [`open_sender`](Self::open_sender).
    pub fn create_receiver(&self) -> Result<RawReceiver, AttachError> {
        self.opened(|opening| receiver(opening, self.creation()))
    }

    /// Finds the channel, which must exist, and takes an end that reads the beginning of each element as a
    /// `T`: for a program that was built when the type had fewer fields. The channel must have a description,
    /// with the fields of `T` first, and the same name except for the version.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use ipc_ring::describe::Describe;
    /// use ipc_ring::zerocopy::{FromBytes, Immutable, IntoBytes};
    /// use ipc_ring::{Domain, raw, spsc};
    ///
    /// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
    /// #[zerocopy(crate = "ipc_ring::zerocopy")]
    /// #[describe(crate = "ipc_ring::describe", name = "md.Tick/1")]
    /// #[repr(C)]
    /// struct Old { time_ns: u64, price: i64 }
    ///
    /// #[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, Describe)]
    /// #[zerocopy(crate = "ipc_ring::zerocopy")]
    /// #[describe(crate = "ipc_ring::describe", name = "md.Tick/2")]
    /// #[repr(C)]
    /// struct New { time_ns: u64, price: i64, quantity: u32, symbol: u32 }
    ///
    /// let domain = Domain::open("doc-example-prefix")?;
    /// let mut producer = spsc::Builder::<New>::new("ticks").domain(&domain).described().create_sender()?;
    /// let mut receiver = raw::Builder::new("ticks").domain(&domain).open_prefix::<Old>()?;
    /// producer.push(New { time_ns: 1, price: 995, quantity: 2, symbol: 3 })?;
    /// assert_eq!(receiver.receive()?.price, 995);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NotDescribed`](AttachErrorKind::NotDescribed); [`Fields`](AttachErrorKind::Fields), which names the
    /// first field that is not that of `T`; [`Undescribable`](AttachErrorKind::Undescribable); as
    /// [`open_receiver`](Self::open_receiver).
    ///
    /// # Blocking
    /// As [`open_sender`](Self::open_sender).
    pub fn open_prefix<T: Message + Describe>(&self) -> Result<PrefixReceiver<T>, AttachError> {
        let prefix = Description::of::<T>().map_err(|problem| AttachErrorKind::Undescribable { problem })?;
        let mut builder = self.clone();
        builder.settings.type_name = Some(prefix.element().name().to_owned());
        let receiver = builder.opened(|opening| receiver(opening.prefixed(&prefix), Creation::MustFind))?;
        Ok(PrefixReceiver::new(receiver))
    }

    /// Finds the [`call`](crate::call) channel, which must exist, and takes the caller's end.
    ///
    /// # Errors
    /// [`NotFound`](AttachErrorKind::NotFound); [`Kind`](AttachErrorKind::Kind) when it is no channel of
    /// calls; [`EndTaken`](AttachErrorKind::EndTaken);
    /// [`InvalidDescription`](AttachErrorKind::InvalidDescription).
    ///
    /// # Blocking
    /// As [`open_sender`](Self::open_sender).
    pub fn open_caller(&self) -> Result<RawCaller, AttachError> {
        RawCaller::open(&self.settings)
    }

    fn creation(&self) -> Creation {
        if self.kind.is_some() && self.element.is_some() { Creation::MakeOrFind } else { Creation::MustFind }
    }

    /// Lets `open` open the channel. Retries if what was learned about it is outdated because another channel
    /// has taken its name in between.
    fn opened<R>(&self, open: impl Fn(Opening) -> Result<R, AttachError>) -> Result<R, AttachError> {
        use AttachErrorKind::{ElementSize, ElementType, Kind};
        let mut attempts = 3;
        loop {
            attempts -= 1;
            let opened = Opening::learn(&self.settings, self.kind, self.element.as_ref(), self.broadcast)
                .and_then(&open);
            let is_learned = self.kind.is_none() || self.element.is_none();
            match &opened {
                Err(error)
                    if is_learned
                        && attempts > 0
                        && matches!(error.kind(), ElementSize { .. } | ElementType { .. } | Kind { .. }) => {}
                _ => return opened,
            }
        }
    }
}

/// Takes the sending end.
fn sender(opening: Opening, creation: Creation) -> Result<RawSender, AttachError> {
    let (element, end) = match opening.kind() {
        Kind::Spsc => spsc::sender(&opening, creation)?,
        Kind::Mpmc => mpmc::sender(&opening, creation)?,
        Kind::Broadcast => broadcast::sender(&opening, creation)?,
        Kind::Latest => latest::sender(&opening, creation)?,
        _ => unreachable!("learned of a kind that has raw ends"),
    };
    Ok(RawSender::new(opening.kind(), element, end))
}

/// Takes a receiving end.
fn receiver(opening: Opening, creation: Creation) -> Result<RawReceiver, AttachError> {
    let (kind, size) = (opening.kind(), opening.size());
    let (element, end) = match kind {
        Kind::Spsc => spsc::receiver(opening, creation)?,
        Kind::Mpmc => mpmc::receiver(opening, creation)?,
        Kind::Broadcast => broadcast::receiver(opening, creation)?,
        Kind::Latest => latest::receiver(opening, creation)?,
        _ => unreachable!("learned of a kind that has raw ends"),
    };
    Ok(RawReceiver::new(kind, element, size, end))
}
