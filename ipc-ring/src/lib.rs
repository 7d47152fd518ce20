//! Rings between processes.
#![deny(unsafe_code)]

pub mod channel;
mod clock;
#[allow(unsafe_code)]
mod copy;
#[cfg(test)]
mod documented;
mod domain;
pub mod edge;
mod error;
#[cfg(feature = "fault-injection")]
pub mod fault;
pub mod layout;
mod message;
#[allow(unsafe_code)]
mod opaque;
#[allow(unsafe_code)]
pub mod platform;
#[allow(unsafe_code)]
mod prefetch;
#[allow(unsafe_code)]
mod region;
pub mod ring;
pub mod wait;

pub use channel::{PeerState, mpmc, spsc};
pub use domain::{Domain, Owner};
pub use error::{AttachError, PeerExit, PopError, PushError};
pub use message::{Fingerprint, MAX_MESSAGE_SIZE, Message};
pub use platform::Barrier;
pub use region::Region;
pub use wait::WaitStrategy;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;
