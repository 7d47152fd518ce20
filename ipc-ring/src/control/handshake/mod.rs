//! The handshake, as two state machines over frames. No kernel calls here: the callers check what the kernel
//! attests, and attach the rings.
//!
//! ```text
//!   client                                        server
//!   ------                                        ------
//!   HELLO     queue, segments, nonce      →       looks whose they are
//!             ←  through that queue               CHALLENGE   the nonce, a secret
//!   PROOF     the secret                  →       only a reader of that queue can know it: attaches
//!             ←                                   WELCOME     the nonce
//!   READY     the secret                  →       hands the connection to its program
//! ```
//!
//! Where only the server's own user can write to the server's queue, CHALLENGE and PROOF are left out: the
//! sender of HELLO is a process of that user, as is the maker of the queue and the segments, and processes of
//! one user could read each other's queues anyway. WELCOME carries the secret then.
//!
//! ```text
//!   HELLO     queue, segments, nonce      →       looks whose they are: attaches
//!             ←                                   WELCOME     the nonce, a secret
//!   READY     the secret                  →       hands the connection to its program
//! ```
//!
//! The server may answer REJECT at any point, with a reason. The nonce shows the client that an answer is to
//! its own greeting, and not to that of a predecessor whose queue had the same number. The session number and
//! the secret show the server that a frame in its queue, into which every member of the domain may write,
//! comes from the client that the session belongs to. Frames that do not match are ignored, never answered:
//! so no process can end another one's handshake.

mod body;
mod client;
mod server;

pub(super) use body::Hello;
pub(super) use client::{Client, ClientStep};
pub(super) use server::{Server, ServerStep};

#[cfg(test)]
mod tests;
