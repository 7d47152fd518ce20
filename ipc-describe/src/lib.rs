//! How the bytes of a message are divided into fields, as a text that travels with a channel.
//!
//! A struct that derives [`Describe`] has a [`Description`]: the canonical text of its fields with their
//! offsets, equal in every program and language that means the same type. From it are derived
//!
//! - errors that name the field in which two programs differ ([`Description::difference`]),
//! - the rule by which a reader of an older version reads elements of a newer one
//!   ([`Description::begins_with`]),
//! - decoded values without the Rust type ([`Description::for_each_leaf`]),
//! - a C header ([`Description::c_header`]), a NumPy data type ([`Description::numpy_dtype`]) and a ROS
//!   message definition ([`Description::ros_definition`]).
//!
//! # The text
//! ```text
//! type robot.Pose/1 size 32 align 8
//! 0 u64 time_ns
//! 8 geo.Point/1 position
//! type geo.Point/1 size 24 align 8
//! 0 f64[3] axes
//! ```
//! Each type has a line `type NAME size BYTES align BYTES`, then a line `OFFSET TYPE NAME` for each field.
//! The first type is the element's; every other one follows the types that contain it, in the order in which
//! they are found, reading backwards from the last field. A field's type is a scalar
//! (`u8 u16 u32 u64 i8 i16 i32 i64 f32 f64`, little-endian) or a type defined further down, followed by the
//! lengths of an array, the outermost first. Fields follow each other without gaps. Words are separated by
//! one space; numbers are decimal without leading zeros; each line ends with a newline; there are no
//! comments. The text has at most [`MAX_TEXT`] bytes.
//!
//! An element that is a number or an array has the name of that type and one field, `value`:
//! ```text
//! type f32[16] size 64 align 4
//! 0 f32[16] value
//! ```
//!
//! A name is made of identifiers (ASCII letters, digits, `_`) with dots between them, and may end with `/`
//! and a version. Fields are only ever appended between two versions of a type.
#![forbid(unsafe_code)]

mod check;
mod describe;
mod description;
mod difference;
mod error;
mod export;
mod hash;
mod leaves;
mod limits;
mod parse;
mod scalar;
mod structure;

pub use describe::{Describe, Layout};
pub use description::Description;
pub use difference::Difference;
pub use error::{ParseError, Problem};
pub use export::RosError;
pub use hash::{Fnv, fingerprint};
/// Derives [`Describe`] for a struct with named fields.
///
/// `#[describe(name = "md.Tick/2")]` gives the name; without it, the name is the struct's own, without its
/// modules. A type with constants as parameters names them in braces: `#[describe(name = "robot.Scan{N}/1")]`
/// of `struct Scan<const N: usize>` makes `robot.Scan64/1`. Field names are those of the struct, without
/// `r#`.
///
/// Padding is a compile-time error; declare it as a field.
///
/// ```compile_fail,E0080
/// #[derive(ipc_describe::Describe)]
/// #[repr(C)]
/// struct Padded { flag: u8, time_ns: u64 }
/// let _ = ipc_describe::Description::of::<Padded>();
/// ```
pub use ipc_describe_derive::Describe;
pub use leaves::Leaf;
pub use limits::{MAX_NAME, MAX_SIZE, MAX_TEXT};
pub use scalar::{Scalar, Value};
pub use structure::{Base, Field, Struct};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
