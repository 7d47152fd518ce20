//! What rings do for the caches, beyond moving the data: nothing here affects correctness.
//!
//! | what | by whom | in which traffic | module |
//! |---|---|---|---|
//! | prefetch the lines that come next | both ends | Intel: any; 500 to 2100 bytes: streams | [`prefetch`] |
//! | prefetch the payload of a polled slot | an end that waits for it | any | [`prefetch`] |
//! | demote lines that were written | the producer | Intel: single, 192 bytes to 64 KiB | [`prefetch`] |
//! | acquire lines that have been read, for the producer | the consumer | AMD: streams | [`ownership`] |
//! | acquire the lines of the next message | the producer | AMD: single messages | [`ownership`] |
//! | wait for a batch of messages or free slots | an end that catches up | any, if it helps | [`batching`] |
//!
//! A consumer estimates from the positions at which it found the ring empty whether messages arrive as a
//! stream ([`traffic`]). Which of the hints pay depends on the processor's vendor ([`processor`]), and is
//! decided when a ring is opened. The memory of a model gives none: the hooks' defaults do nothing.

pub(crate) mod batching;
pub(crate) mod ownership;
pub(crate) mod prefetch;
pub(crate) mod processor;
pub(crate) mod traffic;

use crate::layout::LINE;
