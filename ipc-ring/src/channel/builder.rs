//! How the ends of a channel are made and found, for all kinds.

use std::fmt;
use std::time::{Duration, Instant};

use super::Lifetime;
use super::described::Described;
use super::open::Creation;
use super::settings::Settings;
use crate::domain::Domain;
use crate::error::AttachError;
use crate::platform::Barrier;
use crate::wait::{Parker, WaitStrategy};

/// The wait strategy of kinds with many ends, where none is chosen: with more ends than CPUs, a polling end
/// takes CPU time from the end it waits for, so polling is short.
pub(super) const MANY_ENDS: WaitStrategy = WaitStrategy::SpinSleep { spin: Duration::from_micros(10) };

/// A kind of channel whose ends are made and found by name, such as [`Spsc`](crate::spsc::Spsc). No other
/// type can implement it.
pub trait Channel: Attach {}

impl<K: Attach> Channel for K {}

/// How the ends of a kind are attached. Cannot be named outside this crate.
pub trait Attach: Sized {
    /// The end where messages go in: a producer, a publisher, a writer, a caller.
    type Sender;
    /// The end where they come out: a consumer, a subscriber, a reader, a responder.
    type Receiver;
    /// The settings that only this kind has.
    type Options: Clone + fmt::Debug;

    /// How an end waits that has chosen nothing.
    const WAIT: WaitStrategy = WaitStrategy::DEFAULT;

    /// Takes the sending end.
    fn sender(builder: &Builder<Self>, creation: Creation) -> Result<Self::Sender, AttachError>;
    /// Takes the receiving end.
    fn receiver(builder: &Builder<Self>, creation: Creation) -> Result<Self::Receiver, AttachError>;
}

/// A kind whose [capacity](Builder::capacity) can be chosen. Sealed, as [`Channel`] is.
pub trait Bounded: Channel {}

/// A kind whose elements have a [name](Builder::type_name) that all ends agree on. Sealed, as [`Channel`] is.
pub trait Named: Channel {}

/// A kind whose elements have a [description](Builder::described). Sealed, as [`Channel`] is.
pub trait Describable: Channel {
    /// The description.
    #[doc(hidden)]
    fn described() -> Described;
}

/// A kind whose elements are frames, which [words](Builder::description) can describe. Sealed, as [`Channel`]
/// is.
pub trait Framed: Channel {}

/// A kind that can be observed [without a seat](Builder::open_observer). Sealed, as [`Channel`] is.
pub trait Observable: Channel {
    /// The observer: a reader of the messages, where ends do not take them from each other; otherwise it
    /// reads what the ends count and do.
    type Observer;

    /// Opens one.
    #[doc(hidden)]
    fn observe(builder: &Builder<Self>) -> Result<Self::Observer, AttachError>;
}

/// Options for making and finding a channel of the kind `K`. Each kind's module has a name for its own, such
/// as [`spsc::Builder`](crate::spsc::Builder).
///
/// Every kind has the settings under the bound [`Channel`]. Those of some kinds are under bounds of their
/// own, by which a function that is generic over kinds asks for them:
///
/// | bound | settings |
/// |---|---|
/// | [`Bounded`] | [`capacity`](Self::capacity) |
/// | [`Named`] | [`type_name`](Self::type_name) |
/// | [`Describable`] | [`described`](Self::described) |
/// | [`Framed`] | [`description`](Self::description) |
/// | [`Broadcasting`](crate::Broadcasting) | [`mode`](Self::mode), [`start`](Self::start) and others |
/// | [`Observable`] | [`open_observer`](Self::open_observer) |
///
/// ```
/// use ipc_ring::{Bounded, Builder, Channel, Domain};
///
/// /// Either end of any kind of queue.
/// fn usual<K: Channel + Bounded>(builder: Builder<K>, domain: &Domain) -> Builder<K> {
///     builder.domain(domain).capacity(256)
/// }
/// ```
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ipc_ring::{WaitStrategy, spsc};
///
/// let domain = ipc_ring::Domain::open("doc-example-builder")?;
/// let channel = spsc::Builder::<u64>::new("numbers").domain(&domain).capacity(256).wait(WaitStrategy::Spin);
/// let mut producer = channel.create_sender()?;
/// let mut consumer = channel.open_receiver()?;
/// producer.push(7)?;
/// assert_eq!(consumer.pop()?, 7);
/// # Ok(()) }
/// ```
pub struct Builder<K: Channel> {
    pub(super) settings: Settings,
    pub(super) options: K::Options,
}

impl<K: Channel> Builder<K> {
    /// For an end that follows its channel: see [`Settings::kept`].
    pub(super) fn kept(&self) -> Self {
        Self { settings: self.settings.kept(), options: self.options.clone() }
    }
}

impl<K: Channel> Clone for Builder<K> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), options: self.options.clone() }
    }
}

impl<K: Channel> fmt::Debug for Builder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settings, options } = self;
        f.debug_struct("Builder").field("settings", settings).field("options", options).finish()
    }
}

