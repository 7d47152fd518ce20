//! The kinds that have raw ends, with their typed ends as the same things. A new one is a line here.

use ipc_ring::layout;
use ipc_ring::{AttachError, Domain, Message, PopError, PushError, broadcast, latest, mpmc, spsc};

use super::{CAPACITY, Line, Words};

/// A typed end where bytes go in.
pub trait Give {
    /// False: there is no room.
    fn give(&mut self, element: &[u8]) -> bool;
}

/// A typed receiving end.
pub trait Take {
    fn take(&mut self) -> Option<Vec<u8>>;
}

/// How the typed ends of one element type are made, or found.
pub struct Typed {
    pub giver: fn(&Domain) -> Box<dyn Give>,
    pub taker: fn(&Domain) -> Box<dyn Take>,
}

/// [`Typed`] for each of the element types of the tests.
pub struct Types {
    pub u8: fn() -> Typed,
    pub seven: fn() -> Typed,
    pub u64: fn() -> Typed,
    pub words: fn() -> Typed,
    pub fifty_six: fn() -> Typed,
    pub line: fn() -> Typed,
    pub page: fn() -> Typed,
    pub largest: fn() -> Typed,
}

/// The errors of receiving ends of other types than `u64`.
pub struct Refused {
    pub u32: fn(&Domain) -> AttachError,
    pub bytes: fn(&Domain) -> AttachError,
    pub i64: fn(&Domain) -> AttachError,
}

pub struct Kind {
    pub name: &'static str,
    pub kind: layout::Kind,
    /// Whether each element is received once, and a full channel takes no more.
    pub is_queue: bool,
    pub typed: Types,
    pub refused: Refused,
}

/// The rows of [`Types`] and [`Refused`] by two generic functions.
macro_rules! kind {
    ($name:literal, $kind:ident, $is_queue:literal, $typed:ident, $refused:ident) => {
        Kind {
            name: $name,
            kind: layout::Kind::$kind,
            is_queue: $is_queue,
            typed: Types {
                u8: $typed::<u8>,
                seven: $typed::<[u8; 7]>,
                u64: $typed::<u64>,
                words: $typed::<Words<3>>,
                fifty_six: $typed::<[u8; 56]>,
                line: $typed::<Line>,
                page: $typed::<[u8; 4096]>,
                largest: $typed::<[u8; 65536]>,
            },
            refused: Refused { u32: $refused::<u32>, bytes: $refused::<[u8; 8]>, i64: $refused::<i64> },
        }
    };
}

pub const KINDS: [Kind; 4] = [
    kind!("mpmc", Mpmc, true, mpmc_typed, mpmc_refused),
    kind!("broadcast", Broadcast, true, broadcast_typed, broadcast_refused),
    kind!("spsc", Spsc, true, spsc_typed, spsc_refused),
    kind!("latest", Latest, false, latest_typed, latest_refused),
];

/// Those that are queues.
pub fn queues() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(|kind| kind.is_queue)
}

fn spsc_builder<T: Message>(domain: &Domain) -> spsc::Builder<T> {
    spsc::Builder::new("channel").domain(domain)
}

fn spsc_typed<T: Message + Sync>() -> Typed {
    Typed {
        giver: |domain| Box::new(spsc_builder::<T>(domain).capacity(CAPACITY).create_sender().unwrap()),
        taker: |domain| Box::new(spsc_builder::<T>(domain).capacity(CAPACITY).create_receiver().unwrap()),
    }
}

fn spsc_refused<T: Message>(domain: &Domain) -> AttachError {
    spsc_builder::<T>(domain).open_receiver().expect_err("another type")
}

