//! What can be wrong with a description.

use core::fmt;

use crate::limits::{MAX_NAME, MAX_SIZE, MAX_TEXT};

/// Why types do not form a description. Names are the type's, or the type's and the field's separated by a
/// dot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no type.
    Empty,
    /// A line is not valid in a description.
    Syntax {
        /// The line, cut to a printable length.
        found: String,
    },
    /// The text differs from the canonical one, for example in a number with leading zeros.
    NotCanonical,
    /// The name of a type is invalid.
    TypeName {
        /// The type.
        name: String,
    },
    /// The name of a field is invalid.
    FieldName {
        /// The field.
        name: String,
    },
    /// Two types have one name.
    DuplicateType {
        /// The type.
        name: String,
    },
    /// Two fields of a type have one name.
    DuplicateField {
        /// The field.
        name: String,
    },
    /// A type is contained in no other one.
    Unused {
        /// The type.
        name: String,
    },
    /// A field's type is not defined, or not after the type that contains the field.
    Order {
        /// The field.
        name: String,
    },
    /// Types are consistent, but in another order than the canonical one.
    TypeOrder {
        /// The first type out of place.
        name: String,
    },
    /// The alignment is not a power of two, or the size is 0 or not a multiple of it.
    Alignment {
        /// The type.
        name: String,
        /// Its size in bytes.
        size: u32,
        /// Its alignment in bytes.
        align: u32,
    },
    /// A field does not begin where the one before it ends.
    Offset {
        /// The field.
        name: String,
        /// Where it begins, in bytes.
        found: u32,
        /// Where the field before it ends, in bytes.
        expected: u64,
    },
    /// The fields do not fill the type.
    Size {
        /// The type.
        name: String,
        /// Its size in bytes.
        size: u32,
        /// Where its last field ends, in bytes.
        end: u64,
    },
    /// A type or field is longer than [`MAX_SIZE`], or an array has no items.
    TooLarge {
        /// The type or field.
        name: String,
    },
    /// The text is longer than [`MAX_TEXT`].
    TextTooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Empty => f.write_str("it has no type"),
            Problem::Syntax { found } => {
                write!(f, "found `{found}`, expected `type NAME size N align N` or `OFFSET TYPE NAME`")
            }
            Problem::NotCanonical => {
                f.write_str("the text is not canonical: the same types are written in another way")
            }
            Problem::TypeName { name } => write!(
                f,
                "invalid type name `{name}`: must be at most {MAX_NAME} bytes of identifiers with dots between them, \
                 then, if it has a version, `/` and a number, and not the name of a scalar"
            ),
            Problem::FieldName { name } => {
                write!(
                    f,
                    "invalid field name `{name}`: must be an ASCII identifier of at most {MAX_NAME} bytes"
                )
            }
            Problem::DuplicateType { name } => {
                write!(f, "two different types are named `{name}`: give one of them another name")
            }
            Problem::DuplicateField { name } => write!(f, "two fields are named `{name}`"),
            Problem::Unused { name } => write!(f, "type `{name}` is not used"),
            Problem::Order { name } => {
                write!(f, "the type of field `{name}` is not defined behind the type that the field is in")
            }
            Problem::TypeOrder { name } => {
                write!(f, "type `{name}` stands where the canonical order has another one")
            }
            Problem::Alignment { name, size, align } => write!(
                f,
                "type `{name}` has size {size} and alignment {align}: the alignment must be a power of two, and the \
                 size a multiple of it above 0"
            ),
            Problem::Offset { name, found, expected } => write!(
                f,
                "field `{name}` begins at byte {found}, but the fields before it end at byte {expected}: name padding \
                 as a field of its own"
            ),
            Problem::Size { name, size, end } => write!(
                f,
                "the fields of type `{name}` end at byte {end}, but its size is {size}: name padding as a field of its \
                 own"
            ),
            Problem::TooLarge { name } => {
                write!(f, "`{name}` has a size of 0 or more than {MAX_SIZE} bytes")
            }
            Problem::TextTooLong { length } => {
                write!(f, "the text has {length} bytes: {MAX_TEXT} at most are possible")
            }
        }
    }
}

impl core::error::Error for Problem {}

/// Why a text is not a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, the first one being 1; 0 when the whole text is meant.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "invalid description: {}", self.problem),
            line => write!(f, "invalid description, line {line}: {}", self.problem),
        }
    }
}

impl core::error::Error for ParseError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.problem)
    }
}
