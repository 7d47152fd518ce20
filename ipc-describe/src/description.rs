//! A checked description and its canonical text.

use core::fmt::{self, Write};

use crate::error::Problem;
use crate::hash::Fnv;
use crate::scalar::Scalar;

/// The longest text of a description, in bytes.
pub const MAX_TEXT: usize = 16 * 1024;

/// The longest name of a type or field, in bytes.
pub const MAX_NAME: usize = 120;

/// The largest type, in bytes: as large as the largest block of a pool.
pub const MAX_SIZE: u32 = 64 << 20;

/// The field's name where an element is no struct.
pub(crate) const BARE_FIELD: &str = "value";

/// How the bytes of an element are divided into fields.
///
/// Every value of this type is consistent: fields follow one another without gaps, sizes add up, names are
/// valid and unique, no type contains itself. A parsed description guarantees no more than that: it may still
/// differ from what the writer of the elements means, so soundness must never depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The element's type first; each other type after all types that contain it.
    types: Vec<Struct>,
}

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
    /// The type with this index in [`Description::types`].
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

impl Description {
    /// Accepts types that were built or parsed.
    ///
    /// # Errors
    /// [`Problem`] when they are inconsistent.
    pub(crate) fn checked(types: Vec<Struct>) -> Result<Self, Problem> {
        crate::check::check(&types)?;
        let description = Self { types };
        match description.text().len() {
            0..=MAX_TEXT => Ok(description),
            length => Err(Problem::TextTooLong { length }),
        }
    }

    /// All types: the element's first, each other one after the types that contain it.
    #[must_use]
    pub fn types(&self) -> &[Struct] {
        &self.types
    }

    /// The element's type. An element that is a bare number or array has one field, `value`.
    #[must_use]
    pub fn element(&self) -> &Struct {
        &self.types[0]
    }

    /// Whether the element is a number or an array in place of a struct.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        crate::check::is_bare(&self.types)
    }

    /// How a field's type is written: `f32[16]`, `geo.Point/1`.
    #[must_use]
    pub fn type_of(&self, field: &Field) -> String {
        type_expression(&self.types, field)
    }

    /// Size of one item of a field, in bytes.
    #[must_use]
    pub fn item_size(&self, field: &Field) -> u32 {
        item_size(&self.types, field)
    }

    /// Whether the offset of each number in the element is a multiple of its size: so it does in any
    /// `repr(C)` type that is not packed. Then the bytes of an element are the body of its plain CDR encoding
    /// (XCDR1, little-endian).
    #[must_use]
    pub fn is_naturally_aligned(&self) -> bool {
        self.types.iter().all(|each| {
            each.fields.iter().all(|field| {
                let align = match field.base {
                    Base::Scalar(scalar) => scalar.size(),
                    Base::Struct(index) => self.types[index].align,
                };
                field.offset.is_multiple_of(align) && align <= each.align
            })
        })
    }

    /// The canonical text: ASCII, a line for each type and field, types in the order of
    /// [`types`](Self::types).
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for each in &self.types {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "type {} size {} align {}", each.name, each.size, each.align);
            for field in &each.fields {
                let _ = writeln!(text, "{} {} {}", field.offset, self.type_of(field), field.name);
            }
        }
        text
    }

    /// The hash of the text: equal for equal descriptions, in every language.
    #[must_use]
    pub fn hash(&self) -> u128 {
        let mut hash = Fnv::new();
        hash.write(self.text().as_bytes());
        hash.finish()
    }

    /// The fingerprint of the element's type under its described name; see
    /// [`fingerprint`](crate::fingerprint()).
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let element = self.element();
        crate::fingerprint(element.size.into(), element.align.into(), &element.name)
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

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

pub(crate) fn item_size(types: &[Struct], field: &Field) -> u32 {
    match field.base {
        Base::Scalar(scalar) => scalar.size(),
        Base::Struct(index) => types[index].size,
    }
}
