//! What the algorithm needs of the memory that holds its words.

use core::mem::MaybeUninit;

use crate::message::Message;
use crate::platform::{Barrier, Platform};

/// The words of one call ring.
///
/// Implemented over a mapped segment by [`Mapped`](super::Mapped) and over a model checker's objects by `loom-tests`.
///
/// # Safety
/// The three functions that read write every byte of `place`.
pub unsafe trait Memory {
    /// The machine the words belong to.
    type Platform: Platform;
    /// What is asked.
    type Request: Message;
    /// What is answered.
    type Reply: Message;

    /// How sleepers and notifiers of this ring agree, from private memory.
    fn barrier(&self) -> Barrier;

    /// The line's word.
    fn word(&self) -> &<Self::Platform as Platform>::U64;
    /// Writes a request into the line.
    fn write_request(&self, request: &Self::Request);
    /// Copies the request out of the line.
    fn read_request(&self, place: &mut MaybeUninit<Self::Request>);
    /// Writes a reply into the line, over the request.
    fn write_reply(&self, reply: &Self::Reply);
    /// Copies the reply out of the line.
    fn read_reply(&self, place: &mut MaybeUninit<Self::Reply>);

    /// Writes the caller's copy of a request.
    fn keep(&self, request: &Self::Request);
    /// Copies the caller's copy out.
    fn read_kept(&self, place: &mut MaybeUninit<Self::Request>);
    /// The call that a responder has taken last, and how many had taken it before.
    fn taken(&self) -> &<Self::Platform as Platform>::U64;

    /// The caller's state, looked at by the responder after each reply: see [`signal`](crate::wait::signal).
    fn caller_signal(&self) -> &<Self::Platform as Platform>::U32;
    /// The responder's state, looked at by the caller after each request.
    fn responder_signal(&self) -> &<Self::Platform as Platform>::U32;
}
