//! The newest value of one thing, or of many: one writer, any number of readers, none of which waits for
//! another.
//!
//! ```no_run
//! # #[derive(Clone, Copy, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable)]
//! # #[repr(C)] struct Pose { x: f64, y: f64, heading: f64 }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let pose = Pose { x: 0.0, y: 0.0, heading: 0.0 };
//! // process A
//! let mut robot = ipc_ring::latest::Writer::<Pose>::create("robot.pose")?;
//! robot.publish(pose)?;
//!
//! // processes B, C, …
//! let mut robot = ipc_ring::latest::Reader::<Pose>::open("robot.pose")?;
//! if let Some(newest) = robot.get()? { /* newest.value, newest.sequence, newest.time_ns */ }
//! let next = robot.wait()?; // sleeps until there is a value that this reader has not read
//! # Ok(()) }
//! ```
//!
//! **One or many.** [`Writer`] and [`Reader`] are about one value. A [`TableWriter`] publishes values under
//! keys, the numbers 0 to [`TableBuilder::keys`] less one; a [`TableReader`] reads any of them, and can wait
//! for one key or for any.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ipc_ring::latest::TableBuilder;
//!
//! let domain = ipc_ring::Domain::open("doc-example-table")?;
//! let prices = TableBuilder::<u64>::new("prices").domain(&domain).keys(500);
//! let mut writer = prices.create_sender()?; // a `TableWriter`
//! let mut reader = prices.open_receiver()?; // a `TableReader`
//! writer.publish(17, 995)?;
//! assert_eq!(reader.get(17)?.map(|newest| newest.value), Some(995));
//! # Ok(()) }
//! ```
//!
//! **Reading.** A value comes with its sequence, which counts the publications of its key, and its time. It
//! is always whole, of any size. Values in between are skipped silently; the sequence shows how many. Readers
//! write nothing that the writer reads while it publishes, except when they go to sleep. There is room for
//! 256 readers that can sleep, and for any number of [`Observer`]s, which are attached read-only, cannot
//! disturb the ends, and have to poll.
//!
//! **Deaths.** Reading takes nothing away, so nothing is lost with a reader. Whenever the writer is killed,
//! the last value stays readable. Waiting readers get an error; those asleep, after a tenth of a second. A
//! successor continues the sequences.
//!
//! **Lifetime.** The memory is freed by the kernel when no process is attached any more, values and all.

use std::marker::PhantomData;

mod builder;
pub(super) mod end;
mod observer;
mod reader;
pub(super) mod reading;
#[allow(unsafe_code)]
mod table_reader;
mod table_writer;
mod writer;
pub(super) mod writing;

pub use builder::{Builder, TableBuilder};
pub(super) use end::TABLE;
pub use observer::Observer;
pub use reader::Reader;
pub use table_reader::TableReader;
pub use table_writer::TableWriter;
pub use writer::Writer;

pub use crate::error::{PublishError, ReadError};
pub use crate::ring::latest::{MAX_KEYS, Value};

/// The monotonic clock that values are stamped with, in nanoseconds: the difference between this and a
/// value's time is the value's age.
///
/// All processes of the machine have the same clock, in whatever time namespaces they are: it is the
/// `CLOCK_MONOTONIC` of the initial one. In a container with a time namespace of its own, `clock_gettime`
/// returns another number. A process that moves itself to another time namespace (`setns`) must first open a
/// domain there, or this is off by the difference.
#[must_use]
pub fn now_ns() -> u64 {
    crate::clock::machine_ns_looking()
}

/// The kind of channels with one value.
#[derive(Clone, Copy, Debug)]
pub struct Latest<T>(PhantomData<fn() -> T>);

/// The kind of channels with many values, by number.
#[derive(Clone, Copy, Debug)]
pub struct Table<T>(PhantomData<fn() -> T>);
