//! How a channel is opened by its name, or made from a description of its elements.

use ipc_describe::{Describe, Description};

use super::opening::{Opening, has_raw_ends};
use super::{PrefixReceiver, RawCaller, RawReceiver, RawSender, broadcast, latest, mpmc, spsc};
use crate::channel::broadcast::options::{Broadcasting, Readers};
use crate::channel::builder::{self, Attach, Bounded};
use crate::channel::described::Described;
use crate::channel::open::Creation;
use crate::error::{AttachError, AttachErrorKind};
use crate::layout::Kind;
use crate::message::{ElementType, Message};

/// Options for opening a channel without a Rust type for its elements, and for making one.
///
/// Making one takes its [kind](builder::Builder::kind), one of those that have raw ends, and its
/// [elements](builder::Builder::element). Without both the constructors that make a channel or find it only
/// find it, and those that must make it are refused with [`Unspecified`](AttachErrorKind::Unspecified).
///
/// The capacity of a table of latest values is its number of keys. The mode, the start and where a receiver
/// resumes apply to broadcast channels only; the other kinds ignore them.
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
pub type Builder = builder::Builder<Raw>;

/// The kind of channels that are opened by their name, whatever their kind.
#[derive(Clone, Copy, Debug)]
pub enum Raw {}

/// The settings that only raw ends have.
#[derive(Clone, Debug, Default)]
pub struct Options {
    kind: Option<Kind>,
    element: Option<ElementType>,
    readers: Readers,
}

impl Attach for Raw {
    type Sender = RawSender;
    type Receiver = RawReceiver;
    type Options = Options;

    fn sender(builder: &Builder, creation: Creation) -> Result<RawSender, AttachError> {
        let creation = builder.allowed(creation)?;
        builder.opened(|opening| sender(opening, creation))
    }

    fn receiver(builder: &Builder, creation: Creation) -> Result<RawReceiver, AttachError> {
        let creation = builder.allowed(creation)?;
        builder.opened(|opening| receiver(opening, creation))
    }
}

impl Bounded for Raw {}

impl Broadcasting for Raw {
    fn readers(options: &mut Options) -> &mut Readers {
        &mut options.readers
    }
}

impl Builder {
    /// The kind of channel to make, or to insist on.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.options.kind = Some(kind);
        self
    }

    /// The type of the elements, to make a channel with, or to insist on.
    #[must_use]
    pub fn element(mut self, element: &ElementType) -> Self {
        self.settings.type_name = Some(element.name().to_owned());
        self.options.element = Some(element.clone());
        self
    }

    /// As [`element`](Self::element), with the fields: a new channel stores them.
    #[must_use]
    pub fn description(mut self, description: &Description) -> Self {
        self.options.element = Some(ElementType::described(description));
        self.settings.described = Some(Described::Element(Box::new(description.clone())));
        self
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
        let prefix = Description::of::<T>()
            .map_err(|problem| self.settings.explain(AttachErrorKind::Undescribable { problem }.into()))?;
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

    /// Making a channel takes its kind and its elements.
    ///
    /// # Errors
    /// [`Unspecified`](AttachErrorKind::Unspecified) if it must be made and they are not known.
    fn allowed(&self, creation: Creation) -> Result<Creation, AttachError> {
        let Options { kind, element, .. } = &self.options;
        let what = match (kind, element) {
            (None, None) => "kind and elements",
            (None, Some(_)) => "kind",
            (Some(kind), _) if !has_raw_ends(*kind) => "kind, one that has raw ends",
            (Some(_), None) => "elements",
            (Some(_), Some(_)) => return Ok(creation),
        };
        match creation {
            Creation::MustMake => Err(self.settings.explain(AttachErrorKind::Unspecified { what }.into())),
            Creation::MakeOrFind | Creation::MustFind => Ok(Creation::MustFind),
        }
    }

    /// Lets `open` open the channel. Retries if what was learned about it is outdated because another channel
    /// has taken its name in between.
    fn opened<R>(&self, open: impl Fn(Opening) -> Result<R, AttachError>) -> Result<R, AttachError> {
        use AttachErrorKind::{ElementSize, ElementType, Kind};
        let mut attempts = 3;
        loop {
            attempts -= 1;
            let opened = Opening::learn(
                &self.settings,
                self.options.kind,
                self.options.element.as_ref(),
                self.options.readers,
            )
            .and_then(&open);
            let is_learned = self.options.kind.is_none() || self.options.element.is_none();
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
