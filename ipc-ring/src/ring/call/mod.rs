//! One caller, one responder: request and reply share one cache line, the same one for every call.
//!
//! ```text
//!   caller, call n                                   responder
//!   -----------------------------------------------  -----------------------------------------------
//!   word == replied(n-1) ?           [Q2] Acquire     word == asked(n) ?               [Q1] Acquire
//!   kept = request                                    request out of the line
//!   request into the line                             taken = n
//!   word = asked(n)                  [Q1] Release     … work …
//!   word == replied(n) ?             [Q2] Acquire     reply into the line, over the request
//!   reply out of the line                             word = replied(n)                [Q2] Release
//! ```
//!
//! A round trip moves one line there and one line back, where two rings move parts of two each way. It
//! requires that each end writes the line only when it is its turn, which the word says; with one call in
//! flight that is always so.
//!
//! **What a crash leaves.** A caller that dies with a call in flight leaves it to be answered; its successor
//! discards the reply and continues with the next number. A responder that dies with a request taken may have
//! overwritten part of it. So each end keeps something on a line of its own, which the other end does not
//! read in normal operation: the caller a copy of the request, the responder the number that it took. A
//! successor finds the word still at `asked`, sees that the request was taken, and reads the copy.
//!
//! **Taking a call back.** While a responder is alive a call cannot be taken back, as the responder may be
//! writing the line: a caller that gives up waiting must wait for the reply before the next call, or for the
//! responder's death. While there is no responder the caller may take the call back, under the lock that a
//! responder must take to attach.

#[allow(unsafe_code)]
mod caller;
#[allow(unsafe_code)]
mod mapped;
#[allow(unsafe_code)]
mod memory;
#[allow(unsafe_code)]
mod responder;
mod word;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use super::spsc::Corruption;
pub use caller::{Caller, Refused};
pub use mapped::{Mapped, Private};
pub use memory::Memory;
pub use responder::{Responder, Taken};
pub(crate) use words::{
    CALLER_FENCES, CALLER_RECORD, CALLER_SIGNAL, CALLER_WAKES, LINE_OFFSET, RESPONDER_FENCES,
    RESPONDER_RECORD, RESPONDER_SIGNAL, RESPONDER_WAKES,
};
pub use words::{FIELDS, MAX_CALL_SIZE, Words};
