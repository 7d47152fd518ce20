//! The types of a description, and their fields.

use core::fmt::Write as _;

use crate::scalar::Scalar;

/// The field's name where an element is no struct.
pub(crate) const BARE_FIELD: &str = "value";

/// A type with fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struct {
    pub(crate) name: String,
    pub(crate) size: u32,
    pub(crate) align: u32,
    pub(crate) fields: Vec<Field>,
}

/// A part of a [`Struct`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub(crate) offset: u32,
    pub(crate) base: Base,
    /// Of arrays, the outermost first, as in C.
    pub(crate) dimensions: Vec<u32>,
    pub(crate) name: String,
}

/// The type of a field, or of an item if it is an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A number.
    Scalar(Scalar),
    /// The type with this index in [`Description::types`](crate::Description::types).
    Struct(usize),
}

impl Struct {
    /// Its name, such as `md.Tick/2`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name without the version: `md.Tick` of `md.Tick/2`.
    #[must_use]
    pub fn base_name(&self) -> &str {
        self.name.split_once('/').map_or(&*self.name, |(name, _)| name)
    }

    /// Size in bytes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Alignment in bytes.
    #[must_use]
    pub const fn align(&self) -> u32 {
        self.align
    }

    /// Its fields, in the order of their offsets.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

impl Field {
    /// Where the field begins, in bytes from the beginning of its type.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is, or what its items are.
    #[must_use]
    pub const fn base(&self) -> Base {
        self.base
    }

    /// The lengths of an array, the outermost first, as in C; empty for a field that is no array.
    #[must_use]
    pub fn dimensions(&self) -> &[u32] {
        &self.dimensions
    }

    /// Number of items: the product of the dimensions.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.dimensions.iter().map(|length| u64::from(*length)).product()
    }
}

/// The type of a field as the text has it, such as `f64[3]`.
pub(crate) fn type_expression(types: &[Struct], field: &Field) -> String {
    let mut expression = match field.base {
        Base::Scalar(scalar) => scalar.name().to_owned(),
        Base::Struct(index) => types[index].name.clone(),
    };
    for length in &field.dimensions {
        let _ = write!(expression, "[{length}]"); // Writing to a string cannot fail.
    }
    expression
}

/// The size of a field, or of an item if it is an array, in bytes.
pub(crate) fn item_size(types: &[Struct], field: &Field) -> u32 {
    match field.base {
        Base::Scalar(scalar) => scalar.size(),
        Base::Struct(index) => types[index].size,
    }
}
