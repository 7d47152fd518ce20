//! Observing a domain and its channels without taking part.
//!
//! A [`DomainObserver`] lists a domain and finds its channels without being a member. The observers of the
//! kinds of channels ([`spsc::Observer`](crate::spsc::Observer) and its like) open through it as they do
//! through a [`Domain`](crate::Domain). A [`Tap`] reads the messages of a channel along, a
//! [`PayloadTap`] the payloads in pools that they name.

pub use crate::channel::pool::{PayloadError, PayloadTap, TappedPool};
pub use crate::channel::{Tap, TapError, TapRead, TapStart};
pub use crate::domain::{DomainObserver, Place};