impl<K: Channel<Options: Default>> Builder<K> {
    /// Options for the channel of this name: 1 to 120 bytes without a zero byte.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with(name, K::Options::default())
    }
}

impl<K: Channel> Builder<K> {
    /// Makes the channel, or finds it, and takes a sending end.
    ///
    /// # Errors
    /// [`AttachError`]: the end is taken, or no seat is free where there are many; the channel found is of
    /// another type, capacity or mode; the kernel refused.
    ///
    /// # Blocking
    /// Waits for the domain's lock, held by others for microseconds.
    pub fn create_sender(&self) -> Result<K::Sender, AttachError> {
        K::sender(self, Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes a sending end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_sender`](Self::create_sender).
    pub fn create_new_sender(&self) -> Result<K::Sender, AttachError> {
        K::sender(self, Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes a sending end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_sender`](Self::create_sender).
    pub fn open_sender(&self) -> Result<K::Sender, AttachError> {
        K::sender(self, Creation::MustFind)
    }

    /// Makes the channel, or finds it, and takes a receiving end.
    ///
    /// # Errors
    /// As [`create_sender`](Self::create_sender);
    /// [`StalePosition`](crate::AttachErrorKind::StalePosition) and
    /// [`NoSuchPosition`](crate::AttachErrorKind::NoSuchPosition) for a start that the channel does not have.
    pub fn create_receiver(&self) -> Result<K::Receiver, AttachError> {
        K::receiver(self, Creation::MakeOrFind)
    }

    /// Makes the channel, which must not exist, and takes a receiving end.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as
    /// [`create_receiver`](Self::create_receiver).
    pub fn create_new_receiver(&self) -> Result<K::Receiver, AttachError> {
        K::receiver(self, Creation::MustMake)
    }

    /// Finds the channel, which must exist, and takes a receiving end.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create_receiver`](Self::create_receiver).
    pub fn open_receiver(&self) -> Result<K::Receiver, AttachError> {
        K::receiver(self, Creation::MustFind)
    }

    /// Finds the channel, which must exist, and observes it without a seat: it cannot disturb the ends or
    /// change a byte, and cannot sleep. Needs only read permission for the memory.
    ///
    /// In [`broadcast`](crate::broadcast) and [`latest`](crate::latest) channels it reads the messages
    /// along; in [`spsc`](crate::spsc), [`bytes`](crate::bytes) and [`mpmc`](crate::mpmc) channels, where
    /// each message is popped once, the counters and the states of the ends.
    ///
    /// # Errors
    /// [`NotFound`](crate::AttachErrorKind::NotFound); [`NotReady`](crate::AttachErrorKind::NotReady) before
    /// the first seat of a broadcast channel is taken; as [`open_receiver`](Self::open_receiver), except that
    /// no seat is needed.
    pub fn open_observer(&self) -> Result<K::Observer, AttachError>
    where
        K: Observable,
    {
        K::observe(self)
    }

    /// The domain in which the name is looked up or entered. The default is the user's own.
    #[must_use]
    pub fn domain(mut self, domain: &Domain) -> Self {
        self.settings.domain = Some(domain.clone());
        self
    }

    /// Deadline for an end that is opened to acquire the domain's lock, joining the user's own domain
    /// included; one in the past: only if the lock is free. The default is the domain's
    /// [patience](crate::Domain::with_patience), counted from each call.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.settings.deadline = Some(deadline);
        self
    }

    /// How this end waits. Each end has its own strategy.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.settings.strategy = strategy;
        self
    }

    /// What this end sleeps on. Each end has its own; the default is
    /// [`Parker::Semaphore`](crate::Parker::Semaphore).
    #[must_use]
    pub fn parker(mut self, parker: Parker) -> Self {
        self.settings.parker = parker;
        self
    }

    /// Whether waiting calls of this end go on when the other end died or detached: then they wait for a
    /// successor, where they otherwise report that it is gone. Closing the channel still ends them, and so do
    /// deadlines. Calls that never wait, and a [`WaitSet`](crate::WaitSet), always report it. The default is
    /// no.
    #[must_use]
    pub fn await_successors(mut self, awaits: bool) -> Self {
        self.settings.awaits_successors = awaits;
        self
    }

    /// How sleepers and wakers synchronize. An opener that names a barrier insists on it, and gets
    /// [`Barrier`](crate::AttachErrorKind::Barrier) where another one was chosen; one that names none takes
    /// the channel as it is. A new channel has [`Barrier::Asymmetric`](crate::Barrier::Asymmetric) where the
    /// kernel has it.
    #[must_use]
    pub fn barrier(mut self, barrier: Barrier) -> Self {
        self.settings.barrier = Some(barrier);
        self
    }

    /// How long the channel lives. An opener that names a lifetime insists on it, and gets
    /// [`Lifetime`](crate::AttachErrorKind::Lifetime) where another one was chosen; one that names none takes
    /// the channel as it is. A new channel is [`Lifetime::Ephemeral`](crate::Lifetime::Ephemeral) by default.
    /// A taking end that attaches first and names none leaves the choice to a giving end; the same is true of
    /// the barrier. Another user's object under the key of a persistent channel is an error for openers that
    /// name [`Lifetime::Persistent`](crate::Lifetime::Persistent), and counts as absent for the others.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Lifetime) -> Self {
        self.settings.lifetime = Some(lifetime);
        self
    }

    /// Maps every page of the ring into this process when it attaches, so that no first touch costs a page
    /// fault later. Contents are not changed.
    #[must_use]
    pub fn prefault(mut self, prefault: bool) -> Self {
        self.settings.pages.prefault = prefault;
        self
    }

    /// Whether core dumps of this process include the ring; by default they do not. The other processes
    /// regard one that aborts as dead once its core is written, not before.
    #[must_use]
    pub fn dumped(mut self, dumped: bool) -> Self {
        self.settings.pages.dumped = dumped;
        self
    }

    /// Options for the channel of this name.
    pub(super) fn with(name: &str, options: K::Options) -> Self {
        Self { settings: Settings::new(name, K::WAIT), options }
    }
}

