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
//! square.serve_all(|number, _attempt| u64::from(number) * u64::from(number))?; // ends when the caller closes
//! # Ok(()) }
//! ```
//!
//! Requests and replies have up to [`MAX_CALL_SIZE`] bytes. One call is in flight at a time. A round trip takes half of what it
//! takes through two [`spsc`](crate::spsc) channels; for more calls at a time, or larger ones, use those.
//!
//! **Ends.** Each end has one holder at a time. Dropping the caller closes the channel, unless it is a persistent one; dropping
//! the responder detaches it. A successor of either goes on where the one before stopped.
//!
//! **Unanswered calls.** A call that has no reply by its deadline, or whose responder is gone, stays in flight: the caller may
//! [wait](Caller::wait) on. The next call gives it up: if a responder lives, its reply is awaited and thrown away first; if there
//! is none, the request is taken back. A responder that takes the place of one that died is given the request that has no
//! reply, and told how often it was taken before: a request leaves the line with its reply, so none is lost with a responder. A
//! caller that takes the place of one that died never sees a reply to it.

mod builder;
mod caller;
mod responder;

pub use builder::Builder;
pub use caller::Caller;
pub use responder::{Request, Responder};

pub use crate::error::CallError;
pub use crate::ring::call::MAX_CALL_SIZE;
