//! The memory of a ring: the position of its words, access to them, and the layout of a slot.
//!
//! | part | what |
//! |---|---|
//! | [`words`](self::Field) | the table of a ring's words; the constants, the accessors and the checks follow from it |
//! | [`Access`] | words and bytes at offsets, over a mapped segment or over a model checker's objects |
//! | [`Mapped`] | the one implementation over a [`Region`](crate::Region) |
//! | [`Slots`], [`Shape`] | where an element and its word lie in a slot: [`Of`] a Rust type, or [`Shaped`] when the program runs |
//! | [`Records`] | the bytes of a ring of frames |
//!
//! A ring's own `Memory` trait has the further requirements of its algorithm, mostly hints for the
//! processor's cache.

#[allow(unsafe_code)]
mod access;
#[allow(unsafe_code)]
mod mapped;
#[allow(unsafe_code)]
pub(crate) mod records;
#[allow(unsafe_code)]
mod shape;
#[allow(unsafe_code)]
mod shaped;
#[allow(unsafe_code)]
mod slots;
#[allow(unsafe_code)]
pub(crate) mod words;

pub use access::{Access, Ring};
pub use mapped::Mapped;
pub use records::Records;
pub use shape::{Of, Shape};
pub use shaped::Shaped;
pub use slots::{Item, Place, Slots};
pub use words::{Field, Role};
pub(crate) use words::{entries, words};
