//! The header at the start of every ring's memory, and the order in which its fields are checked.
//!
//! The bytes are specified in `docs/layout.md`; assertions keep the code consistent with it. All numbers are
//! in the machine's own byte order: a ring never leaves the machine.

mod check;
mod create;
mod description;
mod geometry;
mod header;
mod kind;
mod type_name;

pub(crate) use check::{Checked, Expected, Seen, check, look, look_with, read};
pub(crate) use create::{Identity, write};
pub(crate) use description::{Element, MAX_DESCRIPTION, is_described, size_with};
pub use geometry::{Geometry, MAX_CAPACITY};
pub(crate) use header::{HEADER_SIZE, Header, Plate, describe, first_position, name_plate, open};
pub use kind::Kind;
pub(crate) use kind::kind_name;
pub(crate) use type_name::{note_type, noted_type};

/// The first eight bytes of a ring, readable in a hex dump.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"ipc-ring");
/// The version of the layout. Any change of the bytes' meaning raises it.
pub(crate) const VERSION: u32 = 5;
/// Bytes between two words that must not share a cache line, nor a pair of lines fetched together.
pub(crate) const APART: usize = 128;
/// A cache line.
pub(crate) const LINE: usize = 64;
/// The longest name of a channel, in bytes.
pub(crate) const NAME_BYTES: usize = 120;
