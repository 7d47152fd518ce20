//! The ends of a table of latest values: one writer, many readers.
//!
//! The ring is [`ring::latest`](crate::ring::latest), an end's seat is [`participant`](super::participant).
//! Here are the steps around the ring: which readers a publication wakes, what a reader waits for, and what
//! it concludes from a writer that is gone.

mod end;
mod reader;
mod writer;

pub use end::{End, Role, Topic};
pub(crate) use end::{WRITER, writer};
pub use reader::{Reader, Wanted};
pub use writer::Writer;
