//! The ends of channels, over any memory and any kernel: holding a seat, waking the other side and being
//! woken, and what a push and a pop do besides moving an element.
//!
//! In production the memory is a segment and the kernel is a domain's semaphores; a [channel](crate::Sender)
//! combines the two, and adds names, builders and everything else that needs a domain. The `loom-tests` crate
//! replaces them with a model checker's words and semaphores, so that the model checker explores the very
//! steps that run between processes.
//!
//! | module | what |
//! |---|---|
//! | [`pair`] | an end with exactly one peer: of `spsc`, `bytes` and `call` |
//! | [`participant`] | an end that is one of many: of `mpmc`, `broadcast` and `latest` |
//! | [`room`] | a producer of such a channel: waiting for room, and publishing into a closed channel |
//! | [`item`] | a consumer of such a channel: waiting for something to pop, and the end of the stream |
//! | [`spsc`] | pushing and popping elements |
//! | [`bytes`] | pushing and popping frames |
//! | [`call`] | asking and answering |
//! | [`pool`] | waiting for a free block, and waking those that wait |
//! | [`mpmc`] | pushing and popping elements, with many on both sides |
//! | [`broadcast`] | publishing elements, frames and payloads to many |
//! | [`latest`] | publishing newest values, and waiting for them |

pub mod broadcast;
pub mod bytes;
pub mod call;
pub mod item;
pub mod latest;
pub mod mpmc;
pub mod pair;
pub mod participant;
pub mod pool;
pub mod room;
mod seated;
pub mod spsc;
