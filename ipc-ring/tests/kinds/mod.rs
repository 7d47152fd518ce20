//! Every kind of channel as the same thing: numbers go in at one end and come out at the other. For tests
//! about processes, which are the same for all of them.
#![allow(dead_code, reason = "each test file uses a part")]

mod broadcast;
mod lender;
mod many;
mod one;
pub mod promise;
mod special;

use std::time::Duration;

use ipc_ring::broadcast::Mode;
use ipc_ring::{
    AttachError, Barrier, Builder, Channel, Domain, Interrupter, Lifetime, PeerState, WaitStrategy, Waitable,
};

/// The result of giving or taking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// This number was taken.
    Number(u64),
    /// It was given.
    Yes,
    TimedOut,
    /// The other end has no holder.
    Gone,
    Closed,
    /// The kernel's object that it slept on was removed.
    Removed,
    /// It was given, but the kernel refused to wake the sleeper.
    NotWoken,
    /// The kernel refused, for lack of rights.
    Denied,
    Interrupted,
    Otherwise(String),
}

/// The end where numbers go in.
pub trait Giver: Send {
    /// Waits for room, for this long at most.
    fn give(&mut self, number: u64, patience: Duration) -> Told;
    /// Numbers there is room for, or bytes; `None` where nothing can be chosen.
    fn capacity(&self) -> Option<u64> {
        None
    }
    /// Leaves the channel to a successor, where dropping would end it.
    fn leave(self: Box<Self>);
    /// What ends its waits, if it ever waits.
    fn interrupter(&self) -> Option<Interrupter>;
    /// Makes signals end its waits.
    fn set_interruptible(&mut self, by_signals: bool);
    /// Ends the channel: takers get "closed".
    fn close(self: Box<Self>);
    /// Whether the other end is there, if this end can tell.
    fn peer(&self) -> Option<Asked> {
        None
    }
    /// Every call that may fail, once, by its name.
    fn try_everything(&mut self) -> Vec<Call>;
}

/// The result of asking whether the other end is there.
pub type Asked = Result<PeerState, ipc_core::Error>;

/// The receiving end.
pub trait Taker: Send {
    /// As [`Giver::capacity`].
    fn capacity(&self) -> Option<u64> {
        None
    }
    /// The mode, where a channel has one.
    fn mode(&self) -> Option<Mode> {
        None
    }
    /// Waits for a number, for this long at most.
    fn take(&mut self, patience: Duration) -> Told;
    /// What ends its waits.
    fn interrupter(&self) -> Interrupter;
    /// Makes signals end its waits.
    fn set_interruptible(&mut self, by_signals: bool);
    /// What a set waits for.
    fn waitable(&mut self) -> &mut dyn Waitable;
    /// Whether the other end is there, if this end can tell.
    fn peer(&self) -> Option<Asked> {
        None
    }
    /// Every call that may fail, once, by its name.
    fn try_everything(&mut self) -> Vec<Call>;
}

/// A call, and what its error said; `None`: it did not fail.
pub type Call = (&'static str, Option<String>);

/// Makes each of these calls, and records how it failed.
macro_rules! calls {
    ($($name:literal => $call:expr),+ $(,)?) => {
        vec![$(($name, $call.err().map(|error| error.to_string()))),+]
    };
}

/// How a channel is opened.
#[derive(Clone, Copy)]
pub struct How<'a> {
    pub domain: &'a Domain,
    pub wait: WaitStrategy,
    /// `None`: not specified.
    pub lifetime: Option<Lifetime>,
    /// Room for this number of messages, or of keys of a table; `None`: not specified.
    pub capacity: Option<u64>,
    /// Of a channel with modes; `None`: not specified.
    pub mode: Option<Mode>,
    pub barrier: Option<Barrier>,
    /// Waits continue when the other end is gone.
    pub successors: bool,
}

impl<'a> How<'a> {
    /// As most do.
    pub fn new(domain: &'a Domain, wait: WaitStrategy) -> Self {
        let (capacity, mode) = (Some(CAPACITY), Some(Mode::Gated));
        Self { domain, wait, lifetime: None, capacity, mode, barrier: None, successors: false }
    }

    /// Specifies no [`Parameter`].
    pub fn silent(domain: &'a Domain, wait: WaitStrategy) -> Self {
        Self { capacity: None, mode: None, ..Self::new(domain, wait) }
    }
}