impl<K: Bounded> Builder<K> {
    /// Number of slots, or bytes of a ring of frames, rounded up to a power of two. A creator's default is
    /// 1 MiB of messages, 16 to 1024 slots, or 8 [payloads](crate::broadcast::payloads); an opener without
    /// this setting takes the channel as it is, one that gives a number insists on it. Receivers that
    /// attached first without it leave the choice to the sender, and continue at the ring that the sender
    /// makes.
    #[must_use]
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.settings.capacity = Some(capacity);
        self
    }
}

impl<K: Named> Builder<K> {
    /// A name for the elements that all ends agree on, such as `"md.Tick/2"`, instead of the type's own. Ends
    /// with different names, or of which one has none, do not meet.
    #[must_use]
    pub fn type_name(mut self, name: &str) -> Self {
        self.settings.type_name = Some(name.to_owned());
        self
    }
}

impl<K: Describable> Builder<K> {
    /// The fields of the elements, or of requests and replies, and their described name instead of the type's
    /// own or a chosen one. The creator of the channel stores the description there, where tools and other
    /// languages find it; an end whose description differs from the channel's gets
    /// [`Fields`](crate::AttachErrorKind::Fields), which names the field.
    ///
    /// Ends that call it and ends that do not can meet if the name is the same. A taking end that attached
    /// first without calling it leaves the choice to a giving end.
    #[must_use]
    pub fn described(mut self) -> Self {
        self.settings.described = Some(K::described());
        self
    }
}

impl<K: Framed> Builder<K> {
    /// A description of the frames, in words or as canonical text of a type that each of them begins with: up
    /// to 32 KiB of text. The creator of the channel stores it there, where
    /// [`Domain::list`](crate::Domain::list) and tools find it. An end whose text differs from the channel's
    /// gets [`Description`](crate::AttachErrorKind::Description); one without a text accepts any.
    #[must_use]
    pub fn description(mut self, text: &str) -> Self {
        self.settings.described = Some(Described::of_frames(text));
        self
    }
}

/// The ends of a kind by name, by its `Builder`.
macro_rules! by_name {
    ($Builder:ty: $create:ident, $create_new:ident, $open:ident) => {
        /// Makes the channel of this name in the user's own domain, or finds it, and takes this end. A
        /// [`Builder`](crate::Builder) has more to choose from.
        ///
        /// # Errors
        /// [`AttachError`](crate::AttachError): the end is taken, or no seat is free where there are many;
        /// the channel found is of another type; the kernel refused.
        ///
        /// # Blocking
        /// Waits for the domain's lock, held by others for microseconds.
        pub fn create(name: &str) -> Result<Self, crate::AttachError> {
            <$Builder>::new(name).$create()
        }

        /// As [`create`](Self::create), but the channel must not exist.
        ///
        /// # Errors
        /// [`AlreadyExists`](crate::AttachErrorKind::AlreadyExists), and as [`create`](Self::create).
        pub fn create_new(name: &str) -> Result<Self, crate::AttachError> {
            <$Builder>::new(name).$create_new()
        }

        /// As [`create`](Self::create), but the channel must exist.
        ///
        /// # Errors
        /// [`NotFound`](crate::AttachErrorKind::NotFound), and as [`create`](Self::create).
        pub fn open(name: &str) -> Result<Self, crate::AttachError> {
            <$Builder>::new(name).$open()
        }
    };
}

/// For kinds of one element type.
macro_rules! has_elements {
    ($kind:ident) => {
        impl<T: $crate::message::Message> $crate::channel::builder::Named for $kind<T> {}

        impl<T: $crate::message::Message + ipc_describe::Describe> $crate::channel::builder::Describable
            for $kind<T>
        {
            fn described() -> $crate::channel::described::Described {
                $crate::channel::described::Described::of::<T>()
            }
        }
    };
}

pub(super) use {by_name, has_elements};
