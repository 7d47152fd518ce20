//! Every kind of channel, opened in every way that affects the error.

use ipc_ring::broadcast::{self, Mode, Start, frames, payloads};
use ipc_ring::layout::Kind;
use ipc_ring::pool::{self, Pool};
use ipc_ring::{
    AttachError, Barrier, Builder, Channel, Domain, ElementType, Lifetime, Message, RawReceiver, RawSender,
    bytes, call, latest, mpmc, raw, spsc,
};

/// Whether a channel may, must or must not be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Create,
    New,
    Open,
}

/// The type of the elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `u64`.
    Usual,
    /// `i64`: as large, and another one.
    Other,
    /// `[u64; 2]`.
    Larger,
}

/// How an end is opened.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub domain: &'a Domain,
    pub name: &'a str,
    /// The end where messages go in.
    pub gives: bool,
    pub way: Way,
    pub element: Element,
    /// Slots, keys, or 64 bytes each; `None`: not specified.
    pub capacity: Option<u64>,
    pub lifetime: Option<Lifetime>,
    pub barrier: Option<Barrier>,
    pub mode: Option<Mode>,
    pub start: Start,
    /// Of payloads.
    pub pool: Option<&'a Pool>,
}

/// An end that is held.
pub trait End {
    /// Ends the stream, as dropping does for most.
    fn close(self: Box<Self>) {}
}

pub type Opened = Result<Box<dyn End>, AttachError>;

macro_rules! ends {
    ($($end:ty),*) => { $(impl End for $end {})* };
    ($($end:ident :: $name:ident),* of T) => { $(impl<T: Message> End for $end::$name<T> {})* };
}

ends!(broadcast::Watcher, latest::Observer of T);
ends!(spsc::Producer, spsc::Consumer, mpmc::Consumer, broadcast::Publisher, broadcast::Subscriber of T);
ends!(latest::TableWriter, latest::TableReader, latest::Writer, latest::Reader of T);
ends!(spsc::Observer, mpmc::Observer, bytes::Observer, bytes::Producer, bytes::Consumer);
ends!(frames::Publisher, frames::Subscriber, frames::Watcher);
ends!(payloads::Publisher, payloads::Subscriber, RawSender, RawReceiver, Pool);

impl<T: Message> End for mpmc::Producer<T> {
    fn close(self: Box<Self>) {
        mpmc::Producer::close(*self);
    }
}

impl<T: Message> End for call::Caller<T, T> {}
impl<T: Message> End for call::Responder<T, T> {}

