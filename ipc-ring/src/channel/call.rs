//! One caller, one responder: a small request goes over and its reply comes back, in one cache line.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // process A
//! let mut square = ipc_ring::call::Caller::<u32, u64>::create("square")?;
//! let sixteen = square.call(4)?;
//!
//! // process B
//! let mut square = ipc_ring::call::Responder::<u32, u64>::create("square")?;
//! square.serve_all(|number, _attempt| u64::from(number) * u64::from(number))?; // ends on close
//! # Ok(()) }
//! ```
//!
//! Requests and replies have up to [`MAX_CALL_SIZE`] bytes. One call is in flight at a time. A round trip
//! takes half the time of one through two [`spsc`](crate::spsc) channels; for more calls at a time, or larger
//! ones, use those.
//!
//! **Ends.** Each end has one holder at a time. Dropping the caller closes the channel, unless it is a
//! persistent one; dropping the responder detaches it. A successor of either continues where its predecessor
//! stopped.
//!
//! **Unanswered calls.** A call that has no reply by its deadline, or whose responder is gone, stays in
//! flight: the caller may [wait](Caller::wait) again. The next call gives it up: if a responder is alive, its
//! reply is awaited and discarded first; otherwise the request is cancelled. A responder that takes the place
//! of a dead one gets the request that has no reply, and the number of times it was taken before: a request
//! leaves the line with its reply, so none is lost with a responder. A caller that takes the place of a dead
//! one never sees a reply to its predecessor's call.

use std::marker::PhantomData;

mod builder;
mod caller;
mod responder;

pub use builder::Builder;
pub use caller::Caller;
pub use responder::{Request, Responder};

pub use crate::error::CallError;
pub use crate::ring::call::MAX_CALL_SIZE;

/// The kind of channels of this module.
#[derive(Clone, Copy, Debug)]
pub struct Call<Req, Rep>(PhantomData<fn() -> (Req, Rep)>);
