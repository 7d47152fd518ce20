//! A checked description and its canonical text.

use core::fmt::{self, Write};

use crate::error::Problem;
use crate::hash::Fnv;
use crate::limits::MAX_TEXT;
use crate::structure::{Base, Field, Struct, item_size, type_expression};

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