pub type Opened<End> = Result<Box<End>, AttachError>;

/// A parameter of a builder that is the same for all ends of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    Capacity,
    Keys,
    Mode,
    Lifetime,
    Barrier,
}

impl Parameter {
    pub const ALL: [Parameter; 5] = [Self::Capacity, Self::Keys, Self::Mode, Self::Lifetime, Self::Barrier];

    /// The methods of builders that choose it.
    pub fn methods(self) -> &'static [&'static str] {
        match self {
            Parameter::Capacity => &["capacity", "capacity_frames"],
            Parameter::Keys => &["keys"],
            Parameter::Mode => &["mode", "lossy", "gated"],
            Parameter::Lifetime => &["lifetime"],
            Parameter::Barrier => &["barrier"],
        }
    }
}

/// A kind of channel. Each has one name in its domain.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// Makes the channel, or finds it.
    pub giver: fn(How<'_>) -> Opened<dyn Giver>,
    pub taker: fn(How<'_>) -> Opened<dyn Taker>,
    /// How many givers there can be at a time.
    pub many_givers: bool,
    pub many_takers: bool,
    /// Whether a giver waits for room.
    pub fills: bool,
    /// The parameters of the channel that can be chosen. A taker that specifies nothing leaves it to the
    /// giver.
    pub parameters: &'static [Parameter],
    /// Whether a late taker gets what was given before.
    pub keeps: bool,
}

/// The maximum capacity in messages, where there is a limit.
pub const CAPACITY: u64 = 8;

/// Every way to wait.
pub const STRATEGIES: [WaitStrategy; 4] =
    [WaitStrategy::Spin, WaitStrategy::SpinYield, WaitStrategy::DEFAULT, WaitStrategy::Sleep];

pub const ALL: [Kind; 9] = [
    one::SPSC,
    one::BYTES,
    many::MPMC,
    broadcast::BROADCAST,
    many::FRAMES,
    many::PAYLOADS,
    special::LATEST,
    special::POOL,
    special::CALL,
];

pub use broadcast::LOSSY;
pub use lender::LENDER;
pub use special::TABLE;

/// All, and [`LENDER`], whose giver waits for a block: for tests about waits, deaths and stops.
pub fn all() -> impl Iterator<Item = &'static Kind> + Clone {
    ALL.iter().chain([&LENDER])
}

/// All, and the variants of kinds that wait in their own way. Tests about waits, deaths and stops add
/// [`LENDER`].
pub fn every() -> impl Iterator<Item = Kind> {
    ALL.into_iter().chain([TABLE, LOSSY])
}

/// A builder with a parameter set, if it is specified.
fn with<B, V>(builder: B, value: Option<V>, set: impl FnOnce(B, V) -> B) -> B {
    match value {
        Some(value) => set(builder, value),
        None => builder,
    }
}

/// A builder with the parameters that every kind has.
fn usual<K: Channel>(builder: Builder<K>, how: How<'_>) -> Builder<K> {
    let builder = builder.domain(how.domain).wait(how.wait).await_successors(how.successors);
    let builder = with(builder, how.lifetime, Builder::lifetime);
    with(builder, how.barrier, Builder::barrier)
}

/// A builder with the requested capacity, in units of this size.
fn with_capacity<B>(builder: B, how: How<'_>, unit: u64, set: impl FnOnce(B, u64) -> B) -> B {
    with(builder, how.capacity.map(|capacity| capacity * unit), set)
}

/// The kind of this name.
pub fn kind(name: &str) -> Kind {
    every().chain([LENDER]).find(|kind| kind.name == name).unwrap()
}

/// The meaning of an error of these names, and of success.
macro_rules! told {
    ($answer:expr, $yes:expr, $($error:pat => $told:expr),+ $(,)?) => {
        match $answer {
            Ok(value) => $yes(value),
            $(Err($error) => $told,)+
            #[allow(unreachable_patterns, reason = "some tables have everything")]
            Err(other) => super::Told::Otherwise(format!("{other:?}")),
        }
    };
}

/// What the kernel's refusal of a sleep means.
fn system(error: &ipc_core::Error) -> Told {
    match error.kind() {
        ipc_core::ErrorKind::Removed => Told::Removed,
        ipc_core::ErrorKind::PermissionDenied => Told::Denied,
        _ => Told::Otherwise(error.to_string()),
    }
}

use {calls, told};
