//! Channels: rings with a name, a type and two ends in different processes.
//!
//! A channel is a ring in a segment of its own, found through the domain's directory. Its segment is private
//! and marked for removal as soon as it is attached, so the kernel frees it when the last process that uses
//! it is gone, however that process ended.

mod attached;
pub(crate) mod barriers;
pub mod broadcast;
mod builder;
mod by_value;
pub mod bytes;
pub mod call;
#[expect(private_interfaces, reason = "the trait that shows them cannot be named outside this crate")]
mod carry;
mod described;
mod end;
mod endpoints;
mod kernel;
#[allow(unsafe_code)]
mod kind;
pub mod latest;
mod lifetime;
pub mod mpmc;
mod notify_watchers;
mod observe;
mod onlooker;
mod open;
mod pair;
mod participant;
pub mod pool;
pub mod raw;
mod receiver;
mod record;
mod removal;
mod role;
mod seated;
mod seats;
mod sender;
mod settings;
pub mod spsc;
mod successor;
#[allow(unsafe_code)]
mod tap;
pub(crate) mod wait_set;
pub(crate) mod waitable;

pub use crate::end::pair::PeerState;
pub use broadcast::options::Broadcasting;
pub use builder::{Bounded, Builder, Channel, Describable, Framed, Named, Observable};
pub use carry::{Carry, Frames, Values};
pub(crate) use carry::{Role, Seated, Token};
pub(crate) use endpoints::{Holder, holders};
pub use kind::{Elements, Kind, OneToOne};
pub use lifetime::Lifetime;
pub(crate) use lifetime::key as persistent_key;
pub(crate) use notify_watchers::Subject;
pub(crate) use open::explain;
pub use receiver::{Drain, Lends, Receiver};
pub use role::EndRole;
pub use sender::Sender;
pub use tap::{Tap, TapError, TapRead, TapStart};
pub use wait_set::{Event, News, WaitSet, WaitSetError};
pub use waitable::Waitable;