impl<T: Message> Give for spsc::Producer<T> {
    fn give(&mut self, element: &[u8]) -> bool {
        match self.try_push_from(&T::read_from_bytes(element).unwrap()) {
            Ok(()) => true,
            Err(PushError::Full(())) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

impl<T: Message> Take for spsc::Consumer<T> {
    fn take(&mut self) -> Option<Vec<u8>> {
        match self.try_pop() {
            Ok(element) => Some(element.as_bytes().to_vec()),
            Err(PopError::Empty) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

fn table_builder<T: Message>(domain: &Domain) -> latest::TableBuilder<T> {
    latest::TableBuilder::new("channel").domain(domain)
}

fn latest_typed<T: Message + Sync>() -> Typed {
    Typed {
        giver: |domain| Box::new(table_builder::<T>(domain).keys(CAPACITY as u32).create_sender().unwrap()),
        taker: |domain| Box::new(table_builder::<T>(domain).keys(CAPACITY as u32).create_receiver().unwrap()),
    }
}

fn latest_refused<T: Message>(domain: &Domain) -> AttachError {
    table_builder::<T>(domain).open_receiver().err().expect("another type")
}

impl<T: Message> Give for latest::TableWriter<T> {
    fn give(&mut self, element: &[u8]) -> bool {
        self.publish(0, T::read_from_bytes(element).unwrap()).unwrap();
        true
    }
}

impl<T: Message> Take for latest::TableReader<T> {
    fn take(&mut self) -> Option<Vec<u8>> {
        Some(self.get_newer(0).unwrap()?.value.as_bytes().to_vec())
    }
}

fn broadcast_builder<T: Message>(domain: &Domain) -> broadcast::Builder<T> {
    broadcast::Builder::new("channel").domain(domain)
}

fn broadcast_typed<T: Message + Sync>() -> Typed {
    Typed {
        giver: |domain| {
            let builder = broadcast_builder::<T>(domain).gated().capacity(CAPACITY);
            Box::new(builder.create_sender().unwrap())
        },
        taker: |domain| {
            let builder = broadcast_builder::<T>(domain).gated().capacity(CAPACITY);
            Box::new(builder.create_receiver().unwrap())
        },
    }
}

fn broadcast_refused<T: Message>(domain: &Domain) -> AttachError {
    broadcast_builder::<T>(domain).open_receiver().expect_err("another type")
}

impl<T: Message> Give for broadcast::Publisher<T> {
    fn give(&mut self, element: &[u8]) -> bool {
        match self.try_push_from(&T::read_from_bytes(element).unwrap()) {
            Ok(()) => true,
            Err(PushError::Full(())) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

impl<T: Message> Take for broadcast::Subscriber<T> {
    fn take(&mut self) -> Option<Vec<u8>> {
        match self.try_pop() {
            Ok(element) => Some(element.as_bytes().to_vec()),
            Err(PopError::Empty) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

fn mpmc_builder<T: Message>(domain: &Domain) -> mpmc::Builder<T> {
    mpmc::Builder::new("channel").domain(domain)
}

fn mpmc_typed<T: Message + Sync>() -> Typed {
    Typed {
        giver: |domain| Box::new(mpmc_builder::<T>(domain).capacity(CAPACITY).create_sender().unwrap()),
        taker: |domain| Box::new(mpmc_builder::<T>(domain).capacity(CAPACITY).create_receiver().unwrap()),
    }
}

fn mpmc_refused<T: Message>(domain: &Domain) -> AttachError {
    mpmc_builder::<T>(domain).open_receiver().expect_err("another type")
}

impl<T: Message> Give for mpmc::Producer<T> {
    fn give(&mut self, element: &[u8]) -> bool {
        match self.try_push_from(&T::read_from_bytes(element).unwrap()) {
            Ok(()) => true,
            Err(PushError::Full(())) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

impl<T: Message> Take for mpmc::Consumer<T> {
    fn take(&mut self) -> Option<Vec<u8>> {
        match self.try_pop() {
            Ok(element) => Some(element.as_bytes().to_vec()),
            Err(PopError::Empty) => None,
            Err(other) => panic!("{other}"),
        }
    }
}