/// A kind of channel.
pub struct Row {
    /// As errors name it.
    pub name: &'static str,
    pub open: fn(&Ask<'_>) -> Opened,
    /// Reads along without a seat, in kinds that have such readers.
    pub observe: Option<fn(&Ask<'_>) -> Opened>,
    /// The word for the end where messages go in, where there is only one of them.
    pub giver: Option<&'static str>,
    /// How many of the other ends there may be; a process that opens a pool again has the same membership.
    pub many: Option<&'static str>,
    pub has_types: bool,
    /// The unit of its capacity, and the number of units for each requested one.
    pub unit: Option<(&'static str, u64)>,
    pub has_modes: bool,
    /// Blocks of a pool go through it.
    pub has_pool: bool,
}

fn boxed<E: End + 'static>(end: E) -> Box<dyn End> {
    Box::new(end)
}

/// Opens the end of a builder that is asked for.
fn open<K: Channel<Sender: End, Receiver: End>>(builder: &Builder<K>, ask: &Ask<'_>) -> Opened
where
    K::Sender: 'static,
    K::Receiver: 'static,
{
    match (ask.gives, ask.way) {
        (true, Way::Create) => builder.create_sender().map(boxed),
        (true, Way::New) => builder.create_new_sender().map(boxed),
        (true, Way::Open) => builder.open_sender().map(boxed),
        (false, Way::Create) => builder.create_receiver().map(boxed),
        (false, Way::New) => builder.create_new_receiver().map(boxed),
        (false, Way::Open) => builder.open_receiver().map(boxed),
    }
}

/// A builder with the requested parameters that all kinds have.
fn told<K: Channel>(builder: Builder<K>, ask: &Ask<'_>) -> Builder<K> {
    let builder = builder.domain(ask.domain);
    let builder = match ask.lifetime {
        Some(lifetime) => builder.lifetime(lifetime),
        None => builder,
    };
    match ask.barrier {
        Some(barrier) => builder.barrier(barrier),
        None => builder,
    }
}

/// As [`told`], with the capacity in units of this size.
macro_rules! told {
    ($builder:expr, $ask:expr, $set:ident, $unit:expr) => {{
        let builder = told($builder, $ask);
        match $ask.capacity {
            Some(capacity) => builder.$set((capacity * $unit).try_into().unwrap()),
            None => builder,
        }
    }};
}

fn one_to_one<T: Message>(ask: &Ask<'_>) -> spsc::Builder<T> {
    told!(spsc::Builder::<T>::new(ask.name), ask, capacity, 1)
}

fn spsc<T: Message>(ask: &Ask<'_>) -> Opened {
    open(&one_to_one::<T>(ask), ask)
}

fn observed<T: Message>(ask: &Ask<'_>) -> Opened {
    one_to_one::<T>(ask).open_observer().map(boxed)
}

fn one_to_one_frames(ask: &Ask<'_>) -> bytes::Builder {
    let builder = told!(bytes::Builder::new(ask.name), ask, capacity, 64);
    if ask.element == Element::Usual { builder } else { builder.type_name("log/2") }
}

fn bytes(ask: &Ask<'_>) -> Opened {
    open(&one_to_one_frames(ask), ask)
}

fn observed_frames(ask: &Ask<'_>) -> Opened {
    one_to_one_frames(ask).open_observer().map(boxed)
}

fn many_to_many<T: Message>(ask: &Ask<'_>) -> mpmc::Builder<T> {
    told!(mpmc::Builder::<T>::new(ask.name), ask, capacity, 1)
}

fn mpmc<T: Message>(ask: &Ask<'_>) -> Opened {
    open(&many_to_many::<T>(ask), ask)
}

fn observed_by_many<T: Message>(ask: &Ask<'_>) -> Opened {
    many_to_many::<T>(ask).open_observer().map(boxed)
}

macro_rules! of_mode {
    ($builder:expr, $ask:expr) => {{
        let builder = $builder.start($ask.start);
        match $ask.mode {
            Some(mode) => builder.mode(mode),
            None => builder,
        }
    }};
}

fn messages<T: Message>(ask: &Ask<'_>) -> broadcast::Builder<T> {
    of_mode!(told!(broadcast::Builder::<T>::new(ask.name), ask, capacity, 1), ask)
}

fn broadcast<T: Message>(ask: &Ask<'_>) -> Opened {
    open(&messages::<T>(ask), ask)
}

fn watched<T: Message>(ask: &Ask<'_>) -> Opened {
    messages::<T>(ask).open_observer().map(boxed)
}

fn of_frames(ask: &Ask<'_>) -> frames::Builder {
    of_mode!(told!(frames::Builder::new(ask.name), ask, capacity, 64), ask)
}

fn frames(ask: &Ask<'_>) -> Opened {
    open(&of_frames(ask), ask)
}

fn watched_frames(ask: &Ask<'_>) -> Opened {
    of_frames(ask).open_observer().map(boxed)
}

fn payloads(ask: &Ask<'_>) -> Opened {
    let builder = payloads::Builder::new(ask.name, ask.pool.expect("a pool for payloads"));
    let builder = of_mode!(told!(builder, ask, capacity, 1), ask);
    open(&builder, ask)
}

fn table<T: Message>(ask: &Ask<'_>) -> latest::TableBuilder<T> {
    told!(latest::TableBuilder::<T>::new(ask.name), ask, keys, 1)
}

fn latest<T: Message>(ask: &Ask<'_>) -> Opened {
    open(&table::<T>(ask), ask)
}

fn observed_table<T: Message>(ask: &Ask<'_>) -> Opened {
    table::<T>(ask).open_observer().map(boxed)
}

fn one_value<T: Message>(ask: &Ask<'_>) -> Opened {
    open(&told(latest::Builder::<T>::new(ask.name), ask), ask)
}

fn observed_value<T: Message>(ask: &Ask<'_>) -> Opened {
    told(latest::Builder::<T>::new(ask.name), ask).open_observer().map(boxed)
}

fn raw(ask: &Ask<'_>) -> Opened {
    let element = ElementType::new(8, 8, "u64").unwrap();
    let builder = raw::Builder::new(ask.name).kind(Kind::Spsc).element(&element);
    open(&told!(builder, ask, capacity, 1), ask)
}

fn call<T: Message>(ask: &Ask<'_>) -> Opened {
    let builder = told(call::Builder::<T, T>::new(ask.name), ask);
    open(&builder, ask)
}

fn pool(ask: &Ask<'_>) -> Opened {
    let builder = pool::Builder::new(ask.name).domain(ask.domain);
    let builder = match ask.capacity {
        Some(count) => builder.class(256, count),
        None => builder,
    };
    match ask.way {
        Way::Create => builder.create(),
        Way::New => builder.create_new(),
        Way::Open => builder.open(),
    }
    .map(boxed)
}

/// The function of this name for the type that is asked for.
macro_rules! of_type {
    ($open:ident) => {
        |ask| match ask.element {
            Element::Usual => $open::<u64>(ask),
            Element::Other => $open::<i64>(ask),
            Element::Larger => $open::<[u64; 2]>(ask),
        }
    };
}

const ONE: Row = Row {
    name: "spsc",
    open: of_type!(spsc),
    observe: None,
    giver: Some("producer"),
    many: None,
    has_types: true,
    unit: Some(("slots", 1)),
    has_modes: false,
    has_pool: false,
};

pub const ALL: [Row; 9] = [
    Row { observe: Some(of_type!(observed)), ..ONE },
    Row {
        name: "bytes",
        open: bytes,
        observe: Some(observed_frames),
        has_types: false,
        unit: Some(("bytes", 64)),
        ..ONE
    },
    Row {
        name: "mpmc",
        open: of_type!(mpmc),
        observe: Some(of_type!(observed_by_many)),
        giver: None,
        many: Some("256 ends of one channel"),
        ..ONE
    },
    PUBLISHING,
    Row {
        name: "broadcast-bytes",
        open: frames,
        observe: Some(watched_frames),
        has_types: false,
        unit: Some(("bytes", 64)),
        ..PUBLISHING
    },
    Row { open: payloads, observe: None, has_types: false, has_pool: true, ..PUBLISHING },
    Row {
        name: "latest",
        open: of_type!(latest),
        observe: Some(of_type!(observed_table)),
        giver: Some("writer"),
        many: Some("256 readers of one channel"),
        unit: Some(("keys", 1)),
        ..ONE
    },
    Row { name: "call", open: of_type!(call), giver: Some("caller"), unit: None, ..ONE },
    Row { name: "pool", open: pool, giver: None, has_types: false, unit: None, ..ONE },
];

/// Kinds that are those of other rows, made and found by builders of their own.
pub const OTHERS: [Row; 2] = [
    Row {
        name: "latest",
        open: of_type!(one_value),
        observe: Some(of_type!(observed_value)),
        unit: None,
        ..ONE
    },
    Row { name: "raw", open: raw, has_types: false, ..ONE },
];

const PUBLISHING: Row = Row {
    name: "broadcast",
    open: of_type!(broadcast),
    observe: Some(of_type!(watched)),
    giver: Some("publisher"),
    many: Some("256 subscribers of one channel"),
    has_modes: true,
    ..ONE
};
